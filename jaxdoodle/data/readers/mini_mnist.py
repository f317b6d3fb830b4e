"""The 1,000 + 350 digits of Ratul Banik, "Handwritten Digit Recognition using a Deep Neural Network (DNN)".

All of them are from MNIST's training set, so an index into it gives each row. 42 training rows and 8 test rows repeat
an earlier one, and 32 test rows are training rows: only the 318 others test a network on drawings that are new to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.readers.idx import DIGITS

#: Index file -> how many rows it names. A copy of each comes with the package.
INDEX_FILES = {"train_source_index.csv": 1000, "test_source_index.csv": 350}
INDEX_FOLDER = Path(__file__).with_name("mnist_mini")
CSV_FILES = ("train_X.csv", "train_label.csv", "test_X.csv", "test_label.csv")


def read_mini_mnist(folder: Path, mnist_train: Dataset) -> tuple[Dataset, Dataset]:
    """The report's training and test set, in its order: rows of the official training set, by two index files.

    The index files are those in ``folder``, or those of the package where the folder has none.
    """
    train, test = (
        replace(mnist_train.take(read_index(index_path(folder, name), rows, len(mnist_train))), name="mnist-mini")
        for name, rows in INDEX_FILES.items()
    )
    return train, test


def index_path(folder: Path, name: str) -> Path:
    """The index file ``name`` in ``folder`` if it exists, else that of the package."""
    own = folder / name
    return own if own.is_file() else INDEX_FOLDER / name


def read_index(path: Path, rows: int, below: int) -> NDArray[np.int64]:
    """``rows`` integers in ``[0, below)``, one a line. Raises ``InputError`` that names the line."""
    index = []
    for number, line in _lines(path):
        if not re.fullmatch("[0-9]{1,9}", line) or int(line) >= below:
            raise InputError(f"{path}: line {number}: found {line[:40]!r}; expected a whole number below {below:,}.")
        index.append(int(line))
    if len(index) != rows:
        raise InputError(f"{path}: {len(index):,} rows; expected {rows:,}.")
    return np.array(index)


def read_csv_folder(folder: Path) -> tuple[Dataset, Dataset]:
    """Training and test set in the format of the report's four files."""
    train_images, train_labels, test_images, test_labels = (folder / name for name in CSV_FILES)
    name = folder.resolve().name
    return read_csv(train_images, train_labels, name), read_csv(test_images, test_labels, name)


def read_csv(images_path: Path, labels_path: Path, name: str) -> Dataset:
    """One drawing a line: 784 whole numbers 0..255 and, in the other file, its one-hot label of 10 columns.

    Columns are separated by commas or by spaces, numbers in any notation (``255``, ``2.55e+02``); blank lines and
    lines that start with ``#`` are skipped. Raises ``InputError`` that names file and line.
    """
    images = [row for _, row in _rows(images_path, columns=784, highest=255)]
    labels = []
    for number, row in _rows(labels_path, columns=10, highest=1):
        if row.sum() != 1:
            raise InputError(f"{labels_path}: line {number}: {row.sum()} ones; expected a one-hot label, a single 1.")
        labels.append(int(row.argmax()))
    if not images:
        raise InputError(f"{images_path}: holds no drawings.")
    if len(labels) != len(images):
        raise InputError(f"{labels_path}: {len(labels):,} rows; expected {len(images):,}, as in {images_path.name}.")
    return Dataset(name, np.stack(images).reshape(-1, 28, 28, 1), np.array(labels, np.int32), DIGITS)


def _rows(path: Path, columns: int, highest: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Line number and uint8 (columns,) for each row of a table of whole numbers from 0 to ``highest``."""
    for number, line in _lines(path):
        cells = line.split(",") if "," in line else line.split()
        if len(cells) != columns:
            raise InputError(f"{path}: line {number}: {len(cells):,} columns; expected {columns}.")
        values = np.array([_number(cell) for cell in cells])
        wrong = np.flatnonzero(~((values >= 0) & (values <= highest) & (values % 1 == 0)))
        if wrong.size:
            found = f"found {cells[wrong[0]].strip()[:40]!r} in column {wrong[0] + 1}"
            raise InputError(f"{path}: line {number}: {found}; expected whole numbers from 0 to {highest}.")
        yield number, values.astype(np.uint8)


def _number(cell: str) -> float:
    """The number in a cell; NaN where it holds none, or an infinite one."""
    try:
        value = float(cell)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) else np.nan


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that holds data."""
    with reading(path), open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip() and not line.startswith("#"):
                yield number, line.strip()
