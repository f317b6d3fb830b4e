"""The ``data get`` verb of the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.catalog import data_root
from jaxdoodle.data.download.get import NAMES, Outcome, get
from jaxdoodle.data.download.http import Transfer
from jaxdoodle.data.readers.quickdraw import PER_CLASS

MIRROR = "JAXDOODLE_MIRROR"
SHOWN = 5  # failures told one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("dataset", choices=NAMES)
    option("--classes", help='of quickdraw: names with commas between, or "all" (those of the report)')
    option("--per-class", type=int, default=PER_CLASS, metavar="N", help=f"the first N drawings ({PER_CLASS:,})")
    option("--strokes", action="store_true", help="of quickdraw: the strokes of these drawings too")
    option("--base-url", metavar="URL", help=f"a mirror laid out like a data root (default: ${MIRROR}, publishers)")
    option("--data-dir", metavar="DIR", help="the data root, made if need be (default: $JAXDOODLE_DATA, else data/)")


def run(options: argparse.Namespace) -> int:
    """Fetch; 1 where a file could not be had. Raises ``InputError`` and ``FailedError``."""
    if options.per_class < 1:
        raise InputError(f"--per-class is at least 1; got {options.per_class}.")
    if options.data_dir:
        Path(options.data_dir).expanduser().mkdir(parents=True, exist_ok=True)
    root = data_root(options.data_dir)
    mirror = options.base_url or os.environ.get(MIRROR) or None
    with _bars(options.dataset) as (watch, done):
        outcomes = get(
            options.dataset,
            root,
            options.classes,
            options.per_class,
            options.strokes,
            mirror,
            Transfer(watch=watch),
            done,
        )
    failed = [outcome for outcome in outcomes if not outcome.ok]
    for outcome in outcomes:
        if outcome.ok:
            print(f"{outcome.path}: {outcome.text}")
    for outcome in failed[:SHOWN]:
        print(f"jaxdoodle: {outcome.text}", file=sys.stderr)
    if len(failed) > SHOWN:
        print(f"jaxdoodle: {len(failed) - SHOWN} more of {len(outcomes)} files cannot be fetched", file=sys.stderr)
    return 1 if failed else 0


@contextmanager
def _bars(title: str) -> Iterator[tuple[Callable[[Path, int, int | None], None], Callable[..., None]]]:
    """A bar for each file that is on its way, on stderr; where nobody watches, or without rich, none."""
    try:
        from rich import progress
        from rich.console import Console
    except ImportError:
        yield (lambda part, size, end: None), (lambda outcome, total: None)
        return
    console = Console(stderr=True)
    bars = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, progress.TaskID] = {}
    count = 0

    def watch(part: Path, size: int, end: int | None) -> None:
        if part.suffix == ".part":
            name = part.stem
            if name not in tasks:
                tasks[name] = bars.add_task(name, completed=size, total=end)
            bars.update(tasks[name], completed=size, total=end)

    def done(outcome: Outcome, total: int) -> None:
        nonlocal count
        count += 1
        if (task := tasks.pop(outcome.path.name, None)) is not None:
            bars.remove_task(task)
        if count % 10 == 0 and count < total and console.is_terminal:
            bars.console.print(f"{title}: {count} of {total} files")

    with bars:
        yield watch, done
