"""What every reader of weights gives, and the limits that it keeps to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import MAX_DEPTH, MAX_ITEMS

if TYPE_CHECKING:
    from jaxdoodle.formats.weights.chain import Chain

#: Bytes of a file: the weights of the largest model file as float32, and as much again for an optimizer's moments.
MAX_FILE_BYTES = 1 << 27
#: Bytes that the arrays of a file may take as float32.
MAX_ARRAY_BYTES = 1 << 27
#: Arrays in a file; a network of a hundred layers has a few hundred, with Adam's moments a thousand.
MAX_ARRAYS = 4000


@dataclass
class Weights:
    """What a file of weights holds.

    Attributes:
      arrays: Arrays of numbers by name, in the order of the file.
      network: The whole network, where the file describes it.
      outputs_first: Whether the program that wrote the file keeps weights outputs first; None where that is open.
      epsilon: Of batch normalization in that program.
    """

    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    network: Chain | None = None
    outputs_first: bool | None = None
    epsilon: float = 1e-5


class Budget:
    """What the arrays of one file may take, all together."""

    def __init__(self) -> None:
        self.bytes, self.arrays = MAX_ARRAY_BYTES, MAX_ARRAYS

    def take(self, count: int, itemsize: int = 4) -> None:
        """Raise ``InputError`` where ``count`` more values are too many."""
        self.bytes -= count * max(itemsize, 4)
        self.arrays -= 1
        if self.bytes < 0:
            raise InputError(f"would take more than {MAX_ARRAY_BYTES:,} bytes.")
        if self.arrays < 0:
            raise InputError(f"holds more than {MAX_ARRAYS} arrays.")


def array_of(content: Any, dtype: Any, shape: tuple[int, ...], budget: Budget, order: Any = "C") -> NDArray[Any]:
    """An array of exactly these bytes; brain floats, which NumPy lacks, are named ``"bf16"``.

    Raises:
      InputError: The bytes are more or fewer, or more than the budget.
    """
    itemsize = 2 if dtype == "bf16" else np.dtype(dtype).itemsize
    count = 1
    for n in shape:
        count *= n
    if count < 0 or count * itemsize != len(content):
        raise InputError(f"an array of shape {shape} has {len(content)} bytes of content.")
    budget.take(count, itemsize)
    if dtype == "bf16":  # the upper half of a float32
        return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape, order=order)
    return np.frombuffer(content, dtype).reshape(shape, order=order)


def flattened(value: Any, budget: Budget) -> dict[str, NDArray[Any]]:
    """Arrays in nested lists and dicts, by dotted names. A list of numbers, or of such lists, is an array."""
    found: dict[str, NDArray[Any]] = {}
    left = iter(range(MAX_ITEMS))

    def visit(name: str, value: Any, depth: int) -> None:
        if depth > MAX_DEPTH or next(left, None) is None:
            raise InputError(f"nests deeper than {MAX_DEPTH} lists, or holds the same list many times.")
        if isinstance(value, list) and value and isinstance(value[0], list | int | float):
            value = _numbers(value, budget)
        if isinstance(value, np.ndarray):
            if value.dtype.kind not in "fiu":
                return
            budget.take(value.size, value.itemsize)
            found[name or "array"] = value
        elif isinstance(value, dict | list):
            for key, one in value.items() if isinstance(value, dict) else enumerate(value):
                visit(f"{name}.{key}" if name else str(key), one, depth + 1)

    visit("", value, 0)
    return found


def _numbers(value: list[Any], budget: Budget) -> Any:
    """An array, if these are lists of numbers of equal lengths; else the list."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first and len(shape) <= MAX_DEPTH else None  # type: ignore[assignment]
    if type(first) not in (int, float) or len(shape) > 4 or not all(shape):
        return value
    count = 1
    for n in shape:
        count *= n
    if count * 4 > budget.bytes:
        raise InputError(f"would take more than {MAX_ARRAY_BYTES:,} bytes.")
    rows = value
    for n in shape[1:]:
        if not all(type(row) is list and len(row) == n for row in rows):
            return value
        rows = [one for row in rows for one in row]
    if not all(type(one) in (int, float) for one in rows):
        return value
    try:
        return np.array(rows, np.float64).reshape(shape)
    except OverflowError:
        raise InputError("holds an integer that no float can be.") from None
