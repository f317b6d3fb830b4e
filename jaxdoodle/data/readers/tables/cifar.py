"""CIFAR-10 and CIFAR-100 in binary: the bytes of labels and of the image, plane by plane, for each image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray

PIXELS = 3 * 32 * 32
#: The file of class names beside the batches -> the bytes of labels, the last of which counts.
LABELS = {"batches.meta.txt": 1, "fine_label_names.txt": 2}


def is_batch(path: Path) -> bool:
    """Whether this is a batch, by the file of class names beside it."""
    return path.suffix.lower() == ".bin" and any(path.with_name(name).is_file() for name in LABELS)


def arrays_of(path: Path) -> dict[str, NDArray[Any]]:
    """Flat images and their labels. Raises ``InputError``."""
    labels = next(count for name, count in LABELS.items() if path.with_name(name).is_file())
    with reading(path):
        content = np.frombuffer(path.read_bytes(), np.uint8)
    if not content.size or content.size % (labels + PIXELS):
        raise InputError(f"{path}: {content.size:,} bytes; expected {labels + PIXELS:,} for each image.")
    rows = content.reshape(-1, labels + PIXELS)
    return {"data": rows[:, labels:], "labels": rows[:, labels - 1]}
