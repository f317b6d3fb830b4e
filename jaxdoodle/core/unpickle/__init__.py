"""Pickles of lists, dicts and NumPy arrays, read without running anything.

A pickle is a program for a stack machine that may call any function it names. This is another machine for it: it knows
the opcodes that lists, dicts and arrays need, and a "function" is one of ``STAND_INS``, which build arrays from bytes.
Keys of dicts are texts and numbers, kept as texts: others could take exponential time to hash.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError

#: Values and containers in a pickle, and how deep they nest.
MAX_ITEMS, MAX_DEPTH = 1_000_000, 12
PUSHED = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES "
    "SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)
CONSTANTS: Mapping[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
KINDS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
#: What a pickle may call instead of a function that it names.
StandIn = Callable[..., Any]


class _Dtype:
    """``numpy.dtype(name, ...)``; its state says which byte comes first. ``None`` stands for objects."""

    def __init__(self, name: Any, *ignored: Any):
        if not isinstance(name, str) or name.lstrip("<>|=") not in (*KINDS, "O8", "O4", "O"):
            raise InputError(f"an array holds {name!r}; only numbers are read.")
        self.dtype = None if "O" in name else np.dtype(name)

    def set_state(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise InputError(f"a dtype has the byte order {state[1]!r}.")
        if self.dtype is not None:
            self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """``numpy.ndarray``, empty until its state is set: (version, shape, dtype, is_fortran, bytes)."""

    array: Any = None

    def set_state(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        self.array = _build(content, dtype, shape, "F" if fortran else "C").array


def _build(content: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise InputError("an array is not of numbers.")
    result = _Array()
    if dtype.dtype is None:
        if not isinstance(content, list):
            raise InputError("an array of objects is not held as a list.")
        result.array = content if shape else content[0]
        return result
    if isinstance(content, str):  # as Python 2 wrote it
        content = content.encode("latin1")
    if not isinstance(content, bytes | bytearray) or min(shape, default=0) < 0:
        raise InputError(f"an array of shape {shape} is not held as bytes.")
    if math.prod(shape) * dtype.dtype.itemsize != len(content):
        raise InputError(f"an array of shape {shape} has {len(content)} bytes of content.")
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


def ordered_dict(pairs: Any = ()) -> dict[str, Any]:
    """``OrderedDict``, empty or of pairs."""
    return {key_of(key): value for key, value in pairs}


#: Module and name in a pickle -> the function that stands in for it.
STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): lambda *ignored: _Array(),
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "bytes"): _no_bytes,
    ("collections", "OrderedDict"): ordered_dict,
} | {
    (f"numpy.{core}.{module}", name): stand_in
    for core in ("core", "_core")
    for module, name, stand_in in (
        ("multiarray", "_reconstruct", lambda *ignored: _Array()),
        ("multiarray", "scalar", lambda dtype, content: _build(content, dtype, (), "C")),
        ("numeric", "_frombuffer", _build),
    )
}


class _Function:
    """One of the stand-ins on the stack."""

    def __init__(self, function: StandIn):
        self.call = function


@contextmanager
def damage_refused() -> Iterator[None]:
    """``InputError`` in place of any exception that a broken pickle may raise."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"not a pickle, or a damaged one: {type(error).__name__}: {error}.") from None


@damage_refused()
def unpickle(data: bytes) -> Any:
    """Lists, dicts, numbers, texts and arrays, in any nesting. Raises ``InputError`` at anything else."""
    return plain(run(io.BytesIO(data)))


def key_of(key: Any) -> str:
    """A key of a dict as text; for tuples and other keys, which may be long to hash, ``InputError``."""
    if isinstance(key, bytes):  # a text of Python 2
        return key.decode("latin1")
    if isinstance(key, int) and key.bit_length() > 64 or not isinstance(key, str | int | float | None):
        raise InputError(f"a key is a {type(key).__name__}; only texts and numbers are read.")
    return str(key)


