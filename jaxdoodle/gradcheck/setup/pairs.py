"""What a check examines: what the forward returns, how the backward is called, which gradients are expected."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import jax
import numpy as np

from jaxdoodle.core.types import PyTree
from jaxdoodle.gradcheck.reference import choose, traceable
from jaxdoodle.gradcheck.setup.binding import Binding, Output, bindings, call, required, split_output
from jaxdoodle.gradcheck.setup.candidate import Candidate, in_float64
from jaxdoodle.gradcheck.setup.leaves import argument_names, is_floating, leaves, named
from jaxdoodle.gradcheck.setup.problem import (
    CheckError,
    NotDeterministicError,
    Point,
    Problem,
    fixed_randomness,
    float_outputs,
    in_one_line,
    jax_args,
    numpy_args,
    run_forward,
)
from jaxdoodle.gradcheck.setup.state import State
from jaxdoodle.gradcheck.setup.test_points import Outline, test_points


def _title(function: Callable) -> str:
    inner = getattr(function, "func", function)
    return getattr(inner, "__qualname__", type(inner).__name__).split("<locals>.")[-1].removesuffix("_backward")


def gradient_problem(
    function: Callable, gradient: Callable, under_test: Callable, args: Sequence[PyTree],
    argnums: int | Sequence[int], title: str | None,
) -> Problem:  # fmt: skip
    """The problem of a loss and its gradient, called as ``check_gradient`` takes them."""
    wrt, state = (argnums,) if isinstance(argnums, int) else tuple(argnums), State((function, under_test))
    value, by_hand = state.replay(function), state.replay(gradient)
    problem = _problem((function, under_test), value, lambda args, _: by_hand(*args), args, wrt, title, scalar=True)
    _same_twice(problem, state)
    return problem


def pair_problem(
    forward: Callable, backward: Callable, args: Sequence[PyTree], wrt: Sequence[int] | None, title: str | None
) -> Problem:
    """The problem that ``check`` examines: what the forward returns and how the backward is called is settled."""
    state, takes = State((forward, backward)), len(required(backward))

    def ways(last_alone: bool) -> tuple[list[Problem], bool]:
        split = partial(split_output, takes=takes, last_alone=last_alone)
        value = state.replay(lambda *args: split(forward(*args)).y)

        def problem_of(binding: Binding) -> Problem:
            def candidate(*args_dy: Any) -> PyTree:
                *args, dy = args_dy
                return call(backward, binding, forward, args, split(forward(*args)), dy)

            run = state.replay(candidate)
            return _problem((forward, backward), value, lambda args, dy: run(*args, dy), args, wrt, title)

        problem = problem_of(())
        output = _output(problem, state.replay(lambda *args: split(forward(*args))))
        tables = [i for i, a in enumerate(problem.args) if isinstance(a, dict | list)]
        return [problem_of(b) for b in bindings(forward, backward, output, len(problem.args), tables)], output.flat

    found, flat = ways(False)
    _same_twice(found[0], state)
    if len(found) == 1 and not flat:
        return found[0]
    best, merit = _nearest(found)
    if flat and merit[1] < len(best.differentiated):
        other, theirs = _nearest(ways(True)[0])
        best = other if theirs > (merit[0], merit[1] + _LEANING) else best
    return best


def _output(problem: Problem, forward: Callable) -> Output:
    """What the forward returns, as JAX traces it (which costs no compilation), else for NumPy or JAX arrays.

    Raises ``CheckError`` where it refuses all of them.
    """
    found: list[Output] = []

    def run(args: tuple) -> dict[str, Any]:
        found.append(forward(*args))
        return float_outputs(found[-1].y)

    with in_float64(), fixed_randomness():
        given = numpy_args(problem, problem.args)
        arrays = problem.arrays(given)
        traced = partial(jax.eval_shape, lambda arrays: run(problem.with_arrays(given, arrays)), arrays)
        for way in (traced, lambda: run(given), lambda: run(jax_args(problem, given))):
            try:
                way()
                return found[-1]
            except Exception as error:  # any exception of the user's code: perhaps it takes other arrays
                failure = error
    raise CheckError(f"{problem.title}: the forward gives {in_one_line(failure)}; numbers were expected") from failure


#: By so much must the direction (the mean cosine) of a less likely order be better to be taken.
_LEANING = 0.2


_Merit = tuple[int, float]


def _nearest(ways: list[Problem]) -> tuple[Problem, _Merit]:
    """Of several ways to call a backward, the one that gives the most gradients, nearest in direction to the right.

    With how many gradients it gives, and how many of them are right, plus the mean cosine.
    """

    def merit(problem: Problem) -> _Merit:
        got = Candidate(problem, "float64", by_jax)(point).gradients
        alike = {n: g for n, g in got.items() if g is not None and np.shape(g) == np.shape(want[n])}
        pairs = [(np.ravel(g), np.ravel(want[n])) for n, g in alike.items()]
        sizes = [float(np.linalg.norm(g) * np.linalg.norm(w)) for g, w in pairs]
        cosines = [float(g @ w) / s if 0 < s < np.inf else 0.0 for (g, w), s in zip(pairs, sizes, strict=True)]
        right = sum(np.linalg.norm(g - w) <= 1e-4 * (np.linalg.norm(w) + 1e-300) for g, w in pairs)
        return len(pairs), right + float(np.mean(np.abs(cosines) if cosines else 0.0))

    with in_float64():
        by_jax = traceable(ways[0])
        points = [at.point for at in islice(test_points(ways[0], Outline(ways[0], by_jax), {}), 2)]
        if not points:
            return ways[0], (0, 0.0)
        point = points[-1]
        try:
            want = choose(ways[0], points, "auto").gradient(point)
        except Exception:  # no right gradient there: the likeliest by name
            return ways[0], (0, 0.0)
        merits = [merit(problem) for problem in ways]
    best = max(merits)  # names decide between two that are about as near
    return next((p, m) for p, m in zip(ways, merits, strict=True) if m[0] == best[0] and m[1] > best[1] - _LEANING)


def _same_twice(problem: Problem, state: State) -> None:
    """Raises ``CheckError`` where the forward gives other numbers at every call, whatever is put back."""
    if not state.draws():
        return
    with in_float64():
        try:
            first, second = (float_outputs(run_forward(problem, problem.args)) for _ in range(2))
        except Exception:  # any exception of the user's code: it is told where the forward is first needed
            return
    if any(not np.array_equal(first[n], second.get(n, np.nan), equal_nan=True) for n in first):
        why = "two calls of the forward with the same arguments differ, as where default_rng() has no seed; give it one"
        raise NotDeterministicError(f"{problem.title}: not deterministic: {why}")


def _problem(
    functions: tuple[Callable, Callable], value: Callable, candidate: Callable, args: Sequence[PyTree],
    wrt: Sequence[int] | None, title: str | None, scalar: bool = False,
) -> Problem:  # fmt: skip
    """``functions`` are the user's: the forward and the one under test, after which the problem is named."""
    title, args = title or _title(functions[1]), tuple(args)
    if wrt is None:
        holds = [i for i, a in enumerate(args) if any(is_floating(x) for _, x in leaves(a))]
        wrt = holds or [i for i, a in enumerate(args) if any(isinstance(x, float) for _, x in leaves(a))]
    if any(not -len(args) <= i < len(args) for i in wrt):
        raise CheckError(f"{title}: there are {len(args)} arguments; got positions {tuple(wrt)}")
    wrt = tuple(i % len(args) for i in wrt)
    names = tuple(argument_names(functions[0], len(args)))
    problem = Problem(title, args, names, value, candidate, wrt, scalar, functions)
    if not problem.differentiated:
        raise CheckError(f"{title}: no argument to differentiate holds a floating array")
    return problem


