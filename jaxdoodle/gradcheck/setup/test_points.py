"""Points at which wrong gradients show: the one given, random ones, and those where generic points hide something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, islice
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.reference import output_zeros
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating, is_integer, is_real, rebuild
from jaxdoodle.gradcheck.setup.problem import Point, Problem, float_outputs, numpy_args, run_forward

#: The test point whose arrays are a little smaller than those given.
OTHER_SHAPES = "other shapes"


@dataclass(frozen=True)
class TestPoint:
    """``special`` points may be non-differentiable, or lose digits; the others are generic."""

    name: str
    point: Point
    special: bool = False


class Outline:
    """What the forward gives at some arguments: under JAX only its shapes are asked for, which costs no compilation."""

    def __init__(self, problem: Problem, by_jax: bool):
        self.problem, self.by_jax = problem, by_jax

    def __call__(self, args: tuple) -> Any:
        """A tree of arrays like the output; ``None`` where the forward refuses or gives no numbers."""
        try:
            if self.by_jax:
                return output_zeros(self.problem, args)
            y = run_forward(self.problem, args)
        except Exception:  # any exception of the user's code is a refusal
            return None
        return y if all(np.isfinite(np.asarray(v)).all() for v in float_outputs(y).values()) else None


def random_cotangent(problem: Problem, outline: Any, rng: np.random.Generator) -> Any:
    """A tree like the forward's output, of normal numbers: never ones, which hide what sums to zero."""
    if problem.scalar:
        return None

    def draw(_, leaf):
        if is_real(leaf):
            return rng.normal(size=np.shape(leaf))
        return np.zeros(np.shape(leaf)) if is_array(leaf) else leaf

    return rebuild(outline, draw)


def perturbed(problem: Problem, args: tuple, rng: np.random.Generator) -> tuple:
    """Every differentiated array moved to a generic place of a size at which a network is neither dead nor saturated.

    What is positive throughout (a variance, a scale) stays positive; data and labels stay as they are.
    """
    arrays = problem.arrays(args)
    moved = {}
    for name in problem.differentiated:
        x = np.asarray(arrays[name], float)
        if is_label(x):
            continue
        if x.size > 1 and (x > 0).all() and not (x == x.flat[0]).all() or (x == 1).all():
            moved[name] = x * np.exp(0.3 * rng.normal(size=x.shape))
        elif x.ndim >= 2 and min(x.shape) > 1:
            fan = np.sqrt(x.size / max(x.shape[-1], 1)) if x.ndim > 2 else np.sqrt(np.mean(x.shape))
            moved[name] = np.asarray(rng.normal(size=x.shape) / max(min(fan, 8.0), 1.0))
        else:
            moved[name] = np.asarray(0.5 * rng.normal(size=x.shape))
    return problem.with_arrays(args, moved)


def is_label(x: Any) -> bool:
    """One-hot, or a distribution over some axis: to be left as it is, since p - y holds only where y sums to 1."""
    x = np.asarray(x)
    if x.dtype.kind != "f" or x.ndim < 1 or x.size < 2 or x.min() < 0:
        return False
    if set(np.unique(x)) == {0.0, 1.0}:
        return x.ndim <= 2
    return any(x.shape[k] > 1 and np.allclose(x.sum(axis=k), 1) for k in range(x.ndim))


def batch_axes(problem: Problem, outline: Outline) -> dict[str, int]:
    """Which axis of which array counts the examples: found by leaving one example out and running the forward.

    Empty where it cannot be told.
    """
    arrays = {name: x for name, x in problem.arrays(problem.args).items() if np.ndim(x) > 0}
    data = [n for n in arrays if n not in problem.differentiated]
    whole = outline(problem.args)
    for lead in dict.fromkeys([*data[:1], *list(arrays)[:1]]):
        for axis in (0, -1):
            size = np.shape(arrays[lead])[axis]
            for group in _groups(arrays, data, lead, axis, size) if size > 1 else ():
                part = outline(cut_batch(problem, problem.args, group, size - 1))
                if part is not None and whole is not None and _follows(whole, part):
                    return group
    return {}


def _groups(arrays: dict[str, Any], data: list[str], lead: str, axis: int, size: int) -> Iterator[dict[str, int]]:
    """Sets of arrays that may share the axis of examples: data alike, data anywhere, all alike, one alone."""
    yield {lead: axis} | {n: axis for n in data if np.shape(arrays[n])[axis] == size}
    yield {lead: axis} | {n: np.shape(arrays[n]).index(size) for n in data if n != lead and size in np.shape(arrays[n])}
    yield {lead: axis} | {n: axis for n in arrays if np.shape(arrays[n])[axis] == size}
    yield {lead: axis}


def _follows(whole: Any, part: Any) -> bool:
    """Does the output have one example less? (The value of a loss has no such axis: yes.)"""
    pairs = list(zip(float_outputs(whole).values(), float_outputs(part).values(), strict=False))
    return all(np.ndim(a) == 0 for a, _ in pairs) or any(np.shape(a) != np.shape(b) for a, b in pairs)


