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

#: Index file -> how many rows it names. A copy of each comes with the package.
INDEX_FILES = {"train_source_index.csv": 1000, "test_source_index.csv": 350}
INDEX_FOLDER = Path(__file__).with_name("mnist_mini")


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


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that holds data."""
    with reading(path), open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.strip() and not line.startswith("#"):
                yield number, line.strip()
