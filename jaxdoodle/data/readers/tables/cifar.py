"""CIFAR-10 and CIFAR-100 as torchvision keeps them: pickles of flat RGB images, read without running anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.unpickle import unpickle
from jaxdoodle.data.readers.found import Found, found_arrays

#: The file of class names -> its key, the key of the labels, and how the names of the files of each split begin.
LAYOUTS = {
    "batches.meta": ("label_names", "labels", {"train": "data_batch", "test": "test_batch"}),
    "meta": ("fine_label_names", "fine_labels", {"train": "train", "test": "test"}),
}


def read_cifar(files: Sequence[Path]) -> Found | None:
    """The images of the pickles beside a file of class names; ``None`` where there is no such file."""
    for meta in files:
        if meta.name in LAYOUTS:
            key, labeled, begins = LAYOUTS[meta.name]
            classes = tuple(map(str, _held(meta, key)))
            pairs = {}
            for split, begin in begins.items():
                batches = [path for path in files if path.parent == meta.parent and path.name.startswith(begin)]
                if batches:
                    images = np.concatenate([np.asarray(_held(path, "data")) for path in batches])
                    numbers = [number for path in batches for number in _held(path, labeled)]
                    pairs[split] = images, [_name(classes, number, meta) for number in numbers]
            if "train" in pairs:
                found = found_arrays("CIFAR", pairs, str(meta.parent))
                found.classes = classes
                return found
    return None


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
    if not isinstance(number, int) or not 0 <= number < len(classes):
        raise InputError(f"{meta}: names {len(classes)} classes; found the label {number!r}.")
    return classes[number]
