"""The verb ``jaxdoodle data get``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxdoodle.data.catalog import FileStatus, data_root
from jaxdoodle.data.download.http import Transfer
from jaxdoodle.data.download.publishers import NAMES, get
from jaxdoodle.data.readers.quickdraw import PER_CLASS

MIRROR = "JAXDOODLE_MIRROR"
SHOWN = 5  # failures that are printed one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("dataset", choices=NAMES, help="Dataset to download.")
    classes = 'Classes of quickdraw to download, with commas between them, or "all" (default: the five of the report).'
    option("--classes", help=classes)
    per_class = f"Number of drawings of each class of quickdraw, from the first on (default: {PER_CLASS:,})."
    option("--per-class", type=int, default=PER_CLASS, metavar="N", help=per_class)
    option("--strokes", action="store_true", help="Download the strokes of these quickdraw drawings as well.")
    mirror = f"Address of a mirror with the layout of a data folder (default: ${MIRROR}, else the publishers)."
    option("--base-url", metavar="URL", help=mirror)
    root = "Root folder of the datasets, created if it does not exist (default: $JAXDOODLE_DATA, else data/)."
    option("--data-dir", metavar="DIR", help=root)


def run(options: argparse.Namespace) -> int:
    """Download; 1 where a file cannot be downloaded. Raises ``InputError`` and ``FailedError``."""
    if options.data_dir:
        Path(options.data_dir).expanduser().mkdir(parents=True, exist_ok=True)
    root = data_root(options.data_dir)
    mirror = options.base_url or os.environ.get(MIRROR) or None
    with _bars(options.dataset) as (watch, done):
        wanted = (options.classes, options.per_class, options.strokes)
        statuses = get(options.dataset, root, *wanted, mirror, Transfer(watch=watch), done)
    failed = [status for status in statuses if not status.ok]
    for status in statuses:
        if status.ok:
            print(f"{status.path}: {status.text}")
    for status in failed[:SHOWN]:
        print(f"jaxdoodle: {status.text}", file=sys.stderr)
    if len(failed) > SHOWN:
        print(f"jaxdoodle: {len(failed) - SHOWN} more of {len(statuses)} files cannot be downloaded", file=sys.stderr)
    return 1 if failed else 0


@contextmanager
def _bars(title: str) -> Iterator[tuple[Callable[[Path, int, int | None], None], Callable[..., None]]]:
    """A progress bar on stderr for each file; none where stderr is no terminal, or rich is not installed."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn, TransferSpeedColumn
    except ImportError:
        yield (lambda part, size, end: None), (lambda status, total: None)
        return
    console = Console(stderr=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    bars = Progress("{task.description}", *columns, console=console, disable=not console.is_terminal)
    tasks: dict[str, TaskID] = {}
    count = 0

    def watch(part: Path, size: int, end: int | None) -> None:
        if part.suffix == ".part":
            name = part.stem
            if name not in tasks:
                tasks[name] = bars.add_task(name, completed=size, total=end)
            bars.update(tasks[name], completed=size, total=end)

    def done(status: FileStatus, total: int) -> None:
        nonlocal count
        count += 1
        if (task := tasks.pop(status.path.name, None)) is not None:
            bars.remove_task(task)
        if count % 10 == 0 and count < total and console.is_terminal:
            bars.console.print(f"{title}: {count} of {total} files")

    with bars:
        yield watch, done
