"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.found import MOST_CLASSES, Found, Part, Wanted, bytes_of_each, some_of
from jaxdoodle.data.readers.label_tables import Labels, label_tables, labels_beside
from jaxdoodle.data.readers.source import descended, files_below, visible
from jaxdoodle.data.readers.words import LABEL_COLUMNS, NUMBER, class_name, plain, split_called, split_of
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS


def read_image_folder(folder: Path, wanted: Wanted) -> Found | None:
    """The paths of the pictures by split, with their classes; ``None`` where there are none.

    Where there are no pictures, ``.npy`` files of one image each are taken for them. Files that are neither are left
    out, and named in a note.
    """
    below = files_below(folder)
    kinds = {inputs.suffix_of(file) for file in below} & {*PICTURE_FORMATS, ".npy"}
    if not (kinds := kinds - {".npy"} or kinds):
        return None
    pictures = [file for file in below if inputs.suffix_of(file) in kinds]
    notes: list[str] = []
    tabled, kind = label_tables(folder, pictures, notes)
    of_tables = list(notes)
    listed = {file: split for file, (_, split) in tabled.items() if split}
    tabled = {file: (name, split) for file, (name, split) in tabled.items() if name is not None}
    top = _top(folder, pictures)
    of_splits: list[str] = []
    if labels := _of_splits(_splits(top, pictures, of_splits), kinds, wanted, tabled, of_splits):
        kind, notes = "in folders", notes + of_splits
    elif tabled:
        labels = tabled
        if missing := len(pictures) - len(labels):
            notes.append(f"left out {missing:,} pictures that have no label")
    else:
        said: list[str] = []
        folders = [path for path in visible(top) if path.is_dir()]
        words = [path for path in folders if split_called(path.name)]
        if words and (2 * len(words) >= len(folders) or any(each.is_dir() for path in words for each in visible(path))):
            return None  # else "train" is a class beside others
        kind, labels = "in folders", _classes(top, kinds, wanted, said)
        if len({name for name, _ in labels.values()}) < 2:
            if beside := labels_beside(folder, pictures):
                kind, labels, said = "with the notes beside them", beside, []
            elif by_name := _named(pictures):
                kind, labels = f"named by their class, {by_name[1]} word of each", by_name[0]
        notes += said
    if of_tables and len({name for name, _ in labels.values()}) < 2:
        raise InputError(f"{folder}: holds pictures and no classes; {'; '.join(of_tables)}.")
    parts: dict[str, Part] = {}
    for file, (name, own) in labels.items():
        part = parts.setdefault(listed.get(file) or own or "train", Part([], []))
        part.items.append(str(file))
        part.labels.append(class_name(str(name)))  # type: ignore[attr-defined]  # a list here
    if kinds == {".npy"}:
        for part in parts.values():
            _load(part, wanted)
    return Found(f"pictures {kind}", parts, left_out=notes) if parts else None


def _top(folder: Path, pictures: Sequence[Path]) -> Path:
    """The folder of the classes or splits: below folders that alone hold pictures, and none themselves."""
    while len(inside := {file.relative_to(folder).parts[0] for file in pictures}) == 1:
        if any(len(file.relative_to(folder).parts) < 3 for file in pictures):
            break
        folder /= inside.pop()
    return folder


def _splits(folder: Path, pictures: Sequence[Path], notes: list[str]) -> list[tuple[str, Path]]:
    """The folders of the splits, train first; [] where there are none. Numbered ones are parts of one split.

    Raises ``InputError`` at others for one split.
    """
    inside = {file.relative_to(folder).parts[0] for file in pictures if file.parent != folder}
    folders = [folder / name for name in sorted(inside)]
    named = [(split, path) for path in folders if (split := split_of(path.name))]
    splits = sorted(named, key=lambda pair: pair[0] != "train")
    held = {split for split, _ in splits}
    if "train" not in held or len(held) < min(2, len(folders)):
        return []
    if len({(split, NUMBER.sub("", path.name)) for split, path in splits}) > len(held):
        found = ", ".join(path.name for _, path in named)
        raise InputError(f"{folder}: the folders {found} are several of one split; expected one folder of each.")
    if others := [path.name for path in folders if not split_of(path.name)]:
        notes.append(f"left out the folders {some_of(others)}, which are neither train nor test")
    return splits


