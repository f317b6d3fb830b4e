"""Every derivative in the package ``autograd``, by its own table of primitives, with arguments found by trial."""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from jaxdoodle.gradcheck import Report, check

#: Containers and the package's own helpers.
_NO_NUMBERS = ("autograd.builtins", "autograd.core")
#: Programs of one primitive: arguments of other shapes and kinds.
_EACH = 2
_MODULES = ("autograd.numpy", "autograd.scipy.special", "autograd.scipy.stats", "autograd.scipy.signal",
            "autograd.scipy.linalg")  # fmt: skip


#: What the package's rules get wrong, by reading them: an alarm is right there.
FAULTS = {
    "numpy.tile (3, 4) 3": "its rule takes one number of repeats as those of the first axis; NumPy takes the last",
    "numpy.prod": "its rule divides by entries that are 0",
    "numpy.std": "its rule divides by a deviation that is 0",
    "numpy.linalg.norm": "its rule divides by a length that is 0",
    "numpy.gradient (4,)": "its rule fails where there are two entries",
    "numpy.diag (3, 3)": "its rule gives a square gradient of a matrix that is not square",
    "numpy.linalg.cholesky": "its rule gives a symmetric gradient; the function reads one triangle alone",
}


def _pool() -> Iterator[tuple]:
    """Arguments of many kinds; a primitive gets those that it takes."""
    rng = np.random.default_rng(0)
    a, b, row, square = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(3, 3))
    inside, above = rng.uniform(0.2, 0.8, (3, 4)), rng.uniform(1.2, 2.0, (3, 4))
    definite = square @ square.T + 3 * np.eye(3)
    yield from ((a,), (inside,), (above,), (definite,), (row,), (inside, above), (a, b), (a, row), (above, inside))
    yield from ((a, 0), (a, 1), (a, None, True), (a, 0, None, None, True), (1, inside), (2.5, above), (0, above))
    yield from ((a, above, 0.7), (a, b, above), (inside, above, above), (above, 3), (a, row[:3], definite))
    yield from ((row[:3], row[:3] + 1, definite), (inside / inside.sum(1, keepdims=True), above))
    yield from ((a, square), (square, a), (definite, a), (definite, row[:3]), (definite, definite), (row, row))
    yield from ((a, (4, 3)), (a, (1, 0)), (a, 0, 1), (a, 1, 0), (a, 2, 0), (a, 1, -1), (a, (2, 1)), (a[None], 0))
    yield from ((a, (2, 3, 4)), (row, (3, 4)), (a, -0.5, 0.5), (a > 0, a, b), ("ij,jk->ik", square, a))
    yield from (("ij,ij->i", a, b), (a, b, ([0, 1], [0, 1])), (a, ((1, 1), (0, 2)), "constant"), (0, a, b), (1, a, b))
    yield from ((a, 2, 1), (a, [1, 3], 1), (1, 3, 5), (row, row, [[0], [0]], [[], []], "valid"), (3.0, row))
    yield from ((a, slice(1, 3)), (a, [0, 2, 2]), (a, 2, None, 0), (a, 1.5), (row, 1), (square, 1), (a, "float64"))
    yield from ((above, a, inside), (a, 5.0), (a, 5.0, 0.3, above), (3, 4, above), (2, inside), (inside, 3, 0.4))


def programs() -> Iterator[tuple[str, Callable[[], Report]]]:
    """(primitive with its arguments, check)."""
    for module in _MODULES:
        importlib.import_module(module)
    from autograd.core import primitive_vjps

    found = {f"{getattr(p.fun, '__module__', None) or 'scipy.special'}.{p.__name__}": p for p in primitive_vjps}
    for name in sorted(n for n in found if not n.startswith(_NO_NUMBERS)):
        primitive, taken = found[name], 0
        for args in _pool():
            positions = _taken(primitive, primitive_vjps[primitive], args)
            if positions and taken < _EACH:
                taken += 1
                title = f"autograd {name} {' '.join(map(_told, args))}"
                yield title, partial(_check, primitive, primitive_vjps[primitive], args, positions, title)


def _told(x: Any) -> str:
    return str(x.shape) if isinstance(x, np.ndarray) else repr(x)


def _taken(primitive: Any, rules: Callable, args: tuple) -> tuple[int, ...]:
    """The arguments that it gives derivatives of, in their shapes; none where it refuses these arguments."""
    args = copy.deepcopy(args)  # some change what they are given
    real = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == float]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # an order that is cut to a whole number, say
        try:
            y = primitive.fun(*args)
            if not (isinstance(y, np.ndarray | float) and np.asarray(y).dtype == float and np.isfinite(y).all()):
                return ()
        except Exception:  # whatever it raises is a refusal
            return ()
        given = []
        for i in real:
            try:
                (d,) = rules((i,), y, args, {})(np.ones(np.shape(y)))
                # where the table has no rule for an argument, it gives zeros
                if np.shape(d) == args[i].shape and np.asarray(d).dtype == float and np.any(d):
                    given.append(i)
            except Exception:  # no rule for this argument
                continue
    return tuple(given)


def _check(primitive: Any, rules: Callable, args: tuple, positions: tuple[int, ...], title: str) -> Report:
    def forward(*args):
        y = primitive.fun(*args)
        return y, (y, args)

    def backward(residuals, dy):
        y, args = residuals
        return tuple(rules(positions, y, args, {})(dy))

    return check(forward, backward, args, wrt=positions, title=title)
