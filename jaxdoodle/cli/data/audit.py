"""The ``data doctor`` verb of the command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from jaxdoodle.cli.data.options import add_dataset, load_whole
from jaxdoodle.core.errors import InputError
from jaxdoodle.data.audit.checks import Finding, examine
from jaxdoodle.data.audit.files import examine_files, fault_of
from jaxdoodle.data.audit.strokes import examine_strokes
from jaxdoodle.data.catalog import data_root
from jaxdoodle.data.dataset import SIDES, Splits
from jaxdoodle.inference import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    add_dataset(parser, "doodles (built in), mnist, mnist-mini, quickdraw, or a folder of your own drawings")
    option("--model", metavar="MODEL", help="a model.npz: does it fit these drawings, and read them?")
    option("--json", action="store_true", help="one JSON object, with all rows concerned")


def run(options: argparse.Namespace) -> int:
    """Print what is found; 1 where a fault is. Raises ``InputError`` where there is no such dataset."""
    model = Model.load(options.model) if options.model else None
    root = data_root(options.data_dir)
    found, splits = examine_files(options.dataset, root), None
    try:
        splits = load_whole(options)
        looked_at = splits.in_memory()
        found += examine(looked_at, model) + _left_out(splits, looked_at)
        if options.dataset == "quickdraw":
            found += examine_strokes(root, splits.classes)
    except InputError as error:
        path = Path(str(error).split(": ")[0])
        if not path.is_file() and not found:
            raise
        if path.is_file() and not any(str(path) in finding.text for finding in found):
            found.append(fault_of(error, path))
    faults = sum(finding.fault for finding in found)
    if options.json:
        print(json.dumps({"dataset": options.dataset, "faults": faults, "findings": [asdict(one) for one in found]}))
    else:
        _print(options.dataset, splits, found, faults)
    return 1 if faults else 0


def _left_out(splits: Splits, looked_at: Splits) -> list[Finding]:
    """Of what is too large for memory not all is examined; exact duplicates are counted among all."""
    parts = [
        f"{len(looked_at.sets[side]):,} of {len(splits.sets[side]):,} {side} drawings"
        for side in SIDES
        if len(looked_at.sets[side]) < len(splits.sets[side])
    ]
    text = f"{', '.join(parts)} were examined, evenly spread; among all of them {splits.overlap_text}"
    return [Finding("size", False, text)] if parts else []


def _print(name: str, splits: Splits | None, found: list[Finding], faults: int) -> None:
    for finding in found:
        print(f"{'fault' if finding.fault else 'note ':5}  {finding.check}: {finding.text}")
    read = "cannot be read"
    if splits:
        sizes = [f"{len(splits.sets[side]):,} {side}" for side in SIDES if len(splits.sets[side])]
        read = f"{', '.join(sizes)} drawings in {len(splits.classes)} classes"
    notes = len(found) - faults
    print(f"{name}: {read}; {faults} fault{'s' * (faults != 1)}, {notes} note{'s' * (notes != 1)}")
