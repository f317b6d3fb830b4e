"""The oracles: independent computations of the right gradient.

``trace``: the reverse pass over the traced forward, trusted only after central differences agree with it.
``differences``: no differentiation at all. Neither ever runs the candidate, or a derivative rule of the user's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.autograd.evaluate import evaluate
from jaxdoodle.gradcheck.autograd.jaxpr import interpret
from jaxdoodle.gradcheck.autograd.numpy_proxy import traced
from jaxdoodle.gradcheck.autograd.tape import Tape, Untraceable
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, user_line
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import (
    CheckError,
    Point,
    Problem,
    fixed_randomness,
    float_outputs,
    in_one_line,
    jax_args,
    numpy_args,
    run_forward,
    shape_key,
)

ORACLES = ("trace", "differences")
#: Entries of one gradient that are computed one by one, each by two runs of the forward.
_MOST_ENTRIES = 400
#: Relative distance up to which a reference and central differences agree: both have ten digits at the best step.
_AGREE = 1e-5
#: Steps of central differences, and the distance at which they agree, where the forward rounds to a lower precision.
_STEPS, _COARSE_STEPS, _COARSE = (1e-5, 1e-6, 1e-4), (1e-2, 3e-3, 3e-2), 5e-2
#: Slopes that differ by a twentieth of this show no corner: curvature makes it.
_FLAT = 1e-3
#: Distance of a right gradient where the forward computes in a lower precision: some hundred units in the last place.
LOW_PRECISION = {"float32": 2e-4, "float16": 3e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Oracle:
    """``gradient(point) -> {leaf: array}``; entries that were not asked for are nan.

    ``tolerance`` is the relative distance up to which a right gradient may lie from this one. ``remarks`` are about
    the forward.
    """

    name: str
    note: str
    tolerance: float
    gradient: Callable[[Point], dict[str, np.ndarray]]
    remarks: tuple[str, ...] = ()


# -- the forward as JAX sees it --------------------------------------------------------------------------------------


def split(problem: Problem, args: tuple) -> tuple[dict[str, Any], dict[str, Any]]:
    """(differentiated arrays, all the others)."""
    arrays = problem.arrays(args)
    moving = {name: arrays[name] for name in problem.differentiated}
    return moving, {name: x for name, x in arrays.items() if name not in moving}


def jaxpr_of(problem: Problem, args: tuple) -> tuple[Any, list[str], Any]:
    """The forward's program, the names of its first outputs, which are floating, and the shapes of what it returns.

    Raises what JAX raises where it cannot trace it.
    """

    def outputs(moving: dict[str, Any], rest: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        y = problem.value(*problem.with_arrays(args, moving | rest))
        return float_outputs(y), y

    key = shape_key(problem, args)
    if key not in problem.programs:
        with fixed_randomness():
            program, (floating, shapes) = jax.make_jaxpr(outputs, return_shape=True)(*split(problem, args))
        problem.programs[key] = program, sorted(floating), shapes
    return problem.programs[key]


def traceable(problem: Problem) -> bool:
    """Can JAX trace the forward?"""
    with contextlib.suppress(Exception):  # any exception of the user's code: JAX cannot trace it
        jaxpr_of(problem, numpy_args(problem, problem.args))
        return True
    return False


def _in_its_precision(oracle: Oracle, casts: Sequence[str]) -> Oracle:
    """The oracle of a forward that casts to a lower precision: a right gradient may lie as far away as that rounds."""
    if not casts:
        return oracle
    told = tuple(f"the forward casts to {low}: gradients are compared as far as that rounds" for low in casts)
    return replace(oracle, tolerance=max(LOW_PRECISION[low] for low in casts), remarks=told)


def _completed(problem: Problem, point: Point, gradient: dict[str, np.ndarray], by_jax: bool) -> dict[str, np.ndarray]:
    """Entries that are nan (0 / 0 beside a condition, say) by central differences; so are infinite ones.

    Where these do not settle on a number, nan stays: no derivative is known.
    """
    odd = {n: np.argwhere(~np.isfinite(g)) for n, g in gradient.items()}
    if not any(map(len, odd.values())):
        return gradient
    total, arrays = scalar_forward(problem, point, by_jax), problem.arrays(numpy_args(problem, point.args))
    if not np.isfinite(total(arrays)):  # there is no derivative where there is no value
        return {n: np.full(g.shape, np.nan) for n, g in gradient.items()}
    for name, places in odd.items():
        for place in places[:_MOST_ENTRIES]:
            at = np.ravel_multi_index(place, arrays[name].shape)
            slope, wider = (_entry(total, arrays, name, at, base) for base in (6e-6, 6e-5))
            exists = abs(slope - wider) <= _COARSE * abs(slope)  # at 0 / 0 the slope grows as the step shrinks
            exists &= abs(slope - _ahead(total, arrays, name, at)) <= _COARSE * max(abs(slope), _FLAT)
            gradient[name][tuple(place)] = slope if exists else np.nan
    return gradient


def seeds_of(problem: Problem, point: Point) -> dict[str, np.ndarray]:
    """The cotangent of each floating output; 1 for a loss."""
    if point.cotangent is None:
        return {"y": np.array(1.0)}
    return {name: np.asarray(v, np.float64) for name, v in float_outputs(point.cotangent).items()}


# -- the traced forward ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """A tape of the forward at one point, and the seeds of its reverse pass."""

    tape: Tape
    seeds: dict[int, np.ndarray]


def trace_forward(problem: Problem, point: Point, by_jax: bool) -> Trace:
    """Trace the forward. Raises ``Untraceable`` (or what the code raises) where that is not possible."""
    if by_jax:
        tape = Tape(lambda: None)
        closed, names, _ = jaxpr_of(problem, point.args)
        moving, rest = split(problem, point.args)
        arguments = [
            TracedArray(tape, tape.leaf(name, np.asarray(x, np.float64))) if is_floating(x) else x
            for name, x in (*sorted(moving.items()), *sorted(rest.items()))  # the order in which JAX flattens them
        ]
        results = dict(zip(names, interpret(closed, arguments, tape), strict=False))
    else:
        tape = Tape(user_line)
        args = numpy_args(problem, point.args)
        arrays = {
            name: TracedArray(tape, tape.leaf(name, x)) if is_floating(x) else x
            for name, x in problem.arrays(args).items()
        }
        with fixed_randomness(), np.errstate(all="ignore"):
            y = traced(tape, problem.value)(*problem.with_arrays(args, arrays))
        results = {name or "y": x for name, x in leaves(y)}
    tape.moving = {tape.leaves[name] for name in problem.differentiated}
    seeds: dict[int, np.ndarray] = {}
    for name, seed in seeds_of(problem, point).items():
        y = results.get(name)
        if type(y) is TracedArray:
            seed = np.broadcast_to(seed, y.shape)
            seeds[y._node] = seeds[y._node] + seed if y._node in seeds else seed
    if not any(tape.alive(i) for i in seeds):
        raise Untraceable("the output holds no traced arrays")
    return Trace(tape.straight() if problem.straight else tape, seeds)


def output_zeros(problem: Problem, args: tuple) -> Any:
    """Zeros in the shapes and dtypes of the forward's output, without running it."""
    *_, shapes = jaxpr_of(problem, numpy_args(problem, args))
    return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)


