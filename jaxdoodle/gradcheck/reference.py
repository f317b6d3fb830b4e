"""The oracles: independent computations of the right gradient.

``vjp``: JAX differentiates the plain forward, in float64. ``trace``: for NumPy code that JAX cannot run, the reverse
pass over the traced forward. Both are trusted only after central differences agree with them. ``differences`` and
``complex``: no differentiation at all. None of them ever runs the candidate, or a derivative rule of the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.autograd.evaluate import evaluate
from jaxdoodle.gradcheck.autograd.jaxpr import interpret
from jaxdoodle.gradcheck.autograd.numpy_proxy import traced
from jaxdoodle.gradcheck.autograd.plain import PlainProgram, plain_program
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
    shape_key,
)

ORACLES = ("vjp", "trace", "differences", "complex")
#: Entries of one gradient that are computed one by one, each by two runs of the forward.
_MOST_ENTRIES = 400
#: Relative distance up to which a reference and central differences agree: both have ten digits at the best step.
_AGREE = 1e-5
#: Steps of central differences, and the distance at which they agree, where the forward rounds to a lower precision.
_STEPS, _COARSE_STEPS, _COARSE = (1e-5, 1e-6, 1e-4), (1e-2, 3e-3, 3e-2), 5e-2
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


# -- jax.vjp ---------------------------------------------------------------------------------------------------------


def split(problem: Problem, args: tuple) -> tuple[dict[str, Any], dict[str, Any]]:
    """(differentiated arrays, all the others)."""
    arrays = problem.arrays(args)
    moving = {name: arrays[name] for name in problem.differentiated}
    return moving, {name: x for name, x in arrays.items() if name not in moving}


def jaxpr_of(problem: Problem, args: tuple) -> Any:
    """The plain forward as JAX sees it; raises what JAX raises where it cannot trace it."""

    def outputs(moving: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
        return float_outputs(problem.value(*problem.with_arrays(args, moving | rest)))

    with fixed_randomness():
        return jax.make_jaxpr(outputs)(*split(problem, args))


def vjp_oracle(problem: Problem, points: Sequence[Point]) -> Oracle:
    """Raises what JAX raises where it cannot differentiate, ``Untraceable`` where central differences disagree."""

    def run(call, moving, rest, cotangent):
        def total(moving):
            y = dict(zip(sorted(cotangent), call(moving, rest), strict=True))
            return sum(jnp.sum(y[name] * jnp.asarray(s, y[name].dtype)) for name, s in cotangent.items())

        return jax.value_and_grad(total)(moving)

    programs: dict[Any, Any] = {}
    told: list[PlainProgram] = []

    def both(point: Point) -> tuple[float, dict[str, np.ndarray]]:
        moving, rest = split(problem, point.args)
        given, key = (moving, rest, seeds_of(problem, point)), shape_key(problem, point.args)
        if key not in programs:
            plain = plain_program(jaxpr_of(problem, point.args), moving, rest)
            told.append(plain)
            programs[key] = jax.make_jaxpr(partial(run, plain.call))(*given)
        value, *got = evaluate(programs[key], jax.tree.leaves(given))
        return float(value), {n: np.asarray(g, np.float64) for n, g in zip(sorted(moving), got, strict=True)}

    def gradient(point: Point) -> dict[str, np.ndarray]:
        return _completed(problem, point, both(point)[1])

    def total(point: Point) -> Callable[[dict[str, np.ndarray]], float]:
        return lambda arrays: both(Point(problem.with_arrays(point.args, arrays), point.cotangent))[0]

    note = "jax.vjp of the plain forward, float64"
    try:
        confirm(problem, points, gradient, total)
        note += ", confirmed by central differences"
    except Untraceable:
        if not told[0].detached:
            raise
        note += ", with its stop_gradient"
    if told[0].rules:
        note += f" (without the hand-written rule of {', '.join(told[0].rules)})"
    return _in_its_precision(Oracle("vjp", note, 1e-9, gradient), told[0].casts)


def _in_its_precision(oracle: Oracle, casts: Sequence[str]) -> Oracle:
    """The oracle of a forward that casts to a lower precision: a right gradient may lie as far away as that rounds."""
    if not casts:
        return oracle
    told = tuple(f"the forward casts to {low}: gradients are compared as far as that rounds" for low in casts)
    return replace(oracle, tolerance=max(LOW_PRECISION[low] for low in casts), remarks=told)


def _completed(problem: Problem, point: Point, gradient: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Entries that are nan (0 / 0 beside a condition, say) by central differences; so are infinite ones.

    Where these do not settle on a number, nan stays: no derivative is known.
    """
    odd = {n: np.argwhere(~np.isfinite(g)) for n, g in gradient.items()}
    if not any(map(len, odd.values())):
        return gradient
    total, arrays = scalar_forward(problem, point), problem.arrays(numpy_args(problem, point.args))
    if not np.isfinite(total(arrays)):  # there is no derivative where there is no value
        return {n: np.full(g.shape, np.nan) for n, g in gradient.items()}
    for name, places in odd.items():
        for place in places[:_MOST_ENTRIES]:
            at = np.ravel_multi_index(place, arrays[name].shape)
            slope, wider = (_entry(total, arrays, name, at, base) for base in (6e-6, 6e-5))
            exists = abs(slope - wider) <= _COARSE * abs(slope)  # at 0 / 0 the slope grows as the step shrinks
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
        closed = jaxpr_of(problem, point.args)
        moving, rest = split(problem, point.args)
        arguments = [
            TracedArray(tape, tape.leaf(name, np.asarray(x, np.float64))) if is_floating(x) else x
            for name, x in (*sorted(moving.items()), *sorted(rest.items()))  # the order in which JAX flattens them
        ]
        names = sorted(float_outputs(output_zeros(problem, point.args)))
        results = dict(zip(names, interpret(closed, arguments, tape), strict=True))
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
    return Trace(tape, seeds)


