"""Tables of pixels in text: a row for each image, its label in a column, with a header or without."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import (
    LABEL_COLUMNS,
    Found,
    Wanted,
    found_arrays,
    label_column,
    names_of_labels,
    split_of,
)
from jaxdoodle.data.readers.strokes import read_kaggle_csv

#: Rows from which the layout of a table is told, and that are converted at once.
LOOKED_AT, CHUNK = 200, 2_000
#: FER-2013 and its like name the split of each row, and hold the pixels of an image in one column.
USAGES = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}


def is_table(path: Path) -> bool:
    """Whether a text file begins with rows of many columns, or is a table of drawings."""
    try:
        header, first = _begin(path)
    except (InputError, UnicodeDecodeError, csv.Error):
        return False
    return (
        "drawing" in header or "pixels" in header or (len(first) > 16 and 2 * sum(map(_is_number, first)) > len(first))
    )


def read_tables(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The dataset in some CSV files; ``None`` where none of them is one.

    Two files whose names say train and test are these splits. A table without labels is left out, and said to be.
    """
    headers = {file: _begin(file)[0] for file in files if is_table(file)}
    drawings = [file for file, header in headers.items() if "drawing" in header]
    if drawings:
        named = [file for file in drawings if "word" in headers[file] or split_of(file.name) != "test"]
        drawn = read_kaggle_csv(named, wanted)
        drawn.left_out += [f"left out {file.name}, which has no labels" for file in drawings if file not in named]
        return drawn
    pairs: dict[str, tuple[NDArray[Any], list[str]]] = {}
    unlabeled, kinds = list[Path](), set()
    splits = [split_of(file.name) or split_of(file.parent.name) for file in headers]
    for file, split in zip(headers, splits, strict=True):
        split = split if split and len(headers) > 1 and "train" in splits else "train"
        found = _read(file, wanted)
        if found is None:
            unlabeled.append(file)
            continue
        kind, parts = found
        kinds.add(kind)
        for own, pair in parts.items():
            name = own or split
            if name in pairs:
                raise InputError(
                    f"{file}: a second table of {name} images; expected one, or names with train and test."
                )
            pairs[name] = pair
    if not pairs:
        if unlabeled:
            expected = f"expected a column named {', '.join(LABEL_COLUMNS[:4])}, ..."
            raise InputError(f"{unlabeled[0]}: has no labels; {expected}")
        return None
    found_all = found_arrays(f"CSV, {' and '.join(sorted(kinds))}", pairs, str(files[0]))
    found_all.left_out += [f"left out {file.name}, which has no labels" for file in unlabeled]
    return found_all


def _begin(path: Path) -> tuple[list[str], list[str]]:
    """The header, as lower-case names ([] without one), and the first row of numbers."""
    with reading(path), open(path, encoding="utf-8-sig", newline="") as stream:
        text = stream.read(2**16)
        rows = csv.reader(text.splitlines()[:2], _dialect(text))
        first, second = next(rows, []), next(rows, [])
    names = [cell.strip().lower() for cell in first]
    named = not {*names}.isdisjoint({*LABEL_COLUMNS} - {"y"})  # which may be a label itself
    if first and (named or not all(map(_is_number, first[1:-1] or first))):
        return names, _ended(second)
    return [], _ended(first)


def _dialect(text: str) -> type[csv.Dialect]:
    class Dialect(csv.excel):
        delimiter = max(",;\t", key=text[:4096].count) if re.search("[,;\t]", text[:4096]) else " "
        skipinitialspace = True

    return Dialect


def _ended(row: list[str]) -> list[str]:
    """A row without the empty cell that a delimiter at its end makes."""
    return row[:-1] if row and not row[-1].strip() else row


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", cell))


