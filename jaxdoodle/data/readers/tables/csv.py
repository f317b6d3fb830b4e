"""Tables of pixels in text: a row for each image with its label in columns, or images and labels in two tables."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import Found, Wanted, column_of
from jaxdoodle.data.readers.strokes import read_stroke_files
from jaxdoodle.data.readers.tables.arrays import Columns, dataset_of
from jaxdoodle.data.readers.tables.text import Table, hot_column, is_number, labels_in, one_hot_columns, open_table
from jaxdoodle.data.readers.words import (
    INDEX,
    LABEL_COLUMNS,
    base_name,
    is_image,
    label_column,
    pixel_columns,
    role_of,
    split_column,
    split_of,
)

#: Rows from which the layout of a table is told, and that are converted at once.
LOOKED_AT, CHUNK = 200, 2_000
#: Rows from which on labels that all differ are the numbers of the rows.
FEW = 20
#: What is left out around a label.
QUOTES = " \t'\""
#: What tells the label from the cells of a row; "" where they say none.
Tell = Callable[[Sequence[str]], str]


def is_table(path: Path) -> bool:
    """Whether a text file begins with rows of many columns, or is a table of drawings."""
    try:
        table = open_table(path)
        _, first = next(table.rows(), (0, list[str]()))
    except (InputError, UnicodeError, csv.Error):
        return False
    numbers = len(first) > 16 and 2 * sum(map(is_number, first)) > len(first)
    return "drawing" in table.header or "pixels" in table.names or numbers


def read_tables(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some tables of text; ``None`` where none of them is one.

    A table without labels is left out, and said to be, unless another holds its labels: X_train.csv and y_train.csv.
    """
    tables = {file: open_table(file) for file in files if is_table(file)}
    drawings = [file for file, table in tables.items() if "drawing" in table.header]
    if drawings:
        named = [file for file in drawings if "word" in tables[file].header or split_of(file.name) != "test"]
        drawn = read_stroke_files(Path(os.path.commonpath([file.parent for file in named])), named, wanted)
        drawn.left_out += [f"left out {file.name}, which has no labels" for file in drawings if file not in named]
        return drawn
    apart = {file: open_table(file) for file in files if file not in tables and role_of(base_name(file))[1] == "labels"}
    counts = set(map(_count, apart.values()))
    labeled, unlabeled, kinds = dict[Path, Columns](), dict[Path, Columns](), set[str]()
    for file, table in tables.items():
        labels_apart = label_column(table.header) is None and counts and _count(table) in counts
        kind, columns = _columns(table, wanted, not labels_apart)
        (labeled if kind else unlabeled)[file] = columns
        kinds |= {kind} - {""}
    if labeled:
        found = dataset_of(labeled, wanted, f"tables, {' and '.join(sorted(kinds))}")
        if found is not None:
            found.left_out += [f"left out {file.name}, which has no labels" for file in unlabeled]
            found.left_out += [f"left out {file.name}; the tables have labels themselves" for file in apart]
        return found
    if not unlabeled:
        return None
    narrow = (file for file in files if file not in tables and role_of(base_name(file))[1] == "images")
    unlabeled |= {
        file: _columns(open_table(file), wanted, False)[1] for file in narrow
    }  # of few drawings, one a column
    _refuse_other_order([*map(open_table, unlabeled), *apart.values()])
    found = dataset_of(unlabeled | {file: {"": _labels_apart(table)} for file, table in apart.items()}, wanted)
    if found is None:
        expected = f"expected a column named {', '.join(LABEL_COLUMNS[:4])}, ..."
        raise InputError(f"{next(iter(unlabeled))}: has no labels; {expected}")
    return found


def _count(table: Table) -> int:
    """The rows of a table."""
    return sum(1 for _ in table.rows())


def _refuse_other_order(tables: Sequence[Table]) -> None:
    """Raises ``InputError`` where tables number their rows alike, but in another order."""
    known = dict[tuple[str, ...], tuple[Table, list[str]]]()
    for table in tables:
        if table.names and table.names[0] in INDEX:
            numbers = [row[0] for _, row in table.rows()]
            other, order = known.setdefault(tuple(sorted(numbers)), (table, numbers))
            if order != numbers:
                raise InputError(f"{table.path}: numbers the rows of {other.path.name} in another order.")


def _labels_apart(table: Table) -> NDArray[Any]:
    """The labels in a table of nothing else: of one column, or of one-hot columns that may be named."""
    rows = [row for _, row in table.rows()]
    place = label_column(table.header)
    columns = [n for n, name in enumerate(table.names) if name not in INDEX] if place is None else [place]
    numbered = table.header and not columns and len({*map(tuple, rows)}) == len(rows) >= FEW
    if not rows or numbered:
        raise InputError(f"{table.path}: holds no labels.")
    columns = columns or list(range(len(rows[0])))
    if any(len(row) <= max(columns) for row in rows):
        raise InputError(f"{table.path}: holds rows of several lengths.")
    hot = [hot_column(row, columns) for row in rows]
    if table.header and len(columns) > 1 and None not in hot:
        return column_of([table.header[n] for n in hot if n is not None])
    cells = [[row[n] for n in columns] for row in rows]
    return np.array(cells, np.float64 if all(is_number(cell) for row in cells for cell in row) else None)


