"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.found import MOST_CLASSES, NAMED, Found, Part, Wanted, some_of
from jaxdoodle.data.readers.label_tables import Labels, label_tables, labels_beside
from jaxdoodle.data.readers.source import files_below, visible
from jaxdoodle.data.readers.tables.images import bytes_of_each
from jaxdoodle.data.readers.words import LABEL_COLUMNS, NUMBER, PARTS, class_name, plain, says, split_called, split_of
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS

#: Folders of pictures that say which pixels of others are the object.
MASKS = {"mask", "masks", "msk", "trimaps", "annotations", "segmentations", "ground_truth"}


def read_image_folder(folder: Path, wanted: Wanted) -> Found | None:
    """The paths of the pictures by split, with their classes; ``None`` where there are none.

    Where there are no pictures, ``.npy`` files of one image each are taken for them. Files that are neither are left
    out, and named in a note.
    """
    below = files_below(folder)
    kinds = {inputs.suffix_of(file) for file in below} & {*PICTURE_FORMATS, ".npy"}
    if not (kinds := kinds - {".npy"} or kinds):
        return None
    pictures, masks = _without_masks([file for file in below if inputs.suffix_of(file) in kinds], folder)
    of_tables: list[str] = []
    tabled, table = label_tables(folder, pictures, of_tables)
    top, notes = _top(folder, pictures), list[str]()
    labels, kind = _of_splits(_splits(top, pictures, notes), pictures, tabled, notes), "in folders"
    if not labels:
        notes = []
        labels, kind = _told(top, pictures, tabled, table, notes)
        folders = [path for path in visible(top) if path.is_dir()]
        words = [path for path in folders if split_called(path.name)]
        if words and kind == "in folders":  # else "train" is a class beside others
            if 2 * len(words) >= len(folders) or any(each.is_dir() for path in words for each in visible(path)):
                return None
    if of_tables and len({name for name, _ in labels.values()}) < 2:
        raise InputError(f"{folder}: holds pictures and no classes; {'; '.join(of_tables)}.")
    parts: dict[str, Part] = {}
    for file, (name, split) in labels.items():
        part = parts.setdefault(tabled.get(file, (None, None))[1] or split or "train", Part([], []))
        part.items.append(str(file))
        part.labels.append(class_name(str(name)))  # type: ignore[attr-defined]  # a list here
    if kinds == {".npy"}:
        for part in parts.values():
            _load(part, wanted)
    return Found(f"pictures {kind}", parts, left_out=masks + of_tables + notes) if parts else None


def _without_masks(pictures: list[Path], folder: Path) -> tuple[list[Path], list[str]]:
    """The pictures but for those in folders of masks, where there are others, and what was left out."""
    folders = {file.parent for file in pictures}
    masks = {path for path in folders if any(plain(name) in MASKS for name in path.relative_to(folder).parts)}
    kept = [file for file in pictures if file.parent not in masks]
    left_out = len(pictures) - len(kept) if kept else 0
    return kept or pictures, [f"left out {left_out:,} pictures in folders of masks"] * bool(left_out)


def _top(folder: Path, pictures: Sequence[Path]) -> Path:
    """The folder of the classes or splits: below folders that alone hold pictures, and none themselves."""
    top = Path(os.path.commonpath({file.parent.parent for file in pictures}))
    return top if top.is_relative_to(folder) else folder


def _splits(folder: Path, pictures: Sequence[Path], notes: list[str]) -> list[tuple[str, Path]]:
    """The folders of the splits, train first; [] where there are none. Numbered ones are parts of one split.

    One that is called as the split alone is preferred. Raises ``InputError`` at others for one split.
    """
    inside = {file.relative_to(folder).parts[0] for file in pictures if file.parent != folder}
    named = [(split, folder / name) for name in sorted(inside) if (split := split_of(name))]
    alone = {split for split, path in named if split_called(_stem(path.name))}
    splits = [(split, path) for split, path in named if split not in alone or split_called(_stem(path.name))]
    held = {split for split, _ in splits}
    if "train" not in held or len(held) < min(2, len(inside)):
        return []
    if len({(split, _stem(path.name)) for split, path in splits}) > len(held):
        found = ", ".join(path.name for _, path in named)
        raise InputError(f"{folder}: the folders {found} are several of one split; expected one folder of each.")
    if others := sorted(inside - {path.name for _, path in splits}):
        notes.append(f"left out the folders {some_of(others)}, which are neither train nor test")
    return sorted(splits, key=lambda pair: pair[0] != "train")


