"""Derivatives of NumPy's own operations, for the tape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np


def unbroadcast(d: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes along which a value of ``shape`` was repeated."""
    if d.shape == shape:
        return d
    d = d.sum(axis=tuple(range(d.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and d.shape[i] != 1)
    return d.sum(axis=axes, keepdims=True).reshape(shape)


def _share(a, b, wins):
    """Derivative of max or min towards its first argument; a tie is shared evenly."""
    return np.where(a == b, 0.5, wins)


#: Name of the ufunc -> one function for each input, of (output, *inputs), giving the elementwise derivative.
ELEMENTWISE: dict[str, tuple[Callable, ...]] = {
    "add": (lambda y, a, b: 1.0, lambda y, a, b: 1.0),
    "subtract": (lambda y, a, b: 1.0, lambda y, a, b: -1.0),
    "multiply": (lambda y, a, b: b, lambda y, a, b: a),
    "divide": (lambda y, a, b: 1 / b, lambda y, a, b: -a / np.square(b)),
    "power": (
        lambda y, a, b: b * np.power(a, np.where(b == 0, 1.0, b - 1.0)),
        lambda y, a, b: y * np.log(np.where(a > 0, a, 1.0)),
    ),
    "maximum": (lambda y, a, b: _share(a, b, a > b), lambda y, a, b: _share(a, b, b > a)),
    "minimum": (lambda y, a, b: _share(a, b, a < b), lambda y, a, b: _share(a, b, b < a)),
    "logaddexp": (lambda y, a, b: np.exp(a - y), lambda y, a, b: np.exp(b - y)),
    "hypot": (lambda y, a, b: a / y, lambda y, a, b: b / y),
    "arctan2": (lambda y, a, b: b / (a * a + b * b), lambda y, a, b: -a / (a * a + b * b)),
    **dict.fromkeys(("sign", "floor", "ceil", "rint", "trunc"), (lambda y, x: 0.0,)),
}
_OF_ONE: dict[str, Callable] = {
    "negative": lambda y, x: -1.0, "positive": lambda y, x: 1.0, "reciprocal": lambda y, x: -np.square(y),
    "exp": lambda y, x: y, "exp2": lambda y, x: y * np.log(2.0), "expm1": lambda y, x: y + 1,
    "log": lambda y, x: 1 / x, "log1p": lambda y, x: 1 / (1 + x), "log2": lambda y, x: 1 / (x * np.log(2.0)),
    "log10": lambda y, x: 1 / (x * np.log(10.0)), "sqrt": lambda y, x: 0.5 / y, "cbrt": lambda y, x: y / (3 * x),
    "square": lambda y, x: 2 * x, "absolute": lambda y, x: np.sign(x), "tanh": lambda y, x: 1 - np.square(y),
    "sinh": lambda y, x: np.cosh(x), "cosh": lambda y, x: np.sinh(x), "sin": lambda y, x: np.cos(x),
    "cos": lambda y, x: -np.sin(x), "tan": lambda y, x: 1 + np.square(y), "arctan": lambda y, x: 1 / (1 + np.square(x)),
    "expit": lambda y, x: y * (1 - y),  # of scipy.special, as the next
    "erf": lambda y, x: 2 / math.sqrt(math.pi) * np.exp(-np.square(x)),
}  # fmt: skip
ELEMENTWISE |= {name: (slope,) for name, slope in _OF_ONE.items()}
ELEMENTWISE["true_divide"] = ELEMENTWISE["divide"]
ELEMENTWISE["float_power"] = ELEMENTWISE["power"]
ELEMENTWISE["fabs"] = ELEMENTWISE["absolute"]
ELEMENTWISE["fmax"], ELEMENTWISE["fmin"] = ELEMENTWISE["maximum"], ELEMENTWISE["minimum"]


def elementwise_pull(name: str):
    """The derivative of an elementwise operation with broadcasting."""
    slopes = ELEMENTWISE[name]

    def pull(dy, y, *inputs):
        with np.errstate(all="ignore"):
            return tuple(
                unbroadcast(dy * slope(y, *inputs), np.shape(x)) for slope, x in zip(slopes, inputs, strict=True)
            )

    return pull


def where_pull(mask: np.ndarray):
    def pull(dy, y, a, b):
        return unbroadcast(np.where(mask, dy, 0.0), np.shape(a)), unbroadcast(np.where(mask, 0.0, dy), np.shape(b))

    return pull


def axes_of(axis, ndim: int) -> tuple[int, ...]:
    """The axes of a reduction, counted from the first; None is all."""
    return tuple(range(ndim)) if axis is None else tuple(int(a) % ndim for a in np.atleast_1d(axis))


def expand(d: np.ndarray, shape: tuple[int, ...], axis) -> np.ndarray:
    """Undo the loss of the reduced axes."""
    axes = axes_of(axis, len(shape))
    return np.reshape(d, [1 if i in axes else n for i, n in enumerate(shape)])


def sum_pull(axis, scale: float = 1.0):
    def pull(dy, y, x):
        return (np.broadcast_to(expand(dy * scale, x.shape, axis), x.shape).copy(),)

    return pull


def shares(x: np.ndarray, y: np.ndarray, axis, ties: str) -> np.ndarray:
    """What each entry of x gets of the gradient of its extreme y over axes: of entries that tie, the ``first`` or
    ``last`` gets it, each an ``even`` share, or ``all`` the whole."""
    axes = axes_of(axis, x.ndim)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x == expand(y, x.shape, axis), axes, last)
    flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    if ties in ("first", "last"):
        order = slice(None, None, 1 if ties == "first" else -1)
        flat = flat & (np.cumsum(flat[..., order], axis=-1)[..., order] == 1)
    share = flat / flat.sum(axis=-1, keepdims=True) if ties == "even" else flat * 1.0
    return np.moveaxis(share.reshape(moved.shape), last, axes)


def extreme_pull(axis):
    """All of the cotangent to the first extreme entry."""

    def pull(dy, y, x):
        return (shares(x, y, axis, "first") * expand(dy, x.shape, axis),)

    return pull


#: Entries of both operands, multiplied, from which planning a contraction takes less time than it saves.
_PLANNED = 1_000_000


def einsum_pull(a: str, b: str, out: str):
    """Each operand gets the cotangent contracted with the other operand."""

    def one(dy, other, target, partner, shape):
        missing = tuple(i for i, c in enumerate(target) if c not in out and c not in partner)
        have = "".join(c for c in target if c in out or c in partner)
        large = dy.size * other.size > _PLANNED
        d = np.einsum(f"{out},{partner}->{have}", dy, other, optimize=large)
        return np.broadcast_to(np.expand_dims(d, missing), shape)

    def pull(dy, y, x, w):
        return one(dy, w, a, b, np.shape(x)), one(dy, x, b, a, np.shape(w))

    return pull


def movement_pull(index: np.ndarray, shapes: list[tuple[int, ...]]):
    """For any operation that only moves values: ``index`` tells, for each output, which input it came from.

    Inputs are numbered from 1 through all operands; 0 is padding.
    """
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    flat = index.ravel()

    def pull(dy, y, *inputs):
        d = np.bincount(flat, weights=np.ravel(dy), minlength=ends[-1] + 1)[1:]
        return tuple(part.reshape(shape) for part, shape in zip(np.split(d, ends[:-1]), shapes, strict=True))

    return pull
