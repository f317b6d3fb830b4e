"""Iterations whose derivative is that of what they come to: right where they do come to rest, and nowhere else."""

from __future__ import annotations

import re

import numpy as np

from jaxdoodle.gradcheck.setup.problem import Problem, float_outputs, run_forward

#: Names of the number of steps of an iteration.
_STEPS = re.compile(r"(n|num|max)_?(it|iter|iteration|step)s?|iter(ation)?s?|steps")
#: Distance of two values of an iteration that has come to rest.
_AT_REST = 1e-12


def at_rest(problem: Problem, args: tuple) -> bool:
    """Does an iteration, of as many steps as an argument says, give the same with twice as many? If there is none, yes.

    Args:
      problem: Whose forward is run.
      args: Its arguments.
    """
    counts = [i for i, n in enumerate(problem.names) if type(args[i]) is int and _STEPS.fullmatch(n.lower())]
    if not counts:
        return True
    longer = tuple(2 * a if i in counts else a for i, a in enumerate(args))
    try:
        few, many = ([*float_outputs(run_forward(problem, each)).values()] for each in (args, longer))
    except Exception:  # any exception of the user's code: it takes no other number
        return False
    shapes = [[np.shape(y) for y in ys] for ys in (few, many)]
    return shapes[0] == shapes[1] and all(np.allclose(*ys, _AT_REST, _AT_REST) for ys in zip(few, many, strict=True))