def run(
    file: io.BytesIO,
    stand_ins: Mapping[tuple[str, str], StandIn] = STAND_INS,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """The value of the pickle at the file's position, with arrays still as ``_Array``.

    Args:
      file: The bytes; afterwards at the end of the pickle.
      stand_ins: Module and name -> what is called instead.
      persistent: What the pickle means by an identifier of an object outside.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}

    def since_mark() -> list[Any]:
        at = marks.pop()
        items = stack[at:]
        del stack[at:]
        return items

    def put(key: int) -> None:
        if len(memo) > MAX_ITEMS:
            raise InputError(f"the pickle remembers more than {MAX_ITEMS:,} values.")
        memo[key] = stack[-1]

    def set_items(items: list[Any]) -> None:
        if type(stack[-1]) is not dict or len(items) % 2:
            raise InputError("the pickle sets items of something else than a dict.")
        stack[-1].update((key_of(key), value) for key, value in zip(items[::2], items[1::2], strict=True))

    def extend(items: list[Any]) -> None:
        if type(stack[-1]) is not list:
            raise InputError("the pickle appends to something else than a list.")
        stack[-1].extend(items)

    def named(module: Any, name: Any) -> None:
        if (module, name) not in stand_ins:
            text = f"{module}.{name}"[:120]
            raise InputError(f"the pickle asks for {text}; only arrays of numbers are read.")
        stack.append(_Function(stand_ins[module, name]))

    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > 4 * MAX_ITEMS:
            raise InputError(f"the pickle has more than {4 * MAX_ITEMS:,} steps.")
        match opcode.name:
            case name if name in PUSHED:
                stack.append(argument)
            case "BINGET" | "GET" | "LONG_BINGET":
                stack.append(memo[int(str(argument))])
            case "BINPUT" | "PUT" | "LONG_BINPUT":
                put(int(str(argument)))
            case "MEMOIZE":
                put(len(memo))
            case "MARK":
                marks.append(len(stack))
            case "APPENDS":
                extend(since_mark())
            case "APPEND":
                one = stack.pop()
                extend([one])
            case "SETITEMS":
                set_items(since_mark())
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                set_items([key, value])
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_TUPLE":
                stack.append({"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}[opcode.name]())
            case "LIST":
                stack.append(since_mark())
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                size = int(opcode.name[-1])
                stack[-size:] = [tuple(stack[-size:])]
            case "DICT":
                items = since_mark()
                stack.append({})
                set_items(items)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append(CONSTANTS[opcode.name])
            case "GLOBAL":
                named(*str(argument).split(" ", 1))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                named(module, name)
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                if not isinstance(function, _Function) or not isinstance(arguments, tuple):
                    raise InputError("the pickle calls what is no function.")
                stack.append(function.call(*arguments))
            case "BUILD":
                state = stack.pop()
                if hasattr(stack[-1], "set_state"):
                    stack[-1].set_state(state)
                elif type(stack[-1]) is not dict:  # attributes of a dict are left out
                    raise InputError("the pickle changes something else than an array.")
            case "BINPERSID" if persistent:
                stack.append(persistent(stack.pop()))
            case "POP":
                if marks and marks[-1] == len(stack):
                    marks.pop()
                else:
                    stack.pop()
            case "POP_MARK":
                since_mark()
            case "DUP":
                stack.append(stack[-1])
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop()
            case other:
                raise InputError(f"the pickle has the opcode {other}; only lists, dicts and arrays are read.")
    raise InputError("the pickle ends early.")


def plain(value: Any) -> Any:
    """The value with arrays for their stand-ins and lists for tuples."""
    left = iter(range(MAX_ITEMS))

    def visit(value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH or next(left, None) is None:
            raise InputError(f"the pickle nests deeper than {MAX_DEPTH} lists, or holds the same list many times.")
        if isinstance(value, _Array):
            return visit(value.array, depth + 1) if isinstance(value.array, dict | list | _Array) else value.array
        if isinstance(value, dict):
            return {key: visit(one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [visit(one, depth + 1) for one in value]
        return value

    return visit(value, 0)
