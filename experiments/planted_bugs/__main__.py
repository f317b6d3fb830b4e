"""``python -m experiments.planted_bugs``: plant every mistake, check the right code, write the record.

Exit code 1 where a mistake is not caught, fewer than 95 % are named, or right code raises an alarm.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from experiments.planted_bugs.known_good import programs
from experiments.planted_bugs.known_good.primitives import FAULTS
from experiments.planted_bugs.mutations import MUTATIONS
from experiments.planted_bugs.suite import examine, file_of, run
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.gradcheck.layers import cases

RECORD = Path(__file__).parents[1] / "records" / "planted_bugs" / "record.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.planted_bugs", description=__doc__)
    parser.add_argument("--out", type=Path, default=RECORD, help="where the record goes")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once (default: all cores)")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    found: dict[str, list[dict[str, Any]]] = {"mutations": [], "clean_networks": [], "known_good": [], "built_in": []}
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for (kind, _), outcome in zip(_jobs(), pool.map(_job, range(len(_jobs()))), strict=True):
            found[kind].append(outcome)
            fine = outcome["named"] if kind == "mutations" else outcome["passed"] or "fault" in outcome
            print("." if fine else f"\n{outcome}", end="", flush=True)
    planted, right = found["mutations"], [o for kind in list(found)[1:] for o in found[kind]]
    totals = {
        "planted": len(planted),
        "caught": sum(o["caught"] for o in planted),
        "named": sum(o["named"] for o in planted),
        "line_found": sum(o["line_found"] for o in planted),
        "right_code": sum("fault" not in o for o in right),
        "false_alarms": sum(not o["passed"] and "fault" not in o for o in right),
        "faults_of_libraries": sum("fault" in o for o in right),
    }
    halves = {
        "held_out" if half else "seen": {
            figure: sum(o[figure] for o in planted if o["held_out"] == half)
            for figure in ("planted", "caught", "named", "line_found")
        }
        for half in (False, True)
    }
    sources = Counter(o["title"].split(maxsplit=1)[0] for o in found["known_good"])
    extra = {"totals": totals, "halves": halves, "sources": sources, "seconds": round(time.perf_counter() - start)}
    command = "python -m experiments.planted_bugs"
    Record("planted_bugs", command, machine=describe_machine(), extra=extra | found).write(options.out)
    print(json.dumps(totals))
    enough = totals["caught"] == len(planted) and totals["named"] >= 0.95 * len(planted)
    return 0 if enough and not totals["false_alarms"] else 1


@functools.cache
def _jobs() -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    """(kind, what gives the outcome); a process finds one by its number."""
    jobs: list[tuple[str, Callable[[], dict[str, Any]]]] = [("mutations", partial(_planted, m)) for m in MUTATIONS]
    jobs += [("clean_networks", partial(_clean, name)) for name in dict.fromkeys(m.network for m in MUTATIONS)]
    jobs += [("known_good", partial(_good, title, check)) for title, check in programs()]
    jobs += [
        ("built_in", partial(_good, f"{title}, {dtype}", partial(check, dtype=dtype)))
        for title, check in cases()
        for dtype in ("float64", "float32")
    ]
    return jobs


def _job(k: int) -> dict[str, Any]:
    return _jobs()[k][1]()


def _planted(mutation) -> dict[str, Any]:
    outcome = run(mutation)
    return {
        "planted": True,
        "held_out": mutation.held_out,
        "network": mutation.network,
        "old": mutation.old.strip(),
        "new": mutation.new.strip(),
        "expected": list(mutation.expected),
        "names": list(outcome.names),
        "caught": outcome.caught,
        "named": outcome.named,
        "line_found": outcome.placed,
    }


def _clean(name: str) -> dict[str, Any]:
    module = importlib.import_module(f"experiments.planted_bugs.networks.{file_of(name).stem}")
    return _good(f"network {name}", lambda: examine(module, name))


def _good(title: str, check) -> dict[str, Any]:
    """Whether right code passes; what raises an alarm that is none has its ``fault`` beside it."""
    try:
        report = check()
        outcome = {"title": title, "passed": report.passed}
        told = [f.name for f in report.findings]
    except Exception as error:  # a traceback on right code is counted as an alarm
        outcome, told = {"title": title, "passed": False}, [f"{type(error).__name__}: {error}"]
    if not outcome["passed"]:
        outcome["names"] = told
        fault = next((why for what, why in FAULTS.items() if title.startswith(f"autograd {what}")), None)
        outcome |= {"fault": fault} if fault else {}
    return outcome


if __name__ == "__main__":
    sys.exit(main())
