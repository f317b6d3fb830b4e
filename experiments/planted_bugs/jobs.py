"""What the suite asks of the gradient checker: every mistake, and every program that is right."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from experiments.planted_bugs.known_good import FAULTS, programs
from experiments.planted_bugs.mutations import MUTATIONS
from experiments.planted_bugs.suite import examine, file_of, run
from jaxdoodle.gradcheck.layers import cases


@functools.cache
def jobs() -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    """(kind, what gives the outcome); a process finds one by its number."""
    listed: list[tuple[str, Callable[[], dict[str, Any]]]] = [("mutations", partial(_planted, m)) for m in MUTATIONS]
    listed += [("clean_networks", partial(_clean, name)) for name in dict.fromkeys(m.network for m in MUTATIONS)]
    listed += [("known_good", partial(_good, title, check)) for title, check in programs()]
    listed += [
        ("built_in", partial(_good, f"{title}, {dtype}", partial(check, dtype=dtype)))
        for title, check in cases()
        for dtype in ("float64", "float32")
    ]
    return listed


def job(k: int) -> dict[str, Any]:
    """The outcome of the job of this number."""
    return jobs()[k][1]()


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
        fault = next((why for what, why in FAULTS.items() if title.startswith(what)), None)
        outcome |= {"fault": fault} if fault else {}
    return outcome