def output_zeros(problem: Problem, args: tuple) -> Any:
    """Zeros in the shapes and dtypes of the forward's output, without running it."""
    key = shape_key(problem, args)
    if key not in problem.shapes:
        arrays = problem.arrays(numpy_args(problem, args))
        with fixed_randomness():
            problem.shapes[key] = jax.eval_shape(lambda a: problem.value(*problem.with_arrays(args, a)), arrays)
    return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), problem.shapes[key])


def trace_oracle(problem: Problem, points: Sequence[Point], by_jax: bool) -> Oracle:
    """Raises ``Untraceable`` where the reverse pass over the trace and central differences do not agree."""
    casts: set[str] = set()

    def gradient(point: Point) -> dict[str, np.ndarray]:
        trace = trace_forward(problem, point, by_jax)
        casts.update(trace.tape.casts)
        table = trace.tape.leaf_values(trace.tape.reverse(trace.seeds))
        return _completed(problem, point, {name: table[name] for name in problem.differentiated})

    confirm(problem, points, gradient, partial(scalar_forward, problem), casts)
    note = "reverse pass over the traced forward, float64, confirmed by central differences"
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


def scalar_forward(problem: Problem, point: Point) -> Callable[[dict[str, np.ndarray]], Any]:
    """``arrays -> sum(cotangent * y)``, the function whose gradient is the answer."""
    seeds = seeds_of(problem, point)

    def total(arrays):
        with fixed_randomness(), np.errstate(all="ignore"):
            args = problem.with_arrays(point.args, {k: np.array(v) for k, v in arrays.items()})
            try:
                y = problem.value(*args)
            except TypeError:
                y = problem.value(*jax_args(problem, args))
        values = {name or "y": v for name, v in leaves(y)}
        return sum(np.sum(np.asarray(values[name]) * seed) for name, seed in seeds.items())

    return total


def _slope(total, arrays, name, direction, step):
    x = arrays[name]
    high, low = x + step * direction, x - step * direction
    return (total(arrays | {name: high}) - total(arrays | {name: low})) / (2 * step)


def differences_oracle(problem: Problem, first: Point) -> Oracle:
    """Central differences, coordinate by coordinate, with the step that was really taken."""
    with fixed_randomness(), np.errstate(all="ignore"):
        outputs = float_outputs(problem.value(*numpy_args(problem, first.args)))
    casts = {str(getattr(y, "dtype", "float64")) for y in outputs.values()} & set(LOW_PRECISION)
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


def complex_oracle(problem: Problem, first: Point) -> Oracle:
    """The imaginary part after an imaginary step: exact, where the forward computes with complex numbers.

    Raises ``CheckError`` where it does not (central differences disagree).
    """

    def slope(total, arrays, name, direction):
        return np.imag(total(arrays | {name: arrays[name] + 1e-30j * direction})) / 1e-30

    def entry(total, arrays, name, i):
        direction = np.zeros(arrays[name].shape)
        direction.flat[i] = 1.0
        return slope(total, arrays, name, direction)

    total, arrays = scalar_forward(problem, first), problem.arrays(numpy_args(problem, first.args))
    rng = np.random.default_rng(0)
    for name in problem.differentiated:
        direction = rng.normal(size=arrays[name].shape)
        expected = _slope(total, arrays, name, direction, 1e-6)
        try:
            got = slope(total, arrays, name, direction)
        except (TypeError, ValueError, FloatingPointError) as error:
            raise CheckError(f"complex step: the forward does not take complex numbers ({error})") from None
        if abs(got - expected) > 1e-5 * max(abs(expected), 1e-3):
            raise CheckError(
                f"complex step: gives {got:.6g} along {name} where central differences give {expected:.6g}; "
                "the forward is not analytic (abs, max of complex numbers, a cast)"
            )
    gradient = partial(_by_coordinates, problem, entry)
    return Oracle("complex", "complex step through the plain forward, float64", 1e-9, gradient)


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
    if name == "complex":
        return complex_oracle(problem, points[0])
    why, by_jax = "", False
    if name in ("auto", "vjp"):
        try:
            jaxpr_of(problem, points[0].args)
            by_jax = True
            return vjp_oracle(problem, points)
        except Exception as error:  # any exception of the user's code: JAX cannot trace or differentiate it
            why = in_one_line(error)
        if name == "vjp":
            raise CheckError(f"oracle vjp: {why}; ask for differences")
    try:
        return trace_oracle(problem, points, by_jax)
    except Exception as error:  # any exception of the user's code: it cannot be traced
        if name == "trace":
            raise CheckError(f"oracle trace: {error}") from None
        oracle = differences_oracle(problem, points[0])
        return replace(oracle, note=f"{oracle.note} (not traced: {in_one_line(error, 80)})")
