"""Parameters that have no gradient, for they are constant: a file declares them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.reading.source import may_be_constant, told_of

#: What says of something that varies in the forward that it is constant in the backward.
_HELD = re.compile(r"(?:\w+[\s,]+){0,4}(treat|regard|consider)\w*\s+as\s+(a\s+)?constants?|stop[-_ ]?gradients?", re.I)
_NO = re.compile(r"\b(no|not|never|without|cannot|neither|nor)\b|n't\b", re.I)
#: The one thing that is called constant: ``r`` in ``the scale r is treated``, none in ``the norm of x is treated``.
_SUBJECT = re.compile(r"(?<!\bof )\b(\w+)(?:\s+(?:is|are|was|were|being))?\s+(?:treat|regard|consider)", re.I)


def without_constants(finder: Finder, name: str, report: Report, backward: Callable, others: Sequence[str]) -> Report:
    """A report without the gradients that are missing of what ``NAME_constants`` names.

    Raises ``CheckError`` where one is missing, and what is declared is the name of nothing, and where nothing else is
    wrong than what a text may call so: its words are no proof.
    """
    declared = finder.names.get(f"{name}_constants", ())
    declared = declared if isinstance(declared, tuple | list | set) else (declared,)  # ("Wq") is no tuple
    declared = [repr(n) if isinstance(n, str) else f"a {type(n).__name__}" for n in declared]
    missing = [f for f in report.findings if f.name == "gradient missing"]
    constant = [f for f in missing if {*map(repr, f.leaves)} <= {*declared}]
    notes = (f"{f.leaves[0]} is declared constant" for f in constant)
    left = tuple(f for f in report.findings if f not in constant)
    own = dict.fromkeys([*(leaf.name for leaf in report.leaves), *(n for f in missing for n in f.leaves)])
    unknown = [n for n in declared if n not in map(repr, (*own, *others))]
    if unknown and {*left} & {*missing}:
        raise CheckError(f"{name}_constants names {', '.join(unknown)}, which is none of {', '.join(own)}")
    report = replace(report, findings=left, notes=(*report.notes, *notes))
    names = [re.split("[./]", n)[-1] for f in left for n in f.leaves]
    if left and {*left} <= {*missing} and all(may_be_constant(n, backward, others) for n in names):
        told = ", ".join(f'"{n}"' for f in left for n in f.leaves)
        raise CheckError(f"{name} has no gradient of {', '.join(names)}, which its text may call constant; if it is, "
                         f"define {name}_constants = ({told},)")  # fmt: skip
    wrong = {leaf.name for leaf in report.leaves if leaf.verdict == "wrong"}
    if wrong and (says := _held(told_of(backward), wrong, {leaf.name for leaf in report.leaves} | {*others})):
        raise CheckError(f'{name} is not the whole derivative, and its text says "{says}": it is not checked')
    return report


def _held(text: str, wrong: set[str], arguments: set[str]) -> str | None:
    """How a text calls something constant. That says nothing of other gradients where it is an argument."""
    for sentence in re.split(r"[.;](?:\s|$)", text):
        for says in _HELD.finditer(sentence):
            subject = _SUBJECT.search(says[0])
            of_another = subject is not None and subject[1] in arguments and not wrong <= {subject[1]}
            if not of_another and not _NO.search(sentence[: says.end()]):
                return says[0]
    return None
