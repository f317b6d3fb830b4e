"""``python -m experiments.planted_bugs``: plant every mistake, check the right code, write the record.

Exit code 1 where a mistake is not caught, fewer than 95 % are named, or right code raises an alarm.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from experiments.planted_bugs.known_good import configurations
from experiments.planted_bugs.mutations import MUTATIONS
from experiments.planted_bugs.suite import examine, file_of, run
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record

RECORD = Path(__file__).parents[1] / "records" / "planted_bugs" / "record.json"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.planted_bugs", description=__doc__)
    parser.add_argument("--good", type=int, default=200, help="configurations of right code (default 200)")
    parser.add_argument("--out", type=Path, default=RECORD, help="where the record goes")
    options = parser.parse_args(argv)
    start = time.perf_counter()
    planted = [_planted(m) for m in MUTATIONS]
    clean = [_clean(name) for name in dict.fromkeys(m.network for m in MUTATIONS)]
    good = [_good(title, check) for title, check in configurations(options.good)]
    built_in = _built_in()
    totals = {
        "planted": len(planted),
        "caught": sum(o["caught"] for o in planted),
        "named": sum(o["named"] for o in planted),
        "line_found": sum(o["line_found"] for o in planted),
        "right_code": len(clean) + len(good) + len(built_in),
        "false_alarms": sum(not o["passed"] for o in (*clean, *good, *built_in)),
    }
    halves = {
        "held_out" if half else "seen": {
            figure: sum(o[figure] for o in planted if o["held_out"] == half)
            for figure in ("planted", "caught", "named", "line_found")
        }
        for half in (False, True)
    }
    found = {
        "totals": totals,
        "halves": halves,
        "seconds": round(time.perf_counter() - start),
        "mutations": planted,
        "clean_networks": clean,
        "known_good": good,
        "built_in": built_in,
    }
    command = "python -m experiments.planted_bugs"
    Record("planted_bugs", command, machine=describe_machine(), extra=found).write(options.out)
    print(json.dumps(totals))
    enough = totals["caught"] == len(planted) and totals["named"] >= 0.95 * len(planted)
    return 0 if enough and not totals["false_alarms"] else 1


def _planted(mutation) -> dict:
    outcome = run(mutation)
    print("." if outcome.caught and outcome.named else f"\n{mutation.title}: {outcome.names}", end="", flush=True)
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


def _clean(name: str) -> dict:
    import importlib

    module = importlib.import_module(f"experiments.planted_bugs.networks.{file_of(name).stem}")
    return _good(f"network {name}", lambda: examine(module, name))


def _good(title: str, check) -> dict:
    report = check()
    print("." if report.passed else f"\nfalse alarm: {title}: {[f.name for f in report.findings]}", end="", flush=True)
    return {"title": title, "passed": report.passed}


def _built_in() -> list[dict]:
    from jaxdoodle.gradcheck.layers import cases

    return [
        _good(f"{title}, {dtype}", lambda check=check, dtype=dtype: check(dtype=dtype))
        for title, check in cases()
        for dtype in ("float64", "float32")
    ]


if __name__ == "__main__":
    sys.exit(main())
