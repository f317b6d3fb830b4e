"""What is kept of the arguments that a function was called with."""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np

__all__ = ["few_examples", "kept", "untraced"]

#: Largest array (entries) that is kept as an argument: more is a data set.
_LARGEST = 20_000
#: Examples that are kept of a data set.
_EXAMPLES = 6
#: Standard deviation of the numbers in the place of a tracer: with weights of this size, iterations come to rest.
_SPREAD = 0.1


def few_examples(given: dict[str, Any], holds: bool = False) -> dict[str, Any]:
    """The arguments of a call, without most of a data set.

    Args:
      given: By name.
      holds: Whether the function is a constructor: of an array alone, without labels, it holds parameters.

    Returns:
      Of a data set, and of arrays of as many rows, a few rows from all over it; anything else as it is.
    """
    rows = {n: v.shape[0] for n, v in given.items() if isinstance(getattr(v, "shape", None), tuple) and v.shape}
    of_all = [*rows.values()]
    cut = {k for n, k in rows.items() if _size(given[n]) > _LARGEST and not (holds and of_all.count(k) == 1)}

    def few(value: Any, count: int) -> Any:
        return value[np.linspace(0, count - 1, _EXAMPLES).astype(int)]

    return {n: few(v, rows[n]) if rows.get(n) in cut else v for n, v in given.items()}


def kept(value: Any, rng: np.random.Generator) -> Any:
    """A copy of an argument.

    Args:
      value: What a function was called with.
      rng: As for ``untraced``.

    Returns:
      The copy; of a tensor, its numbers alone; of a rule's context, ``None``; for tracers, what ``untraced`` gives.

    Raises:
      ValueError: It is a data set, of which nothing is kept.
    """
    if _size(value) > _LARGEST:
        raise ValueError("a data set")
    return _copy(value, rng)


def _size(value: Any) -> int:
    size = 0 if isinstance(value, type) else getattr(value, "size", 0)
    size = value.numel() if callable(size) and hasattr(value, "numel") else size  # of a tensor it is a method
    return size if isinstance(size, int) else 0


def _copy(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, list | tuple):
        entries = [_copy(v, rng) for v in value]
        return type(value)(*entries) if hasattr(value, "_fields") else type(value)(entries)
    if type(value) is dict:
        return {k: _copy(v, rng) for k, v in value.items()}
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.autograd.function.FunctionCtx):
        return None  # a rule only writes to it
    if torch is not None and isinstance(value, torch.Tensor):
        value = value.detach()  # a result cannot be copied with what it was computed from
    return copy.deepcopy(untraced(value, rng))


def untraced(value: Any, rng: np.random.Generator) -> Any:
    """In the place of a tracer of JAX, an array of its shape and kind; anything else as it is.

    Args:
      value: What a name stands for under ``jit``, ``vmap`` or ``grad``, or elsewhere.
      rng: Draws small numbers, or zeros and ones where they are whole.

    Returns:
      An array, or ``value``.
    """
    tracer = getattr(getattr(sys.modules.get("jax"), "core", None), "Tracer", ())
    if not isinstance(value, tracer) or np.dtype(value.dtype).kind not in "fiub":
        return value
    whole = np.dtype(value.dtype).kind != "f"
    drawn = rng.integers(0, 2, value.shape) if whole else _SPREAD * rng.normal(size=value.shape)
    return np.asarray(drawn, value.dtype)
