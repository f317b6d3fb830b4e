"""CIFAR-10 and CIFAR-100 as published: pickles, read without running anything, or the bytes of labels and images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import unpickle
from jaxdoodle.data.readers.found import Found, Wanted, found_arrays

PIXELS = 3 * 32 * 32
_TEN, _HUNDRED = {"train": "data_batch", "test": "test_batch"}, {"train": "train", "test": "test"}
#: The file of class names -> its key and that of the labels (of binary files: the bytes of labels, the last of which
#: counts), and how the names of the files of each split begin.
LAYOUTS: dict[str, tuple[str, str | int, dict[str, str]]] = {
    "batches.meta": ("label_names", "labels", _TEN),
    "meta": ("fine_label_names", "fine_labels", _HUNDRED),
    "batches.meta.txt": ("", 1, _TEN),
    "fine_label_names.txt": ("", 2, _HUNDRED),
}


def read_cifar(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The images beside a file of class names; ``None`` where there is no such file."""
    for meta in files:
        if meta.name in LAYOUTS:
            key, labeled, begins = LAYOUTS[meta.name]
            listed = _held(meta, key) if key else meta.read_text(encoding="utf-8", errors="replace").split()
            classes = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in listed)
            pairs = {}
            for split, begin in begins.items():
                own = [path for path in files if path.parent == meta.parent and path.name.startswith(begin)]
                if batches := [_batch(path, labeled) for path in own]:
                    numbers = [number for _, labels in batches for number in labels]
                    images = np.concatenate([images for images, _ in batches])
                    pairs[split] = images, [_name(classes, number, meta) for number in numbers]
            if "train" in pairs:
                found = found_arrays("CIFAR", pairs, str(meta.parent), wanted)
                found.classes = classes
                return found
    return None


def _batch(path: Path, labeled: str | int) -> tuple[NDArray[Any], Sequence[Any]]:
    """Flat images, plane by plane, and the number of the class of each. Raises ``InputError``."""
    if isinstance(labeled, str):
        return np.asarray(_held(path, "data")), _held(path, labeled)
    with reading(path):
        content = np.frombuffer(path.read_bytes(), np.uint8)
    if not content.size or content.size % (labeled + PIXELS):
        expected = f"expected {labeled + PIXELS:,} for each image"
        raise InputError(f"{path}: {content.size:,} bytes; {expected}.")
    rows = content.reshape(-1, labeled + PIXELS)
    return rows[:, labeled:], rows[:, labeled - 1].tolist()


def _held(path: Path, key: str) -> Any:
    """What a pickle holds under a key. Raises ``InputError``."""
    try:
        with reading(path):
            held = unpickle(path.read_bytes())
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    if not isinstance(held, dict) or not isinstance(held.get(key), list | np.ndarray):
        raise InputError(f'{path}: has no "{key}"; expected a batch of CIFAR.')
    return held[key]


def _name(classes: tuple[str, ...], number: Any, meta: Path) -> str:
    if not isinstance(number, int | np.integer) or not 0 <= number < len(classes):
        raise InputError(f"{meta}: names {len(classes)} classes; found the label {number!r}.")
    return classes[number]