def _rows(path: Path, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    with reading(path), open(path, encoding="utf-8-sig", errors="replace", newline="") as stream:
        dialect = _dialect(stream.read(4096))
        stream.seek(0)
        try:
            for number, row in enumerate(csv.reader(stream, dialect), start=1):
                if row and not (header and number == 1):
                    yield number, _ended(row)
        except csv.Error as error:
            raise InputError(f"{path}: is no table that can be read; {error}.") from None


def _read(path: Path, wanted: Wanted) -> tuple[str, dict[str | None, tuple[NDArray[Any], list[str]]]] | None:
    """The layout in words, and images and labels by split; ``None`` for a table without labels."""
    header, first = _begin(path)
    columns = len(first)
    label = label_column(header)
    if "pixels" in header:
        return _pixel_texts(path, header, label, wanted) if label is not None else None
    kind = "with a header"
    if label is None:
        label = _label_column(path, header, columns)
        if label is None:
            return None
        kind = f"{'with' if header else 'without'} a header, label {'first' if label == 0 else 'last'}"
    pixels = [i for i in range(columns) if i != label]
    if header:
        named = [i for i in pixels if re.fullmatch(r"pixel.*|(?!unnamed).*\d.*", header[i])]
        pixels = named if _is_image(len(named)) else pixels
    images: list[NDArray[Any]] = []
    labels: list[str] = []
    block, names = [], []
    for number, row in _rows(path, header):
        if len(row) != columns:
            wanted.broken(InputError(f"{path}: line {number}: {len(row):,} columns; expected {columns:,}."))
            continue
        block.append((number, [row[i] for i in pixels]))
        names.append(row[label].strip())
        if len(block) == CHUNK:
            _convert(path, block, names, images, labels, wanted)
            block, names = [], []
    _convert(path, block, names, images, labels, wanted)
    if not images:
        raise InputError(f"{path}: holds no images.")
    return kind, {None: (np.concatenate(images), _names(labels, path))}


def _convert(
    path: Path, block: list[Any], names: list[str], images: list[Any], labels: list[str], wanted: Wanted
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
                wrong = next(cell for cell in row if not _is_number(cell))
                wanted.broken(InputError(f"{path}: line {number}: found {wrong[:40]!r}; expected a number."))


def _names(labels: list[str], path: Path) -> list[str]:
    if all(map(_is_number, labels)):
        return names_of_labels(np.array(labels, np.float64), str(path))
    return names_of_labels(np.array(labels), str(path))


def _is_image(count: int) -> bool:
    """Whether so many numbers are an image: a square, or three."""
    return count >= 16 and any(count % c == 0 and math.isqrt(count // c) ** 2 * c == count for c in (1, 3))


def _label_column(path: Path, header: list[str], columns: int) -> int | None:
    """The first or the last column: the one with few whole numbers, or names; ``None`` where all are pixels.

    A border pixel is constant in most tables; where both columns vary, the labels are those without gaps from 0 or 1.
    """
    if not _is_image(columns - 1) or (header and _is_image(columns) and not _is_image(columns - 1)):
        return None
    sample = [row for _, row in zip(range(LOOKED_AT), (row for _, row in _rows(path, header)), strict=False)]
    sample = [row for row in sample if len(row) == columns]

    def rank(column: int) -> tuple[bool, bool, int]:
        cells = [row[column].strip() for row in sample]
        if not all(map(_is_number, cells)):
            return (True, True, 0)
        values = np.unique(np.array(cells, float))
        whole = bool((values % 1 == 0).all() and values[0] >= 0 and len(values) > 1)
        return whole, bool(whole and values[-1] <= len(values)), -len(values)

    return max((0, columns - 1), key=rank)


def _pixel_texts(path: Path, header: list[str], label: int, wanted: Wanted) -> Any:
    column, usage = header.index("pixels"), header.index("usage") if "usage" in header else None
    images: dict[str | None, list[Any]] = {}
    labels: dict[str | None, list[str]] = {}
    for number, row in _rows(path, header):
        try:
            pixels = np.array(row[column].split(), np.float32)
            split = USAGES.get(row[usage].strip()) if usage is not None else None
            if images.get(split) and len(pixels) != len(images[split][0]):
                raise ValueError
        except (ValueError, IndexError):
            wanted.broken(InputError(f"{path}: line {number}: expected a label and the pixels of an image."))
            continue
        images.setdefault(split, []).append(pixels)
        labels.setdefault(split, []).append(row[label].strip())
    return "pixels in one column", {s: (np.stack(images[s]), _names(labels[s], path)) for s in images}
