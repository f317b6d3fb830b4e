"""Pictures in folders, one for each class, under ``train``, ``test``, ``val`` or not; or beside a table of labels."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import NAMED, SPLIT_WORDS, Found, Part, Wanted, class_name
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
        return Found("pictures in folders", parts, left_out=notes) if "train" in parts else None
    if (table := _labels(folder)) is not None:
        return table
    notes = []
    part = _classes(folder, wanted, notes)
    return Found("pictures in folders", {"train": part}, left_out=notes) if part else None


def _classes(folder: Path, wanted: Wanted, notes: list[str]) -> Part | None:
    """The pictures in the folders of a folder, however deep."""
    part, others = Part([], []), []
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
        if not counts and part.items:
            raise InputError(f"{path}: no pictures; expected files in {' '.join(PICTURE_FORMATS)}.")
    if part.items and others:
        first = ", ".join(others[:NAMED]) + ", ..." * (len(others) > NAMED)
        notes.append(f"left out {len(others):,} file{'s' * (len(others) != 1)} that are no pictures: {first}")
    return part if part.items else None


def _labels(folder: Path) -> Found | None:
    """Pictures and a table of two columns or more that gives the class of each file, with its suffix or without."""
    tables = [path for path in visible(folder) if path.suffix.lower() in (".csv", ".tsv", ".txt")]
    pictures = [file for file in files_below(folder) if inputs.suffix_of(file) in PICTURE_FORMATS]
    by_name: dict[str, Path] = {}
    for file in pictures:
        by_name |= {str(file.relative_to(folder)): file, file.name: file, file.stem: file}
    for table in tables:
        labels = _label_of_files(table, by_name)
        if labels:
            missing = len(set(pictures) - set(labels))
            notes = [f"left out {missing:,} pictures that {table.name} does not name"] if missing else []
            part = Part([str(file) for file in labels], [class_name(label) for label in labels.values()])
            return Found(f"pictures with {table.name}", {"train": part}, left_out=notes)
    return None


def _label_of_files(table: Path, files: Mapping[str, Path]) -> dict[Path, str]:
    with reading(table), open(table, encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read()
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
