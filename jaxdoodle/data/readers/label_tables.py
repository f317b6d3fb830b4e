"""Tables that name pictures and say their classes: CSV, text, JSON, JSON lines; COCO of one object in each picture."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import LABEL_COLUMNS, NAMED, label_column, split_column, split_of
from jaxdoodle.data.readers.source import files_below
from jaxdoodle.data.readers.tables.text import is_number

#: Letters of a path, as systems limit them: longer cells name no picture.
LONGEST = 4096
#: Picture -> its class, and its split where that is known.
Labels = dict[Path, tuple[str, str | None]]


def label_tables(folder: Path, pictures: Sequence[Path], notes: list[str]) -> tuple[Labels, str]:
    """The classes of the pictures that tables name, and the first of these tables.

    A table lies in the folder, or in that of a split. Where some are of train and of test by their names, others are
    left out; so are submissions, which list guesses.
    """
    by_name: dict[str, list[Path]] = {}
    for file in pictures:
        path = file.relative_to(folder)
        for name in {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}:
            by_name.setdefault(name, []).append(file)
    found: dict[Path, Labels] = {}
    for table in files_below(folder):
        if (
            table.suffix.lower() not in (".csv", ".tsv", ".txt", ".json", ".jsonl")
            or "submission" in table.name.lower()
        ):
            continue
        if table.parent == folder or split_of(table.parent.name):  # not in the folder of one class
            labels, said = _labels_in(table, folder, by_name)
            if labels:
                found[table] = labels
            if said:
                notes.append(said)
    splits = {table: split_of(table.name) for table in found if table.parent == folder}
    if {"train", "test"} <= set(splits.values()):
        for table in (table for table, split in splits.items() if split is None):
            notes.append(f"left out {table.name}, whose name says neither train nor test")
            del found[table]
    every = {file: label for labels in reversed(found.values()) for file, label in labels.items()}
    return every, f"with {next(iter(found)).name}" if found else ""


def _split(file: Path, folder: Path) -> str | None:
    """The split that the folders above a file say."""
    return next(filter(None, map(split_of, file.relative_to(folder).parts[:-1])), None)


def _labels_in(table: Path, folder: Path, pictures: Mapping[str, Sequence[Path]]) -> tuple[Labels, str]:
    """The label of each picture that a table names, and a line on what is left out: names that several have, or all.

    A name is that of a picture below the folder of the table, else of the one picture of this name in the split of the
    table, by its name or folder, or in all; without the folders that are not there, of another computer.
    """
    rows = _rows(table)
    below = f"{table.parent.relative_to(folder).as_posix()}/"
    whole = split_of(table.name) or _split(table, folder)
    deepest = 1 + max((name.count("/") for name in pictures), default=0)

    @cache
    def named(name: str) -> Sequence[Path]:
        if len(name) > LONGEST:
            return ()
        parts = name.replace("\\", "/").split("/")
        ends = [name, *("/".join(parts[-n:]) for n in range(min(deepest, len(parts)), 0, -1))]
        found = next(filter(None, (pictures.get(below + end) or pictures.get(end) for end in ends)), ())
        return found if len(found) < 2 else [file for file in found if _split(file, folder) == whole] or found

    for column in range(min(map(len, rows), default=0)):
        found = {tuple(files): row for row in rows if (files := named(row[column].strip()))}
        if not found or 2 * len(found) < len(rows):
            continue
        header = [] if named(rows[0][column].strip()) else rows[0]
        place, of_split = label_column(header), split_column(header)
        others = [n for n in range(min(map(len, rows))) if n not in (column, of_split)]
        if place in (None, column):
            place = others[0] if len(others) == 1 else _of_words(list(found.values()), others)
        labels: Labels = {}
        for files, row in found.items():
            rest = [cell.strip() for n, cell in enumerate(row) if n != column]
            if place is not None:
                label = row[place].strip()
            elif header and len(rest) > 1 and sorted(rest) == ["0"] * (len(rest) - 1) + ["1"]:
                names = [name for n, name in enumerate(header) if n != column]  # a column for each class
                label = names[rest.index("1")].strip()
            else:
                shown = ", ".join((header or row)[:NAMED]) + ", ..." * (len(row) > NAMED)
                expected = f"expected one named {', '.join(LABEL_COLUMNS[:4])}, ..."
                return {}, f"left out {table.name}, whose columns ({shown}) do not say which is the class; {expected}"
            split = split_of(row[of_split]) if of_split is not None else None
            if len(files) == 1:
                labels[files[0]] = label, split or _split(files[0], folder) or whole
        several = len(found) - len(labels)
        return labels, f"left out {several:,} names in {table.name} that several pictures have" if several else ""
    return {}, ""


def _of_words(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> int | None:
    """The only column of words that repeat; ``None`` where there is none, or another."""
    cells = {column: {row[column].strip() for row in rows} for column in columns}
    words = [n for n, own in cells.items() if 1 < len(own) < len(rows) and not any(map(is_number, own))]
    return words[0] if len(words) == 1 else None


def _rows(table: Path) -> list[list[str]]:
    """The cells of a table; [] of a file that is none."""
    with reading(table), open(table, encoding="utf-8-sig", errors="replace", newline="") as stream:
        text = stream.read()
    try:
        if table.suffix.lower() in (".json", ".jsonl"):
            records = _records(text, table.suffix.lower() == ".jsonl")
            keys = list(dict.fromkeys(key for record in records for key in record.keys()))
            return [keys, *([str(record.get(key, "")) for key in keys] for record in records)]
        delimiter = max(",;\t ", key=text[:4096].count)
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if len(row) >= 2]
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, csv.Error):
        return []


def _records(text: str, lines: bool) -> list[dict[str, Any]]:
    """A record for each picture: as Hugging Face has it, a list of records, names with classes, or COCO."""
    if lines:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    value = json.loads(text)
    if isinstance(value, dict) and {"images", "annotations", "categories"} <= value.keys():
        classes = {one["id"]: one["name"] for one in value["categories"]}
        files = {one["id"]: one["file_name"] for one in value["images"]}
        objects = [(one["image_id"], classes[one["category_id"]]) for one in value["annotations"]]
        return (
            [{"file": files[key], "label": name} for key, name in objects] if len(dict(objects)) == len(objects) else []
        )
    if isinstance(value, dict):
        return [{"file": name, "label": label} for name, label in value.items()]
    return list(value)
