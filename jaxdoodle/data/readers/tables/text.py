"""Tables in text, row by row: CSV with any delimiter, ARFF of Weka and OpenML, and the sparse rows of LIBSVM.

ARFF names its columns in lines ``@attribute NAME TYPE`` before ``@data``; a row may be ``{index value, ...}``, counted
from 0. A row of LIBSVM is ``label index:value ...``, counted from 1, ascending. What is not listed is 0, in a nominal
column its first value.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.words import LABEL_COLUMNS, MISSING, plain

#: Letters from which the kind of a table and its columns are told.
LOOKED_AT = 2**18
#: Sides of images, of which a sparse table does not name the last pixels where all are 0.
SIDES = (8, 16, 28, 32, 64)
ATTRIBUTE = re.compile(r"""^[ \t]*@attribute\s+('[^']*'|"[^"]*"|\S+)\s+(?:\{([^},]*)|\S)""", re.I | re.M)
DECIMAL_COMMA = re.compile(r"(?:^|[;\t ])\d+,\d+(?=[;\t ]|$)", re.M)
SPARSE = re.compile(r"\s*[^\s:,]+(\s+\d+:[-+.\deE]+)+\s*")


@dataclass(frozen=True)
class Table:
    """A file, and how its rows are read.

    ``header``: the names of the columns, [] where it has none. ``dialect``: ``None`` for LIBSVM's rows. ``skipped``:
    the lines before the first row. ``defaults``: of sparse rows, the cells that are not listed. ``decimal_comma``:
    whether fractions are written 0,5.
    """

    path: Path
    header: list[str]
    encoding: str
    dialect: type[csv.Dialect] | None
    skipped: int
    defaults: list[str]
    decimal_comma: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the columns as the lists of words have them."""
        return list(map(plain, self.header))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The number of the line and the cells of each row. Raises ``InputError``."""
        with reading(self.path), open(self.path, encoding=self.encoding, errors="replace", newline="") as stream:
            lines: Iterator[str] = islice(stream, self.skipped, None)
            if self.decimal_comma:
                lines = (line.replace(",", ".") for line in lines)
            try:
                if self.dialect is None:
                    for number, line in enumerate(lines, self.skipped + 1):
                        if line.strip():
                            yield number, self._dense(line)
                    return
                for number, row in enumerate(csv.reader(lines, self.dialect), self.skipped + 1):
                    if row and not row[0].startswith(("#", "%")):
                        yield number, self._listed(row) if row[0].startswith("{") else _ended(row)
            except csv.Error as error:
                raise InputError(f"{self.path}: is no table that can be read; {error}.") from None

    def _listed(self, row: list[str]) -> list[str]:
        """A sparse row of ARFF."""
        cells = list(self.defaults)
        for pair in ",".join(row).strip("{} ").split(","):
            place, _, value = pair.strip().partition(" ")
            if not place.isdecimal() or int(place) >= len(cells):
                raise InputError(f"{self.path}: found {pair[:40]!r}; expected the index of a column and its value.")
            cells[int(place)] = value
        return cells

    def _dense(self, line: str) -> list[str]:
        """A row of LIBSVM."""
        label, *pairs = line.split()
        cells = [label, *self.defaults]
        for pair in pairs:
            place, _, value = pair.partition(":")
            if not place.isdecimal() or not 0 < int(place) < len(cells):
                raise InputError(f"{self.path}: found {pair[:40]!r}; expected index:value, counted from 1.")
            cells[int(place)] = value
        return cells


