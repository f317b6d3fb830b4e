"""Arguments of a cell of a recurrent network whose weights come in one dictionary: input, states, weights that fit."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from jaxdoodle.submissions.arguments.by_name import is_dictionary, kind_of
from jaxdoodle.submissions.reading.source import source_tree

#: Sizes of input, state and output, each another, and the number of examples.
_INPUT, _STATE, _OUTPUT, _EXAMPLES = 3, 5, 2, 4
#: Names of states, and of weights and biases of the output.
_STATES, _OF_OUTPUT = re.compile(r"\w*prev\w*|\w*state\w*|hidden|[hcs]\d?|[hcs]_?t"), re.compile(r"[wb]_?\w?y\w?", re.I)
#: Weights that are tried together, at most.
_WEIGHTS = 6


def candidates(function: Any, taken: Sequence[inspect.Parameter]) -> Iterator[list[Any]]:
    """Values for these parameters, where one is such a dictionary and another a state: in columns, then in rows.

    A weight takes the state and the input side by side, the input, or the state.
    """
    tables = [p.name for p in taken if is_dictionary(function, p.name)]
    if len(tables) != 1 or not any(_STATES.fullmatch(p.name.lower()) for p in taken):
        return
    keys = _keys_read(function, tables[0])
    weights = [k for k in keys if kind_of(k) == "w" and not _OF_OUTPUT.fullmatch(k)]
    if not weights or len(weights) > _WEIGHTS or {*map(kind_of, keys)} - {"w", "b"}:
        return
    sizes = sorted(product((_STATE + _INPUT, _INPUT, _STATE), repeat=len(weights)), key=lambda each: len({*each}))
    for columns, chosen in product((True, False), sizes):
        rng, side = np.random.default_rng(0), -1 if columns else 1

        def array(*shape: int, side: int = side, rng: np.random.Generator = rng) -> np.ndarray:
            return rng.normal(size=shape[::side])

        inner = dict(zip(weights, chosen, strict=True))
        table = {}
        for k in keys:
            out = _OUTPUT if _OF_OUTPUT.fullmatch(k) else _STATE
            table[k] = array(inner.get(k, _STATE), out) if kind_of(k) == "w" else array(*([1] * columns), out)
        widths = [_STATE if _STATES.fullmatch(p.name.lower()) else _INPUT for p in taken]
        yield [table if p.name in tables else array(_EXAMPLES, n) for p, n in zip(taken, widths, strict=True)]


def _keys_read(function: Any, name: str) -> list[str]:
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    read = (n.slice.value for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
            and getattr(n.value, "id", "") == name)  # fmt: skip
    return [k for k in dict.fromkeys(read) if isinstance(k, str)]
