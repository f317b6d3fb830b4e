"""CIFAR and STL-10 in binary: bytes, plane by plane; CIFAR's labels before each image, STL-10's in a file of their own.

STL-10 has the columns of a plane one after another, the others the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray

SIDE = 32
#: The file of class names beside the batches -> the bytes of labels, the last of which counts.
LABELS = {"batches.meta.txt": 1, "fine_label_names.txt": 2}
#: The files of STL-10 that have labels, and the side of its images.
STL10, STL10_SIDE = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"), 96


def is_batch(path: Path) -> bool:
    """Whether this is a batch, by the file of class names beside it, or a file of STL-10."""
    return path.name in STL10 or (path.suffix.lower() == ".bin" and _label_bytes(path) > 0)


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """Images and their labels, or those of the two that the file holds. Raises ``InputError``."""
    with reading(path):
        content = np.frombuffer(path.read_bytes(), np.uint8)
    if path.name.endswith("_y.bin"):
        return {"": content}
    side, labels = (STL10_SIDE, 0) if path.name in STL10 else (SIDE, _label_bytes(path))
    size = labels + 3 * side**2
    if not content.size or content.size % size:
        raise InputError(f"{path}: {content.size:,} bytes; expected {size:,} for each image.")
    rows = content.reshape(-1, size)
    if not labels:
        return {"": rows.reshape(-1, 3, side, side).swapaxes(2, 3)}
    return {"data": rows[:, labels:], "labels": rows[:, labels - 1]}


def _label_bytes(path: Path) -> int:
    """The bytes of labels before each image of CIFAR; 0 where no file of class names is there."""
    return next((count for name, count in LABELS.items() if path.with_name(name).is_file()), 0)
