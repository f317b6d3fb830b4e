"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.found import NAMED, SPLIT_WORDS, Found, Part, Wanted, bytes_of_each, class_name, split_of
from jaxdoodle.data.readers.label_tables import Labels, label_tables
from jaxdoodle.data.readers.source import descended, files_below, visible
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS

#: A word in the names of files is their class where it has at most this power of their number of values: 10 of 100.
MOST_CLASSES = 0.5


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
    if labels := _of_splits(_splits(folder, pictures, notes), kinds, wanted, tabled, notes):
        kind = "in folders"
    elif tabled:
        labels = {file: (name, split) for file, (name, split) in tabled.items()}
        if missing := len(pictures) - len(labels):
            notes.append(f"left out {missing:,} pictures that have no label")
    else:
        if any(path.name.lower() in SPLIT_WORDS for path in visible(folder)):
            return None
        kind, labels = "in folders", _classes(folder, kinds, wanted, notes)
        if len({name for name, _ in labels.values()}) < 2 and (words := _named(pictures)):
            kind, labels = f"named by their class, {words[1]} word of each", words[0]
    if of_tables and len({name for name, _ in labels.values()}) < 2:
        raise InputError(f"{folder}: holds pictures and no classes; {'; '.join(of_tables)}.")
    parts: dict[str, Part] = {}
    for file, (name, own) in labels.items():
        part = parts.setdefault(own or "train", Part([], []))
        part.items.append(str(file))
        part.labels.append(class_name(name))  # type: ignore[attr-defined]  # a list here
    if kinds == {".npy"}:
        for part in parts.values():
            _load(part, wanted)
    return Found(f"pictures {kind}", parts, left_out=notes) if parts else None


def _splits(folder: Path, pictures: Sequence[Path], notes: list[str]) -> dict[str, Path]:
    """The folders of the splits, train first; {} where there are none. Raises ``InputError`` at two for one."""
    inside = {file.relative_to(folder).parts[0] for file in pictures if file.parent != folder}
    folders = [folder / name for name in sorted(inside)]
    named = [(split, path) for path in folders if (split := split_of(path.name))]
    splits = {split: path for split, path in sorted(named, key=lambda pair: pair[0] != "train")}
    if "train" not in splits or len(splits) < min(2, len(folders)):
        return {}
    if len(splits) < len(named):
        found = ", ".join(path.name for _, path in named)
        raise InputError(f"{folder}: the folders {found} are several of one split; expected one folder of each.")
    if others := [path.name for path in folders if path not in splits.values()]:
        notes.append(f"left out the folders {', '.join(others[:NAMED])}, which are neither train nor test")
    return splits


def _of_splits(splits: Mapping[str, Path], kinds: set[str], wanted: Wanted, tabled: Labels, notes: list[str]) -> Labels:
    """The pictures in the folders of splits; {} where those to train on have no classes."""
    found: Labels = {}
    for split, path in splits.items():
        known = {name for name, _ in found.values()}
        said: list[str] = []
        own = _classes(descended(path), kinds, wanted, said)
        names = {name for name, _ in own.values()}
        if len(names) < 2 or (known and not known & names):
            inside = [file for file in files_below(path) if inputs.suffix_of(file) in kinds]
            words = _named(inside, known)
            listed = {file: tabled[file] for file in inside if file in tabled}
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
    """The pictures in the folders of a folder, however deep; a folder in those of the classes may be a split."""
    files: dict[str, list[Path]] = {path.name: files_below(path) for path in visible(folder) if path.is_dir()}
    found: Labels = {}
    inner = {
        name: {file.relative_to(folder).parts[1] for file in own if len(file.relative_to(folder).parts) > 2}
        for name, own in files.items()
    }
    inner = {name: {each for each in own if each.lower() not in SPLIT_WORDS} for name, own in inner.items()}
    level, alike = 0, {frozenset(own) for own in inner.values()}
    if len(inner) > 1 and any(len(own) > 1 for own in inner.values()):
        level = int(len(alike) == 1 and len(next(iter(alike))) > len(inner))
        which = (
            f"in {', '.join(list(inner)[:NAMED])}" if level else f"{', '.join(list(inner)[:NAMED])}, not those in them"
        )
        notes.append(f"the classes are the folders {which}")
    others, counts = list[str](), dict[str, int]()
    empty = [class_name(name) for name, own in files.items() if not any(inputs.suffix_of(f) in kinds for f in own)]
    for file in (file for own in files.values() for file in own):
        path = file.relative_to(folder)
        name = class_name(path.parts[level])
        if inputs.suffix_of(file) not in kinds:
            others.append(str(path))
        elif len(path.parts) > level + 1 and wanted.takes(name, counts):
            split = next((SPLIT_WORDS[part.lower()] for part in path.parts[1:-1] if part.lower() in SPLIT_WORDS), None)
            found[file] = name, split
    if found and empty and wanted.classes is None:
        notes.append(f"left out the folders {', '.join(empty[:NAMED])}, which hold no pictures")
    if found and others:
        first = ", ".join(others[:NAMED]) + ", ..." * (len(others) > NAMED)
        notes.append(f"left out {len(others):,} file{'s' * (len(others) != 1)} that are no pictures: {first}")
    return found


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
    if known:
        told = [place for place, found in places.items() if set(found) <= known]
    else:
        told = [place for place, found in places.items() if 1 < len(set(found)) <= len(found) ** MOST_CLASSES]
    told = [place for n, place in enumerate(told) if places[place] not in [places[other] for other in told[:n]]]
    if len(told) > 1:
        shown = "; ".join(f"{place}: {', '.join(sorted(set(places[place]))[:NAMED])}" for place in told)
        found = f"several words of the names of files may be the class ({shown})"
        raise InputError(f"{files[0].parent}: {found}; expected one, or a folder for each class.")
    return ({file: (name, None) for file, name in zip(files, places[told[0]], strict=True)}, told[0]) if told else None


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
