"""``jaxdoodle check [FILE|FOLDER|NOTEBOOK ...]``: the gradient checker on what is built in, or on what files define."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from jaxdoodle.cli.check import output
from jaxdoodle.cli.check.built_in import check_built_in
from jaxdoodle.cli.check.submissions import check_files
from jaxdoodle.core.errors import InputError

#: What ``--oracle`` takes, as in ``gradcheck.reference``; importing that needs JAX.
ORACLES = ("auto", "trace", "differences")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    file_help = (
        "Files, folders and notebooks with pairs NAME_forward and NAME_backward, layer classes, networks (default: "
        "check what is built in). Each is run in a process of its own."
    )
    oracle_help = "How the right gradients are computed (default: by the first of these that can be trusted)."
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=file_help)
    parser.add_argument("--json", action="store_true", help="Print the reports as one JSON document.")
    parser.add_argument("--csv", type=Path, metavar="PATH", help="Write a table with a row for each thing checked.")
    parser.add_argument("--html", type=Path, metavar="PATH", help="Write all reports as one page, to hand back.")
    parser.add_argument("--oracle", default="auto", choices=ORACLES, help=oracle_help)
    parser.add_argument("--picture", type=Path, metavar="PATH", help="Draw the first wrong gradient, entry by entry.")
    parser.add_argument("--time-limit", type=float, default=180, metavar="S", help="Seconds for a file (default 180).")
    parser.add_argument("--memory", type=float, default=4, metavar="GIB", help="Memory for a file in GiB (default 4).")


def run(options: argparse.Namespace) -> int:
    """0: every gradient is right; 1: some are wrong; 2: a file cannot be checked. Raises ``InputError`` where that is
    the only one."""
    start = time.perf_counter()
    if options.files:
        results = check_files(options)
        alone = results[0] if len(results) == 1 else None
        if alone is not None and alone.empty:
            alone.empty = False  # asked for by name: it should have something
        if alone is not None and not alone.reports and alone.code == 2 and not options.json:
            first = alone.open[0] if alone.open else None
            raise InputError(f"{alone.path}:{first['line']}: {first['reason']}" if first else alone.error)
    else:
        results = [check_built_in(options)]
    reports = [r for result in results for r in result.reports]
    failed = [r for r in reports if not r.passed]
    code = next((c for c in (1, 2) if any(r.code == c for r in results)), 0)
    if options.json:
        document: dict[str, Any] = {"passed": code == 0, "checks": [c for r in results for c in r.to_dict()["checks"]]}
        if options.files:
            document["files"] = [r.to_dict() for r in results]
            document["errors"] = [r.error for r in results if r.error]
        print(json.dumps(document))
    else:
        output.show(results, time.perf_counter() - start)
    if options.csv is not None:
        output.write_csv(results, options.csv)
    if options.html is not None:
        output.write_page(results, options.html)
    if options.picture is not None and failed:
        from jaxdoodle.plots.gradients import gradient_errors

        gradient_errors(failed[0], options.picture)
    return code
