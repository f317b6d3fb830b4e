"""``jaxdoodle data verify``: look into every file of the datasets."""

from __future__ import annotations

import argparse

from jaxdoodle.cli.options import add_data_dir
from jaxdoodle.core.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data_dir(parser)


def run(options: argparse.Namespace) -> int:
    from jaxdoodle.data import data_root, verify

    root = data_root(options.data_dir)
    checks = verify(root)
    if not checks:
        raise InputError(f"{root}: holds no dataset to verify.")
    for check in checks:
        if not check.ok:
            print(check.text if str(check.path) in check.text else f"{check.path}: {check.text}")
    sound = sum(check.ok for check in checks)
    print(f"{root}: {sound} of {len(checks)} files are sound")
    return 0 if sound == len(checks) else 1
