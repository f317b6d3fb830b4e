"""What ``jaxdoodle train`` computes on: a platform, some devices, one process or several."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from jaxdoodle.cli.options import add_config
from jaxdoodle.core.errors import InputError
from jaxdoodle.training.config import HardwareConfig, TrainConfig

__all__ = ["add_arguments", "on_hardware"]

PLATFORMS = ("cpu", "gpu", "tpu")


def add_arguments(group: Any) -> None:
    """``--device``, ``--devices`` and the options of several processes."""
    option = group.add_argument
    option("--device", choices=PLATFORMS, help="What JAX computes on (default: its choice).")
    add_config(group, HardwareConfig)
    option("--coordinator", metavar="HOST:PORT", help="Be one of several processes, of which number 0 listens there.")
    option("--processes", type=int, metavar="N", help="Number of processes; --devices counts those of all together.")
    option("--process-id", type=int, metavar="N", help="Which of them this is, counted from 0; 0 writes the files.")
    text = "Be one of several processes that the cluster (Slurm, Kubernetes, MPI, a TPU pod) has started."
    option("--cluster", action="store_true", help=text)


@contextmanager
def on_hardware(options: argparse.Namespace, config: TrainConfig) -> Iterator[tuple[TrainConfig, bool]]:
    """Start JAX on what the options say.

    Args:
      options: Of the command.
      config: How to train.

    Yields:
      The config with the devices of all processes, and whether this process is the one that writes.

    Raises:
      InputError: There are no such devices, or the options of several processes do not fit each other.
    """
    from jaxdoodle.training.hardware import devices, processes

    address = options.coordinator, options.processes, options.process_id
    processes.refuse_incomplete(*address)
    if options.cluster and options.coordinator:
        raise InputError("--cluster says coordinator, processes and process-id by itself; leave them out.")
    if not options.cluster and options.coordinator is None:
        if config.devices > 1:
            devices.use_cpu_devices(config.devices)
        if options.device:
            devices.use_platform(options.device)
        devices.require_devices()
        yield config, True
        return
    with processes.join(*address, devices=config.devices) as number:
        if options.device:
            devices.use_platform(options.device)
        yield replace(config, devices=devices.count()), number == 0
