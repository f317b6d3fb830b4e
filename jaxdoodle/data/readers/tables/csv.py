"""Tables of pixels in text: a row for each image with its label in a column, or images and labels in two tables."""

from __future__ import annotations

import csv
import filecmp
import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.class_names import names_of_labels
from jaxdoodle.data.readers.found import Found, Wanted, found_arrays
from jaxdoodle.data.readers.strokes import read_stroke_files
from jaxdoodle.data.readers.tables.arrays import dataset_in
from jaxdoodle.data.readers.tables.text import Table, is_number, labels_in, open_table
from jaxdoodle.data.readers.words import (
    INDEX,
    LABEL_COLUMNS,
    NUMBER,
    base_name,
    is_image,
    label_column,
    pixel_columns,
    role_of,
    split_column,
    split_in,
    split_of,
)

#: Rows from which the layout of a table is told, and that are converted at once.
LOOKED_AT, CHUNK = 200, 2_000
#: The test set of LIBSVM's datasets: mnist.t beside mnist.
TEST = {".t": "test"}
#: Rows from which on labels that all differ are the numbers of the rows.
FEW = 20
#: What is left out around a label.
QUOTES = " \t'\""


def is_table(path: Path) -> bool:
    """Whether a text file begins with rows of many columns, or is a table of drawings."""
    try:
        table = open_table(path)
        first = _first(table)
    except (InputError, UnicodeError, csv.Error):
        return False
    numbers = len(first) > 16 and 2 * sum(map(is_number, first)) > len(first)
    return "drawing" in table.header or "pixels" in table.header or numbers


