"""Traced arrays: they write every operation on a tape as NumPy code runs.

A ``TracedArray`` stands in for ``numpy.ndarray``. NumPy dispatches its own functions to it (``__array_ufunc__``,
``__array_function__``); assignment into it (``out[i, j] = ...``) replaces the value it stands for.
"""

from __future__ import annotations

import linecache
import os
import sys
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from jaxdoodle.gradcheck.autograd.derivatives import (
    ELEMENTWISE,
    einsum_pull,
    elementwise_pull,
    extreme_pull,
    movement_pull,
    sum_pull,
    unbroadcast,
    where_pull,
)
from jaxdoodle.gradcheck.autograd.tape import Node, Pull, Tape, Untraceable, Where

_INSIDE = (
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep,
    os.path.dirname(os.path.abspath(np.__file__)) + os.sep,
)


def user_line() -> Where | None:
    """The nearest line up the stack that is neither the checker's nor NumPy's."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_INSIDE) and not name.startswith("<frozen"):
            return Where(name, frame.f_lineno, linecache.getline(name, frame.f_lineno).strip())
        frame = frame.f_back  # type: ignore[assignment]
    return None


def plain(x: Any) -> Any:
    """The NumPy value of anything that may be, or hold, a ``TracedArray``."""
    if type(x) is TracedArray:
        return x.value
    if isinstance(x, tuple | list) and any(holds(item) for item in x):
        return type(x)(plain(item) for item in x)
    return x


def holds(x: Any) -> bool:
    return type(x) is TracedArray or (isinstance(x, tuple | list) and any(holds(item) for item in x))


class TracedArray(NDArrayOperatorsMixin):
    __array_priority__ = 1000.0

    def __init__(self, tape: Tape, node: int, view: tuple[TracedArray, Any] | None = None):
        self._tape, self._node, self._view = tape, node, view

    @property  # type: ignore[misc]
    def __class__(self):  # so that isinstance(x, np.ndarray) holds in the user's code
        return np.ndarray

    @property
    def value(self) -> np.ndarray:
        return self._tape.nodes[self._node].value

    # -- what NumPy dispatches ------------------------------------------------------------------------------------

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype=dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, where=True, **kwargs):
        name = ufunc.__name__
        if method == "reduce":
            axis = kwargs.get("axis", 0)
            return reduce(self._tape, name, inputs[0], axis, kwargs.get("keepdims", False))
        if method == "at" and name == "add":
            return add_at(self._tape, *inputs)
        if method == "outer":
            return ufunc(np.reshape(inputs[0], (*np.shape(inputs[0]), *[1] * np.ndim(inputs[1]))), inputs[1])
        if method != "__call__" or where is not True:
            raise Untraceable(f"numpy.{name}.{method}")
        if name == "matmul":
            result = product(self._tape, "matmul", *inputs)
        elif name in ELEMENTWISE:
            result = elementwise(self._tape, ufunc, *inputs)
        else:
            value = ufunc(*map(plain, inputs), **kwargs)
            if np.asarray(value).dtype.kind == "f":
                raise Untraceable(f"numpy.{name}")
            return value
        if out is not None:
            if type(out[0]) is not TracedArray:
                raise Untraceable(f"numpy.{name} into an array that holds no traced values")
            out[0]._become(result)
            return out[0]
        return result

    def __array_function__(self, func, types, args, kwargs):
        name = func.__name__
        if name in FUNCTIONS:
            return FUNCTIONS[name](self._tape, *args, **kwargs)
        if name in MOVEMENTS:
            return movement(self._tape, name, lambda *a: func(*_refill(args, a), **kwargs), *_fill_list(args))
        result = func(*map(plain, args), **{k: plain(v) for k, v in kwargs.items()})
        if name in CONSTANT or all(np.asarray(r).dtype.kind in "biuSU" for r in _as_tuple(result)):
            return result
        raise Untraceable(f"numpy.{name}")

    # -- assignment and in-place change ---------------------------------------------------------------------------

    def _become(self, other: Any) -> None:
        """Stand for another value from here on; a view passes the change on to what it is a view of."""
        if np.shape(other) != self.shape:
            other = np.broadcast_to(other, self.shape)
        self._node = other._node
        if self._view is not None:
            base, index = self._view
            base[index] = other

    def __getitem__(self, index):
        index = plain(index)
        result = movement(self._tape, "getitem", lambda a: a[index], self)
        basic = all(isinstance(i, int | slice | type(None) | type(...)) for i in _as_tuple(index))
        if basic:
            result._view = (self, index)
        return result

    def __setitem__(self, index, item):
        index = plain(index)

        def put(a, b):
            a = a.copy()
            a[index] = b
            return a

        result = movement(
            self._tape, "setitem", put, self, item if type(item) is TracedArray else np.asarray(plain(item))
        )
        self._become(result)

    def fill(self, item):
        self[...] = item

    # -- what an ndarray has ---------------------------------------------------------------------------------------

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    dtype = property(lambda self: self.value.dtype)
    nbytes = property(lambda self: self.value.nbytes)
    T = property(lambda self: np.transpose(self))
    flat = property(lambda self: self.ravel())

    def __len__(self):
        return len(self.value)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __index__(self):
        return self.value.__index__()

    def __float__(self):
        return float(self.value)

    def __repr__(self):
        return repr(self.value)

    def __format__(self, spec):
        return format(self.value if self.ndim else self.value.item(), spec)

    def __hash__(self):
        return id(self)

    def astype(self, dtype, copy=True):
        if np.dtype(dtype).kind != "f":
            return self.value.astype(dtype)
        return movement(self._tape, "astype", lambda a: a, self)

    def reshape(self, *shape, order="C"):
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes):
        axes = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return np.transpose(self, axes or None)

    def item(self):
        return self.reshape(())

    def tolist(self):
        return self.value.tolist()

    def flatten(self, order="C"):
        return np.ravel(self, order=order)

    ravel = flatten

    def copy(self, order="C"):
        return TracedArray(self._tape, self._node)

    def dot(self, other):
        return np.dot(self, other)

    def __getattr__(self, name):
        if name in METHODS:
            return lambda *args, **kwargs: getattr(np, name)(self, *args, **kwargs)
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")


METHODS = {
    "sum", "mean", "max", "min", "prod", "var", "std", "clip", "squeeze", "swapaxes", "repeat", "argmax", "argmin", 
    "any", "all", "round", "cumsum", "nonzero", "argsort", "take", "trace", "diagonal",
}  # fmt: skip
MOVEMENTS = {
    "reshape", "ravel", "transpose", "swapaxes", "moveaxis", "rollaxis", "expand_dims", "squeeze", "concatenate",
    "stack", "vstack", "hstack", "column_stack", "dstack", "append", "tile", "repeat", "broadcast_to", "flip", "fliplr",
    "flipud", "rot90", "roll", "atleast_1d", "atleast_2d", "atleast_3d", "copy", "diag", "diagonal", "take",
    "take_along_axis", "sliding_window_view", "tril", "triu", "delete", "resize", "block",
}  # fmt: skip
#: Functions whose derivative is zero or undefined.
CONSTANT = {"zeros_like", "ones_like", "empty_like", "full_like", "round", "sign", "result_type", "shape", "ndim",
            "size"}  # fmt: skip


def _as_tuple(x) -> tuple:
    return x if isinstance(x, tuple) else (x,)


def _fill_list(args) -> list:
    """The arrays among positional arguments, those inside a list or tuple included."""
    found = []
    for arg in args:
        if isinstance(arg, tuple | list) and holds(arg):
            found.extend(_fill_list(arg))
        elif type(arg) is TracedArray or (isinstance(arg, np.ndarray) and arg.dtype.kind == "f"):
            found.append(arg)
    return found


def _refill(args, arrays):
    """The same positional arguments with other arrays in the places of ``_fill_list``."""
    supply = iter(arrays)

    def fill(arg):
        if isinstance(arg, tuple | list) and holds(arg):
            return type(arg)(fill(item) for item in arg)
        if type(arg) is TracedArray or (isinstance(arg, np.ndarray) and arg.dtype.kind == "f"):
            return next(supply)
        return arg

    return [fill(arg) for arg in args]


# -- the operations ------------------------------------------------------------------------------------------------


def append(tape: Tape, kind: str, value: Any, inputs: tuple, pull: Pull, **about: Any) -> TracedArray:
    """Append one operation to the tape. Without a live input it is a constant."""
    parents = tuple(x._node if type(x) is TracedArray and tape.alive(x._node) else None for x in inputs)
    value = np.asarray(value)
    if all(p is None for p in parents):
        return TracedArray(tape, tape.add(Node("constant", value, (), (), None, None)))
    given = tuple(_numbers(plain(x)) for x in inputs)
    node = Node(kind, value, parents, given, pull, tape.locate(), about)
    return TracedArray(tape, tape.add(node))


def _numbers(x: Any) -> np.ndarray:
    """A mask or a count as floating numbers: operands of arithmetic."""
    x = np.asarray(x)
    return x.astype(float) if x.dtype.kind in "biu" else x


def constant(tape: Tape, value: Any) -> TracedArray:
    return TracedArray(tape, tape.add(Node("constant", np.asarray(value), (), (), None, None)))


def elementwise(tape: Tape, ufunc, *inputs) -> TracedArray:
    with np.errstate(all="ignore"):
        value = ufunc(*map(plain, inputs))
    return append(tape, ufunc.__name__, value, inputs, elementwise_pull(ufunc.__name__))


def movement(tape: Tape, kind: str, call, *inputs) -> TracedArray:
    """Run the operation twice: on the values, and on their numbers."""
    values = [np.asarray(plain(x)) for x in inputs]
    index, start = [], 1
    for x, value in zip(inputs, values, strict=True):
        live = type(x) is TracedArray and tape.alive(x._node)
        index.append(np.arange(start, start + value.size).reshape(value.shape) if live else np.zeros(value.shape, int))
        start += value.size
    value = call(*values)
    return append(tape, kind, value, inputs, movement_pull(np.asarray(call(*index)), [v.shape for v in values]))


def product(tape: Tape, kind: str, a, b) -> TracedArray:
    """``dot`` and ``matmul`` as subscripts."""
    na, nb = np.ndim(a), np.ndim(b)
    if na == 0 or nb == 0:
        return np.multiply(a, b)
    letters = "abcdefgh"
    left, right = list(letters[:na]), list("pqrstuvw"[:nb])
    contracted = nb - 2 if nb > 1 else 0
    right[contracted] = left[-1]
    if kind == "matmul":
        for k in range(1, min(na, nb) - 1):
            i, j = na - 2 - k, nb - 2 - k
            if np.shape(a)[i] != np.shape(b)[j]:
                raise Untraceable("numpy.matmul that broadcasts its stack")
            right[j] = left[i]
        stack = (left if na >= nb else right)[:-2]
        out = [*stack, *left[-2:-1], *(right[-1:] if nb > 1 else [])]
    else:
        out = [*left[:-1], *right[:contracted], *right[contracted + 1 :]]
    return contraction(tape, "".join(left), "".join(right), "".join(out), a, b)


def contraction(tape: Tape, left: str, right: str, out: str, a, b) -> TracedArray:
    value = np.einsum(f"{left},{right}->{out}", plain(a), plain(b), optimize=True)
    return append(tape, "matmul", value, (a, b), einsum_pull(left, right, out))


def einsum(tape: Tape, subscripts: str, *operands, **_) -> TracedArray:
    terms, out = (subscripts.replace(" ", "") + "->").split("->")[:2]
    terms_in = terms.split(",")
    if len(terms_in) == 1:
        extra = constant(tape, 1.0)
        return contraction(tape, terms_in[0], "", out, operands[0], extra)
    if len(terms_in) != 2 or "." in subscripts or "->" not in subscripts or any(len(set(s)) < len(s) for s in terms_in):
        raise Untraceable(f"numpy.einsum({subscripts!r})")
    return contraction(tape, terms_in[0], terms_in[1], out, *operands)


def tensordot(tape: Tape, a, b, axes=2) -> TracedArray:
    if isinstance(axes, int):
        axes = (list(range(np.ndim(a) - axes, np.ndim(a))), list(range(axes)))
    axes_a, axes_b = (np.atleast_1d(x).tolist() for x in axes)
    left, right = list("abcdefgh"[: np.ndim(a)]), list("pqrstuvw"[: np.ndim(b)])
    for i, j in zip(axes_a, axes_b, strict=True):
        right[j] = left[i]
    summed = {left[i] for i in axes_a}
    return contraction(
        tape, "".join(left), "".join(right), "".join(c for c in [*left, *right] if c not in summed), a, b
    )


def reduce(tape: Tape, name: str, x, axis=None, keepdims=False) -> TracedArray:
    if type(x) is not TracedArray:
        x = array(tape, x)
    value = plain(x)
    axis = tuple(plain(axis)) if isinstance(axis, list) else axis
    if name in ("maximum", "max", "amax"):
        return append(tape, "max", value.max(axis=axis, keepdims=keepdims), (x,), extreme_pull(axis), axis=axis)
    if name in ("minimum", "min", "amin"):
        return append(tape, "min", value.min(axis=axis, keepdims=keepdims), (x,), extreme_pull(axis), axis=axis)
    if name in ("add", "sum"):
        return append(tape, "sum", value.sum(axis=axis, keepdims=keepdims), (x,), sum_pull(axis), axis=axis)
    if name == "mean":
        result = value.mean(axis=axis, keepdims=keepdims)
        pull = sum_pull(axis, max(result.size, 1) / max(value.size, 1))
        return append(tape, "mean", result, (x,), pull, axis=axis, count=value.size // max(result.size, 1))
    raise Untraceable(f"numpy.{name} over an axis")


def _reducer(name):
    def run(tape, x, axis=None, dtype=None, out=None, keepdims=False, **_):
        return reduce(tape, name, x, axis, keepdims is True)

    return run


def variance(tape, x, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **_) -> TracedArray:
    centered = x - reduce(tape, "mean", x, axis, True)
    total = reduce(tape, "sum", centered * centered, axis, keepdims is True)
    return total / (x.size / max(np.size(total), 1) - ddof)


def where(tape, mask, a=None, b=None):
    if a is None:
        return np.where(plain(mask))
    mask = np.asarray(plain(mask)).astype(bool)
    a, b = (x if type(x) is TracedArray else np.asarray(x) for x in (a, b))
    value = np.where(mask, plain(a), plain(b))

    def pull(dy, y, *inputs):
        return where_pull(mask)(dy, y, *inputs)

    return append(tape, "where", value, (a, b), pull, mask=mask)


def clip(tape, x, a_min=None, a_max=None, out=None, **kwargs):
    low, high = kwargs.get("min", a_min), kwargs.get("max", a_max)
    x = x if low is None else np.maximum(x, low)
    x = x if high is None else np.minimum(x, high)
    return x


def norm(tape, x, ord=None, axis=None, keepdims=False):
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(x) > 1):
        raise Untraceable(f"numpy.linalg.norm with ord={ord!r}")
    return np.sqrt(reduce(tape, "sum", x * x, axis, keepdims))


def outer(tape, a, b, out=None):
    a, b = np.ravel(a), np.ravel(b)
    return contraction(tape, "a", "p", "ap", a, b)


def pad(tape, x, pad_width, mode="constant", **kwargs):
    values = kwargs.get("constant_values", 0)
    if mode == "constant" and np.any(np.asarray(values) != 0):
        raise Untraceable("numpy.pad with a constant other than 0")
    return movement(tape, "pad", lambda a: np.pad(a, pad_width, mode, **kwargs), x)


def add_at(tape, target, index, item) -> None:
    """``np.add.at``: every repeated index counts."""
    if type(target) is not TracedArray:
        raise Untraceable("numpy.add.at into an array that holds no traced values")
    index, value = plain(index), np.array(target.value)
    np.add.at(value, index, plain(item))

    def pull(dy, y, a, b):
        return dy, unbroadcast(dy[index], np.shape(b))

    target._become(append(tape, "add.at", value, (target, item), pull))


def split(tape, x, sections, axis=0):
    cuts = np.array_split(np.arange(x.shape[axis]), sections, 0)
    return [np.take(x, c, axis=axis) for c in cuts]


def array(tape: Tape, x, dtype=None, **_) -> Any:
    """``np.array`` of anything: lists of traced values become one traced array."""
    if dtype is not None and np.dtype(dtype).kind != "f":
        return np.array(plain(x), dtype=dtype)
    if type(x) is TracedArray:
        return x.copy()
    if holds(x):
        return np.stack([array(tape, item) if holds(item) else constant(tape, item) for item in x])
    value = np.array(x, dtype=dtype)
    return constant(tape, value) if value.dtype.kind == "f" else value


FUNCTIONS: dict[str, Any] = {
    "dot": lambda tape, a, b, out=None: product(tape, "dot", a, b),
    "inner": lambda tape, a, b: tensordot(tape, a, b, ((-1 % np.ndim(a),), (-1 % np.ndim(b),))),
    "vdot": lambda tape, a, b: product(tape, "dot", np.ravel(a), np.ravel(b)),
    "outer": outer, "einsum": einsum, "tensordot": tensordot, "where": where, "clip": clip, "norm": norm, "pad": pad,
    "split": split, "array_split": split, "var": variance,
    "std": lambda tape, *args, **kwargs: np.sqrt(variance(tape, *args, **kwargs)),
    "average": lambda tape, x, axis=None: reduce(tape, "mean", x, axis),
    "nan_to_num": lambda tape, x, **kwargs: x,
    "real": lambda tape, x: x,
    "copyto": lambda tape, dst, src: dst.__setitem__(..., src),
} | {name: _reducer(name) for name in ("sum", "mean", "max", "min", "amax", "amin")}  # fmt: skip
