"""Pickles of lists, dicts and arrays, and PyTorch's files, read by ``core.unpickle``, which runs nothing."""

from __future__ import annotations

from typing import Any

from jaxdoodle.core.unpickle import torch_files, unpickle
from jaxdoodle.formats.weights.readers.npy import content, members, open_zip
from jaxdoodle.formats.weights.source import Budget, Weights, flattened


def read_pickle(data: bytes, budget: Budget) -> Weights:
    """The arrays of a pickle."""
    return Weights(flattened(unpickle(data), budget))


def is_pickle(data: bytes) -> bool:
    """Whether it begins as a pickle of a list, tuple, dict or array does, in any protocol."""
    return data[:1] in (b"\x80", b"(", b"]", b"}", b"c")


def read_torch(data: bytes, budget: Budget) -> Weights:
    """The tensors of a zip archive of PyTorch: state_dicts, alone or in a checkpoint."""
    files = members(archive := open_zip(data))
    return _weights(torch_files.read_archive(files, lambda name: content(archive, files[name], budget), budget.take))


def read_legacy(data: bytes, budget: Budget) -> Weights:
    """The tensors of a file of PyTorch before version 1.6."""
    return _weights(torch_files.read_legacy(data, budget.take))


def _weights(value: Any) -> Weights:
    return Weights(flattened(value, Budget()), outputs_first=True)
