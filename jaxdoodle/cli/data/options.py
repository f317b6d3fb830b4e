"""Which dataset a command is about, and all of its drawings."""

from __future__ import annotations

import argparse

from jaxdoodle.data.catalog import data_root, load_dataset
from jaxdoodle.data.dataset import Splits


def add_dataset(parser: argparse.ArgumentParser, kinds: str) -> None:
    """``kinds`` of datasets, as the help has them."""
    option = parser.add_argument
    option("dataset", help=kinds)
    option("--classes", help='names with commas between, or "all"')
    option("--per-class", type=int, metavar="N", help="the most drawings of each class")
    option("--data-dir", metavar="DIR", help="the data root (default: $JAXDOODLE_DATA, else data/)")


def load_whole(options: argparse.Namespace) -> Splits:
    """The dataset that was chosen, nothing set aside for validation. Raises ``InputError``."""
    root, classes, per_class = data_root(options.data_dir), options.classes, options.per_class
    return load_dataset(options.dataset, root=root, classes=classes, per_class=per_class, validation=0.0)
