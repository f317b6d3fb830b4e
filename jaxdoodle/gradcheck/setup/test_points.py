"""Points at which wrong gradients show: the one given, random ones, and those where generic points hide something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations, islice
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.reference import output_zeros
from jaxdoodle.gradcheck.setup.iteration import at_rest, iterates
from jaxdoodle.gradcheck.setup.leaves import is_array, is_bool, is_complex, is_floating, is_integer, is_real, rebuild
from jaxdoodle.gradcheck.setup.problem import Point, Problem, float_outputs, numpy_args, run_forward

#: Test points whose arrays are a little smaller than those given, or larger.
OTHER_SHAPES, LARGER = "other shapes", "larger sizes"
#: The test point at which bare numbers (a factor of a penalty, say) are others.
OTHER_NUMBERS = "numbers changed"
#: The test point at which activations are flat.
SATURATED = "saturated"
#: Test points at which a value may sit where its derivative does not exist.
KINKS = ("as given", "blank input", "ties")
#: Factors of the incoming gradient, under which every right gradient is multiplied by the same factor.
DOUT, DOUT_FACTORS = "dout times", (1e8, 1e-8)
#: Sets of axes tried for one size, the largest first: enough for six arrays that share it.
_MOST_GROUPS = 48
#: Numbers in all arguments up to which sizes are made larger: a loop over more takes seconds.
_MOST_NUMBERS = 20_000
#: Numbers in all arguments up to which pictures are made larger where JAX traces each new size.
_FEW_NUMBERS = 200


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
        return np.zeros(np.shape(leaf), leaf.dtype) if is_array(leaf) else leaf

    return rebuild(outline, draw)


def perturbed(problem: Problem, args: tuple, rng: np.random.Generator) -> tuple:
    """Every differentiated array moved to a generic place of a size at which a network is neither dead nor saturated.

    What is positive throughout (a variance, a scale) stays positive, what is a probability stays one, and a matrix of
    ``problem.symmetric``, positive definite or not, stays so; data and labels stay as they are.
    """
    arrays = problem.arrays(args)
    moved = {}
    for name in problem.differentiated:
        x = np.asarray(arrays[name], float)
        if is_label(x):
            continue
        if name in problem.symmetric:
            turn = np.eye(x.shape[-1]) + 0.3 * rng.normal(size=x.shape[-2:])
            moved[name] = turn @ x @ turn.T
        elif x.size > 1 and ((x > 0) & (x < 1)).all() and not (x == x.flat[0]).all():
            moved[name] = x ** np.exp(0.3 * rng.normal(size=x.shape))
        elif (x > 0).all() and (x.size == 1 or not (x == x.flat[0]).all()) or (x == 1).all():
            moved[name] = x * np.exp(0.3 * rng.normal(size=x.shape))
        elif x.ndim >= 2 and min(x.shape) > 1:
            fan = np.sqrt(x.size / max(x.shape[-1], 1)) if x.ndim > 2 else np.sqrt(np.mean(x.shape))
            moved[name] = np.asarray(rng.normal(size=x.shape) / max(min(fan, 8.0), 1.0))
        else:
            moved[name] = np.asarray(0.5 * rng.normal(size=x.shape))
    return problem.with_arrays(args, moved)


def is_symmetric(x: Any) -> bool:
    """A symmetric matrix, or a stack of them; none that is diagonal, or holds one number, as many are at the start."""
    x = np.asarray(x)
    if x.dtype.kind != "f" or x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] < 2:
        return False
    off = x[..., ~np.eye(x.shape[-1], dtype=bool)]
    return bool(np.allclose(x, x.swapaxes(-1, -2), 1e-6, 1e-9) and off.any() and np.ptp(off) > 0)


def symmetrized(x: np.ndarray) -> np.ndarray:
    return (x + x.swapaxes(-1, -2)) / 2


def is_label(x: Any) -> bool:
    """One-hot, or a distribution over an axis or all: to be left as it is, since p - y holds only where y sums to 1."""
    x = np.asarray(x)
    if x.dtype.kind != "f" or x.ndim < 1 or x.size < 2 or x.min() < 0:
        return False
    if set(np.unique(x)) == {0.0, 1.0}:
        return x.ndim <= 2
    return any(np.size(x, k) > 1 and np.allclose(x.sum(axis=k), 1) for k in (None, *range(x.ndim)))


def batch_axes(problem: Problem, outline: Outline) -> dict[str, int]:
    """Which axis of which array counts the examples: found by leaving one example out and running the forward.

    Empty where it cannot be told.
    """
    arrays = {name: x for name, x in _numbers(problem, problem.args).items() if x.ndim > 0}
    data = [n for n in arrays if n not in problem.differentiated]
    whole = outline(problem.args)
    for lead in dict.fromkeys([*data[:1], *list(arrays)[:1]]):
        for axis in (0, -1):
            size = 0 if _counts_classes(arrays[lead], axis) else np.shape(arrays[lead])[axis]
            for group in _groups(arrays, data, lead, axis, size) if size > 1 else ():
                # never to 1: what is not cut would broadcast
                part = outline(resized(problem, problem.args, [*group.items()], size - 1 if size > 2 else 3))
                if part is not None and whole is not None and _follows(whole, part):
                    return group
    return {}


def _counts_classes(x: np.ndarray, axis: int) -> bool:
    """Of labels, the axis along which they sum to one."""
    return x.ndim > 1 and is_label(x) and bool(np.allclose(x.sum(axis=axis), 1))


def _groups(arrays: dict[str, Any], data: list[str], lead: str, axis: int, size: int) -> Iterator[dict[str, int]]:
    """Sets of arrays that may share the axis of examples: all alike, one beside the data's first, data alike, data
    anywhere, one alone."""
    alike = [n for n in arrays if np.shape(arrays[n])[axis] == size]
    for names in (alike, *([n] for n in alike if data and n not in data), [n for n in alike if n in data]):
        yield {lead: axis} | dict.fromkeys(names, axis)
    yield {lead: axis} | {n: np.shape(arrays[n]).index(size) for n in data if n != lead and size in np.shape(arrays[n])}
    yield {lead: axis}


def _follows(whole: Any, part: Any) -> bool:
    """Does the output have one example less? (The value of a loss has no such axis: yes; a list of numbers: no.)"""
    pairs = list(zip(float_outputs(whole).values(), float_outputs(part).values(), strict=False))
    loss = not isinstance(whole, list) and all(np.ndim(a) == 0 for a, _ in pairs)
    return loss or any(np.shape(a) != np.shape(b) for a, b in pairs)


def resized(problem: Problem, args: tuple, group: list[tuple[str, int]], size: int) -> tuple:
    """These axes, all of one length, at another length. Integers that count along them stay in range."""
    arrays = _numbers(problem, args)
    old = arrays[group[0][0]].shape[group[0][1]]
    new, kept = dict(arrays), np.arange(size) % old
    cut = {(n, axis % arrays[n].ndim) for n, axis in group}
    others = {length for n, x in arrays.items() for k, length in enumerate(x.shape) if (n, k) not in cut}
    for x in (arrays[n] for n, _ in group):
        if is_integer(x) and x.ndim == 1 and x[kept].max() < x.max():
            kept[-1] = x.argmax()  # of labels the largest stays: it may be all that tells how many classes there are
    for n, axis in group:
        new[n] = np.take(new[n], kept, axis=axis)
        if is_floating(new[n]) and size > old and not is_label(arrays[n]):
            times = np.arange(size).reshape([-1 if k == axis % new[n].ndim else 1 for k in range(new[n].ndim)]) // old
            for k in range(1, times.max() + 1):  # no two copies alike: a maximum would tie
                new[n] = np.where(times == k, 0.8**k * np.roll(new[n], k, axis=(axis + 1) % new[n].ndim), new[n])
    for n, x in arrays.items():
        if n in problem.symmetric and new[n].shape[-1] == new[n].shape[-2]:
            new[n] = symmetrized(new[n])
            if np.linalg.eigvalsh(x).min() > 0:
                lowest = np.linalg.eigvalsh(new[n]).min()
                new[n] = new[n] + max(0.0, 0.1 - float(lowest)) * np.eye(new[n].shape[-1])
        elif is_integer(x) and x.size and x.max() + 1 not in others:  # these are classes, or rows of what stays
            new[n] = _in_range(x, new[n], old, size, n in dict(group))
    return problem.with_arrays(args, {n: x for n, x in new.items() if x is not arrays[n]})


def _order(x: np.ndarray) -> bool:
    return x.ndim == 1 and np.array_equal(np.sort(x), np.arange(x.size))


def _in_range(before: np.ndarray, x: np.ndarray, old: int, size: int, resized: bool) -> np.ndarray:
    """An order stays an order, an index below the length, a length not above it; places that differ go on to differ."""
    if _order(before):
        return _ranks(x, 0) if resized else x
    if not max(size, 2) <= before.max() <= old:  # zeros and ones may be a mask
        return x
    lower = np.minimum(x, size - (before.max() < old))
    apart = [axis for axis in range(x.ndim) if not _repeats(before, axis)]
    if not any(_repeats(lower, axis) for axis in apart):
        return lower
    return _ranks(x, apart[0]) if all(x.shape[axis] <= size for axis in apart) else x


def _ranks(x: np.ndarray, axis: int) -> np.ndarray:
    return np.argsort(np.argsort(x, axis, kind="stable"), axis).astype(x.dtype)


def _repeats(x: np.ndarray, axis: int) -> bool:
    """Does a number come twice along an axis?"""
    return not np.diff(np.sort(x, axis), axis=axis).all()


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
    """An input of a few whole numbers, so that windows tie away from zero, and some entries are exactly zero.

    What is positive throughout stays so: the forward may take its root.
    """
    arrays = problem.arrays(args)
    inputs = [n for n in axes if is_floating(arrays[n]) and np.ndim(arrays[n]) > 1 and not is_label(arrays[n])]
    lowest = {n: 1 if (np.asarray(arrays[n]) > 0).all() else -1 for n in inputs[:1]}
    values = {n: rng.integers(low, low + 3, np.shape(arrays[n])).astype(float) for n, low in lowest.items()}
    values |= {n: symmetrized(v) for n, v in values.items() if n in problem.symmetric}
    fractions = {n: v / 4 for n, v in values.items() if lowest[n] > 0 and (np.asarray(arrays[n]) < 1).all()}
    return problem.with_arrays(args, values | fractions)


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


def _numbers(problem: Problem, args: tuple) -> dict[str, np.ndarray]:
    kinds = is_floating, is_integer, is_bool, is_complex  # no random keys
    return {n: np.asarray(x) for n, x in problem.arrays(args).items() if any(kind(x) for kind in kinds)}


def _sizes(problem: Problem, args: tuple) -> dict[int, list[tuple[str, int]]]:
    """The axes of each length above 1; lengths of label axes, which classes and examples have, are left out."""
    arrays = _numbers(problem, args)
    fixed = {size for x in arrays.values() if is_label(x) for size in x.shape}
    table: dict[int, list[tuple[str, int]]] = {}
    for n, x in arrays.items():
        for k, size in enumerate(x.shape):
            if size > 1 and size not in fixed:
                table.setdefault(size, []).append((n, k))
    return dict(sorted(table.items()))


def _with_size(problem: Problem, outline: Outline, args: tuple, axes: list[tuple[str, int]], size: int) -> tuple | None:
    """The most axes of one length, at another: found by trial, since the forward refuses what does not fit."""
    arrays = _numbers(problem, args)
    groups = chain.from_iterable(combinations(axes, count) for count in range(len(axes), 0, -1))
    once = any(is_integer(x := arrays[n]) and len(np.unique(x)) == x.size and not _order(x) for n, _ in axes)
    if size > arrays[axes[0][0]].shape[axes[0][1]]:
        if any(_selects(arrays[n]) for n, _ in axes):
            return None
        groups = chain([tuple(axes)]) if once else groups  # they repeat with all that is as long, or not at all
    for group in islice(groups, _MOST_GROUPS):
        other = resized(problem, args, list(group), size)
        if outline(other) is not None and not (once and _forgets(problem, other, group)):
            return other
    return None


def _selects(x: np.ndarray) -> bool:
    """Ascending places: some of the rows, each once."""
    return is_integer(x) and x.ndim == 1 and x.size > 2 and bool((np.diff(x) > 0).all()) and not _order(x)


def _forgets(problem: Problem, args: tuple, group: Sequence[tuple[str, int]]) -> bool:
    """Is what stands beside an index left out where the index occurs again, as by ``y[rows] = x``?"""
    arrays, rng, moved = problem.arrays(args), np.random.default_rng(0), {}
    for n, axis in group:
        if is_floating(arrays[n]):
            rows = np.moveaxis(np.array(arrays[n]), axis, 0)
            rows[0] = rng.normal(size=rows[0].shape)
            moved[n] = np.moveaxis(rows, 0, axis)
    before, after = (float_outputs(run_forward(problem, a)) for a in (args, problem.with_arrays(args, moved)))
    return bool(moved) and all(map(np.array_equal, before.values(), after.values()))


def trimmed(problem: Problem, outline: Outline, args: tuple) -> Iterator[tuple]:
    """The same problem with one size made smaller wherever it occurs together: images that are not square, kernels
    of even size, dense layers whose two sides differ."""
    for size, axes in _sizes(problem, args).items():
        smaller = _with_size(problem, outline, args, axes, size - 1) if size > 2 else None
        if smaller is not None:
            yield smaller


def enlarged(problem: Problem, outline: Outline, args: tuple) -> tuple | None:
    """The same problem with every size made larger, and odd for even, as far as the forward takes it."""
    found = args
    for size, axes in reversed(_sizes(problem, args).items()):
        pictures = any(np.ndim(problem.arrays(args)[n]) > 3 for n, _ in axes)
        for more in (size + 3 if pictures else 2 * size + 3, 2 * size):  # windows side by side fit in a multiple alone
            left = _sizes(problem, found).get(size)  # examples may grow first, and channels as many apart from them
            larger = _with_size(problem, outline, found, left, more) if left else None
            if larger is not None and sum(np.size(x) for x in problem.arrays(larger).values()) <= _MOST_NUMBERS:
                found = larger
    return None if found is args else found


def other_numbers(problem: Problem, args: tuple) -> tuple | None:
    """Bare numbers that are not differentiated moved a little, zero to 0.3; None where there is none to move."""
    moved = list[str]()

    def move(name: str, leaf: Any) -> Any:
        number = isinstance(leaf, int | float) and not isinstance(leaf, bool) or is_floating(leaf) and leaf.ndim == 0
        if name in problem.differentiated or not number or leaf != 0 and isinstance(leaf, int):
            return leaf
        moved.append(name)
        return leaf * 0.9 if leaf != 0 else 0.3

    args = tuple(rebuild(problem.tree(args), move).values())
    return args if moved else None


def dout_factor(name: str) -> float:
    """By how much the incoming gradient is larger than usual at the test point of this name."""
    return float(name.removeprefix(DOUT)) if name.startswith(DOUT) else 1.0


def _times(factor: float, _: str, x: Any) -> Any:
    return x * factor if is_real(x) else x


def test_points(problem: Problem, outline: Outline, axes: dict[str, int]) -> Iterator[TestPoint]:
    """All test points that make sense for the problem: the given one first."""
    rng = np.random.default_rng(20240623)

    def at(name: str, args: tuple | None, special: bool = False) -> Iterator[TestPoint]:
        y = None if args is None else outline(args)
        if args is not None and y is not None:
            point = Point(args, random_cotangent(problem, y, rng))
            # what saturates comes to rest before its derivative does
            if name == "as given" or not iterating or name != SATURATED and at_rest(problem, point):
                yield TestPoint(name, point, special)

    given = numpy_args(problem, problem.args)
    first = list(at("as given", given))
    iterating = bool(first) and iterates(problem, given) and at_rest(problem, first[0].point)
    yield from first
    generic = given
    for k in (1, 2):
        for point in at(f"random values {k}", perturbed(problem, given, rng)):
            generic = point.point.args
            yield point
    if axes:
        name, axis = next(iter(axes.items()))
        size = np.shape(problem.arrays(given)[name])[axis]
        sizes = [max(size - 2, 2)] if outline.by_jax and size > 2 else sorted({max(size - 2, 2), 1} - {size})
        shapes = {n: np.shape(x) for n, x in problem.arrays(generic).items()}
        square = any(shapes[n].count(size) > 1 for n in axes)  # as many classes, or pairs of examples: nobody knows
        for smaller in () if square else sizes:
            yield from at(f"batch of {smaller}", resized(problem, generic, [*axes.items()], smaller))
    pictures = any(np.ndim(x) > 3 for x in problem.arrays(given).values())
    trims = 2 if not outline.by_jax else int(pictures)  # JAX compiles each new set of shapes
    for args in islice(trimmed(problem, outline, generic), trims):
        yield from at(OTHER_SHAPES, args)
    few = sum(np.size(x) for x in problem.arrays(given).values()) <= _FEW_NUMBERS
    if few or not (outline.by_jax and pictures):
        yield from at(LARGER, enlarged(problem, outline, generic))
    yield from at(OTHER_NUMBERS, other_numbers(problem, generic))
    for point in at("", None if problem.scalar else generic):
        for factor in DOUT_FACTORS:
            seed = rebuild(point.point.cotangent, partial(_times, factor))
            yield TestPoint(f"{DOUT} {factor:.0e}", Point(generic, seed), special=True)
    yield from at("small values", scaled(problem, generic, 1e-3), special=True)
    yield from at(SATURATED, scaled(problem, generic, 8.0), special=True)
    yield from at("whole-number input", whole_numbers(problem, generic), special=True)
    if axes:
        yield from at("blank input", blank(problem, generic, axes), special=True)
        yield from at("ties", tied(problem, generic, axes, rng), special=True)
