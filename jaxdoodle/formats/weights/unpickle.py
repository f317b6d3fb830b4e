"""Pickles of lists, dicts and NumPy arrays, read without running anything.

A pickle is a program that may call any function it names. Here the names are looked up in ``STAND_INS`` alone, whose
functions build arrays from bytes, and opcodes other than those that such pickles need are refused beforehand.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError

OPCODES = frozenset(
    "PROTO FRAME STOP MARK POP POP_MARK DUP MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET "
    "NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 "
    "EMPTY_LIST APPEND APPENDS LIST EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS "
    "GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


class _Dtype:
    """``numpy.dtype(name, ...)``; its state says which byte comes first."""

    def __init__(self, name: Any, *ignored: Any):
        if not isinstance(name, str) or name.lstrip("<>|=") not in KINDS:
            raise InputError(f"an array holds {name!r}; only numbers are read.")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise InputError(f"a dtype has the byte order {state[1]!r}.")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """``numpy.ndarray``, empty until its state is set: (version, shape, dtype, is_fortran, bytes)."""

    array: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self.array = _build(content, dtype, shape, "F" if fortran else "C").array


def _build(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise InputError("an array is not of numbers.")
    if isinstance(content, str):  # as Python 2 wrote it
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray) or min(shape, default=0) < 0:
        raise InputError(f"an array of shape {shape} is not held as bytes.")
    if len(content) != math.prod(shape) * dtype.dtype.itemsize:
        raise InputError(f"an array of shape {shape} has {len(content)} bytes of content.")
    result = _Array()
    result.array = np.frombuffer(content, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")
    return result


def _encode(text: Any, encoding: Any) -> bytes:
    """How protocols before 3 write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise InputError(f"bytes are encoded as latin1; got {encoding!r}.")
    return text.encode("latin1")


def _no_bytes(*content: Any) -> bytes:
    """How protocols before 3 write empty bytes."""
    if content:
        raise InputError("the pickle makes bytes of something.")
    return b""


def _scalar(dtype: Any, content: Any) -> _Array:
    return _build(content, dtype, (), "C")


def _empty_array(*ignored: Any) -> _Array:
    return _Array()


class _StandIn:
    """A function that a pickle may call and cannot change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise InputError("the pickle changes a function.")


#: Module and name in a pickle -> the function that stands in for it.
STAND_INS: Mapping[tuple[str, str], _StandIn] = {
    ("numpy", "ndarray"): _StandIn(_empty_array),
    ("numpy", "dtype"): _StandIn(_Dtype),
    ("_codecs", "encode"): _StandIn(_encode),
    ("__builtin__", "bytes"): _StandIn(_no_bytes),
    ("collections", "OrderedDict"): _StandIn(dict),
} | {
    (f"numpy.{core}.{module}", name): _StandIn(stand_in)
    for core in ("core", "_core")
    for module, name, stand_in in (
        ("multiarray", "_reconstruct", _empty_array),
        ("multiarray", "scalar", _scalar),
        ("numeric", "_frombuffer", _build),
    )
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return STAND_INS[module, name]
        except KeyError:
            raise InputError(f"the pickle asks for {module}.{name}; only NumPy arrays of numbers are read.") from None


def unpickle(data: bytes) -> Any:
    """Lists, tuples, dicts, numbers, texts and arrays, in any nesting. Raises ``InputError`` at anything else."""
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name not in OPCODES:
                raise InputError(f"the pickle has the opcode {opcode.name}; only lists, dicts and arrays are read.")
            if opcode.name.endswith("PUT") and int(str(argument)) > len(data):
                raise InputError(f"the pickle stores something as number {argument}; it has {len(data)} bytes.")
        value = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        return _numpy_in(value, depth=0, room=iter(range(len(data))))
    except InputError:
        raise
    except Exception as error:  # a broken pickle may raise any exception
        raise InputError(f"not a pickle, or a damaged one: {type(error).__name__}: {error}.") from None


def _numpy_in(value: Any, depth: int, room: Iterator[int]) -> Any:
    """The value with arrays for their stand-ins. Each value took a byte, unless the pickle refers to it repeatedly."""
    if depth > 8 or next(room, None) is None:
        raise InputError("the pickle nests deeper than 8 lists, or holds the same list many times.")
    if isinstance(value, _Array):
        return value.array
    if isinstance(value, dict):
        return {str(key): _numpy_in(one, depth + 1, room) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_numpy_in(one, depth + 1, room) for one in value]
    return value
