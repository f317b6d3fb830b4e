"""``jaxdoodle check [FILE.py]``: the doctor on this library's own rules, or on the pairs in a file."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.reference import ORACLES
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup import discovery
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.training import compile_cache


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.py", help="your pairs NAME_forward, NAME_backward")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--oracle", default="auto", choices=("auto", *ORACLES), help="who says what is right")
    parser.add_argument("--picture", type=Path, metavar="PATH", help="draw the first wrong gradient, entry by entry")


def run(options: argparse.Namespace) -> int:
    """0: every gradient is right; 1: some are wrong. Raises ``InputError`` for a file that cannot be checked."""
    compile_cache.enable()
    start = time.perf_counter()
    if options.file is None:
        table = _builtin(options)
        reports = [r for pair in table.values() for r in pair]
    else:
        table = {}
        reports = _of_file(options.file, options.oracle)
    failed = [r for r in reports if not r.passed]
    if options.json:
        print(json.dumps({"passed": not failed, "checks": [r.to_dict() for r in reports]}))
    else:
        _show(table, reports, time.perf_counter() - start)
    if options.picture is not None and failed:
        from jaxdoodle.plots.gradients import picture

        picture(failed[0], options.picture)
    return 1 if failed else 0


def _of_file(path: Path, oracle: str) -> list[Report]:
    reports = []
    for pair in discovery.pairs(discovery.load(path), path):
        if pair.args is None:
            raise CheckError(f"{path}: no arguments known for {pair.name}; define {pair.name}_args = (x, w, ...)")
        reports.append(check(pair.forward, pair.backward, pair.args, oracle=oracle, title=pair.name))
    return reports


def _builtin(options: argparse.Namespace) -> dict[str, tuple[Report, Report]]:
    from jaxdoodle.gradcheck.builtin import cases

    return {
        title: (examine(dtype="float64", oracle=options.oracle), examine(dtype="float32", oracle=options.oracle))
        for title, examine in cases()
    }


def _show(table: dict[str, tuple[Report, Report]], reports: list[Report], seconds: float) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if table:
        page = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        page.add_column("")
        page.add_column("checked", max_width=64)
        for column in ("float64", "float32", "points", "seconds"):
            page.add_column(column, justify="right")
        for title, (double, single) in table.items():
            mark = "[green]✓[/]" if double.passed and single.passed else "[bold red]✗[/]"
            page.add_row(
                mark, escape(title), _worst(double), _worst(single), str(len(double.test_points) + len(single.test_points)),
                f"{double.seconds + single.seconds:.1f}",
            )  # fmt: skip
        console.print(page)
    for report in reports:
        if not table or not report.passed:
            report.show(console)
            console.print()
    wrong = sum(not r.passed for r in reports)
    style = "bold red" if wrong else "bold green"
    told = f"{wrong} of {len(reports)} checks failed" if wrong else f"all {len(reports)} checks passed"
    console.print(f"[{style}]{told}[/] in {seconds:.0f} s")


def _worst(report: Report) -> Any:
    errors = [leaf.figures.rel_l2 for p in report.test_points for leaf in p.leaves if leaf.verdict != "convention"]
    return f"{max(errors, default=0.0):.0e}"