#: Numbers that say how a result is computed.
_STEP = re.compile(r"h|dt|step\w*|lr|learning_rate|eta|tol\w*|tau|temperature|lam\w*|reg\w*", re.I)
#: Arguments for which no gradient is expected unless one comes back.
_NOT_DIFFERENTIATED = re.compile(
    r"y|t|targets?|labels?|\w*_(true|labels?)|masks?|eps(ilon)?|ids|idx|rng|key|\w+_(param|config)"
    r"|s|adj\w*|a_?(hat|norm)|laplacian|support"  # of a graph, by which its layers multiply
)


def only_returned(problem: Problem) -> Problem:
    """Leave out arguments whose gradient is ``None``; labels where no gradient of them came back; and beside a table of
    parameters of a loss, where all that came back is theirs, the data."""
    with in_float64():
        by_jax = traceable(problem)
        point = first_point(problem, Outline(problem, by_jax))
        returned = Candidate(problem, "float64", by_jax)(point)
    if returned.nothing or returned.error is not None:
        return problem
    arguments = {name.partition(".")[0] for name, gradient in returned.gradients.items() if gradient is not None}
    wrt = tuple(i for i in problem.wrt if problem.names[i] in arguments)
    loss = [np.ndim(y) for _, y in leaves(point.cotangent)] == [0]
    tables = loss and any(named(problem.args[i]) is not None for i in wrt)
    if returned.odd and not tables:  # fewer came back than there are arguments
        data = {i for i in problem.wrt if _NOT_DIFFERENTIATED.fullmatch(problem.names[i].lower())}
        numbers = {i for i in problem.wrt if np.ndim(problem.args[i]) == 0 and _STEP.fullmatch(problem.names[i])}
        few = tuple(i for i in problem.wrt if i not in data | (numbers - {*wrt}))
        if len(few) < len(wrt):  # of a loss of y and t, or of a state that is called as data are
            few = tuple(i for i in problem.wrt if i in {*few, *wrt})
        if not few or len(few) == len(problem.wrt):
            return problem
        return replace(problem, wrt=few, all_wrt=few)
    return replace(problem, wrt=wrt, all_wrt=problem.wrt) if wrt else problem


def first_point(problem: Problem, outline: Outline) -> Point:
    """The arguments as given, with a cotangent. Raises ``CheckError`` where the forward gives no numbers."""
    first = next(test_points(problem, outline, {}), None)
    if first is None:
        raise CheckError(f"{problem.title}: the forward gives {_refusal(problem)}; numbers were expected")
    return first.point


def _refusal(problem: Problem) -> str:
    try:
        y = run_forward(problem, problem.args)
    except CheckError:
        raise
    except Exception as error:  # any exception of the user's code: it is told
        return in_one_line(error)
    found = {n: np.asarray(v) for n, v in float_outputs(y).items()}
    return "no floating array" if not found else f"{next(iter(found.values())).ravel()[:1]}"
