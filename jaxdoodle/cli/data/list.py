"""``jaxdoodle data list``: the datasets that are there, and those that are missing."""

from __future__ import annotations

import argparse

from jaxdoodle.cli.options import add_data_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    from jaxdoodle.data import data_root, list_datasets

    for entry in list_datasets(data_root(options.data_dir)):
        print(f"{entry.name:12} {'yes' if entry.present else 'no ':3}  {entry.text}")
    return 0
