"""The oracles: independent computations of the right gradient.

``vjp``: JAX differentiates the plain forward, in float64. ``trace``: for NumPy code that JAX cannot run, the reverse
pass over the traced forward, trusted only after central differences agree with it. ``differences`` and
``complex``: no differentiation at all. None of them ever runs the candidate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.autograd.jaxpr import interpret
from jaxdoodle.gradcheck.autograd.numpy_proxy import tracing
from jaxdoodle.gradcheck.autograd.tape import Tape, Untraceable
from jaxdoodle.gradcheck.autograd.traced_array import TracedArray, user_line
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import (
    CheckError,
    Point,
    Problem,
    fixed_randomness,
    float_outputs,
    jax_args,
    numpy_args,
)

ORACLES = ("vjp", "trace", "differences", "complex")
#: Time for one gradient, entry by entry.
_SECONDS = 5.0


@dataclass(frozen=True)
class Oracle:
    """``gradient(point) -> {leaf: array}``; entries that were not asked for are nan.

    ``tolerance`` is the relative distance up to which a right gradient may lie from this one.
    """

    name: str
    note: str
    tolerance: float
    gradient: Callable[[Point], dict[str, np.ndarray]]


# -- jax.vjp ---------------------------------------------------------------------------------------------------------


def custom_vjps_inside(closed: Any) -> list[str]:
    """Names of the functions with a hand-written reverse pass anywhere in a jaxpr."""
    found = []

    def visit(jaxpr):
        for eqn in jaxpr.eqns:
            if eqn.primitive.name.startswith("custom_vjp_call"):
                found.append(str(eqn.params.get("name") or getattr(eqn.params.get("bwd"), "__name__", "custom_vjp")))
            for value in jax.tree.leaves(eqn.params):
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    visit(inner)

    visit(closed.jaxpr)
    return sorted(set(found))


def split(problem: Problem, args: tuple) -> tuple[dict[str, Any], dict[str, Any]]:
    """(differentiated arrays, all the others)."""
    arrays = problem.arrays(jax_args(problem, args))
    moving = {name: arrays[name] for name in problem.differentiated}
    return moving, {name: x for name, x in arrays.items() if name not in moving}


def jaxpr_of(problem: Problem, args: tuple) -> Any:
    """The plain forward as JAX sees it; raises what JAX raises where it cannot trace it."""
    moving, rest = split(problem, args)

    with fixed_randomness():
        return jax.make_jaxpr(partial(_outputs, problem, args))(moving, rest)


def _outputs(problem: Problem, args: tuple, moving: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    return float_outputs(problem.value(*problem.with_arrays(args, moving | rest)))


def vjp_oracle(problem: Problem) -> Oracle:
    def run(args, moving, rest, cotangent):
        y, back = jax.vjp(lambda moving: _outputs(problem, args, moving, rest), moving)
        seeds = {name: jnp.asarray(s, y[name].dtype) for name, s in cotangent.items()}
        return back(seeds)[0]

    compiled: dict[Any, Callable] = {}

    def gradient(point: Point) -> dict[str, np.ndarray]:
        moving, rest = split(problem, point.args)
        key = tuple((n, x.shape, str(x.dtype)) for n, x in (moving | rest).items())
        if key not in compiled:
            compiled[key] = jax.jit(partial(run, point.args))
        with fixed_randomness():
            got = compiled[key](moving, rest, seeds_of(problem, point))
        return {name: np.asarray(g, np.float64) for name, g in got.items()}

    return Oracle("vjp", "jax.vjp of the plain forward, float64", 1e-9, gradient)


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
        with tracing(tape, list(problem.functions)), fixed_randomness(), np.errstate(all="ignore"):
            y = problem.value(*problem.with_arrays(args, arrays))
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
    arrays = problem.arrays(jax_args(problem, args))
    with fixed_randomness():
        shapes = jax.eval_shape(lambda arrays: problem.value(*problem.with_arrays(args, arrays)), arrays)
    return jax.tree.map(lambda s: np.zeros(s.shape, s.dtype), shapes)


def trace_oracle(problem: Problem, first: Point, by_jax: bool) -> Oracle:
    """Raises ``Untraceable`` where the reverse pass over the trace and central differences do not agree."""

    def gradient(point: Point) -> dict[str, np.ndarray]:
        trace = trace_forward(problem, point, by_jax)
        table = trace.tape.leaf_values(trace.tape.reverse(trace.seeds))
        return {name: table[name] for name in problem.differentiated}

    confirm(problem, first, gradient(first))
    note = "reverse pass over the traced forward, float64, confirmed by central differences"
    return Oracle("trace", note, 1e-9, gradient)


def confirm(problem: Problem, point: Point, gradient: dict[str, np.ndarray]) -> None:
    """Compare a gradient with central differences along one random direction in each leaf."""
    rng = np.random.default_rng(0)
    scalar = scalar_forward(problem, point)
    arrays = problem.arrays(numpy_args(problem, point.args))
    size = max((float(np.linalg.norm(g)) for g in gradient.values()), default=0.0)
    for name, g in gradient.items():
        direction = rng.normal(size=np.shape(arrays[name]))
        expected = float(np.vdot(g, direction))
        scale = max(abs(expected), 1e-3 * float(np.linalg.norm(g)), 1e-6 * size, 1e-300)
        errors = []
        for step in (1e-5, 1e-6, 1e-4):
            errors.append(abs(_slope(scalar, arrays, name, direction, step) - expected) / scale)
            if errors[-1] < 1e-5:
                break
        else:
            raise Untraceable(f"the traced forward and central differences disagree on {name} by {min(errors):.1e}")


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


def differences_oracle(problem: Problem) -> Oracle:
    """Central differences, coordinate by coordinate, with the step that was really taken."""

    def entry(total, arrays, name, i):
        x = arrays[name]
        step = 6e-6 * max(1.0, abs(float(x.flat[i])))
        high, low = x.copy(), x.copy()
        high.flat[i] += step
        low.flat[i] -= step
        return (total(arrays | {name: high}) - total(arrays | {name: low})) / (high.flat[i] - low.flat[i])

    gradient = partial(_by_coordinates, problem, entry)
    return Oracle("differences", "central differences of the plain forward, float64, realised step", 1e-5, gradient)


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
    """A gradient from its entries. Those for which ``_SECONDS`` do not suffice, drawn from every leaf, are nan."""
    total, arrays = scalar_forward(problem, point), problem.arrays(numpy_args(problem, point.args))
    rng, start = np.random.default_rng(0), time.monotonic()
    result = {name: np.full(arrays[name].shape, np.nan) for name in problem.differentiated}
    orders = {name: rng.permutation(arrays[name].size) for name in problem.differentiated}
    for k in range(max((len(order) for order in orders.values()), default=0)):
        if k >= 8 and time.monotonic() - start > _SECONDS:
            break
        for name, order in orders.items():
            if k < len(order):
                result[name].flat[order[k]] = entry(total, arrays, name, order[k])
    return result


# -- the choice ------------------------------------------------------------------------------------------------------


def choose(problem: Problem, first: Point, name: str) -> Oracle:
    """The oracle asked for; for ``"auto"``, the best that can be trusted. Call with 64-bit types enabled."""
    if name not in ("auto", *ORACLES):
        raise CheckError(f"oracle is auto, {', '.join(ORACLES)}; got {name!r}")
    if name == "differences":
        return differences_oracle(problem)
    if name == "complex":
        return complex_oracle(problem, first)
    why, by_jax = "", False
    if name in ("auto", "vjp"):
        try:
            closed = jaxpr_of(problem, first.args)
        except Exception as error:  # any exception of the user's code: JAX cannot trace it
            why = f"JAX cannot trace the forward ({type(error).__name__})"
        else:
            hidden = custom_vjps_inside(closed)
            if not hidden:
                return vjp_oracle(problem)
            by_jax = True
            why = f"jax.vjp was refused: the forward runs custom_vjp ({', '.join(hidden)}), a candidate itself"
        if name == "vjp":
            raise CheckError(f"oracle vjp: {why}; ask for differences")
    try:
        oracle = trace_oracle(problem, first, by_jax)
    except Exception as error:
        if name == "trace":
            raise CheckError(f"oracle trace: {error}") from None
        oracle = differences_oracle(problem)
    return replace(oracle, note=f"{oracle.note} ({why})") if by_jax else oracle
