"""Files that say the classes or the splits of pictures: tables that name them, and notes beside each of them.

Tables are CSV, text, JSON, JSON lines, and COCO of one object in each picture; a list of names in ``test.txt`` says the
split alone. A note is called as its picture: its class in ``.txt``, ``.cls`` (WebDataset), JSON (labelme), XML (VOC).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import some_of
from jaxdoodle.data.readers.source import files_below
from jaxdoodle.data.readers.tables.text import (
    delimiter_of,
    encoding_of,
    hot_column,
    is_number,
    labels_in,
    one_hot_columns,
)
from jaxdoodle.data.readers.words import LABEL_COLUMNS, label_column, split_above, split_column, split_of, splits_in

#: Letters of a path, as systems limit them: longer cells name no picture; those of a class; bytes of a note.
LONGEST, LONGEST_CLASS, MOST_BYTES = 4096, 80, 2**24
#: Labels that all differ are none, from so many on.
FEW = 20
#: A line of YOLO: the number of a class, and a box or an outline.
BOX = re.compile(r"(\d+)(?: [\d.]+){4,}")
TABLES, NOTES = (".csv", ".tsv", ".txt", ".json", ".jsonl"), (".txt", ".cls", ".json", ".xml")
#: Picture -> its class, and its split, where they are known.
Labels = dict[Path, tuple[str | None, str | None]]


def label_tables(folder: Path, pictures: Sequence[Path], notes: list[str]) -> tuple[Labels, str]:
    """The classes and splits of the pictures that tables name, and the first of these tables.

    A table lies in the folder, in that of a split, or in one without pictures. Where some are of train and of test by
    their names, others are left out; so are submissions, which list guesses.
    """
    by_name = _by_name(folder, pictures)
    above = {parent for file in pictures for parent in file.parents}
    tables = {}
    for table in files_below(folder):
        note = table.suffix.lower() in NOTES and table.stem in by_name
        if table.suffix.lower() in TABLES and not note and "submission" not in table.name.lower():
            if table.parent == folder or split_of(table.parent.name) or table.parent not in above:
                tables[table] = _rows(table)
    found: dict[Path, Labels] = {}
    for table in tables:
        labels, said = _labels_in(table, tables, folder, by_name)
        if labels:
            found[table] = labels
        if said:
            notes.append(said)
    splits = {table: split_of(table.name) for table in found if table.parent == folder}
    if {"train", "test"} <= set(splits.values()):
        for table in (table for table, split in splits.items() if split is None):
            notes.append(f"left out {table.name}, whose name says neither train nor test")
            del found[table]
    every: Labels = {}
    for labels in sorted(found.values(), key=len, reverse=True):  # a list of the classes may name 3.png
        for file, (label, split) in labels.items():
            known = every.get(file, (None, None))
            every[file] = known[0] or label, known[1] or split
    return every, f"with {next(iter(found)).name}" if found else ""


def labels_beside(folder: Path, pictures: Sequence[Path]) -> Labels:
    """The classes of the pictures by the notes of their names; {} where they are not the classes of most pictures."""
    by_name, found = _by_name(folder, pictures), dict[Path, str]()
    for note in files_below(folder):
        if note.suffix.lower() in NOTES:
            own = note.relative_to(folder).with_suffix("").as_posix()
            named = by_name.get(own) or by_name.get(note.stem, [])
            if len(named) == 1 and (label := _label_in(note)):
                found[named[0]] = label
    classes = len(set(found.values()))
    if 2 * len(found) < len(pictures) or not 1 < classes <= len(found) / 2:
        return {}
    return {file: (label, split_above(file.relative_to(folder))) for file, label in found.items()}


def _label_in(note: Path) -> str:
    """The one class that a note says; "" where it says none, or several."""
    with reading(note), open(note, "rb") as stream:
        text = stream.read(MOST_BYTES).decode("utf-8-sig", "replace").strip()
    classes: set[str] = set()
    if note.suffix.lower() == ".xml":
        classes = set(re.findall(r"<object>.*?<name>\s*(.*?)\s*</name>", text, re.S))
    elif note.suffix.lower() == ".json":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        if isinstance(value, dict):
            shapes, flags = value.get("shapes") or [], value.get("flags") or {}
            if isinstance(shapes, list) and isinstance(flags, dict):  # labelme
                classes = {str(one.get("label")) for one in shapes if isinstance(one, dict)}
                classes = classes or {name for name, is_set in flags.items() if is_set is True}
            place = label_column(value)
            classes = classes or ({str(list(value.values())[place])} if place is not None else set())
    elif boxes := [match[1] for line in text.splitlines() if (match := BOX.fullmatch(line.strip()))]:  # YOLO
        classes = set(boxes)
    elif "\n" not in text:
        classes = {text}
    (label,) = classes if len(classes) == 1 else ("",)
    return label if len(label) <= LONGEST_CLASS else ""


def _by_name(folder: Path, pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """The pictures of each name: the path or the last parts of it, with the suffix or without."""
    by_name: dict[str, list[Path]] = {}
    for file in pictures:
        parts = file.relative_to(folder).parts
        for n in range(len(parts)):
            name = "/".join(parts[n:])
            for each in {name, name.removesuffix(file.suffix)}:
                by_name.setdefault(each, []).append(file)
    return by_name


def _labels_in(
    table: Path, tables: Mapping[Path, list[list[str]]], folder: Path, pictures: Mapping[str, Sequence[Path]]
) -> tuple[Labels, str]:
    """The label of each picture that one of the tables names, and a line on what is left out.

    A name is that of a picture below the folder of the table, else of the one picture of this name in the split of the
    table, by its name or folder, or in all; without the folders that are not there, of another computer.
    """
    rows = tables[table]
    below = f"{table.parent.relative_to(folder).as_posix()}/"
    whole = split_of(table.name) or split_above(table.relative_to(folder))
    deepest = 1 + max((name.count("/") for name in pictures), default=0)

    @cache
    def named(name: str) -> Sequence[Path]:
        if len(name) > LONGEST:
            return ()
        parts = name.replace("\\", "/").split("/")
        ends = [name, *("/".join(parts[-n:]) for n in range(min(deepest, len(parts)), 0, -1))]
        found = next(filter(None, (pictures.get(below + end) or pictures.get(end) for end in ends)), ())
        own = [file for file in found if split_above(file.relative_to(folder)) == whole] if len(found) > 1 else []
        return own or found

    if table.suffix.lower() == ".txt":  # a list of names with spaces, or of such names and their labels
        joined = [[" ".join(row)] for row in rows], [[" ".join(row[:-1]), row[-1]] for row in rows]
        named_so = (sum(below + row[0] in pictures or row[0] in pictures for row in each) for each in joined)
        rows = next((each for each, count in zip(joined, named_so, strict=True) if 2 * count > len(rows)), rows)
    columns = range(min(map(len, rows), default=0))
    by_column = ({tuple(files): row for row in rows if (files := named(row[n].strip()))} for n in columns)
    column, found = next(((n, own) for n, own in enumerate(by_column) if own and 2 * len(own) >= len(rows)), (0, {}))
    if not found:
        return {}, ""
    header = [] if named(rows[0][column].strip()) else rows[0]
    header, rows = _joined(table, header, [row[: len(columns)] for row in found.values()], tables if column else {})
    cells = [[row[n].strip() for row in rows] for n in range(len(rows[0]))]
    others = [n for n in range(len(cells)) if n != column]
    of_split = split_column(header)
    titles = header or [table.stem if "partition" in table.stem else ""] * len(cells)
    if of_split is None:
        of_split = next((n for n in others if all(splits_in(titles[n], cells[n]))), None)
    splits = splits_in(titles[of_split], cells[of_split]) if of_split is not None else []
    others = [n for n in others if n != of_split]
    place = label_column(header)
    guessed = place in (None, column)
    if guessed:
        place = others[0] if len(others) == 1 else _of_words(cells, others)
    labels: list[str | None] = [None] * len(rows)
    said = ""
    if place is not None:
        labels = labels_in(cells[place])
    elif header and (hot := one_hot_columns(rows, others)):
        labels = [header[n].strip() for row in rows if (n := hot_column(row, hot)) is not None]
    elif others:
        shown = some_of(header or rows[0])
        expected = f"expected one named {', '.join(LABEL_COLUMNS[:4])}, ..."
        said = f"left out {table.name}, whose columns ({shown}) do not say which is the class; {expected}"
    if guessed and len(set(labels)) > max(FEW, len(labels) / 2):
        return {}, ""
    told: Labels = {}
    for n, (files, label) in enumerate(zip(found, labels, strict=True)):
        if len(files) == 1 and not (any(splits) and splits[n] is None):
            told[files[0]] = label, splits[n] if any(splits) else split_above(files[0].relative_to(folder)) or whole
    if said:
        return told if whole else {}, said
    if several := sum(len(files) > 1 for files in found):
        said = f"left out {several:,} names in {table.name} that several pictures have"
    if any(splits) and None in splits:
        said += (
            "; " * bool(said) + f"left out {splits.count(None):,} names of which {table.name} does not say the split"
        )
    return told, said


def _joined(
    table: Path, header: list[str], rows: list[list[str]], tables: Mapping[Path, list[list[str]]]
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table, with the cells that tables beside it have for the same ids in the first column.

    A table of such cells has two columns; without a header, its name is that of the second.
    """
    ids = {row[0] for row in rows}
    names = header or [""] * len(rows[0])
    for other, own in tables.items():
        value = {row[0]: row[1] for row in own if len(row) == 2}
        if other != table and other.parent == table.parent and len(value) == len(own) <= len(ids) + 1:
            if ids <= value.keys():
                rows = [[*row, value[row[0]]] for row in rows]
                names = [*names, value.get(names[0], other.stem)]
    return (names if any(names) else []), rows


def _of_words(cells: Sequence[Sequence[str]], columns: Sequence[int]) -> int | None:
    """The only column of words that repeat; ``None`` where there is none, or another."""
    words = [n for n in columns if 1 < len(set(cells[n])) < len(cells[n]) and not any(map(is_number, cells[n]))]
    return words[0] if len(words) == 1 else None


def _rows(table: Path) -> list[list[str]]:
    """The cells of a table; [] of a file that is none."""
    with reading(table), open(table, encoding=encoding_of(table), errors="replace", newline="") as stream:
        text = stream.read()
    try:
        if table.suffix.lower() in (".json", ".jsonl"):
            records = _records(text, table.suffix.lower() == ".jsonl")
            keys = list(dict.fromkeys(key for record in records for key in record.keys()))
            return [
                keys,
                *(["" if record.get(key) is None else str(record[key]) for key in keys] for record in records),
            ]
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter_of(text[:4096])) if row]
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