def trace_oracle(problem: Problem, points: Sequence[Point], by_jax: bool) -> Oracle:
    """Raises ``Untraceable`` where the reverse pass over the trace and central differences do not agree."""
    casts, rules, detached = set[str](), dict[str, None](), False

    def gradient(point: Point) -> dict[str, np.ndarray]:
        nonlocal detached
        trace = trace_forward(problem, point, by_jax)
        casts.update(trace.tape.casts)
        rules.update(trace.tape.rules)
        detached = detached or trace.tape.detached
        table = trace.tape.leaf_values(trace.tape.reverse(trace.seeds))
        return _completed(problem, point, {name: table[name] for name in problem.differentiated}, by_jax)

    note = "reverse pass over the traced forward, float64"
    try:
        confirm(problem, points, gradient, partial(scalar_forward, problem, by_jax=by_jax), casts)
        note += ", confirmed by central differences"
    except Untraceable:
        if not detached:
            raise
        note += ", with steps that pass gradients on" if problem.straight else ", with its stop_gradient"
    if rules:
        note += f" (without the hand-written rule of {', '.join(rules)})"
    return _in_its_precision(Oracle("trace", note, 1e-9, gradient), sorted(casts))


def confirm(
    problem: Problem, points: Sequence[Point], gradient: Callable, total: Callable, casts: Any = frozenset()
) -> None:
    """Compare a gradient with central differences along random directions at every point.

    Raises ``Untraceable`` where they disagree at the last point, which is generic: the first may be a kink.
    """
    apart = ""
    for point in points:
        found = gradient(point)
        apart = _disagreement(problem, point, found, total(point), bool(casts))
    if apart:
        raise Untraceable(f"the reference and central differences disagree {apart}")


def confirmed(problem: Problem, point: Point, gradient: dict[str, np.ndarray]) -> bool:
    """Do central differences agree with the gradient? Where 1 - sigmoid(37) is rounded, they do not."""
    return not _disagreement(problem, point, gradient, scalar_forward(problem, point), low=False)


def _disagreement(problem: Problem, point: Point, gradient: dict[str, np.ndarray], total: Callable, low: bool) -> str:
    """Along one random direction in each leaf; empty where they agree."""
    rng = np.random.default_rng(0)
    arrays = problem.arrays(numpy_args(problem, point.args))
    size = max((float(np.linalg.norm(g)) for g in gradient.values()), default=0.0)
    for name, g in gradient.items():
        direction = rng.normal(size=np.shape(arrays[name]))
        expected = float(np.vdot(g, direction))
        scale = max(abs(expected), 1e-3 * float(np.linalg.norm(g)), 1e-6 * size, 1e-300)
        errors = []
        for step in _COARSE_STEPS if low else _STEPS:
            errors.append(abs(_slope(total, arrays, name, direction, step) - expected) / scale)
            if errors[-1] < (_COARSE if low else _AGREE):
                break
        else:
            return f"on {name} by {min(errors):.1e}"
    return ""


