"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import NAMED, SPLIT_WORDS, Found, Part, Wanted, class_name, label_column, split_of
from jaxdoodle.data.readers.source import files_below, visible
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS

#: A word in the names of files is their class where it has at most this power of their number of values: 10 of 100.
MOST_CLASSES = 0.5


def read_image_folder(folder: Path, wanted: Wanted) -> Found | None:
    """The paths of the pictures by split, with their classes; ``None`` where there are none.

    Files that are no pictures are left out, and named in a note.
    """
    folders = {path.name: path for path in visible(folder) if path.is_dir()}
    splits = {SPLIT_WORDS[name.lower()]: path for name, path in folders.items() if name.lower() in SPLIT_WORDS}
    if "train" in splits and len(splits) == len(folders):
        notes: list[str] = []
        parts = {split: part for split, path in splits.items() if (part := _classes(path, wanted, notes))}
        notes += [f"left out {splits[split].name}, which has no classes" for split in splits if split not in parts]
        if "train" in parts:
            return Found("pictures in folders", parts, left_out=notes)
    if (table := _labels(folder)) is not None:
        return table
    if splits:
        return None
    notes = []
    part = _classes(folder, wanted, notes)
    return Found("pictures in folders", {"train": part}, left_out=notes) if part else None


def _classes(folder: Path, wanted: Wanted, notes: list[str]) -> Part | None:
    """The pictures in the folders of a folder, however deep."""
    part, others, empty = Part([], []), list[str](), list[str]()
    for path in visible(folder):
        name = class_name(path.name)
        if not path.is_dir() or (wanted.classes is not None and name not in wanted.classes):
            continue
        counts: dict[str, int] = {}
        for file in files_below(path):
            if inputs.suffix_of(file) not in PICTURE_FORMATS:
                others.append(str(file.relative_to(folder)))
            elif wanted.takes(name, counts):
                part.items.append(str(file))
                part.labels.append(name)  # type: ignore[attr-defined]  # a list here
        if not counts:
            empty.append(name)
    if part.items and empty:
        notes.append(f"left out the folders {', '.join(empty[:NAMED])}, which hold no pictures")
    if part.items and others:
        first = ", ".join(others[:NAMED]) + ", ..." * (len(others) > NAMED)
        notes.append(f"left out {len(others):,} file{'s' * (len(others) != 1)} that are no pictures: {first}")
    return part if part.items else None


def _labels(folder: Path) -> Found | None:
    """Pictures whose class a table names, by the file with its suffix or without; else the names of the files."""
    below = files_below(folder)
    if not (pictures := [file for file in below if inputs.suffix_of(file) in PICTURE_FORMATS]):
        return None
    by_name: dict[str, list[Path]] = {}
    for file in pictures:
        path = file.relative_to(folder)
        for name in {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}:
            by_name.setdefault(name, []).append(file)
    labels, kind, notes = dict[Path, str](), "", list[str]()
    for table in (path for path in below if path.suffix.lower() in (".csv", ".tsv", ".txt", ".jsonl")):
        if table.parent != folder and not split_of(table.parent.name):  # of one class, say
            continue
        found, unclear = _label_of_files(table, folder, by_name)
        if found:
            labels, kind = found | labels, kind or f"with {table.name}"
        if unclear:
            notes.append(f"left out {unclear:,} names in {table.name} that several pictures have")
    if not labels and all(file.parent == folder for file in pictures):
        labels, kind = _label_in_names(pictures)
    if not labels:
        return None
    parts: dict[str, Part] = {}
    for file, label in labels.items():
        part = parts.setdefault(_split(file, folder) or "train", Part([], []))
        part.items.append(str(file))
        part.labels.append(class_name(label))  # type: ignore[attr-defined]  # a list here
    if missing := len(pictures) - len(labels):
        notes.append(f"left out {missing:,} pictures that have no label")
    return Found(f"pictures {kind}", parts, left_out=notes)


def _split(file: Path, folder: Path) -> str | None:
    """The split that the folders above a file say."""
    return next(filter(None, map(split_of, file.relative_to(folder).parts[:-1])), None)


def _label_in_names(files: Sequence[Path]) -> tuple[dict[Path, str], str]:
    """The first or the last word of the names of files, whichever alone is that of several: 3_01.png, cat.12.jpg."""
    words = [re.split(r"[^\w]+|_", file.stem) for file in files]
    places = {"first": [each[0] for each in words], "last": [each[-1] for each in words]}
    told = [n for n, found in places.items() if 1 < len(set(found)) <= len(found) ** MOST_CLASSES]
    if len(told) != 1 or min(map(len, words)) < 2:
        return {}, ""
    return dict(zip(files, places[told[0]], strict=True)), f"named by their class, the {told[0]} word of each"


def _label_of_files(table: Path, folder: Path, pictures: Mapping[str, Sequence[Path]]) -> tuple[dict[Path, str], int]:
    """The label of each picture that a table names, and how many names several have.

    A name is that of a picture below the folder of the table, else of the one picture of this name in the split of the
    table, by its name or folder, or in all.
    """
    rows = _rows(table)
    below = f"{table.parent.relative_to(folder).as_posix()}/"
    split = split_of(table.name) or _split(table, folder)

    @cache
    def named(name: str) -> Sequence[Path]:
        found = pictures.get(below + name) or pictures.get(name, ())
        return found if len(found) < 2 else [file for file in found if _split(file, folder) == split] or found

    for column in range(min(map(len, rows), default=0)):
        found = {tuple(files): row for row in rows if (files := named(row[column].strip()))}
        if len(found) >= max(1, len(rows) // 2):
            label = label_column(rows[0]) if not named(rows[0][column].strip()) else None
            label = label if label is not None and label != column else int(column == 0)
            labels = {files[0]: row[label].strip() for files, row in found.items() if len(files) == 1}
            return labels, len(found) - len(labels)
    return {}, 0


def _rows(table: Path) -> list[list[str]]:
    """The cells of a table; [] of a file that is none."""
    with reading(table), open(table, encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read()
    try:
        if table.suffix.lower() == ".jsonl":  # as Hugging Face has it
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
            keys = list(dict.fromkeys(key for record in records for key in record.keys()))
            return [keys, *([str(record.get(key, "")) for key in keys] for record in records)]
        delimiter = max(",;\t ", key=text[:4096].count)
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if len(row) >= 2]
    except (ValueError, AttributeError, RecursionError, csv.Error):
        return []
