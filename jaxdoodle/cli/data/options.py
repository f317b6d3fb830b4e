"""The options that name a dataset, and the dataset that they name."""

from __future__ import annotations

import argparse

from jaxdoodle.cli.options import add_data_dir, count
from jaxdoodle.data import Splits, load_dataset

DATASETS = "Dataset: doodles (built in), mnist, mnist-mini, quickdraw, or a folder of drawings"


def add_dataset(parser: argparse.ArgumentParser, kinds: str = DATASETS) -> None:
    """The dataset, its classes, how many drawings of each, and the data folder. ``kinds``: help of the first."""
    option = parser.add_argument
    option("dataset", help=f"{kinds}.")
    option("--classes", help='Class names with commas between them, or "all".')
    option("--per-class", type=count, metavar="N", help="Largest number of drawings of each class.")
    add_data_dir(parser)


def load_whole(options: argparse.Namespace) -> Splits:
    """The dataset that ``options`` name, with no validation set held out. Raises ``InputError``."""
    root, classes, per_class = options.data_dir, options.classes, options.per_class
    return load_dataset(options.dataset, root=root, classes=classes, per_class=per_class, validation=0.0)
