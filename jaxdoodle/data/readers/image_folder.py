"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import NAMED, SPLIT_WORDS, Found, Part, Wanted, class_name, split_of
from jaxdoodle.data.readers.source import files_below, visible
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS


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
    pictures = [file for file in below if inputs.suffix_of(file) in PICTURE_FORMATS]
    by_name: dict[str, Path] = {}
    for file in pictures:
        by_name |= {str(file.relative_to(folder)): file, file.name: file, file.stem: file}
    labels, kind = dict[Path, str](), ""
    for table in (path for path in below if path.suffix.lower() in (".csv", ".tsv", ".txt", ".jsonl")):
        if table.parent != folder and not split_of(table.parent.name):  # of one class, say
            continue
        own = {str(file.relative_to(table.parent)): file for file in pictures if table.parent in file.parents}
        if found := _label_of_files(table, by_name | own):
            labels, kind = found | labels, kind or f"with {table.name}"
    if not labels and all(file.parent == folder for file in pictures):
        labels, kind = _label_in_names(pictures)
    if not labels:
        return None
    parts: dict[str, Part] = {}
    for file, label in labels.items():
        above = (split_of(part) for part in file.relative_to(folder).parts[:-1])
        part = parts.setdefault(next(filter(None, above), "train"), Part([], []))
        part.items.append(str(file))
        part.labels.append(class_name(label))  # type: ignore[attr-defined]  # a list here
    missing = len(set(pictures) - set(labels))
    notes = [f"left out {missing:,} pictures that have no label"] if missing else []
    return Found(f"pictures {kind}", parts if "train" in parts else {"train": parts.popitem()[1]}, left_out=notes)


def _label_in_names(files: Sequence[Path]) -> tuple[dict[Path, str], str]:
    """The first or the last word of the names of files, whichever alone is that of several: 3_01.png, cat.12.jpg."""
    words = [re.split(r"[^\w]+|_", file.stem) for file in files]
    places = {"first": [each[0] for each in words], "last": [each[-1] for each in words]}
    told = [n for n, found in places.items() if 1 < len(set(found)) and len(set(found)) ** 2 <= len(found)]
    if len(told) != 1 or min(map(len, words)) < 2:
        return {}, ""
    return dict(zip(files, places[told[0]], strict=True)), f"named by their class, the {told[0]} word of each"


def _label_of_files(table: Path, files: Mapping[str, Path]) -> dict[Path, str]:
    with reading(table), open(table, encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read()
    if table.suffix.lower() == ".jsonl":  # as Hugging Face has it
        try:
            records = [json.loads(line) for line in text.splitlines() if line.strip()]
            rows = [[*records[0]], *([*map(str, record.values())] for record in records)]
        except (ValueError, AttributeError, LookupError):
            return {}
    else:
        delimiter = max(",;\t ", key=text[:4096].count)
        rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if len(row) >= 2]
    for column in range(min(map(len, rows), default=0)):
        named = {files[row[column].strip()]: row for row in rows if row[column].strip() in files}
        if len(named) >= max(1, len(rows) // 2):
            label = next(
                (i for i, cell in enumerate(rows[0]) if cell.strip().lower() in ("label", "class", "breed")), None
            )
            label = label if label is not None and label != column else int(column == 0)
            return {file: row[label].strip() for file, row in named.items()}
    return {}
