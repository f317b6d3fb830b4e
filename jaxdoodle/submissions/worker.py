"""Check one file of the user's, in the process that this is called in: messages for ``sandbox.run``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.time_limit import TimeOutError, time_limit
from jaxdoodle.core.user_code import run_statements
from jaxdoodle.gradcheck import layers
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.problem import in_one_line
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found
from jaxdoodle.submissions.classes import neurons
from jaxdoodle.submissions.classes.discovery import marked_classes, of_classes
from jaxdoodle.submissions.functions import derivatives, expressed, losses, models, rules
from jaxdoodle.submissions.functions.discovery import marked, pairs
from jaxdoodle.submissions.reading.raised import backward_runs, raising
from jaxdoodle.submissions.statements.discovery import blocks

#: Time for the statements of a file that are no imports, in seconds.
RUN_SECONDS = 5.0
#: Entries of a wrong gradient that are handed on for a picture.
_PICTURED = 20_000


def check_file(path: Path, pair_seconds: float = 45.0, **options: Any) -> Iterator[dict[str, Any]]:
    """Check everything that a file defines.

    Args:
      path: A Python file or a notebook.
      pair_seconds: Time for the check of one pair: one that hangs does not hide the others.
      **options: Of ``check``.

    Yields:
      ``{"check": report}``, ``{"unchecked": {"name", "line", "reason"}}`` (``"note": True`` for a forward alone),
      ``{"note": text}`` for each statement that did not run, ``{"error": {"reason"}}`` if the file cannot be read.
    """
    try:
        code = run_statements(path, RUN_SECONDS)
    except InputError as error:
        yield {"error": {"reason": str(error)}}
        return
    for problem in code.problems:
        yield {"note": str(problem)}
    finder, found, known = Finder(code), 0, list[Finding]()
    for each in sorted(_all(finder), key=lambda each: each.line):
        found += 1
        yield _message(each, pair_seconds, options, known)
        for name, reason in finder.unchecked.items():
            yield {"unchecked": {"name": name, "line": each.line, "reason": reason}}
        finder.unchecked.clear()
    for cls in marked_classes(finder):
        for title, run in layers.cases_of(cls):
            for dtype in ("float64", "float32"):
                found += 1
                yield _message(Found(title, cls, run), pair_seconds, {**options, "dtype": dtype}, known)
    if not found:
        told = (
            "no pair NAME_forward, NAME_backward, no layer class, no network, no loss with gradients dw beside it, "
            "nothing marked by @backward_of, @nn.layer"
        )
        first = f" ({code.problems[0]})" if code.problems else ""
        yield {"error": {"reason": f"{path}: {told} or @nn.loss{first}", "empty": not code.problems}}


def _all(finder: Finder) -> Iterator[Found]:
    yield from rules.custom_rules(finder)
    yield from marked(finder)
    yield from derivatives.made_by_functions(finder)
    yield from rules.pullbacks(finder)
    whole = [*neurons.networks(finder), *models.models(finder)]
    rest = [*pairs(finder, whole), *of_classes(finder), *losses.losses(finder)]
    rest += [*derivatives.derivatives(finder), *expressed.losses(finder)]
    yield from (*whole, *rest, *blocks(finder, {each.name for each in rest}))


def _message(found: Found, seconds: float, options: dict[str, Any], known: list[Finding]) -> dict[str, Any]:
    """What came of one check; ``known``: mistakes of the file that were mended, to which its own are added."""
    try:
        with time_limit(seconds):
            report = found.run(**options, known=known)
    except Forward as error:
        return {"unchecked": {"name": found.name, "line": found.line, "reason": str(error), "note": True}}
    except TimeOutError:
        reason = f"did not end within {seconds:.0f} s"
    except SystemExit as error:  # of a class, say: where a pair's backward ends the program, the check tells
        if backward_runs(error):
            return {"check": raising(found.name, error).to_dict() | {"line": found.line, "arrays": {}}}
        reason = "the code ends the program (sys.exit)"
    except Exception as error:  # the user's code may raise anything; what is beside it is checked all the same
        reason = str(error) if isinstance(error, InputError) else in_one_line(error, 300)
    else:
        known += [f for f in report.findings if f.mended]
        return {"check": report.to_dict() | {"line": found.line, "arrays": _arrays(report)}}
    return {"unchecked": {"name": found.name, "line": found.line, "reason": reason}}


def _arrays(report: Report) -> dict[str, Any]:
    """The first wrong gradient with the right one, as lists."""
    for name, (got, want) in report.arrays.items():
        if want.size <= _PICTURED and got.shape == want.shape:
            return {name: [got.tolist(), want.tolist()]}
    return {}