# -- without differentiation -----------------------------------------------------------------------------------------


def scalar_forward(problem: Problem, point: Point, by_jax: bool = False) -> Callable[[dict[str, np.ndarray]], Any]:
    """``arrays -> sum(cotangent * y)``, the function whose gradient is the answer; ``by_jax``: JAX traces it."""
    seeds = seeds_of(problem, point)

    def total(arrays):
        args = problem.with_arrays(point.args, {k: v.copy() for k, v in arrays.items()})
        if by_jax:
            program, names, _ = jaxpr_of(problem, args)
            values = dict(zip(names, evaluate(program, jax.tree.leaves(split(problem, args))), strict=False))
        else:
            values = {name or "y": v for name, v in leaves(_value(problem, args))}
        return sum(np.sum(np.asarray(values[name], np.float64) * seed) for name, seed in seeds.items())

    return total


def _value(problem: Problem, args: tuple) -> Any:
    with fixed_randomness(), np.errstate(all="ignore"):
        try:
            return problem.value(*args)
        except TypeError:
            return problem.value(*jax_args(problem, args))


def _slope(total, arrays, name, direction, step):
    x = arrays[name]
    high, low = x + step * direction, x - step * direction
    return (total(arrays | {name: high}) - total(arrays | {name: low})) / (2 * step)


def differences_oracle(problem: Problem, first: Point) -> Oracle:
    """Central differences, coordinate by coordinate, with the step that was really taken."""
    outputs = float_outputs(run_forward(problem, first.args)).values()
    casts = {str(getattr(y, "dtype", "float64")) for y in outputs} & set(LOW_PRECISION)
    entry = partial(_entry, base=3e-3 if casts else 6e-6)
    gradient = partial(_by_coordinates, problem, entry)
    note = "central differences of the plain forward, float64, realised step"
    return _in_its_precision(Oracle("differences", note, 1e-5, gradient), sorted(casts))


#: Difference of two values, a step below this apart, from which on there may be a jump between them.
_STEEP, _FINE = 1e-2, 1e-5


def _entry(total, arrays, name, i, base=6e-6):
    x = arrays[name]
    step = base * max(1.0, abs(float(x.flat[i])))
    high, low = x.copy(), x.copy()
    high.flat[i] += step
    low.flat[i] -= step
    gap = total(arrays | {name: high}) - total(arrays | {name: low})
    slope = gap / (high.flat[i] - low.flat[i])
    if base < _FINE and abs(gap) >= _STEEP:  # at a jump, as of an angle from pi to -pi, the slope falls with the step
        wider = _entry(total, arrays, name, i, 10 * base)
        return slope if abs(slope - wider) <= 0.5 * abs(slope) else np.nan
    return slope


def _ahead(total, arrays, name, i, step=6e-6):
    """The slope on one side: at a corner, as of a norm at 0, another one than on both."""
    x = arrays[name].copy()
    x.flat[i] += step
    return (total(arrays | {name: x}) - total(arrays)) / step


def _by_coordinates(problem: Problem, entry: Callable, point: Point) -> dict[str, np.ndarray]:
    """A gradient from its entries. Those beyond ``_MOST_ENTRIES``, drawn from every leaf, are nan."""
    total, arrays = scalar_forward(problem, point), problem.arrays(numpy_args(problem, point.args))
    rng = np.random.default_rng(0)
    result = {name: np.full(arrays[name].shape, np.nan) for name in problem.differentiated}
    orders = {name: rng.permutation(arrays[name].size) for name in problem.differentiated}
    for k in range(max((len(order) for order in orders.values()), default=0)):
        if k * len(orders) >= _MOST_ENTRIES and k >= 8:
            break
        for name, order in orders.items():
            if k < len(order):
                result[name].flat[order[k]] = entry(total, arrays, name, order[k])
    return result


# -- the choice ------------------------------------------------------------------------------------------------------


def choose(problem: Problem, points: Sequence[Point], name: str) -> Oracle:
    """The oracle asked for; for ``"auto"``, the best that can be trusted. Call with 64-bit types enabled.

    ``points`` are what it is tried at: the arguments as given, then generic ones.
    """
    if name not in ("auto", *ORACLES):
        raise CheckError(f"oracle is auto, {', '.join(ORACLES)}; got {name!r}")
    if name == "differences":
        return differences_oracle(problem, points[0])
    try:
        return trace_oracle(problem, points, traceable(problem))
    except Exception as error:  # any exception of the user's code: it cannot be traced
        if name == "trace":
            raise CheckError(f"oracle trace: {error}") from None
        oracle = differences_oracle(problem, points[0])
        return replace(oracle, note=f"{oracle.note} (not traced: {in_one_line(error, 80)})")
