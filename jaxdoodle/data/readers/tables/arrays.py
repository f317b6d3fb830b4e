"""Arrays and columns by name: pairs of images and labels, or the images of each class; a split, names of the classes.

They come from NumPy's files, IDX, HDF5, pickles, PyTorch's files, JSON, parquet and MATLAB, which stores images column
by column and counts labels from 1 (10 for the digit 0). Images are arrays of numbers, or encoded pictures.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.class_names import names_of_labels, numbered
from jaxdoodle.data.readers.found import Found, Wanted, column_of, some_of
from jaxdoodle.data.readers.idx import is_idx, read_any
from jaxdoodle.data.readers.source import UNREAD, begin_of
from jaxdoodle.data.readers.tables import cifar, hdf5, matlab, numpy, objects, sqlite
from jaxdoodle.data.readers.tables.images import Pair, are_images, found_in
from jaxdoodle.data.readers.words import (
    CLASSES,
    NUMBER,
    SPLIT_WORDS,
    base_name,
    class_name,
    plain,
    role_of,
    says,
    split_called,
    split_of,
    splits_in,
    text_of,
)

#: The name of a class with that of its split before it: train0, test_cat.
OF_A_SPLIT = re.compile(f"({'|'.join(sorted(SPLIT_WORDS, key=len, reverse=True))})[ _-]?(.+)")
#: The test set of LIBSVM's datasets: mnist.t beside mnist.
TEST = {".t": "test"}
#: What follows the number of a part: Hugging Face's train-00000-of-00002-1a2b3c.
OF_PARTS = re.compile("-of-[0-9]{5}.*")

#: Of a table, by their kind: images, labels, split.
Columns = dict[str, NDArray[Any]]


def is_arrays(path: Path) -> bool:
    """Whether a file may hold arrays, by its suffix or by how it begins."""
    return _reader(path) is not None


def read_arrays(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some files of arrays; ``None`` where several hold no images.

    Raises ``InputError`` at a damaged file, at objects that are no arrays, and at a file alone that holds no images.
    """
    held = {file: (_reader(file) or objects.arrays_of)(file) for file in files}  # JSON
    found = dataset_of(held, wanted)
    if found is None and len(files) == 1:
        (file,), (arrays,) = files, held.values()
        listed = some_of(f"{name or base_name(file)} {array.dtype} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{file}: holds {listed}; expected images with labels, or the images of each class.")
    return found


def dataset_of(
    files: Mapping[Path, Columns], wanted: Wanted, kind: str = "arrays of images and labels", names: Sequence[str] = ()
) -> Found | None:
    """The dataset in the arrays or columns of some files, whose names and folders say what they hold, of which split.

    ``names``: of the classes, where they are known. What is there twice is read once. Raises ``InputError`` at two
    files that hold the same of one split, but for numbered parts.
    """
    arrays: Columns = {}
    first: dict[tuple[str | None, ...], tuple[str, str]] = {}
    copies: list[str] = []
    several = len({file.parent for file in files}) > 1
    unsaid = _beside_train(files, several)
    for file, columns in files.items():
        if file in unsaid:
            continue
        own = _name_of(file, several)
        for name, array in columns.items():
            of_file = not name or name.startswith("arr_")
            key = f"{own} {name}".strip() if of_file or len(files) > 1 else name
            if key in arrays and not np.array_equal(arrays[key], array):  # plain and zipped
                raise InputError(f"{file}: a second {key}, which differs from the first; expected one.")
            split, what = role_of(key)
            other, known = first.setdefault((split, what, "" if split else name), (own, key))
            again = what and (split or name) and NUMBER.sub("", other) != NUMBER.sub("", own)
            if again and not np.array_equal(arrays[known], array):
                said = f"{split} {what}; expected one"
                if not split:
                    said = f"{what} of no split by their names; expected one, or names with train and test"
                raise InputError(f"{file.parent}: {other} and {own} are both {said}.")
            if again:
                copies.append(f"left out {key}, which is {known} again")
            else:
                arrays[key] = array
    by_columns = any(file.suffix.lower() == ".mat" for file in files)
    found = dataset_in(arrays, source_of(list(files)), wanted, by_columns, names, kind)
    if found is not None:
        left_out = [f"{file.parent.name}/{file.name}" if several else file.name for file in unsaid]
        found.left_out += copies + [f"left out {name}, whose name says neither train nor test" for name in left_out]
    return found


def _beside_train(files: Mapping[Path, Columns], several: bool) -> list[Path]:
    """The files of images and labels of no split, where another holds those of train."""
    splits = dict[Path, set[str | None]]()
    for file, columns in files.items():
        roles = [role_of(f"{_name_of(file, several)} {name}") for name in columns]
        if {"images", "labels"} <= {what for _, what in roles}:
            splits[file] = {split for split, _ in roles}
    trained = any("train" in each for each in splits.values())
    return [file for file, each in splits.items() if trained and each == {None}]


