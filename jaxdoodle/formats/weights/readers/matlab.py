"""MATLAB's ``.mat`` of versions 5 to 7: the matrices of real numbers, under the names of their variables.

A file is a header of 128 bytes and elements: a type and a length (4 bytes each, or 2 and 2 followed by at most 4 bytes
of content), then the content, padded to 8 bytes. A matrix (type 14) holds elements again: flags, dimensions, name,
numbers column by column. An element of type 15 is another element, compressed by zlib. Version 7.3 is HDF5.

Reference: MathWorks 2019, "MAT-File Format".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.source import Budget, Weights, array_of

MATRIX, COMPRESSED = 14, 15
#: Type of an element -> that of NumPy, without the byte order.
DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
#: Classes of matrices that hold numbers: double, single, and the integers.
NUMERIC = range(6, 16)


def read_mat(data: bytes, budget: Budget) -> Weights:
    """The variables that are matrices of real numbers; structures, cells and texts are left out."""
    order = "<" if data[126:128] == b"IM" else ">"
    found = {}
    for kind, content in _elements(memoryview(data)[128:], order):
        if kind == COMPRESSED:
            stream = zlib.decompressobj()
            inflated = stream.decompress(content, budget.bytes + 128)
            if stream.unconsumed_tail:
                raise InputError(f"would take more than {budget.bytes:,} bytes.")
            ((kind, content),) = _elements(memoryview(inflated), order)
        if kind == MATRIX:
            parts = list(_elements(content, order))
            flags, (_, dimensions), (_, name) = np.frombuffer(parts[0][1], order + "u4"), parts[1], parts[2]
            if flags[0] & 0xFF in NUMERIC and not flags[0] & 0x800 and len(parts) == 4:  # 0x800: complex
                shape = tuple(map(int, np.frombuffer(dimensions, order + "i4")))
                dtype = np.dtype(order + DTYPES[parts[3][0]])
                found[bytes(name).decode("latin1")] = array_of(parts[3][1], dtype, shape, budget, "F")
    return Weights(found)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and content of each."""
    at = 0
    while at + 8 <= len(data):
        kind, size = map(int, np.frombuffer(data[at : at + 8], order + "u4"))
        start = at + 8
        if kind >> 16:  # small: type and length take two bytes each
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
        if start + size > len(data):
            raise InputError(f"ends within an element of {size:,} bytes.")
        yield kind, data[start : start + size]
        at = at + 8 if start == at + 4 else start + size if kind == COMPRESSED else start + (size + 7) // 8 * 8