def read_tables(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some tables of text; ``None`` where none of them is one.

    Two files whose names say train and test are these splits. A table without labels is left out, and said to be,
    unless another holds its labels: X_train.csv and y_train.csv.
    """
    tables = {file: open_table(file) for file in files if is_table(file)}
    drawings = [file for file, table in tables.items() if "drawing" in table.header]
    if drawings:
        named = [file for file in drawings if "word" in tables[file].header or split_of(file.name) != "test"]
        drawn = read_stroke_files(Path(os.path.commonpath([file.parent for file in named])), named, wanted)
        drawn.left_out += [f"left out {file.name}, which has no labels" for file in drawings if file not in named]
        return drawn
    pairs: dict[str, tuple[NDArray[Any], list[str]]] = {}
    read, unlabeled, left_out, kinds, stems = list[Path](), list[Path](), list[str](), set(), dict[str, str]()
    several = len({file.parent for file in tables}) > 1
    splits = {
        file: split_of(file.name) or (split_of(file.parent.name) if several else None) or TEST.get(file.suffix)
        for file in tables
    }
    if "train" not in splits.values() and (others := [file for file in splits if splits[file] is None]):
        splits |= dict.fromkeys(others, "train")
    if len(set(splits.values())) == 1:
        splits = dict.fromkeys(tables, "train")
    labels = {file: _count(file) for file in files if file not in tables and role_of(base_name(file))[1] == "labels"}
    for file, table in tables.items():
        split = splits[file]
        if again := next((other for other in read if filecmp.cmp(file, other, shallow=False)), None):
            left_out.append(f"left out {file.parent.name}/{file.name}, which is {again.parent.name}/{again.name} again")
            continue
        read.append(file)
        apart = label_column(table.header) is None and any(count == _count(file) for count in labels.values())
        if apart or (found := _read(table, wanted)) is None:
            unlabeled.append(file)
        elif split is None:
            left_out.append(f"left out {file.name}, whose name says neither train nor test")
        else:
            kinds.add(found[0])
            for own, (images, names) in found[1].items():
                name, stem = own or split, NUMBER.sub("", file.name)
                if name in pairs:  # the first of numbered parts
                    if stems[name] != stem or images.shape[1:] != pairs[name][0].shape[1:]:
                        expected = "expected one, or names with train and test"
                        raise InputError(f"{file}: a second table of {name} images; {expected}.")
                    images, names = np.concatenate([pairs[name][0], images]), pairs[name][1] + names
                stems[name], pairs[name] = stem, (images, names)
    if not pairs:
        if (both := _apart(files, wanted) if unlabeled else None) is not None:
            return both
        if unlabeled:
            expected = f"expected a column named {', '.join(LABEL_COLUMNS[:4])}, ..."
            raise InputError(f"{unlabeled[0]}: has no labels; {expected}")
        return None
    found_all = found_arrays(f"tables, {' and '.join(sorted(kinds))}", pairs, str(files[0]), wanted)
    found_all.left_out += left_out + [f"left out {file.name}, which has no labels" for file in unlabeled]
    found_all.left_out += [f"left out {file.name}; the tables have labels themselves" for file in labels]
    return found_all


def _count(file: Path) -> int:
    """Rows of a table; 0 of what is none."""
    try:
        return sum(1 for _ in open_table(file).rows())
    except (InputError, UnicodeError):
        return 0


def _apart(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """Tables of numbers by the names of their files: of images and labels apart, or of the images of each class."""
    arrays, numbers = {}, dict[tuple[str, ...], tuple[Path, tuple[str, ...]]]()
    for file in files:
        table = open_table(file)
        if not (rows := [row for _, row in table.rows()]):
            continue
        if (columns := _own_columns(table.header)) and all(len(row) == len(table.header) for row in rows):
            if table.header[0] in INDEX and 0 not in columns:
                own = tuple(row[0] for row in rows)
                other, order = numbers.setdefault(tuple(sorted(own)), (file, own))
                if order != own:
                    raise InputError(f"{file}: numbers the rows of {other.name} in another order; expected the same.")
            rows = [[row[n] for n in columns] for row in rows]
        try:
            arrays[base_name(file)] = np.array(rows, np.float32)
        except ValueError:
            if any(len(row) != 1 for row in rows):
                continue
            arrays[base_name(file)] = np.array(rows)  # names of classes
    return dataset_in(arrays, str(files[0].parent), wanted) if len(arrays) > 1 else None


def _own_columns(header: Sequence[str]) -> list[int]:
    """The columns of pixels, or that of labels, or all but the numbers of the rows."""
    pixels = pixel_columns(header)
    label = label_column(header)
    if pixels or label is None:
        return pixels or [n for n, name in enumerate(header) if n or name not in INDEX]
    return [label]


def _first(table: Table) -> list[str]:
    return next((row for _, row in table.rows()), [])


def _read(table: Table, wanted: Wanted) -> tuple[str, dict[str | None, tuple[NDArray[Any], list[str]]]] | None:
    """The layout in words, and images and labels by split; ``None`` for a table without labels."""
    path, header, hot = table.path, table.header, range(0)
    columns = len(header) or len(_first(table))
    label = label_column(header)
    kind = "with a header"
    if label is None:
        others = sorted({*range(columns)} - {*pixel_columns(header)}) if pixel_columns(header) else [0, columns - 1]
        others = [n for n in others if not header or header[n] not in INDEX]
        hot = _one_hot(table, columns)
        label = None if hot else _label_column(table, columns, others)
        if label is None and not hot:
            return None
        where = "one-hot, last" if label is None else "first" if label == 0 else "last"
        kind = f"{'with' if header else 'without'} a header, label {where}"
    of_split = split_column(header)
    pixels = [i for i in range(columns) if i not in (label, of_split, *hot)]
    if header:
        pixels = [pixels[n] for n in pixel_columns([header[i] for i in pixels])] or pixels
    texts = header.index("pixels") if "pixels" in header else None  # FER-2013 has all of an image in one column
    images: list[NDArray[Any]] = []
    labels: list[tuple[str, str | None]] = []
    block, names, width = [], list[tuple[str, str | None]](), 0
    for number, row in table.rows():
        if len(row) != columns or not (told := _told(row, label, hot)):
            found = f"{len(row):,} columns; expected {columns:,}" if len(row) != columns else "no label"
            wanted.broken(InputError(f"{path}: line {number}: {found}."))
            continue
        cells = row[texts].strip("[] ").replace(",", " ").split() if texts is not None else [row[i] for i in pixels]
        if len(cells) != (width := width or len(cells)):
            wanted.broken(InputError(f"{path}: line {number}: {len(cells):,} pixels; expected {width:,}."))
            continue
        block.append((number, cells))
        names.append((told, None if of_split is None else split_in(header[of_split], row[of_split])))
        if len(block) == CHUNK:
            _convert(path, block, names, images, labels, wanted)
            block, names = [], []
    _convert(path, block, names, images, labels, wanted)
    if not images:
        raise InputError(f"{path}: holds no images.")
    answers = labels_in([name for name, _ in labels])
    known = {n: one for n, one in enumerate(answers) if one is not None}
    for n in range(len(answers)):
        if n not in known:
            wanted.broken(InputError(f"{path}: image {n + 1:,}: no label."))
    every, named = np.concatenate(images), dict(zip(known, _names(list(known.values()), path), strict=True))
    rows = {split: [n for n in known if labels[n][1] == split] for split in {labels[n][1] for n in known}}
    if len(known) == len(every) and len(rows) == 1:
        return kind, {split: (every, list(named.values())) for split in rows}
    return kind, {split: (every[own], [named[n] for n in own]) for split, own in rows.items()}


def _told(row: list[str], label: int | None, hot: range) -> str:
    """The label of a row: a cell, or the place of the one among columns of zeros."""
    if label is not None:
        return row[label].strip(QUOTES)
    ones = [n for n, column in enumerate(hot) if float(row[column]) == 1] if all(is_number(row[n]) for n in hot) else []
    return str(ones[0]) if len(ones) == 1 else ""


def _one_hot(table: Table, columns: int) -> range:
    """The last columns where they are one-hot labels behind an image; empty where none are."""
    sample = [row for _, row in islice(table.rows(), LOOKED_AT) if len(row) == columns]
    for count in range(2, columns // 2):
        hot = range(columns - count, columns)
        if is_image(columns - count) and {sum(row[n].strip(" 0.") == "1" for n in hot) for row in sample} == {1}:
            if len({_told(row, None, hot) for row in sample} - {""}) > 1:
                return hot
    return range(0)


def _convert(
    path: Path, block: list[Any], names: list[Any], images: list[Any], labels: list[Any], wanted: Wanted
) -> None:
    """The numbers of some rows, all at once; one by one where one of them is broken."""
    if not block:
        return
    try:
        images.append(np.array([row for _, row in block], np.float32))
        labels += names
    except ValueError:
        for (number, row), name in zip(block, names, strict=True):
            try:
                images.append(np.array([row], np.float32))
                labels.append(name)
            except ValueError:
                wrong = next((cell for cell in row if not is_number(cell)), "")
                wanted.broken(InputError(f"{path}: line {number}: found {wrong[:40]!r}; expected a number."))


def _names(labels: list[str], path: Path) -> list[str]:
    if all(map(is_number, labels)):
        return names_of_labels(np.array(labels, np.float64), str(path))
    return names_of_labels(np.array(labels), str(path))


def _label_column(table: Table, columns: int, places: Sequence[int]) -> int | None:
    """Of some columns, the first and the last, the one with few whole numbers, or names; ``None`` where none has them.

    A border pixel is constant in most tables; where both columns vary, the labels are those without gaps from 0 or 1.
    """
    if not is_image(columns - 1):
        return None
    sample = [row for _, row in islice(table.rows(), LOOKED_AT) if len(row) == columns]
    if not sample:
        return None
    cells = {column: [row[column].strip() for row in sample] for column in places}

    def rank(column: int) -> tuple[bool, bool, int]:
        if not all(map(is_number, cells[column])):
            return (True, True, 0)
        values = np.unique(np.array(cells[column], float))
        whole = bool((values % 1 == 0).all() and values[0] >= 0 and len(values) > 1)
        return whole, bool(whole and values[-1] <= len(values)), -len(values)

    several = [column for column in cells if len(sample) < FEW or len(set(cells[column])) < len(sample)]  # no numbering
    best = max(several, key=rank, default=None)
    return best if best is None or len(several) == 2 or rank(best)[0] else None