def _name_of(file: Path, several: bool) -> str:
    """The name of a file that says its split: by its suffix, itself, or where folders are ``several`` by its folder."""
    own = OF_PARTS.sub("", base_name(file))
    if of_suffix := TEST.get(file.suffix) or split_of(file.suffix):
        return f"{of_suffix} {own}"
    return f"{file.parent.name} {own}" if several and split_of(file.parent.name) else own


def source_of(files: Sequence[Path]) -> str:
    """What a message names: the file, or the folder of several."""
    return str(files[0] if len(files) == 1 else files[0].parent)


def dataset_in(
    arrays: Mapping[str, NDArray[Any]],
    source: str,
    wanted: Wanted,
    column_major: bool = False,
    names: Sequence[str] = (),
    kind: str = "arrays of images and labels",
) -> Found | None:
    """The images and labels among named arrays: by their names, else by their shapes; else one array for each class.

    ``names``: of the classes, where they are known.
    """
    listing = None if names else _listing(arrays)
    names = [class_name(text_of(name)) for name in arrays[listing].reshape(-1)] if listing else names
    arrays = {name: array for name, array in arrays.items() if name != listing}
    (images, labels, of_split), left_out = _by_role(arrays, source)
    if not images and len(labels) == 1 and len(arrays) == 2:
        images, left_out = {s: a for s in labels for n, a in arrays.items() if a is not labels[s]}, []
    if images and "train" in labels and labels.keys() <= images.keys() or images.keys() == labels.keys() != set():
        left_out += [f"the {split} images, which have no labels" for split in images if split not in labels]
        labeled, unlabeled = {}, 0
        for split, own in labels.items():
            labeled[split], told = (images[split], own), _are_told(own, bool(names))
            if len(told) == len(images[split]) and not told.all():
                labeled[split] = images[split][told], column_of(own.reshape(-1)[told].tolist())
                unlabeled += int((~told).sum())
                of_split |= {one: column[told] for one, column in of_split.items() if one == split}
        pairs = _with_names(labeled, source)
        known = {name for _, own in pairs.values() for name in own}
        if mapping := numbered(names, known):
            pairs = {s: (a, [mapping[label] for label in own]) for s, (a, own) in pairs.items()}
        elif names and all(map(str.isdecimal, known)):
            highest = max(map(int, known))
            raise InputError(f"{source}: names {len(names)} classes; found the label {highest}; expected one of these.")
        elif column_major and known <= set(map(str, range(1, 11))) and not any("gnd" in name for name in arrays):
            pairs = {s: (a, ["0" if name == "10" else name for name in own]) for s, (a, own) in pairs.items()}
        divided, untold = _divided(pairs, of_split, source)
        found = found_in(kind, divided, source, wanted, column_major)
        found.left_out += [f"left out {untold:,} images of which the column of splits says none"] * bool(untold)
        found.classes = tuple(mapping.values()) or None
        if unlabeled:
            found.left_out.append(f"left out {unlabeled:,} images that have no label")
        found.left_out += [f"left out the arrays {', '.join(left_out)}"] * bool(left_out)
        return found
    if images and not labels and (len(arrays) == 1 or "x" not in arrays):  # which may be a class
        raise InputError(f"{source}: holds {', '.join(arrays)} and no labels; expected an array named labels or y.")
    if images and labels:
        lacking = " and ".join(sorted(labels.keys() ^ images.keys()))
        what = "labels" if images.keys() - labels.keys() else "images"
        raise InputError(f"{source}: holds {', '.join(arrays)}, and no {what} of {lacking}; expected both.")
    return _of_each_class(arrays, source, wanted)


def _of_each_class(arrays: Mapping[str, NDArray[Any]], source: str, wanted: Wanted) -> Found | None:
    classes = {class_name(name.split(" ")[-1] if name.startswith("arr") else name): a for name, a in arrays.items()}
    alike = {array.shape[1:] for array in classes.values()}
    if len(classes) < 2 or len(alike) != 1 or not all(map(are_images, classes.values())):
        return None
    if len(kinds := {str(array.dtype) for array in classes.values()}) > 1:
        raise InputError(f"{source}: holds arrays of {' and '.join(sorted(kinds))}; expected one type.")
    if all(map(split_called, classes)):
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
    return found_in("an array for each class", pairs, source, wanted) if chosen else None


def _listing(arrays: Mapping[str, NDArray[Any]]) -> str | None:
    """The name of the array that lists the classes: names that differ, beside labels that are others."""
    longest = max(map(len, arrays.values()), default=0)
    counts = {len(array) for array in arrays.values() if are_images(array)}
    for name, array in sorted(arrays.items(), key=_how_plain):
        own = _own(name)
        said = (says(own, CLASSES) or plain(own) == "names") and not are_images(array)
        if said and 0 < array.size < longest and array.size not in counts and _may_be_labels(array):
            if all(isinstance(x, str | bytes) for x in array.flat) and len(set(array.flat)) == array.size:
                return name
    return None