def _of_splits(
    splits: Sequence[tuple[str, Path]], kinds: set[str], wanted: Wanted, tabled: Labels, notes: list[str]
) -> Labels:
    """The pictures in the folders of splits; {} where those to train on have no classes."""
    found: Labels = {}
    for split, path in splits:
        known = {str(name) for name, _ in found.values()}
        said: list[str] = []
        own = _classes(descended(path), kinds, wanted, said)
        names = {name for name, _ in own.values()}
        if len(names) < 2 or (known and not known & names):
            inside = [file for file in files_below(path) if inputs.suffix_of(file) in kinds]
            listed = {file: tabled[file] for file in inside if file in tabled} or labels_beside(path, inside)
            words = None if listed else _named(inside, known)
            own, said = listed or (words[0] if words else own), []
            names = {name for name, _ in own.values()}
            known = set() if listed else known
        if split == "train" and len(names) < 2:
            return {}
        if not own or (known and not known & names):
            notes.append(f"left out {path.name}, which has no classes")
            continue
        notes += said
        found |= {file: (name, split) for file, (name, _) in own.items()}
    return found


def _classes(folder: Path, kinds: set[str], wanted: Wanted, notes: list[str]) -> Labels:
    """The pictures in the folders of a folder, however deep; a folder in those of the classes may be a split.

    Folders like ``character01`` in several others are classes by both names: ``Greek/character01``.
    """
    files: dict[str, list[Path]] = {path.name: files_below(path) for path in visible(folder) if path.is_dir()}
    found: Labels = {}
    inner = {
        name: {file.relative_to(folder).parts[1] for file in own if len(file.relative_to(folder).parts) > 2}
        for name, own in files.items()
    }
    inner = {name: {each for each in own if not split_called(each)} for name, own in inner.items()}
    top, deepest, alike = 0, 0, {frozenset(own) for own in inner.values()}
    if len(inner) > 1 and any(len(own) > 1 for own in inner.values()):
        shown = some_of(inner)
        called = {plain(NUMBER.sub("", each)) for each in set().union(*alike)}
        deepest = int(all(inner.values()) and called <= {*LABEL_COLUMNS})
        if not deepest:
            top = deepest = int((len(alike) == 1 and len(next(iter(alike))) > len(inner)) or _only_numbered(inner))
            which = f"in {shown}" if top else f"{shown}, not those in them"
            notes.append(f"the classes are the folders {which}")
    others, counts = list[str](), dict[str, int]()
    empty = [class_name(name) for name, own in files.items() if not any(inputs.suffix_of(f) in kinds for f in own)]
    for file in (file for own in files.values() for file in own):
        path = file.relative_to(folder)
        name = class_name("/".join(path.parts[top : deepest + 1]))
        if inputs.suffix_of(file) not in kinds:
            others.append(str(path))
        elif len(path.parts) > deepest + 1 and wanted.takes(name, counts):
            split = next(filter(None, map(split_called, path.parts[1:-1])), None)
            found[file] = name, split
    if found and empty and wanted.classes is None:
        notes.append(f"left out the folders {some_of(empty)}, which hold no pictures")
    if found and others:
        files_left = f"{len(others):,} file{'s' * (len(others) != 1)}"
        notes.append(f"left out {files_left} that are no pictures: {some_of(others)}")
    return found


def _only_numbered(inner: Mapping[str, set[str]]) -> bool:
    """Whether folders are parts, fold_1 or writer_07, of what other names in them divide into classes."""
    stems = [{NUMBER.sub("", name) for name in names} for names in (inner, set().union(*inner.values()))]
    repeated = 2 * len(set().union(*inner.values())) <= sum(map(len, inner.values()))
    return (
        len(stems[0]) == 1
        and all(NUMBER.search(name) and NUMBER.sub("", name) for name in inner)
        and repeated
        and (len(stems[1]) > 1 or stems[1] == {""})
    )


def _named(files: Sequence[Path], known: set[str] | None = None) -> tuple[Labels, str] | None:
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
