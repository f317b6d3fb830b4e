"""``jaxdoodle check`` without files: all layers, losses, penalties and models built in, in a process for each core."""

from __future__ import annotations

import argparse
import functools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdoodle.cli.check import output
from jaxdoodle.cli.check.results import FileResult
from jaxdoodle.cli.check.submissions import Progress

if TYPE_CHECKING:
    from jaxdoodle.gradcheck import Report

#: Processes: more than this wait for each other's imports.
_MOST_PROCESSES = 8
DTYPES = ("float64", "float32")


def check_built_in(options: argparse.Namespace) -> FileResult:
    """The reports of all cases, in their order; a line for each as soon as it is done."""
    result, reports = FileResult(Path("jaxdoodle"), "jaxdoodle"), {}
    progress = Progress(options, None)
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES)
    with progress, ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _begin) as pool:
        ahead = (pool.submit(_check, k, options.oracle) for k in count())
        running: dict[Future[Any], int] = {future: k for k, future in enumerate(islice(ahead, processes))}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                k = running.pop(future)
                if future.result() is None:  # there are fewer cases
                    continue
                reports[k] = future.result()
                running[next(ahead)] = processes + len(reports) - 1
                progress.step(reports[k][0].title[:36])
                for report in reports[k] if progress.lines else ():
                    print(output.line_of(report), flush=True)
    result.reports = [report for k in sorted(reports) for report in reports[k]]
    result.lines = [0] * len(result.reports)
    return result


def _begin() -> None:
    """A program that is run a few times need not be optimized, and is not compiled again by the next command."""
    import jax

    from jaxdoodle.training.hardware import compile_cache

    jax.config.update("jax_disable_most_optimizations", True)
    compile_cache.enable()


@functools.cache
def _cases() -> tuple[Iterator[Any], list[Any]]:
    from jaxdoodle.gradcheck import layers

    return iter(layers.cases()), []


def _check(k: int, oracle: str) -> list[Report] | None:
    """The reports of the case of this number; ``None`` where there are not so many."""
    rest, listed = _cases()
    listed += islice(rest, max(k + 1 - len(listed), 0))
    return [listed[k][1](dtype=dtype, oracle=oracle) for dtype in DTYPES] if k < len(listed) else None