def _by_role(arrays: Mapping[str, NDArray[Any]], source: str) -> tuple[list[dict[str, NDArray[Any]]], list[str]]:
    """Images, labels and what says the split of each, by split, numbered parts joined; the names of the others."""
    held: dict[str, dict[str, dict[str, NDArray[Any]]]]  # by kind, split and name
    held = {"images": {}, "labels": {}, "split": {}}
    left_out: list[str] = []
    for name, array in sorted(arrays.items(), key=_how_plain):
        split, kind = role_of(name)
        split = split or "train"
        if kind == "split":
            splits = splits_in(_own(name), array.tolist()) if array.ndim == 1 else []
            kind, array = (kind, column_of(splits)) if any(splits) else (None, array)
        if (kind == "images" and not are_images(array)) or (kind == "labels" and array.ndim > 2):
            kind = None
        if kind is None and _may_be_labels(array) and len(arrays) == 2:
            kind = "labels"
        if kind is None:
            left_out.append(name)
            continue
        joined = held[kind].setdefault(split, {})
        other = next(iter(joined), name)
        if NUMBER.sub("", name) == NUMBER.sub("", other) and joined.get(other, array).shape[1:] == array.shape[1:]:
            joined[name] = array
        else:
            left_out.append(name)
    for split, parts in held["labels"].items():
        _one_of_each(held["images"].get(split, {}), parts, source)
    by_kind = [
        {
            split: np.concatenate(several) if len(several := [*parts.values()]) > 1 else several[0]
            for split, parts in each.items()
        }
        for each in held.values()
    ]
    return by_kind, left_out


def _are_told(labels: NDArray[Any], named: bool) -> NDArray[np.bool_]:
    """Which labels are neither ``None`` nor NaN nor, where classes are named, below 0."""
    if labels.dtype.kind not in "fO" and not named:
        return np.ones(len(labels), bool)
    cells = labels.reshape(-1).tolist()
    return np.array([x is not None and x == x and not (named and isinstance(x, int) and x < 0) for x in cells])


def _with_names(labeled: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], source: str) -> dict[str, Pair]:
    """The names of the labels in place of them: told from those of all splits together."""
    rows = [
        labels.reshape(-1, 1) if labels.ndim == 1 or 1 in labels.shape else labels for _, labels in labeled.values()
    ]
    if len({one.shape[1] for one in rows}) > 1:
        raise InputError(f"{source}: holds one-hot labels of several widths; expected one.")
    names = names_of_labels(np.concatenate(rows), source)
    pairs, start = {}, 0
    for (split, (array, _)), own in zip(labeled.items(), rows, strict=True):
        if array.ndim >= 2 and len(array) != len(own) and array.shape[-1] == len(own):
            array = np.moveaxis(array, -1, 0)  # the last axis counts the images
        pairs[split] = array, names[start : start + len(own)]
        start += len(own)
    return pairs


def _divided(
    pairs: Mapping[str, Pair], of_split: Mapping[str, NDArray[Any]], source: str
) -> tuple[dict[str, Pair], int]:
    """The pairs by what says the split of each image, and the number of those of which it says none."""
    divided, untold = dict[str, Pair](), 0
    for split, (array, labels) in pairs.items():
        splits = of_split[split].tolist() if split in of_split else []
        if splits and not len(splits) == len(labels) == len(array):
            raise InputError(f"{source}: {len(splits):,} splits for {len(array):,} {split} images.")
        untold += splits.count(None)
        for own in dict.fromkeys(filter(None, splits or [split])):
            if own in divided:
                raise InputError(f"{source}: holds {own} images in two places; expected one.")
            rows = [n for n, one in enumerate(splits) if one == own]
            divided[own] = (array[rows], [labels[n] for n in rows]) if splits else (array, labels)
    return divided, untold


def _own(name: str) -> str:
    return name.rpartition(" ")[2]


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


def _may_be_labels(array: NDArray[Any]) -> bool:
    return array.ndim == 1 or (array.ndim == 2 and 1 in array.shape)


def _reader(file: Path) -> Callable[[Path], Columns] | None:
    """What reads the arrays of a file by name, "" for the only one; ``None`` where it holds none, as it begins."""
    begin, suffix = begin_of(file), file.suffix.lower()
    if suffix in UNREAD:
        return None
    if begin.startswith((hdf5.MAGIC, hdf5.BEGIN_OF_MATLAB)) or suffix in hdf5.SUFFIXES:
        return hdf5.arrays_of
    if begin.startswith(sqlite.MAGIC):
        return sqlite.arrays_of
    if is_idx(file):
        return lambda file: {"": read_any(file)}
    if suffix == ".mat":
        return matlab.arrays_of
    if cifar.is_batch(file):
        return cifar.arrays_of
    if begin.startswith(b"\x80") or suffix in objects.SUFFIXES:
        return objects.arrays_of
    return numpy.arrays_of if begin.startswith(numpy.BEGINS) or suffix in numpy.SUFFIXES else None
