"""The verb ``jaxdoodle data list``."""

from __future__ import annotations

import argparse

from jaxdoodle.cli.options import add_data_dir as add_arguments

__all__ = ["add_arguments", "run"]


def run(options: argparse.Namespace) -> int:
    """Print a line for each dataset that has a name. Raises ``InputError``."""
    from jaxdoodle.data import list_datasets

    for entry in list_datasets(options.data_dir):
        print(f"{entry.name:12} {'yes' if entry.present else 'no ':3}  {entry.text}")
    return 0
