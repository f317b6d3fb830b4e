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
from jaxdoodle.data.readers.found import NAMED
from jaxdoodle.data.readers.source import files_below
from jaxdoodle.data.readers.tables.text import is_number, labels_in
from jaxdoodle.data.readers.words import LABEL_COLUMNS, label_column, split_column, split_in, split_of

#: Letters of a path, as systems limit them: longer cells name no picture; those of a class; bytes of a note.
LONGEST, LONGEST_CLASS, MOST_BYTES = 4096, 80, 2**24
#: Labels that all differ are none, from so many on.
FEW = 20
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
    found: dict[Path, Labels] = {}
    for table in files_below(folder):
        note = table.suffix.lower() in NOTES and table.stem in by_name
        if table.suffix.lower() in TABLES and not note and "submission" not in table.name.lower():
            if table.parent == folder or split_of(table.parent.name) or table.parent not in above:
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
    return {file: (label, _split(file, folder)) for file, label in found.items()}


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
    elif "\n" not in text:
        classes = {text}
    (label,) = classes if len(classes) == 1 else ("",)
    return label if len(label) <= LONGEST_CLASS else ""


def _by_name(folder: Path, pictures: Sequence[Path]) -> dict[str, list[Path]]:
    """The pictures of each name: the path or the last part of it, with the suffix or without."""
    by_name: dict[str, list[Path]] = {}
    for file in pictures:
        path = file.relative_to(folder)
        for name in {path.as_posix(), path.with_suffix("").as_posix(), path.name, path.stem}:
            by_name.setdefault(name, []).append(file)
    return by_name


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
        others = [n for n in range(min(map(len, rows))) if n != column]
        place, of_split = label_column(header), split_column(header)
        if of_split is None:
            cells = ({row[n].strip() for row in found.values()} for n in others)
            of_split = next((n for n, own in zip(others, cells, strict=True) if all(map(split_of, own))), None)
        others = [n for n in others if n != of_split]
        guessed = place in (None, column)
        if guessed:
            place = others[0] if len(others) == 1 else _of_words(list(found.values()), others)
        one_hot = _one_hot(header, column, list(found.values())) if place is None else {}
        if place is None and others and not one_hot:
            shown = ", ".join((header or rows[0])[:NAMED]) + ", ..." * (len(rows[0]) > NAMED)
            expected = f"expected one named {', '.join(LABEL_COLUMNS[:4])}, ..."
            return {}, f"left out {table.name}, whose columns ({shown}) do not say which is the class; {expected}"
        labels: Labels = {}
        for files, row in found.items():
            ones = [name for n, name in one_hot.items() if row[n].strip(" 0.") == "1"]
            label = row[place].strip() if place is not None else ones[0] if ones else None
            split = split_in(header[of_split] if header else "", row[of_split]) if of_split is not None else None
            if len(files) == 1:
                labels[files[0]] = label, split or _split(files[0], folder) or whole
        told = labels_in([label or "" for label, _ in labels.values()])
        labels = {file: (label, split) for (file, (_, split)), label in zip(labels.items(), told, strict=True)}
        if guessed and len({label for label, _ in labels.values()}) > max(FEW, len(labels) / 2):
            return {}, ""
        several = len(found) - len(labels)
        return labels, f"left out {several:,} names in {table.name} that several pictures have" if several else ""
    return {}, ""


def _one_hot(header: Sequence[str], column: int, rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """The columns of the classes, where a table has one for each, and the names of these; else {}."""
    columns = {n: name.strip() for n, name in enumerate(header) if n != column}
    hot = all(sorted(row[n].strip(" 0.") for n in columns) == [""] * (len(columns) - 1) + ["1"] for row in rows)
    return columns if hot and len(columns) > 1 else {}


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
            return [
                keys,
                *(["" if record.get(key) is None else str(record[key]) for key in keys] for record in records),
            ]
        delimiter = max(",;\t ", key=text[:4096].count)
        return [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
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
