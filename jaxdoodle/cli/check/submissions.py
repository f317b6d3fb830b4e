"""Files, folders and notebooks of many people: which there are, and what the checker says of each."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jaxdoodle.cli.check.output import line_of
from jaxdoodle.cli.check.results import FileResult
from jaxdoodle.core.errors import InputError

if TYPE_CHECKING:
    pass

#: Parts of paths that hold no submissions.
_PASSED_OVER = {"__pycache__", "site-packages", "node_modules", "venv", "env"}


def _sources(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """(file, student): a folder's files belong to the folder or file of its first level that they are in."""
    for path in paths:
        if not path.is_dir():
            yield path, path.stem
            continue
        for file in sorted((*path.rglob("*.py"), *path.rglob("*.ipynb"))):
            inside = file.relative_to(path).parts
            if not any(part.startswith(".") or part in _PASSED_OVER for part in inside):
                if not file.name.startswith("test_"):
                    yield file, inside[0] if len(inside) > 1 else file.stem


def check_files(options: argparse.Namespace) -> list[FileResult]:
    results = [FileResult(path, student) for path, student in dict(_sources(options.files)).items()]
    if not results:
        raise InputError(f"{options.files[0]}: no Python file and no notebook in this folder")
    said = threading.Lock()
    progress = Progress(options, len(results))
    with progress, ThreadPoolExecutor(min(os.cpu_count() or 1, len(results))) as pool:
        work = partial(_run_file, options=options, several=len(results) > 1, said=said, progress=progress)
        list(pool.map(work, results))
    return results


def _run_file(
    result: FileResult, options: argparse.Namespace, several: bool, said: threading.Lock, progress: Progress
) -> None:
    from jaxdoodle.gradcheck import Report
    from jaxdoodle.submissions import sandbox

    if not result.path.is_file():
        result.error = f"{result.path}: no such file; a Python file, a notebook or a folder was expected"
        return
    bounds = sandbox.Bounds(options.time_limit, options.memory)
    head = f"{result.path}: " if several else ""
    for message in sandbox.run(result.path, bounds, {"oracle": options.oracle, "pair_seconds": options.time_limit / 4}):
        line = ""
        if "check" in message:
            report = Report.from_dict(message["check"])
            result.reports.append(report)
            result.lines.append(message["check"]["line"])
            line = line_of(report)
        elif "unchecked" in message:
            result.unchecked.append(message["unchecked"])
            line = f"--    {message['unchecked']['name']}  not checked: {message['unchecked']['reason']}"
        elif "note" in message:
            result.notes.append(message["note"])
        elif "error" in message:
            result.error, result.empty = message["error"]["reason"], bool(message["error"].get("empty"))
            line = f"--    {result.error}" if several and not result.empty else ""
        else:
            end = message["end"]
            result.printed, result.protection = end["printed"], end.get("protection", [])
            if end["error"]:
                result.error, result.ended = f"{result.path}: {end['error']}", True
        if line and progress.lines:
            with said:
                print(f"{line[:6]}{head}{line[6:]}", flush=True)
    progress.step(result.path.name)


class Progress:
    """A bar on a terminal; where stdout goes elsewhere, ``lines`` is true: each check is a line of it."""

    def __init__(self, options: argparse.Namespace, total: int | None):
        from rich import progress
        from rich.console import Console

        console = Console(stderr=True)
        self.lines = not options.json and not Console().is_terminal
        columns = progress.BarColumn(24), progress.MofNCompleteColumn(), progress.TextColumn("{task.description}")
        self.bar = progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self.task = self.bar.add_task("", total=total)

    def __enter__(self) -> None:
        self.bar.start()

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, text: str) -> None:
        self.bar.update(self.task, advance=1, description=text)
