"""Arrays by name: Keras's ``mnist.npz`` and its like, pairs of images and labels, or an array for each class.

They come from NumPy's files, pickles, PyTorch's files, JSON and MATLAB, which stores images column by column and counts
labels from 1 (10 for the digit 0).
"""

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
from jaxdoodle.data.readers.tables import matlab, objects
from jaxdoodle.data.readers.tables.objects import SUFFIXES as OBJECTS

IMAGES = {"x", "image", "images", "img", "imgs", "data", "features", "fea", "pixels", "arr_0"}
LABELS = {"y", "label", "labels", "target", "targets", "class", "classes", "gnd", "arr_1"}
#: Suffixes of the files that hold arrays; files in IDX have any.
SUFFIXES = (".npy", ".npz", ".mat", *OBJECTS)
#: The words of splits in the names of arrays, and the name of a class with that of its split before it.
SHORT = SPLIT_WORDS | {"tr": "train", "te": "test"}
OF_A_SPLIT = re.compile(f"({'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})[ _-]?(.+)")
NUMBER = re.compile("[0-9]+")


def read_arrays(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some files of arrays; ``None`` where they hold no images.

    Raises ``InputError`` at a damaged file, and at objects that are no arrays.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for file in files:
        for name, array in _load(file).items():
            plain = not name or name.startswith("arr_")
            arrays[f"{base_name(file)} {name}".strip() if plain or len(files) > 1 else name] = array
    by_columns = any(file.suffix.lower() == ".mat" for file in files)
    return dataset_in(arrays, str(files[0] if len(files) == 1 else files[0].parent), wanted, by_columns)


def dataset_in(
    arrays: Mapping[str, NDArray[Any]], source: str, wanted: Wanted, column_major: bool = False
) -> Found | None:
    """The images and labels among named arrays: by their names, else by their shapes; else one array for each class."""
    held: dict[str, dict[str, dict[str, NDArray[Any]]]] = {"images": {}, "labels": {}}  # by kind, split and name
    left_out: list[str] = []
    for name, array in sorted(arrays.items(), key=_how_plain):
        split, kind = role_of(name)
        split = split or "train"
        if kind == "images" and array.ndim < 2:
            kind = None
        if kind is None and _may_be_labels(array) and len(arrays) == 2:
            kind = "labels"
        if kind is None:
            left_out.append(name)
            continue
        joined = held[kind].setdefault(split, {})
        other = next(iter(joined), name)
        if NUMBER.sub("", name) == NUMBER.sub("", other) and _fit(joined.get(other, array), array):
            joined[name] = array
        elif " " in name and name.split(" ")[0] != other.split(" ")[0] and role_of(name)[0]:
            raise InputError(f"{source}: {other} and {name} are both {split} {kind}; expected one.")
        else:
            left_out.append(name)
    for split, parts in held["labels"].items():
        _one_of_each(held["images"].get(split, {}), parts, source)
    images, labels = (
        {
            split: np.concatenate(several) if len(several := [*parts.values()]) > 1 else several[0]
            for split, parts in each.items()
        }
        for each in held.values()
    )
    if not images and len(labels) == 1 and len(arrays) == 2:
        images, left_out = {s: a for s in labels for n, a in arrays.items() if a is not labels[s]}, []
    if images and set(images) == set(labels):
        pairs = {}
        for split, array in images.items():
            names = names_of_labels(labels[split], source)
            if array.ndim >= 2 and len(array) != len(names) and array.shape[-1] == len(names):
                array = np.moveaxis(array, -1, 0)  # the last axis counts the images
            pairs[split] = (array, names)
        ten = column_major and not any("gnd" in name for parts in held["labels"].values() for name in parts)
        if ten and all(set(map(str, range(1, 11))) >= set(names) for _, names in pairs.values()):
            pairs = {s: (a, ["0" if name == "10" else name for name in names]) for s, (a, names) in pairs.items()}
        found = found_arrays("arrays of images and labels", pairs, source, wanted, column_major)
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
    if set(classes) <= set(SPLIT_WORDS):
        raise InputError(f"{source}: holds {', '.join(arrays)} and no labels; expected an array named labels or y.")
    of_splits = {name: OF_A_SPLIT.fullmatch(name) for name in classes}  # train0, test0, ...
    chosen: dict[str, list[tuple[str, NDArray[Any]]]] = {}
    for name, array in classes.items():
        match = of_splits[name] if all(of_splits.values()) else None
        split, own = (SPLIT_WORDS[match[1]], match[2]) if match else ("train", name)
        if wanted.classes is None or own in wanted.classes:
            chosen.setdefault(split, []).append((own, array[: wanted.per_class]))
    pairs = {
        split: (np.concatenate([array for _, array in each]), [name for name, array in each for _ in range(len(array))])
        for split, each in chosen.items()
    }
    return found_arrays("an array for each class", pairs, source, wanted) if chosen else None


def _one_of_each(images: Mapping[str, NDArray[Any]], labels: Mapping[str, NDArray[Any]], source: str) -> None:
    """Raises ``InputError`` where numbered arrays of images and of labels have other numbers, or other counts."""
    if len(images) > 1 and len(labels) > 1:
        counts = [{tuple(_numbers(name)): len(array) for name, array in parts.items()} for parts in (images, labels)]
        if counts[0] != counts[1]:
            found = f"{', '.join(images)} and {', '.join(labels)}"
            raise InputError(f"{source}: holds {found}; expected labels of the number and count of each of the images.")


def _numbers(name: str) -> list[int]:
    return list(map(int, NUMBER.findall(name)))


def _how_plain(named: tuple[str, Any]) -> tuple[bool, int, list[int]]:
    """Arrays whose names say a split first, images before images_of_masks, numbered ones by their number."""
    return role_of(named[0])[0] is None, len(NUMBER.sub("", named[0])), _numbers(named[0])


def role_of(name: str) -> tuple[str | None, str | None]:
    """The split and the kind (images, labels) that the words of a name say."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    words += ["_".join(words[i : i + 2]) for i in range(len(words))]  # arr_0
    words += [w[len(s) :] for w in words for s in ("train", "test", "val") if w.startswith(s)]
    words += [s for w in words for s in ("train", "test", "val") if w.startswith(s)]
    split = next((SHORT[word] for word in words if word in SHORT), None)
    of_images = not IMAGES.isdisjoint(words) or name.lower().endswith("dataset")
    kind = "labels" if not LABELS.isdisjoint(words) else "images" if of_images else None
    return split, kind


def _fit(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays may be parts of one."""
    return one.ndim == other.ndim and one.shape[1:] == other.shape[1:]


def _may_be_labels(array: NDArray[Any]) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def _load(file: Path) -> dict[str, NDArray[Any]]:
    if dimensions := idx_dimensions(file):
        return {"": read_idx(file, dimensions)}
    if file.suffix.lower() == ".mat":
        return matlab.arrays_of(file)
    with open(file, "rb") as stream:
        pickled = stream.read(1) == b"\x80"
    if pickled or file.suffix.lower() in (*OBJECTS, ".json", ".jsonl"):
        return objects.arrays_of(file)
    try:
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
