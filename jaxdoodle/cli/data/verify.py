"""The verb ``jaxdoodle data verify``."""

from __future__ import annotations

import argparse

from jaxdoodle.cli.options import add_data_dir as add_arguments
from jaxdoodle.core.errors import InputError

__all__ = ["add_arguments", "run"]


def run(options: argparse.Namespace) -> int:
    """Print a line for each damaged file; 1 where there is one. Raises ``InputError`` where there is no dataset."""
    from jaxdoodle.data import data_root, verify

    root = data_root(options.data_dir)
    files = verify(root)
    if not files:
        raise InputError(f"{root}: holds no dataset to verify.")
    for file in files:
        if not file.ok:
            print(file.text if str(file.path) in file.text else f"{file.path}: {file.text}")
    intact = sum(file.ok for file in files)
    print(f"{root}: {intact} of {len(files)} files are intact")
    return 0 if intact == len(files) else 1
