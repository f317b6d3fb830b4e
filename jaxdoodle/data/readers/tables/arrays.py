"""NumPy arrays: Keras's ``mnist.npz`` and its like, pairs of images and labels, or an array for each class."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import (
    SPLIT_WORDS,
    Found,
    Wanted,
    base_name,
    class_name,
    found_arrays,
    names_of_labels,
)
from jaxdoodle.data.readers.idx import idx_dimensions, read_idx

IMAGES = {"x", "image", "images", "img", "imgs", "data", "features", "pixels", "arr_0"}
LABELS = {"y", "label", "labels", "target", "targets", "class", "classes", "arr_1"}


def read_arrays(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some ``.npy`` and ``.npz`` files; ``None`` where they hold no images.

    Raises ``InputError`` at a damaged file, and at arrays that need pickle.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for file in files:
        for name, array in _load(file).items():
            plain = not name or name.startswith("arr_")
            arrays[f"{base_name(file)} {name}".strip() if plain or len(files) > 1 else name] = array
    return dataset_in(arrays, str(files[0] if len(files) == 1 else files[0].parent), wanted)


def dataset_in(
    arrays: Mapping[str, NDArray[Any]], source: str, wanted: Wanted, column_major: bool = False
) -> Found | None:
    """The images and labels among named arrays: by their names, else by their shapes; else one array for each class."""
    images, labels, left_out = dict[str, NDArray[Any]](), dict[str, NDArray[Any]](), list[str]()
    for name, array in sorted(arrays.items(), key=lambda item: len(item[0])):  # images before images_of_masks
        split, kind = _role(name)
        if kind == "images" and array.ndim < 2:
            kind = None
        if kind is None and _may_be_labels(array) and len(arrays) == 2:
            kind = "labels"
        held = {"images": images, "labels": labels}.get(kind or "")
        if held is None or split in held:
            left_out.append(name)
        else:
            held[split] = array
    if not images and len(labels) == 1 and len(arrays) == 2:
        images, left_out = {s: a for s in labels for n, a in arrays.items() if a is not labels[s]}, []
    if images and set(images) == set(labels):
        pairs = {}
        for split, array in images.items():
            names = names_of_labels(labels[split], source)
            if array.ndim >= 2 and len(array) != len(names) and array.shape[-1] == len(names):
                array = np.moveaxis(array, -1, 0)  # the last axis counts the images
            pairs[split] = (array, names)
        if column_major and all(set(map(str, range(1, 11))) >= set(names) for _, names in pairs.values()):
            pairs = {s: (a, ["0" if name == "10" else name for name in names]) for s, (a, names) in pairs.items()}
        found = found_arrays("arrays of images and labels", pairs, source, column_major)
        found.left_out += [f"left out the arrays {', '.join(left_out)}"] * bool(left_out)
        return found
    if images and not labels and (len(arrays) == 1 or "x" not in arrays):  # which may be a class
        raise InputError(f"{source}: holds {', '.join(arrays)} and no labels; expected an array named labels or y.")
    classes = {class_name(name.split(" ")[-1] if name.startswith("arr") else name): a for name, a in arrays.items()}
    alike = {array.shape[1:] for array in classes.values() if array.ndim >= 2}
    if len(classes) < 2 or len(alike) != 1 or any(array.ndim < 2 for array in classes.values()):
        return None
    if len(kinds := {str(array.dtype) for array in classes.values()}) > 1:
        raise InputError(f"{source}: holds arrays of {' and '.join(sorted(kinds))}; expected one type.")
    chosen = {n: a[: wanted.per_class] for n, a in classes.items() if wanted.classes is None or n in wanted.classes}
    if chosen:
        names = [name for name, array in chosen.items() for _ in range(len(array))]
        return found_arrays(
            "an array for each class", {"train": (np.concatenate(list(chosen.values())), names)}, source
        )
    return None


def _role(name: str) -> tuple[str, str | None]:
    """The split and the kind (images, labels) that the words of a name say."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    words += ["_".join(words[i : i + 2]) for i in range(len(words))]  # arr_0
    words += [w[len(s) :] for w in words for s in ("train", "test", "val") if w.startswith(s)]
    words += [s for w in words for s in ("train", "test", "val") if w.startswith(s)]
    split = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "train")
    kind = "labels" if not LABELS.isdisjoint(words) else "images" if not IMAGES.isdisjoint(words) else None
    return split, kind


def _may_be_labels(array: NDArray[Any]) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    try:
        if dimensions := idx_dimensions(file):
            return {"": read_idx(file, dimensions)}
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            arrays = {name: found[name] for name in found.files}
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds other files; expected .npy")
        return arrays
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{file}: is no file of arrays that can be read; {str(error).rstrip('.')[:100]}.") from None
