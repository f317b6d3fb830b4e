"""``jaxdoodle check [FILE.py]``: the gradient checker on what is built in, or on what a file defines."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxdoodle.gradcheck import Report

#: What ``--oracle`` takes, as in ``gradcheck.reference``; importing that needs JAX.
ORACLES = ("auto", "vjp", "trace", "differences", "complex")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    file_help = "File with layers, losses, or pairs NAME_forward, NAME_backward (default: check what is built in)."
    oracle_help = "How the right gradients are computed (default: by the first of these that can be trusted)."
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help=file_help)
    parser.add_argument("--json", action="store_true", help="Print the reports as one JSON document.")
    parser.add_argument("--oracle", default="auto", choices=ORACLES, help=oracle_help)
    parser.add_argument("--picture", type=Path, metavar="PATH", help="Draw the first wrong gradient, entry by entry.")


def run(options: argparse.Namespace) -> int:
    """0: every gradient is right; 1: some are wrong. Raises ``InputError`` for a file that cannot be checked."""
    from jaxdoodle.gradcheck import layers
    from jaxdoodle.training.hardware import compile_cache

    compile_cache.enable()
    start = time.perf_counter()
    cases = _in_both_dtypes(layers.cases()) if options.file is None else _of_file(options.file)
    reports = _examine(cases, options)
    failed = [r for r in reports if not r.passed]
    if options.json:
        print(json.dumps({"passed": not failed, "checks": [r.to_dict() for r in reports]}))
    else:
        _show(reports, time.perf_counter() - start)
    if options.picture is not None and failed:
        from jaxdoodle.plots.gradients import gradient_errors

        gradient_errors(failed[0], options.picture)
    return 1 if failed else 0


Case = tuple[str, str, Callable[..., "Report"]]


def _of_file(path: Path) -> list[Case]:
    from jaxdoodle.gradcheck import CheckError, check, layers
    from jaxdoodle.gradcheck.setup import discovery

    module = discovery.load(path)
    cases: list[Case] = [
        (pair.name, "float64", partial(check, pair.forward, pair.backward, pair.args, title=pair.name))
        for pair in discovery.pairs(module, path)
    ]
    for cls in discovery.classes(module):
        cases += _in_both_dtypes(layers.cases_of(cls))
    if not cases:
        raise CheckError(
            f"{path}: no pair NAME_forward, NAME_backward, nothing marked by @backward_of, @nn.layer or @nn.loss"
        )
    return cases


def _in_both_dtypes(cases: Iterable[tuple[str, Callable[..., Report]]]) -> list[Case]:
    return [(title, dtype, one) for title, one in cases for dtype in ("float64", "float32")]


def _examine(cases: Sequence[Case], options: argparse.Namespace) -> list[Report]:
    """The report of each case. A terminal shows how far it is; where stdout goes elsewhere, each is a line of it."""
    from rich import progress
    from rich.console import Console

    from jaxdoodle.gradcheck import CheckError

    console, lines = Console(stderr=True), not options.json and not Console().is_terminal
    columns = progress.BarColumn(24), progress.MofNCompleteColumn(), progress.TextColumn("{task.description}")
    reports = []
    with progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(cases))
        for title, dtype, one in cases:
            bar.update(task, description=f"{title[:36]}  {dtype}")
            try:
                report = one(dtype=dtype, oracle=options.oracle)
            except CheckError as error:
                raise CheckError(f"{options.file}: {error}") if options.file else error from None
            reports.append(report)
            bar.advance(task)
            if lines:
                names = "; ".join(f.name for f in report.findings)
                mark = "ok   " if report.passed else "FAIL "
                print(f"{mark} {title}  {dtype}  {_worst(report)}  {names}".rstrip(), flush=True)
    return reports


def _show(reports: Sequence[Report], seconds: float) -> None:
    """On a terminal a table of what was checked in both dtypes; the others, and what is wrong, in full."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    rows: dict[str, list[Report]] = {}
    for report in reports:
        rows.setdefault(report.title, []).append(report)
    page = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    page.add_column("")
    page.add_column("checked", max_width=64)
    for column in ("float64", "float32", "points", "seconds"):
        page.add_column(column, justify="right")
    for title, pair in rows.items():
        if len(pair) == 2:
            page.add_row(
                "[green]✓[/]" if all(pair) else "[bold red]✗[/]", escape(title), *map(_worst, pair),
                str(sum(len(r.test_points) for r in pair)), f"{sum(r.seconds for r in pair):.1f}",
            )  # fmt: skip
    if console.is_terminal and page.row_count:
        console.print(page)
    for report in reports:
        if not report.passed or (console.is_terminal and len(rows[report.title]) == 1):
            report.show(console)
            console.print()
    wrong = sum(not r.passed for r in reports)
    style = "bold red" if wrong else "bold green"
    told = f"{wrong} of {len(reports)} checks failed" if wrong else f"all {len(reports)} checks passed"
    console.print(f"[{style}]{told}[/] in {seconds:.0f} s")


def _worst(report: Report) -> str:
    errors = [leaf.figures.rel_l2 for p in report.test_points for leaf in p.leaves if leaf.verdict != "convention"]
    return f"{max(errors):.1e}" if errors else "-"
