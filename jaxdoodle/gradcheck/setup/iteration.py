"""Iterations whose derivative is that of what they come to: right where they do come to rest, and nowhere else."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.copies import Copies, names_in
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import Point, Problem, fixed_randomness, float_outputs, run_forward

#: Names of the number of steps of an iteration.
_STEPS = re.compile(r"(n|num|max)_?(it|iter|iteration|step)s?|iter(ation)?s?|steps")
#: Distance of two values of an iteration that has come to rest.
_AT_REST = 1e-12
#: Steps of a loop that may be an iteration: more than arrays that are tried have entries.
_MANY = 20


def iterates(problem: Problem, args: tuple) -> bool:
    """Is one of the arguments a number of steps, or has the forward a long loop?

    Args:
      problem: Whose forward is run.
      args: Its arguments.
    """
    long = list[range]()

    def noted(*bounds: int) -> range:
        steps = range(*bounds)
        long.extend([steps] if len(steps) >= _MANY else [])
        return steps

    copies = Copies(builtin={"range": noted})
    value = copies(problem.value)
    if not _counts(problem, args) and any("range" in names_in(code) for code in copies.functions):
        with contextlib.suppress(Exception):  # any exception of the user's code
            run_forward(replace(problem, value=value), args)
    return bool(_counts(problem, args) or long)


def _counts(problem: Problem, args: tuple) -> list[int]:
    return [i for i, n in enumerate(problem.names) if type(args[i]) is int and _STEPS.fullmatch(n.lower())]


def at_rest(problem: Problem, point: Point) -> bool:
    """Do iterations, forward and backward, give the same with twice as many steps?

    Args:
      problem: Whose forward and backward are run.
      point: One of the arguments may be the number of steps, else that is a long range.
    """
    counts = _counts(problem, point.args)
    twice = Copies(builtin={"range": _twice})
    other = replace(problem, value=twice(problem.value), candidate=twice(problem.candidate))

    def results(problem: Problem, args: tuple) -> list[Any]:
        y = float_outputs(run_forward(problem, args)).values()
        with fixed_randomness(), np.errstate(all="ignore"):
            returned = problem.candidate(copy.deepcopy(args), copy.deepcopy(point.cotangent))
        return [*y, *(x for _, x in leaves(returned) if is_floating(x))]

    longer = tuple(2 * a if i in counts else a for i, a in enumerate(point.args))
    try:
        few, many = results(problem, point.args), results(problem if counts else other, longer)
    except Exception:  # any exception of the user's code: it takes no other number
        return False
    shapes = [[np.shape(y) for y in ys] for ys in (few, many)]
    return shapes[0] == shapes[1] and all(np.allclose(*ys, _AT_REST, _AT_REST) for ys in zip(few, many, strict=True))


def _twice(*bounds: int) -> Sequence[int]:
    steps = range(*bounds)
    return steps if len(steps) < _MANY else [*steps, *steps]
