"""One process, one with two devices, and two processes, on a set on disk, with the bytes that each reads."""

from __future__ import annotations

import json
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.speed.harness import process
from experiments.speed.harness.machine import command
from experiments.speed.scaling.points import on_disk
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.training.hardware.devices import BATCH, make_mesh

#: Number of processes, and of devices of all, one core each.
GROUPS = ((1, 1), (1, 2), (2, 2))
#: Drawings on disk: one chunk.
DRAWINGS = 40_000
SUMS = 200  # of gradients, whose mean time is that of one


def measure_group(count: int, devices: int) -> dict[str, Any]:
    """Processes that train one digit CNN on a set on disk, batch 128 a device: what each found."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        on_disk(Path(folder), DRAWINGS)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        points = [json.dumps([folder, port, count, devices, number]) for number in range(count)]
        workers = [process.start("-m", "experiments.speed.scaling", "--member", point) for point in points]
        try:
            found = [process.listen(worker) for worker in workers]
        finally:
            for worker in workers:
                process.stop(worker)
    return {
        "drawings_per_second": found[0]["drawings_per_second"],
        "processor_seconds": [one["processor_seconds"] for one in found],
        "bytes_read": [one["bytes_read"] for one in found],
        "seconds_of_a_sum": found[0]["seconds_of_a_sum"],
        "parameters": found[0]["parameters"],
    }


def measure_member(folder: str, port: int, count: int, devices: int, number: int) -> dict[str, Any]:
    """One of these processes: drawings a second of all, bytes that it read in two epochs, seconds of a sum."""
    from contextlib import nullcontext

    from jaxdoodle.data import bitmaps
    from jaxdoodle.data.dataset import Dataset
    from jaxdoodle.data.readers.quickdraw import bitmaps_header
    from jaxdoodle.training import TrainConfig, loop
    from jaxdoodle.training.hardware import devices as cpu_devices
    from jaxdoodle.training.hardware import processes

    cpu_devices.use_cpu_devices(devices // count)
    read_rows, read = bitmaps.read_rows, [0]

    def counted(file: Any, rows: Any, targets: Any, images: Any) -> None:
        read[0] += len(rows) * bitmaps.PIXELS
        read_rows(file, rows, targets, images)

    bitmaps.read_rows = counted
    spec, path = digit_cnn([str(number) for number in range(10)]), Path(folder) / "noise.npy"
    labels = np.random.default_rng(0).integers(0, 10, DRAWINGS).astype(np.int32)
    file = bitmaps.BitmapFile(path, *bitmaps_header(path))
    data = Dataset("noise", bitmaps.all_drawings([file]), labels, spec.classes)
    with processes.join(f"127.0.0.1:{port}", count, number) if count > 1 else nullcontext():
        config = TrainConfig(epochs=2, batch_size=128 * devices, learning_rate=1e-4, devices=devices, outliers=0)
        clock: list[float] = []  # of the processor: seconds that others do not lengthen
        result = loop.fit(spec, data, None, config, callbacks=[lambda *_: clock.append(time.process_time())])
        epoch = result.history[1]
        return {
            "drawings_per_second": epoch.training.total / epoch.seconds,
            "processor_seconds": clock[1] - clock[0],
            "bytes_read": read[0],
            "seconds_of_a_sum": _seconds_of_a_sum(spec.param_count, devices),
            "parameters": spec.param_count,
        }


def _seconds_of_a_sum(numbers: int, devices: int) -> float:
    """How long the mean of so many float32 over the devices takes, one after the other."""
    mesh, whole = make_mesh(devices), jax.sharding.PartitionSpec()

    def sums(x: Any) -> Any:
        return jax.lax.scan(lambda x, _: (jax.lax.pmean(x, BATCH), None), x, None, length=SUMS)[0]

    compiled = jax.jit(jax.shard_map(sums, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False))
    x, took = compiled(np.ones(numbers, np.float32)), []
    for _ in range(5):
        started = time.perf_counter()
        x = compiled(x).block_until_ready()
        took.append((time.perf_counter() - started) / SUMS)
    return statistics.median(took)


def time_groups(rounds: int, path: Path) -> None:
    """Measure each of ``GROUPS`` in turn, so many times, and write the record after each round."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {group: [] for group in GROUPS}
    load = os.getloadavg()
    for _ in range(rounds):
        for group, heard in found.items():
            heard.append(measure_group(*group))
            print(*group, json.dumps(heard[-1]), flush=True)
        runs = []
        for (count, devices), heard in found.items():
            timed = ("drawings_per_second", "processor_seconds", "seconds_of_a_sum")
            extra = {key: [one[key] for one in heard] for key in timed}
            extra |= {key: heard[0][key] for key in ("bytes_read", "parameters")}
            runs.append(Record(config={"processes": count, "devices": devices}, extra=extra))
        shared = {"load_before": load, "load_after": os.getloadavg(), "drawings": DRAWINGS, "epochs": 2}
        words = command("experiments.speed.scaling")
        Record("processes", words, machine=describe_machine(), extra=shared, runs=tuple(runs)).write(path)
