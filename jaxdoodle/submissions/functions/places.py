"""Which arguments, or what an argument holds, returned gradients are of."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating, leaves
from jaxdoodle.submissions.reading.returned import entries_returned

#: Parameters of a loss that no gradient is for, where another has the same shape.
_NO_PARAMETER = re.compile(r"x|y|t|\w*(true|target|label|truth|expected|actual)\w*|data|inputs?", re.I)


def places_of(function: Callable, returned: Any, args: tuple, names: Sequence[str] = ()) -> Any:
    """Which arguments the returned gradients belong to: by name, then by shape, parameters before data."""
    own = [p.name for p in parameters(function)][: len(args)]
    floats = [i for i, a in enumerate(args) if any(is_floating(x) or isinstance(x, float) for _, x in leaves(a))]
    floats.sort(key=lambda i: _NO_PARAMETER.fullmatch(own[i]) is not None)
    if isinstance(returned, dict):
        named = [i for i, n in enumerate(own) if gradient_of(n, returned) is not None]
        held = [i for i, a in enumerate(args) if isinstance(a, dict)]
        return tuple(named) or (held or floats)[0]
    trees = [i for i in floats if not is_array(args[i]) and _shapes(args[i]) == _shapes(returned)]
    if trees:
        return trees[0]
    several = returned if isinstance(returned, tuple | list) else (returned,)
    found: list[int] = []
    for k, g in enumerate(several):
        called = names[k] if k < len(names) else ""
        word = re.sub(r"^(d|grads?|g(?=_?[A-Z]))_?|_?grads?$", "", called)
        word = re.sub("^g_?", "", called) if word not in own and re.sub("^g_?", "", called) in own else word
        fits = [i for i in floats if (own[i] == word or _shapes(args[i]) == _shapes(g)) and i not in found]
        fits += [own.index(word)] if word in own and own.index(word) not in (*floats, *found) else []
        fits.sort(key=lambda i: (own[i] != word, not (word and own[i].startswith(word))))
        if fits or floats:
            found.append((fits or floats)[0])
    return found[0] if not isinstance(returned, tuple | list) else tuple(found)


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [np.shape(x) for _, x in leaves(tree)]


def with_arrays(args: tuple, where: Any) -> tuple:
    """Bare numbers that a gradient is for are differentiated beside arrays, too."""
    return tuple(np.float64(a) if type(a) is float and i in np.atleast_1d(where) else a for i, a in enumerate(args))


def is_gradient(value: Any, args: tuple) -> bool:
    shapes = {np.shape(x) for _, x in leaves(tuple(args)) if is_floating(x) or isinstance(x, float)}
    parts = [x for _, x in leaves(value)]
    return bool(parts) and all((is_floating(x) or isinstance(x, float)) and np.shape(x) in shapes for x in parts)


def of_objects(
    function: Callable, args: tuple, names: list[str], returned: Sequence[Any], loss: int
) -> dict[int, tuple[int, str]]:
    """Which returned gradients are of arrays that an argument holds: ``dW`` of ``model.W``; place and name of each.

    Those in a list are of all that it holds, in its order, if they have the shapes.
    """
    own = {p.name for p in parameters(function)}
    words = {k: word for k, n in enumerate(names) if (word := re.sub(r"^(d|grad)_?", "", n)) != n and word not in own}
    held = [(i, vars(a)) for i, a in enumerate(args) if hasattr(a, "__dict__") and not callable(a)]
    found = {k: next(((i, w) for i, values in held if is_floating(values.get(w))), None) for k, w in words.items()}
    places = {k: place for k, place in found.items() if place is not None}
    rest = [k for k in range(len(returned)) if k != loss and is_floating(returned[k])]
    tables = [(i, n, v) for i, values in held for n, v in values.items() if isinstance(v, dict) and v]
    for k, table in enumerate(returned) if not places else ():
        of = next(((i, n) for i, n, v in tables if isinstance(table, dict) and _is_of_table(table, v)), None)
        places |= {} if of is None else {k: of}
    for i, values in held if "[" in "".join(entries_returned(function)) else ():
        arrays = [n for n, v in values.items() if is_floating(v)]
        if rest and [np.shape(values[n]) for n in arrays] == [np.shape(returned[k]) for k in rest]:
            return {k: (i, n) for k, n in zip(rest, arrays, strict=True)}
    return places


def _is_of_table(gradients: dict, table: dict) -> bool:
    """Has each entry of a table a gradient of its shape?"""
    pairs: list[tuple[Any, Any]] = [(gradient_of(str(n), gradients), v) for n, v in table.items()]
    return len(gradients) == len(table) and all(is_floating(g) and np.shape(g) == np.shape(v) for g, v in pairs)


def with_attributes(function: Callable, places: list[tuple[int, str]]) -> Callable:
    """The function with these attributes of its arguments as its first parameters."""

    def run(*given: Any) -> Any:
        args = [copy.copy(a) if k in dict(places) else a for k, a in enumerate(given[len(places) :])]
        for (k, name), value in zip(places, given, strict=False):
            setattr(args[k], name, value)
        return function(*args)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = [inspect.Parameter(name, kind) for _, name in places]
    run.__signature__ = inspect.Signature([*first, *parameters(function)])  # type: ignore[attr-defined]
    run.__wrapped__ = function  # type: ignore[attr-defined]
    return run
