"""The record of a run: everything that a reader needs to believe it and to repeat it, as JSON values."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

import jaxdoodle
from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.training.config import TrainConfig

if TYPE_CHECKING:
    from jaxdoodle.run import Run

#: With more classes than this, a record leaves out the counts by class.
MOST_CLASSES = 20


def record_of(run: Run) -> dict[str, Any]:
    """One run: how it was set up, how every epoch went, how every set was scored."""
    result = run.fit
    return {
        "config": to_json(run.config),
        "spec": run.spec.to_dict() | {"classes": len(run.spec.classes)},
        "parameters": run.spec.param_count,
        "scores": {name: score._asdict() for name, score in run.scores.items()},
        "by_class": {
            name: _by_class(run.splits.sets[name], predicted)
            for name, predicted in run.predicted.items()
            if name != "train" and len(run.spec.classes) <= MOST_CLASSES
        },
        "best_epoch": result.best_epoch,
        "interrupted": result.interrupted,
        "history": [
            {
                "epoch": epoch.number,
                "running": epoch.training._asdict(),
                "validation": epoch.validation._asdict() if epoch.validation else None,
                "seconds": round(epoch.seconds, 3),
            }
            for epoch in result.history
        ],
        "compile_seconds": round(result.compile_seconds, 3),
        "train_seconds": round(result.train_seconds, 3),
        "numpy_parity": run.parity,
        "model_sha256": hashlib.sha256(run.model_path.read_bytes()).hexdigest(),
    }


def describe_data(splits: Splits) -> dict[str, Any]:
    """Which drawings, how many on each side, and how many of them twice."""
    return {
        "name": splits.name,
        "classes": list(splits.classes),
        "sizes": {name: len(dataset) for name, dataset in splits.sets.items()},
        "duplicates": splits.overlap_text,
        "contract": splits.preprocessing.to_dict(),
    }


def describe_machine() -> dict[str, Any]:
    """Versions and hardware, for the record; in a clone the commit, marked where files differ from it."""
    device = jax.devices()[0]
    gpu = {"driver": _driver()} if device.platform == "gpu" else {}
    return {
        "commit": _commit(),
        "versions": {name: version(name) for name in ("jax", "jaxlib", "optax", "numpy")}
        | {"jaxdoodle": jaxdoodle.__version__, "python": platform.python_version()},
        "device": f"{device.platform}: {device.device_kind}",
        "platform": " ".join(device.client.platform_version.split()),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        **gpu,
    }


def cores() -> int:
    """Of the processor, those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows give no process fewer


def _commit() -> str | None:
    clone = Path(jaxdoodle.__file__).parents[1]
    if not (clone / ".git").exists():
        return None
    return _said("git", "-C", str(clone), "describe", "--always", "--dirty", "--exclude=*")


def _driver() -> str | None:
    """NVIDIA's GPUs and the version of their driver."""
    return _said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def _said(*command: str) -> str | None:
    """What the program prints, its lines as one; ``None`` where there is no such program, or it has nothing to say."""
    try:
        lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    except OSError:
        return None
    return "; ".join(line.strip() for line in lines) or None


def to_json(value: Any) -> Any:
    """Frozen descriptions as JSON values; what has several kinds says which."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {name: to_json(getattr(value, name)) for name in (f.name for f in fields(value))}
        return named if isinstance(value, TrainConfig) else {"type": type(value).__name__} | named
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record, one line for whatever fits on one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_compact(record) + "\n", encoding="utf-8")


def _by_class(dataset: Dataset, predicted: np.ndarray) -> dict[str, dict[str, int]]:
    return {
        name: {
            "correct": int((predicted[dataset.labels == index] == index).sum()),
            "total": int((dataset.labels == index).sum()),
        }
        for index, name in enumerate(dataset.classes)
    }


def _compact(value: Any, indent: str = "") -> str:
    """JSON with one line for whatever fits on one."""
    line = json.dumps(value)
    if len(line) <= 160 or not isinstance(value, dict | list):
        return line
    deeper = indent + " "
    if isinstance(value, dict):
        inner = [f"{deeper}{json.dumps(key)}: {_compact(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{deeper}{_compact(item, deeper)}" for item in value) + f"\n{indent}]"
