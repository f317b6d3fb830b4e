"""What the names of a user's function stand for while it runs, and what an edit of its syntax tree is.

A rule that proposes edits is called with a node, its parent, the scope, and what takes (name, cost, new node).
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: What hangs on a place: a right gradient, or no wrong one; some of the wrong ones alone; all of these alone.
NONE, SOME, ALL = range(3)
#: Methods of arrays that change nothing: expressions of these may be computed to see their shape.
_PURE = {"sum", "mean", "dot", "reshape", "transpose", "copy", "max", "min", "astype", "squeeze", "ravel", "flatten"}

#: Constants below it are added so as not to divide by zero.
_SMALL = 0.1


@dataclass
class Scope:
    """What the names of a function stand for while it runs, and the numbers that its forward is written with."""

    values: Mapping[str, Any]
    numbers: tuple[float, ...] = ()
    modules: frozenset[str] = frozenset()
    numpy: str | None = None
    texts: dict[str, np.ndarray] = field(default_factory=dict)  # expressions that are arrays
    tables: dict[str, Any] = field(default_factory=dict)  # expressions that hold several values
    slices: tuple[ast.Slice, ...] = ()
    words: frozenset[str] = frozenset()  # that calls in it are given
    loops: frozenset[str] = frozenset()  # variables of its loops
    axes: tuple[Any, ...] = ()  # that a sum or mean may run over; None is all
    everything: Mapping[str, Any] = field(default_factory=dict)  # with functions and modules
    scalars: list[str] = field(default_factory=list)  # expressions that are bare numbers
    changing: frozenset[str] = frozenset()  # names that a loop assigns: their shapes at the end tell little
    unused: tuple[str, ...] = ()  # names that are assigned and then not read
    results: frozenset[ast.AST] = frozenset()  # what is returned, or assigned to what is, or to an attribute
    factors: tuple[str, ...] = ()  # what the forward multiplies by, in names that are known here, too
    divisors: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()  # of one argument, that the forward calls
    forwards: Sequence[ast.AST] = ()  # the functions of the forward
    calls: Mapping[str, Iterable[str]] = field(default_factory=dict)  # in it, by what they are given first
    parts: tuple[ast.expr, ...] = ()  # expressions of these and of the function itself

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            held = {name: value}
            if isinstance(value, dict):
                held = {f"{name}[{k!r}]": v for k, v in value.items() if isinstance(k, str)}
            elif hasattr(value, "__dict__") and not callable(value) and not is_array(value):
                held = {f"{name}.{k}": v for k, v in vars(value).items()}
            self.texts |= {k: v for k, v in held.items() if is_array(v)}
            self.tables |= {k: v for k, v in ({name: value} | held).items() if isinstance(v, dict | list | tuple)}
            self.scalars += [k for k, v in held.items() if isinstance(v, int | float) and not isinstance(v, bool)]
        self.texts = dict(sorted(self.texts.items(), key=lambda item: not item[0].isidentifier()))  # names come first
        self.scalars.sort(key=lambda name: "pad" not in name)  # a border is cut off by what is called so

    def shape(self, text: str) -> tuple[int, ...] | None:
        return np.shape(self.texts[text]) if text in self.texts else None

    def shape_of(self, node: ast.AST) -> tuple[int, ...] | None:
        """The shape of an expression without side effects, where the function ends; None where it is not known."""
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        calls = [ast.unparse(n.func).split(".") for n in ast.walk(node) if isinstance(n, ast.Call)]
        pure = all(len(name) > 1 and (name[-1] in _PURE or name[0] in self.modules) for name in calls)
        if not pure or names & (self.changing | self.loops) or not isinstance(node, ast.expr):
            return None
        value = self._value(node)
        return tuple(np.shape(value)) if is_array(value) or isinstance(value, int | float) else None

    def is_complex(self, node: ast.AST) -> bool:
        """Does a name, an entry or an attribute hold complex numbers, where the function ends?"""
        value = self._value(node)
        return is_array(value) and np.iscomplexobj(value)

    def _value(self, node: ast.AST) -> Any:
        """None where it is not known."""
        try:
            return eval(ast.unparse(node), {"__builtins__": {}}, {**self.everything, **self.values})  # the user's code
        except Exception:  # any exception of the user's code
            return None

    def arrays_for(self, node: ast.AST, same: bool = False, parent: ast.AST | None = None) -> list[str]:
        """Arrays that a value can be multiplied by, or (``same``) exchanged for, in the shape that it has.

        In a sum or product (``parent``) it may take the shape of the whole.
        """
        shape = self.shape_of(node)
        if not shape:  # not known, or one number
            return list(self.texts)
        total = self.shape_of(parent) if isinstance(parent, ast.BinOp) else None
        shape = total if total and broadcasts(shape, total) else shape
        found = []
        for text, value in self.texts.items():
            other = np.shape(value)
            fits = other == shape if same else len(other) <= len(shape) and broadcasts(other, shape)
            if fits or text in self.changing and len(other) == len(shape):
                found.append(text)
        return found

    def lies_between(self, text: str, low: float, high: float) -> bool:
        values = np.asarray(self.texts[text])
        return values.dtype.kind == "f" and values.size > 0 and bool(low <= values.min() <= values.max() <= high)

    def alike(self, text: str) -> list[str]:
        """What holds as many values as this, as caches do, or a first state more, in the same kind of table."""
        if (value := self.tables.get(text)) is None:
            return []
        tables = {n: v for n, v in self.tables.items() if n != text and type(v) is type(value)}
        return [n for n, v in tables.items() if abs(len(v) - len(value)) <= 1]

    def inverted(self, text: str) -> str:
        """The other entries of what is a mask; empty for what is none."""
        values = np.asarray(self.texts.get(text, 2))
        if values.dtype.kind == "b":
            return f"~{text}"
        return f"(1 - {text})" if values.ndim and {*np.unique(values)} == {0, 1} else ""

    def is_small(self, text: str) -> bool:
        """Is it a number that is added so as not to divide by zero?"""
        try:
            return 0 < abs(float(self.values.get(text, text))) < _SMALL
        except (TypeError, ValueError):  # no number by itself
            return False

    def is_count(self, text: str) -> bool:
        named = isinstance(self.values.get(text), int) and not isinstance(self.values.get(text), bool)
        return named or re.fullmatch(r"\(*([\w.]+\.size|[\w.\[\]]+\.shape\[-?\d+\]|len\([^()]+)\)*", text) is not None

    def counts(self) -> list[str]:
        """How many there are of something, and one less."""
        sizes: dict[tuple[int, int], str] = {}
        for text, x in sorted(self.texts.items(), key=lambda item: "." not in item[0]):  # held from the start: first
            for k, size in enumerate(np.shape(x)[:4]):
                sizes.setdefault((size, k), f"{text}.shape[{k}]")
        totals = {np.size(x): f"{text}.size" for text, x in reversed(self.texts.items())}
        lists = [f"len({name})" for name, value in self.values.items() if isinstance(value, list | tuple)]
        return [*lists, *sizes.values(), *totals.values()]


def broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Does an array of the first shape, multiplied in, leave the second shape as it is?"""
    return all(m in (n, 1) for m, n in zip(a[::-1], b[::-1], strict=False))


