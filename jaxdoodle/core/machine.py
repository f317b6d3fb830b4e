"""The machine that a run had: versions, devices and cores."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jaxdoodle import __version__
from jaxdoodle.core.lazy import jax

__all__ = ["cores", "describe_machine"]


def describe_machine() -> dict[str, Any]:
    """Describe versions and hardware as a record holds them; needs JAX.

    Returns:
      ``commit`` (of a clone, marked where files differ from it, else ``None``), ``versions`` by package, ``device``,
      ``platform``, ``processor`` and, with a GPU, ``driver``.
    """
    device = jax.devices()[0]
    gpu = {"driver": _driver()} if device.platform == "gpu" else {}
    return {
        "commit": _commit(),
        "versions": {name: version(name) for name in ("jax", "jaxlib", "optax", "numpy")}
        | {"jaxdoodle": __version__, "python": platform.python_version()},
        "device": f"{device.platform}: {device.device_kind}",
        "platform": " ".join(device.client.platform_version.split()),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        **gpu,
    }


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows give no process fewer


def _commit() -> str | None:
    clone = Path(__file__).parents[2]
    if not (clone / ".git").exists():
        return None
    return _output("git", "-C", str(clone), "describe", "--always", "--dirty", "--exclude=*")


def _driver() -> str | None:
    """NVIDIA's GPUs and the version of their driver."""
    return _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def _output(*command: str) -> str | None:
    """The lines that a program prints, joined by semicolons; ``None`` where it is missing or prints nothing."""
    try:
        lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return None
    return "; ".join(line.strip() for line in lines) or None
