"""safetensors of other programs: 8 bytes of length, a JSON header, and the numbers without gaps or overlaps."""

from __future__ import annotations

import json
import re
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.validation import unique_keys
from jaxdoodle.formats.weights.source import Budget, Weights, array_of

#: Type in a header -> that of NumPy, or "bf16".
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bf16", "I64": "<i8", "I32": "<i4", "I16": "<i2"}
DTYPES |= {"I8": "i1", "U8": "u1", "U16": "<u2", "U32": "<u4", "U64": "<u8", "BOOL": "u1"}
#: Bytes of a header; that of a thousand tensors takes 100,000.
MAX_HEADER_BYTES = 1 << 22


def is_safetensors(data: bytes) -> bool:
    """Whether a header follows the length."""
    return data[8:9] == b"{" and 2 <= int.from_bytes(data[:8], "little") <= max(len(data), MAX_HEADER_BYTES)


def read_safetensors(data: bytes, budget: Budget) -> Weights:
    """The tensors by name; names with numbers in the order of the numbers."""
    size = int.from_bytes(data[:8], "little")
    if size > min(len(data) - 8, MAX_HEADER_BYTES):
        raise InputError(f"promises a header of {size:,} bytes; it has {len(data) - 8:,}.")
    header = json.loads(data[8 : 8 + size], object_pairs_hook=unique_keys)
    header.pop("__metadata__", None)
    numbers, found, end = memoryview(data)[8 + size :], {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, stop = entry["data_offsets"]
        shape = tuple(entry["shape"])
        if set(entry) != {"dtype", "shape", "data_offsets"} or not all(type(n) is int and n >= 0 for n in shape):
            raise InputError(f"{name[:80]!r} has {str(entry)[:80]}; expected dtype, shape and data_offsets.")
        if type(start) is not int or type(stop) is not int or start != end or stop < start:
            raise InputError(f"{name[:80]!r} has the offsets {start!r} to {stop!r}; expected them to begin at {end}.")
        if entry["dtype"] not in DTYPES:
            raise InputError(f"{name[:80]!r} holds {entry['dtype']!r}; only {', '.join(DTYPES)} are read.")
        found[name], end = array_of(numbers[start:stop], DTYPES[entry["dtype"]], shape, budget), stop
    if end != len(numbers):
        raise InputError(f"holds {len(numbers):,} bytes of numbers; its header tells of {end:,}.")
    return Weights(by_name(found))


def by_name(arrays: dict[str, Any]) -> dict[str, Any]:
    """Sorted by name, numbers in names by their value."""

    def key(name: str) -> list[Any]:
        return [(int(p[:18]), "") if p.isascii() and p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name) if p]

    return {name: arrays[name] for name in sorted(arrays, key=key)}