def is_array(x: Any) -> bool:
    return isinstance(getattr(x, "shape", None), tuple) and hasattr(x, "dtype")


def expr(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@dataclass(frozen=True)
class Edit:
    """``new`` (a node, or an expression in words) in the place of ``old``: the child of ``parent`` in ``field`` (and at
    ``index`` in a list).

    ``name`` is the mistake that the edit undoes. ``cost``: of two edits that fit, the cheaper is told; what takes away
    or exchanges what is written comes before what adds, since an added factor fits in more places.
    """

    name: str
    cost: int
    parent: ast.AST
    field: str
    index: int | None
    old: Any
    new: Any

    def apply(self) -> None:
        new = expr(self.new) if isinstance(self.new, str) else self.new
        self._put(ast.fix_missing_locations(ast.copy_location(new, self.old)) if isinstance(new, ast.AST) else new)

    def undo(self) -> None:
        self._put(self.old)

    def _put(self, node: Any) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


Put = Callable[[str, int, Any], None]


def loaded(node: Any) -> bool:
    return isinstance(node, ast.Name | ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Load)


def replaced(node: ast.AST, instead: Mapping[str, str]) -> Any:
    """A copy of an expression, with others for those in it that read so."""

    class Replace(ast.NodeTransformer):
        def visit(self, inner: ast.AST) -> Any:
            text = ast.unparse(inner) if isinstance(inner, ast.expr) else ""
            return expr(instead[text]) if text in instead else self.generic_visit(inner)

    return Replace().visit(copy.deepcopy(node))