def _columns(table: Table, wanted: Wanted, labeled: bool) -> tuple[str, Columns]:
    """The layout of a table in words, and its columns of images, labels and splits; of images alone "" and these."""
    sample = [row for _, row in islice(table.rows(), LOOKED_AT)]
    columns = len(table.header) or len(sample[0])
    kind, told, tell = _labels(table, [row for row in sample if len(row) == columns]) if labeled else ("", [], None)
    of_split = split_column(table.header)
    pixels = [n for n in range(columns) if n not in told and n != of_split]
    if table.header:
        names = table.names
        pixels = [n for n in pixels if names[n] not in INDEX]
        pixels = [pixels[n] for n in pixel_columns([table.header[i] for i in pixels])] or pixels
    rows = _whole_rows(table, columns, pixels, wanted)
    blocks, kept = list[NDArray[Any]](), list[list[str]]()
    while block := list(islice(rows, CHUNK)):
        try:
            blocks.append(np.array([cells for *_, cells in block], np.float32))
        except ValueError:
            block = [one for one in block if _are_numbers(table, *one, wanted)]
            blocks += [np.array([cells], np.float32) for *_, cells in block]
        kept += [row for _, row, _ in block]
    if not blocks:
        raise InputError(f"{table.path}: holds no images.")
    images = np.concatenate(blocks)
    if tell is None:
        return "", {"": images}
    labels = labels_in([tell(row) for row in kept])
    found = {"images": images, "labels": column_of(labels)}
    if all(is_number(label) for label in labels if label is not None):
        found["labels"] = np.array([np.nan if label is None else float(label) for label in labels])
    if of_split is not None:
        found[table.names[of_split]] = column_of([row[of_split] for row in kept])
    return kind, found


def _whole_rows(
    table: Table, columns: int, pixels: Sequence[int], wanted: Wanted
) -> Iterator[tuple[int, list[str], list[str]]]:
    """The rows that have all columns and pixels, by the number of their line, and the pixels of each."""
    texts = table.names.index("pixels") if "pixels" in table.names else None  # FER-2013: all of an image in a column
    width = 0
    for number, row in table.rows():
        if len(row) != columns:
            found = f"{len(row):,} columns; expected {columns:,}"
            wanted.broken(InputError(f"{table.path}: line {number}: {found}."))
            continue
        cells = [row[n] for n in pixels] if texts is None else row[texts].strip("[] ").replace(",", " ").split()
        width = width or len(cells)
        if len(cells) == width:
            yield number, row, cells
        else:
            wanted.broken(InputError(f"{table.path}: line {number}: {len(cells):,} pixels; expected {width:,}."))


def _are_numbers(table: Table, line: int, row: list[str], cells: list[str], wanted: Wanted) -> bool:
    """Whether the pixels of a row are numbers; else it is reported."""
    wrong = next((cell for cell in cells if not is_number(cell)), None)
    if wrong is not None:
        wanted.broken(InputError(f"{table.path}: line {line}: found {wrong[:40]!r}; expected a number."))
    return wrong is None


def _labels(table: Table, sample: list[list[str]]) -> tuple[str, Sequence[int], Tell | None]:
    """Where the labels are, in words and as columns, and what tells them; ``None`` in a table without labels."""
    header, label = table.header, label_column(table.header)
    if label is not None:
        return "with a header", [label], lambda row: row[label].strip(QUOTES)
    if not sample:
        return "", [], None
    columns, pixels = len(sample[0]), pixel_columns(header)
    others = sorted({*range(columns)} - {*pixels}) if pixels else [0, columns - 1]
    called = table.names
    others = [n for n in others if not header or called[n] not in INDEX]
    kind = "with a header" if header else "without a header"
    if hot := one_hot_columns(sample, others) if pixels else _last_one_hot(sample, columns):
        names = {n: header[n] if header else str(place) for place, n in enumerate(hot)} | {None: ""}
        return f"{kind}, label one-hot", hot, lambda row: names[hot_column(row, hot)]
    found = _label_column(sample, columns, others)
    if found is None:
        return "", [], None
    return f"{kind}, label {'last' if found else 'first'}", [found], lambda row: row[found].strip(QUOTES)


def _last_one_hot(sample: list[list[str]], columns: int) -> Sequence[int]:
    """The last columns where they are one-hot labels behind an image; empty where none are."""
    for count in range(2, columns // 2):
        if is_image(columns - count) and (hot := one_hot_columns(sample, range(columns - count, columns))):
            if len(hot) == count and len({hot_column(row, hot) for row in sample}) > 1:
                return hot
    return []


def _label_column(sample: list[list[str]], columns: int, places: Sequence[int]) -> int | None:
    """Of some columns, the first and the last, the one with few whole numbers, or names; ``None`` where none has them.

    A border pixel is constant in most tables; where both columns vary, the labels are those without gaps from 0 or 1.
    """
    if not is_image(columns - 1):
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
