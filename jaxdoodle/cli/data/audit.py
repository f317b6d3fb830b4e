"""The verb ``jaxdoodle data audit``."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from jaxdoodle.cli.data.options import add_dataset, load_whole
from jaxdoodle.core.errors import InputError
from jaxdoodle.data import Splits, data_root
from jaxdoodle.data.audit import Finding, audit_files, audit_splits, audit_strokes, fault_of
from jaxdoodle.data.dataset import SPLIT_NAMES
from jaxdoodle.inference import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_dataset(parser)
    text = "Model file or folder of a run: check that it fits the drawings, and count how many it has right."
    parser.add_argument("--model", metavar="MODEL", help=text)
    parser.add_argument("--json", action="store_true", help="Print one JSON object, with the rows of every finding.")


def run(options: argparse.Namespace) -> int:
    """Print the findings; 1 where one of them is a fault. Raises ``InputError`` where there is no such dataset."""
    model = Model.load(options.model) if options.model else None
    root = data_root(options.data_dir)
    found, splits = audit_files(options.dataset, root), None
    try:
        splits = load_whole(options)
        examined = splits.in_memory()
        found += audit_splits(examined, model) + _sampled(splits, examined)
        if options.dataset == "quickdraw":
            found += audit_strokes(root, splits.classes)
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


def _sampled(splits: Splits, examined: Splits) -> list[Finding]:
    """A note where a dataset is too large for memory: a sample is examined, exact duplicates are counted in all."""
    parts = [
        f"{len(examined.sets[split]):,} of {len(splits.sets[split]):,} {split} drawings"
        for split in SPLIT_NAMES
        if len(examined.sets[split]) < len(splits.sets[split])
    ]
    text = f"{', '.join(parts)} were examined, evenly spread; among all of them {splits.overlap_text}"
    return [Finding("size", False, text)] if parts else []


def _print(name: str, splits: Splits | None, found: list[Finding], faults: int) -> None:
    for finding in found:
        print(f"{'fault' if finding.fault else 'note ':5}  {finding.check}: {finding.text}")
    contents = "cannot be read"
    if splits:
        sizes = [f"{len(splits.sets[split]):,} {split}" for split in SPLIT_NAMES if len(splits.sets[split])]
        contents = f"{', '.join(sizes)} drawings in {len(splits.classes)} classes"
    notes = len(found) - faults
    print(f"{name}: {contents}; {faults} fault{'s' * (faults != 1)}, {notes} note{'s' * (notes != 1)}")