def encoding_of(path: Path) -> str:
    """UTF-16, as Excel's "Unicode text" is, or UTF-8."""
    with reading(path), open(path, "rb") as binary:
        return "utf-16" if binary.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def open_table(path: Path) -> Table:
    """What the begin of a file says. Raises ``InputError`` or ``UnicodeDecodeError`` where it is no text."""
    encoding = encoding_of(path)
    with reading(path), open(path, encoding=encoding, newline="") as stream:
        text = stream.read(LOOKED_AT)
    if attributes := ATTRIBUTE.findall(text):
        at = re.search(r"^[ \t]*@data\b", text, re.I | re.M)
        before = text[: at.end()].count("\n") + 1 if at else 0
        names = [name.strip("'\"") for name, _ in attributes]
        return Table(path, names, encoding, _dialect(","), before, [first.strip() or "0" for _, first in attributes])
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    if lines and SPARSE.fullmatch(lines[first]):
        width = _width(path, encoding)
        return Table(path, ["label", *(f"pixel{n}" for n in range(width))], encoding, None, first, ["0"] * width)
    mark = delimiter_of(text[:4096])
    dialect, decimal_comma = _dialect(mark), mark != "," and bool(DECIMAL_COMMA.search(text))
    names = next(csv.reader(lines[first : first + 1], dialect), [])
    table = Table(path, [], encoding, dialect, first, [], decimal_comma)
    is_label = len(names) == 1 and lines[first] in lines[first + 1 :]  # of a column of names
    if not names or is_label or not _is_header([n.replace(",", ".") for n in names] if decimal_comma else names):
        return table
    table = replace(table, header=_ended([cell.strip() for cell in names]), skipped=first + 1)
    columns = len(next(table.rows(), (0, table.header))[1])
    return replace(table, header=[""] * (columns == len(table.header) + 1) + table.header)  # names of rows in R


def delimiter_of(text: str) -> str:
    """The mark between the cells of a text: a comma may also be that of fractions, beside another mark."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "%"))]
    counts = {mark: sum(line.count(mark) for line in lines) for mark in ";\t,"}
    mark = max(counts, key=lambda mark: counts[mark] * (2 - (mark == ",")))
    return mark if counts[mark] > len(lines) / 2 else " "


def is_number(cell: str) -> bool:
    """Whether ``float`` reads a cell as a number; what ``\\s`` matches besides, it refuses."""
    return bool(re.fullmatch(r"[ \t\r\n]*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?[ \t\r\n]*", cell))


def one_hot_columns(rows: Sequence[Sequence[str]], columns: Sequence[int]) -> list[int]:
    """Those of some columns that hold zeros and ones, where each row has one of these; else []."""
    binary = [n for n in columns if all(is_number(cell) and float(cell) in (0, 1) for cell in {row[n] for row in rows})]
    return binary if len(binary) > 1 and all(hot_column(row, binary) is not None for row in rows) else []


def hot_column(row: Sequence[str], columns: Sequence[int]) -> int | None:
    """The column that holds a one where the others hold zeros; ``None`` where they are not so."""
    values = [float(row[n]) if is_number(row[n]) else None for n in columns]
    return columns[values.index(1)] if values.count(1) == 1 and values.count(0) == len(values) - 1 else None


def labels_in(cells: Sequence[str]) -> list[str | None]:
    """The labels in a column: numbers without ``.0``; ``None`` where a cell is empty or, among numbers, NaN."""
    missing = [cell.lower() in MISSING for cell in cells]
    told = [cell for cell, none in zip(cells, missing, strict=True) if not none]
    if not told or not all(map(is_number, told)):
        return [cell or None for cell in cells]
    return [None if none else re.sub(r"\.0*$", "", cell) for cell, none in zip(cells, missing, strict=True)]


def _is_header(cells: list[str]) -> bool:
    """Whether these are names: no numbers, or numbers that all differ, as no row of pixels does."""
    names = set(map(plain, cells))
    if not names.isdisjoint({*LABEL_COLUMNS} - {"y"}):  # which may be a label itself
        return True
    inner = cells[1:-1] or cells
    told = [cell for cell in inner if cell.strip().lower() not in MISSING]
    return not all(map(is_number, told)) or len(names) == len(cells) > 256


def _dialect(character: str) -> type[csv.Dialect]:
    class Dialect(csv.excel):
        delimiter = character
        skipinitialspace = True

    return Dialect


def _width(path: Path, encoding: str) -> int:
    """Columns of a sparse table: of a usual image that has ink in its last quarter, else as many as are named."""
    last = 1
    with reading(path), open(path, encoding=encoding, errors="replace") as stream:
        for line in stream:
            place = line.rstrip().rpartition(":")[0].rpartition(" ")[2]
            last = max(last, int(place)) if place.isdecimal() else last
    return next((side**2 for side in SIDES if 0.75 * side**2 < last <= side**2), last)


def _ended(row: list[str]) -> list[str]:
    """A row without the empty cell that a delimiter at its end makes."""
    return row[:-1] if row and not row[-1].strip() else row
