"""Pickles of lists, dicts and NumPy arrays, read by ``core.unpickle``, which runs nothing."""

from __future__ import annotations

from jaxdoodle.core.unpickle import unpickle
from jaxdoodle.formats.weights.source import Budget, Weights, flattened


def read_pickle(data: bytes, budget: Budget) -> Weights:
    """The arrays of a pickle."""
    return Weights(flattened(unpickle(data), budget))


def is_pickle(data: bytes) -> bool:
    """Whether it begins as a pickle of a list, tuple, dict or array does, in any protocol."""
    return data[:1] in (b"\x80", b"(", b"]", b"}", b"c")