def cut_batch(problem: Problem, args: tuple, axes: dict[str, int], size: int) -> tuple:
    arrays = problem.arrays(args)
    cut = {n: np.take(np.asarray(arrays[n]), range(size), axis=axis) for n, axis in axes.items()}
    return problem.with_arrays(args, cut)


def blank(problem: Problem, args: tuple, axes: dict[str, int]) -> tuple:
    """Zeros in the input and in every bias: pre-activations exactly at the kink, and every window a tie."""
    arrays = problem.arrays(args)
    inputs = [n for n in axes if is_floating(arrays[n]) and not is_label(arrays[n])]
    data = [n for n in inputs if n not in problem.differentiated] or inputs
    zero = {n: np.zeros(np.shape(arrays[n])) for n in data[:1]}
    for name in problem.differentiated:
        x = np.asarray(arrays[name])
        is_bias = x.ndim <= 1 or sorted(x.shape)[-2] == 1
        if is_bias and name not in zero and not (x > 0).all():
            zero[name] = np.zeros(x.shape)
    return problem.with_arrays(args, zero)


def tied(problem: Problem, args: tuple, axes: dict[str, int], rng: np.random.Generator) -> tuple:
    """An input of a few whole numbers, so that windows tie away from zero, and some entries are exactly zero."""
    arrays = problem.arrays(args)
    inputs = [n for n in axes if is_floating(arrays[n]) and np.ndim(arrays[n]) > 1 and not is_label(arrays[n])]
    values = {n: rng.integers(-1, 2, np.shape(arrays[n])).astype(float) for n in inputs[:1]}
    return problem.with_arrays(args, values)


def scaled(problem: Problem, args: tuple, factor: float) -> tuple:
    arrays = problem.arrays(args)
    return problem.with_arrays(args, {n: factor * np.asarray(arrays[n]) for n in problem.differentiated})


def whole_numbers(problem: Problem, args: tuple) -> tuple | None:
    """The data as integers (as images come), or None where there is no floating data."""
    arrays = problem.arrays(args)
    floating = {n: np.asarray(x) for n, x in arrays.items() if is_floating(x) and np.ndim(x) > 1 and not is_label(x)}
    data = {n: x for n, x in floating.items() if n not in problem.differentiated}
    counts = {n: np.rint(x if (x == np.rint(x)).all() else 3 * x).astype(int) for n, x in data.items()}
    return problem.with_arrays(args, counts) if counts else None


def trimmed(problem: Problem, outline: Outline, args: tuple, limit: int = 48) -> Iterator[tuple]:
    """The same problem with one size made smaller wherever it occurs together: images that are not square, kernels
    of even size, dense layers whose two sides differ. Found by trial: what the forward refuses is dropped."""
    arrays = {n: np.asarray(x) for n, x in problem.arrays(args).items() if is_floating(x)}
    counts = [np.asarray(x) for x in problem.arrays(args).values() if is_integer(x)]
    labels = {int(x.max()) + 1 for x in counts if x.size}  # a class less would leave its label without a column
    labels |= {size for x in arrays.values() if is_label(x) for size in x.shape}
    axes = [(n, k) for n, x in arrays.items() for k in range(x.ndim) if x.shape[k] > 2 and x.shape[k] not in labels]
    for size in sorted({arrays[n].shape[k] for n, k in axes}):
        same = [(n, k) for n, k in axes if arrays[n].shape[k] == size]
        groups = chain.from_iterable(combinations(same, count) for count in (1, 2, 3))
        for tries, group in enumerate(groups):
            if tries == limit:
                return
            cut = dict(arrays)
            for n, k in group:
                cut[n] = np.take(cut[n], range(size - 1), axis=k)
            smaller = problem.with_arrays(args, {n: cut[n] for n, _ in group})
            if outline(smaller) is not None:
                yield smaller


def test_points(problem: Problem, outline: Outline, axes: dict[str, int]) -> Iterator[TestPoint]:
    """All test points that make sense for the problem: the given one first."""
    rng = np.random.default_rng(20240623)

    def at(name: str, args: tuple | None, special: bool = False) -> Iterator[TestPoint]:
        y = None if args is None else outline(args)
        if args is not None and y is not None:
            yield TestPoint(name, Point(args, random_cotangent(problem, y, rng)), special)

    given = numpy_args(problem, problem.args)
    yield from at("as given", given)
    generic = given
    for k in (1, 2):
        for point in at(f"random values {k}", perturbed(problem, given, rng)):
            generic = point.point.args
            yield point
    if axes:
        name, axis = next(iter(axes.items()))
        size = np.shape(problem.arrays(given)[name])[axis]
        sizes = [max(size - 2, 2)] if outline.by_jax and size > 2 else sorted({max(size - 2, 2), 1} - {size})
        for smaller in sizes:
            yield from at(f"batch of {smaller}", cut_batch(problem, generic, axes, smaller))
    for args in islice(trimmed(problem, outline, generic), 1 if outline.by_jax and problem.scalar else 2):
        yield from at(OTHER_SHAPES, args)
    yield from at("saturated", scaled(problem, generic, 8.0), special=True)
    yield from at("whole-number input", whole_numbers(problem, generic), special=True)
    if axes:
        yield from at("blank input", blank(problem, generic, axes), special=True)
        yield from at("ties", tied(problem, generic, axes, rng), special=True)