def _of_splits(
    splits: Sequence[tuple[str, Path]], pictures: Sequence[Path], tabled: Labels, notes: list[str]
) -> Labels:
    """The pictures in the folders of splits; {} where those to train on have no classes."""
    found: Labels = {}
    for split, path in splits:
        inside = [file for file in pictures if path in file.parents]
        known = {str(name) for name, _ in found.values()} if split != "train" else set[str]()
        said: list[str] = []
        own, _ = _told(_top(path, inside), inside, tabled, "", said, known)
        names = {name for name, _ in own.values()}
        if split == "train" and len(names) < 2:
            return {}
        if known and not known & names:
            notes.append(f"left out {path.name}, which has no classes")
            continue
        notes += said
        found |= {file: (name, split) for file, (name, _) in own.items()}
    return found


def _told(
    folder: Path, pictures: Sequence[Path], tabled: Labels, table: str, notes: list[str], known: Set[str] = frozenset()
) -> tuple[Labels, str]:
    """The classes of pictures by what says several, or some that are ``known``, and what that is, in words.

    It is a table that names half of them, their folders, another table, the notes beside them, or their own names.
    """

    def tells(labels: Labels) -> bool:
        names = {str(name) for name, _ in labels.values()}
        return len(names) > 1 and (not known or bool(known & names))

    listed = {file: tabled[file] for file in pictures if file in tabled and tabled[file][0] is not None}
    said: list[str] = []
    folders = _by_folder(folder, pictures, said)
    if tells(folders) and not (tells(listed) and 2 * len(listed) >= len(pictures)):
        notes += said
        return folders, "in folders"
    if listed:
        if missing := len(pictures) - len(listed):
            notes.append(f"left out {missing:,} pictures that have no label")
        return listed, table
    if beside := labels_beside(folder, pictures):
        return beside, "with the notes beside them"
    if by_name := _named(pictures, known):
        return by_name[0], f"named by their class, {by_name[1]} word of each"
    notes += said
    return folders, "in folders"


def _by_folder(folder: Path, pictures: Sequence[Path], notes: list[str]) -> Labels:
    """The pictures in the folders of a folder, however deep; a folder in those of the classes may be a split."""
    inside = [file.relative_to(folder) for file in pictures if file.parent != folder]
    chains = [
        [_one_of(name) for n, name in enumerate(path.parts[:-1]) if not (n and split_called(name))] for path in inside
    ]
    levels = _levels(chains, notes)
    found: Labels = {}
    for path, chain in zip(inside, chains, strict=True):
        split = next(filter(None, map(split_called, path.parts[1:-1])), None)
        found[folder / path] = class_name("/".join(chain[levels])), split
    empty = {path.name for path in visible(folder) if path.is_dir()} - {path.parts[0] for path in inside}
    if found and empty:
        notes.append(f"left out the folders {some_of(map(class_name, sorted(empty)))}, which hold no pictures")
    others = [file for file in files_below(folder) if file.parent != folder and file not in found]
    if found and others:
        shown = some_of(file.relative_to(folder) for file in others[: NAMED + 1])
        notes.append(f"left out {len(others):,} file{'s' * (len(others) != 1)} that are no pictures: {shown}")
    return found


