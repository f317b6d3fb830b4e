"""``python -m experiments.planted_bugs``: plant every mistake, check the right code, write the record.

Exit code 1 where a mistake is not caught, fewer than 95 % are named, or right code raises an alarm.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from experiments.planted_bugs.jobs import job, jobs
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record

RECORD = Path(__file__).parents[1] / "records" / "planted_bugs" / "record.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.planted_bugs", description=__doc__)
    parser.add_argument("--out", type=Path, default=RECORD, help="where the record goes")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once (default: all cores)")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    found: dict[str, list[dict[str, Any]]] = {"mutations": [], "clean_networks": [], "known_good": [], "built_in": []}
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for (kind, _), outcome in zip(jobs(), pool.map(job, range(len(jobs()))), strict=True):
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
    sources = Counter(o["title"].split(maxsplit=1)[0].partition(".")[0] for o in found["known_good"])
    extra = {"totals": totals, "halves": halves, "sources": sources, "seconds": round(time.perf_counter() - start)}
    command = "python -m experiments.planted_bugs"
    Record("planted_bugs", command, machine=describe_machine(), extra=extra | found).write(options.out)
    print(json.dumps(totals))
    enough = totals["caught"] == len(planted) and totals["named"] >= 0.95 * len(planted)
    return 0 if enough and not totals["false_alarms"] else 1


if __name__ == "__main__":
    sys.exit(main())
