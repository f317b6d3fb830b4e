"""What else a class of the user's may be made with: another cost or activation of the file, another mode."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from jaxdoodle.gradcheck.report import UNNAMED, Report
from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.finder import Finder, names_in
from jaxdoodle.submissions.objects.instances import methods_in, objects_of, own_classes, read_off_backward


def proved(report: Report) -> bool:
    """Is each wrong gradient that of a mistake?"""
    named = {leaf for finding in report.findings if finding.name != UNNAMED for leaf in finding.leaves}
    return named >= {leaf.name for leaf in report.leaves if leaf.verdict == "wrong"}


def titled(name: str, given: dict[str, Any]) -> str:
    told = ((k, getattr(v, "__name__", v)) for k, v in given.items())
    return f"{name} with {', '.join(f'{k}={v}' for k, v in told)}"


def in_other_modes(
    finder: Finder, cls: type, report: Report, check: Callable[..., Report | None], **options: Any
) -> Report:
    """The report of a class that is right, or that of a mistake with what else it may be made with.

    ``check(given, **options)``: the report of an object that is made so. What is wrong there with no mistake that is
    known may be meant so, as a softmax that is of a cross-entropy, unless the file makes it so: it is left unchecked.
    """
    calls = (n for _, tree in finder.code.trees for n in ast.walk(tree) if isinstance(n, ast.Call))
    used = {ast.unparse(a).removesuffix("()") for n in calls for a in (*n.args, *(k.value for k in n.keywords))}
    for given in _others(finder, cls) if report.passed else ():
        with contextlib.suppress(CheckError):
            kinds = {k: v if isinstance(v, type | str) else type(v) for k, v in given.items()}
            title, made = titled(cls.__name__, kinds), {getattr(v, "__name__", repr(v)) for v in kinds.values()}
            quick = check(given, **{**options, "title": title, "explain": False})
            if quick is None or quick.passed:
                continue
            softmax = any("softmax" in name.lower() for name in made)
            again = None if softmax else check(given, **{**options, "title": title, "explain": True})
            if again is not None and not again.passed and (proved(again) or made <= used):
                return again
            finder.unchecked[title] = "its gradients are wrong, or of another loss"
    return report


def _others(finder: Finder, cls: type) -> Iterator[dict[str, Any]]:
    """Arguments of its constructor in place of defaults that its forward or loss reads: classes of the file with the
    methods of the default, or objects of them; texts that its methods compare it with, or keys of the same table."""
    own, read, methods = own_classes(finder), read_off_backward(cls), methods_in(cls)
    for p in (p for p in parameters(cls) if p.name in read):
        is_class = isinstance(p.default, type)
        kind = p.default if is_class else type(p.default)
        for other in own if kind in own else ():
            if not issubclass(kind, other) and methods_in(kind).keys() <= methods_in(other).keys():
                thing = other if is_class else next(objects_of(finder, other), None)
                yield from () if thing is None else ({p.name: thing},)
        if isinstance(p.default, str) and p.default not in guessing.ELSE:
            words = guessing.other_modes(p, [*methods.values()])
            names = {n for f in (cls.__init__, *methods.values()) for n in names_in(f)}  # type: ignore[misc]
            tables = (v for n, v in finder.names.items() if n in names and isinstance(v, dict) and p.default in v)
            keys = (k for table in tables for k in table if isinstance(k, str) and k != p.default)
            yield from ({p.name: word} for word in dict.fromkeys([*words, *keys]))