def _levels(chains: Sequence[Sequence[str]], notes: list[str]) -> slice:
    """Which of the folders that pictures are in, from the outermost on, are their classes.

    They are the outermost, but for parts (fold_1, writer_07) or groups of which each has more than half of all the
    folders within: dslr/images/mug. Those like ``character01`` in several others are classes by both names.
    """
    first, within = 0, False
    for level in range(1, min(map(len, chains), default=0)):
        groups: dict[str, set[str]] = {}
        for chain in chains:
            groups.setdefault(chain[first], set()).add(chain[level])
        every = set().union(*groups.values())
        if max(map(len, groups.values())) < 2:
            continue
        if len(groups) < 2:
            first = level
            continue
        if {plain(_stem(name)) for name in every} <= {*LABEL_COLUMNS}:
            return slice(level - 1, level + 1)
        if 2 * min(map(len, groups.values())) > len(every) > len(groups) or _are_parts(groups, every):
            first, within = level, False
        else:
            within = True
    if first or within:
        shown = some_of(dict.fromkeys(chain[0] for chain in chains))
        notes.append(f"the classes are the folders {f'in {shown}' if first else f'{shown}, not those in them'}")
    return slice(first, first + 1)


def _are_parts(groups: Mapping[str, set[str]], every: set[str]) -> bool:
    """Whether folders are parts, fold_1 or writer_07, of what other names in them divide into classes."""
    stems, inner = {_stem(name) for name in groups}, {_stem(name) for name in every}
    numbered = len(stems) == 1 and all(NUMBER.search(name) and _stem(name) for name in groups)
    return numbered and 2 * len(every) <= sum(map(len, groups.values())) and (len(inner) > 1 or inner == {""})


def _one_of(name: str) -> str:
    """The name that numbered parts share: images_part_1 and images_part_2 are no classes."""
    return _stem(name) if says(_stem(name), PARTS) else name


def _stem(name: str) -> str:
    return NUMBER.sub("", name)


def _named(files: Sequence[Path], known: Set[str] = frozenset()) -> tuple[Labels, str] | None:
    """The word in the names of files that alone is that of several, and which it is: 3_01.png, cat.12.jpg.

    With classes that are ``known``, the word that is one of them. Raises ``InputError`` where there are two such words.
    """
    words = [re.split(r"[^\w]+|_", file.stem) for file in files]
    count = min(map(len, words), default=0)
    if count < 2:
        return None
    alike = count == max(map(len, words))
    places = {f"the {n + 1}." if n else "the first": [each[n] for each in words] for n in range(count if alike else 1)}
    places["the last"] = [each[-1] for each in words]
    if not alike and all(each[-1].isdecimal() for each in words):  # great_pyrenees_12 and beagle_3
        places = {"every but the last": [re.sub(r"[\W_]+\d+$", "", file.stem) for file in files]}
    splits: Sequence[str | None] = [None] * len(files)
    for place in list(places):
        if all(map(split_called, places[place])):
            splits = list(map(split_called, places.pop(place)))
    if known:
        told = [place for place, found in places.items() if set(found) <= known]
    else:
        told = [place for place, found in places.items() if 1 < len(set(found)) <= len(found) ** MOST_CLASSES]
    told = [place for n, place in enumerate(told) if places[place] not in [places[other] for other in told[:n]]]
    if len(told) > 1:
        shown = "; ".join(f"{place}: {some_of(sorted(set(places[place])))}" for place in told)
        found = f"several words of the names of files may be the class ({shown})"
        raise InputError(f"{files[0].parent}: {found}; expected one, or a folder for each class.")
    return (dict(zip(files, zip(places[told[0]], splits, strict=True), strict=True)), told[0]) if told else None


def _load(part: Part, wanted: Wanted) -> None:
    """The images of ``.npy`` files in place of their paths."""
    arrays, labels = [], []
    for path, label in zip(part.items, part.labels, strict=True):
        try:
            arrays.append(np.load(path, allow_pickle=False))
            labels.append(label)
        except (ValueError, OSError, EOFError) as error:
            wanted.broken(InputError(f"{path}: is no array that can be read; {str(error).rstrip('.')[:100]}."))
    part.items, part.labels = bytes_of_each(arrays, str(part.items[0])), labels
