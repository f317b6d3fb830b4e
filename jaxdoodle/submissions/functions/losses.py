"""Losses of the user's that return their gradients, too: ``return loss, dx``."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeGuard

import numpy as np

from jaxdoodle.gradcheck.api import check_value_and_grad
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import in_torch, taking_tensors
from jaxdoodle.submissions.arguments.finder import Finder, Found, unknown_arguments
from jaxdoodle.submissions.objects.instances import own_classes
from jaxdoodle.submissions.reading.clipping import limits_of, versions_of
from jaxdoodle.submissions.reading.loss_names import GRADIENT, LOSS, of_the_gradient
from jaxdoodle.submissions.reading.source import source_text, source_tree
from jaxdoodle.submissions.reading.words import english

#: What a loss that returns its gradient, too, calls it, or makes one vector of; the last line of such a function by
#: another name.
_NAMED = re.compile(r"\b(d_?[a-z]\w*|\w*grad\w*|g|(?-i:g_?[A-Z]\w*))\b", re.I)
_OWN_GRADIENT = re.compile(rf"{_NAMED.pattern}|\b(concatenate|hstack|r_|ravel|flatten)\b", re.I)
_BOTH = re.compile(
    r"return\s+\(?(\w*grad\w*\s*,\s*(loss|cost|j)\)?$|(?P<value>loss|cost|j|value|val|f|obj|objective|nll|energy|total)"
    r"\s*,\s*[(\[]?(self\.)?(?P<gradient>d\w*|\w*grad\w*|(?-i:g_?[A-Z])\w*))", re.I | re.M
)  # fmt: skip


def losses(finder: Finder) -> Iterator[Found]:
    """Functions, and methods of classes that hold no network, that return a loss and gradients."""
    free = {n: f for n, f in finder.functions.items() if id(f) not in finder.taken and required(f)}
    for name, function in free.items():
        returned = _returned(function)
        by_name = LOSS.search(name) and any(map(_OWN_GRADIENT.search, returned[1:]))
        alone = by_name and not any(map(_is_value, returned)) and any(of_the_gradient(name, function, free))
        if by_name and not alone or gives_both(function):
            finder.taken.add(id(function))
            yield Found(name, function, partial(check_loss, finder, name, function))
    for cls in own_classes(finder):
        for name, method in vars(cls).items():
            both = isinstance(method, types.FunctionType) and english(name) == name and gives_both(method)
            if both and (LOSS.search(name) and GRADIENT.search(name) or not _has_network(cls)):
                yield Found(f"{cls.__name__}.{name}", method, partial(check_loss, finder, name, method))


def _is_value(text: str) -> bool:
    """Is what is returned called a loss, and not its gradient?"""
    own = _OWN_GRADIENT.search(text) is None and re.search(r"\b(l|j|f|val|value|obj|total|energy)\b", text, re.I)
    return bool(own) or LOSS.search(text) is not None and GRADIENT.search(text) is None


def gives_both(function: Any) -> bool:
    """Does the last line name a value and its gradient? ``dx`` is one where there is an ``x``; ``data`` is none."""
    if any(map(_of_arguments(function), _returned(function)[1:2])):
        return True
    found = _BOTH.search(english(source_text(function)))
    if found is None or found["gradient"] is None or re.search(r"(^|_)grads?(ients?)?(?![a-z])", found["gradient"]):
        return found is not None
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    names = {str(getattr(n, "id", getattr(n, "attr", getattr(n, "arg", "")))).lower() for n in nodes}
    word = found["gradient"][1:].strip("_").lower()
    return word != "" and word in names or re.match(r"d[A-Z_]", found["gradient"]) is not None


def _of_arguments(function: Callable) -> Callable[[str], bool]:
    """Is it a tuple or list of gradients of parameters of the function alone, by their names?"""
    own = {p.name for p in parameters(function)}
    called = {form.format(n) for n in own for form in ("d{}", "d_{}", "grad_{}", "g{}", "g_{}")} - own

    def gradients(text: str) -> bool:
        entries = [ast.unparse(e) for e in getattr(ast.parse(text, mode="eval").body, "elts", ())]
        return len(entries) > 1 and {*entries} <= called

    return gradients


def _has_network(cls: type) -> bool:
    """Is there a method by whose name the class is checked as a whole?"""
    return any(n in ("loss", "backward") or GRADIENT.fullmatch(n) for n in dir(cls))


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


def check_loss(finder: Finder, name: str, function: Callable, given: tuple | None = None, **options: Any) -> Report:
    """``given``: arguments; else from the file's calls, or guessed."""
    called = {} if given else finder.called_with(function)
    limits = limits_of(function)
    kept = [*dict.fromkeys([(), *((n,) for n in limits), limits])]  # the last: it as it is
    versions = versions_of(function, limits, kept)
    texts, unpacked = _unpacking(function)
    names = _identifiers(texts)
    if given is not None:
        args = given
    elif "self" in called:
        args = tuple(called[p.name] for p in parameters(function) if p.name in called)
    else:
        try:
            args = finder.arguments(name, function, partial(_by_argument, unpacked(function), names))
        except CheckError:
            if not in_torch(function):
                raise
            return check_loss(finder, name, taking_tensors(function), given, **options)
    returned = unpacked(versions[0])(*args)
    place = _place_of_the_value(returned)
    if place is None:
        raise unknown_arguments(name, function)
    own = {p.name: i for i, p in enumerate(parameters(function))}
    held = {n: v for n, v in finder.names.items() if is_floating(v) and isinstance(v, np.ndarray) and n not in own}
    of_file = {k: v for k, n in enumerate(names) if (v := re.sub(r"^(d|grad)_?", "", n)) in held and v != n}
    if of_file:
        own_names = list(of_file.values())
        versions = versions_of(function, limits, kept, own_names)
        args = (*(held[v] for v in own_names), *args)
    of_object = {} if of_file else _of_objects(versions[0], args, names, returned, place)
    if of_object:
        versions = [with_attributes(f, list(of_object.values())) for f in versions]
        args = (*(getattr(args[i], word) for i, word in of_object.values()), *args)
        of_file = {k: word for k, (_, word) in of_object.items()}
    versions = [*map(unpacked, versions)]
    rest = [k for k in range(len(returned)) if k != place and _is_gradient(returned[k], args)]
    if of_file:
        rest = [k for k in rest if k in of_file or re.match(r"d|grad", names[k])]
    told_so = [[k for k in rest if k < len(texts) and told.search(texts[k])] for told in (_NAMED, _OWN_GRADIENT)]
    rest = next(filter(None, told_so), rest)  # beside them, a state
    if not rest:
        raise CheckError(f"{name} returns more than a loss and its gradient")
    gradients = returned[rest[0]] if len(rest) == 1 else tuple(returned[k] for k in rest)
    told = names if len(names) == len(returned) else []
    where = places_of(versions[0], gradients, args, [told[k] for k in rest] if told else [])
    of_arrays = [i for i in np.ravel(where) if is_array(args[i])]
    if len({*of_arrays}) < len(of_arrays):  # two gradients of one array: one of them is of another
        raise unknown_arguments(name, function)
    args = with_arrays(args, where)

    def picking(run: Callable, pick: Callable[[Sequence[Any]], Any]) -> Callable:
        def picked(*given: Any) -> Any:
            return pick(run(*given))

        functools.update_wrapper(picked, run).__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
        return picked

    def value_and_gradients(values: Sequence[Any]) -> tuple[Any, Any]:
        return values[place], values[rest[0]] if len(rest) == 1 else tuple(values[k] for k in rest)

    loss = picking(versions[-1], lambda values: values[place])

    def checked(args: tuple, title: str) -> Report:
        """What is cut off may be no gradient: then the value is another without, or what is cut off the derivative."""
        reports = list[Report]()

        def report_of(k: int, explain: bool) -> Report:
            more, run = {**options, "explain": explain}, picking(versions[k], value_and_gradients)
            report = check_value_and_grad(loss, run, args, argnums=where, title=title, **more)
            cut = [
                f"gradients that are cut off at {n} are checked as they are before" for n in limits if n not in kept[k]
            ]
            return replace(report, notes=(*report.notes, *cut))

        for k in range(len(versions)):
            reports.append(report_of(k, explain=len(versions) == 1))
            if reports[-1].passed or len(versions) == 1:
                return reports[-1]
        needs_cut = any(f.name == "value is not the loss" for f in reports[0].findings)
        return report_of(len(versions) - 1 if needs_cut else 0, explain=True)

    report = checked(args, name)
    known = called or given is not None or finder.declared(name)[0] is not None
    guessed = not known and finder.recorded(function) is None
    for other in guessing.vectors(function) if guessed and not report.passed else ():  # another loss than for matrices
        as_called = zip(parameters(function), other, strict=False)
        if not any(np.ndim(a) == 1 and p.name[0].isupper() for p, a in as_called):  # W is a matrix
            with contextlib.suppress(Exception):  # any exception of the user's code, which need not be for vectors
                again = check_loss(finder, name, function, other, **options)
                return again if again.passed else report
    for words, other, _ in guessing.variants(loss, lambda: None, args, numbers_alone=False) if report.passed else ():
        first, second = (loss(*copy.deepcopy(other)) for _ in range(2))
        if np.size(first) != 1 or first != second:  # another output, or a share that is dropped at random
            continue
        again = checked(other, f"{name} with {words}")
        if not again.passed:
            return again
    return report


def _place_of_the_value(returned: Sequence[Any]) -> int | None:
    return next((k for k, r in enumerate(returned) if np.size(r) == 1 and not isinstance(r, dict)), None)


def _by_argument(function: Callable, names: list[str], args: tuple) -> Any:
    """The gradients that a loss returns, each in the place of its argument. Raises where no value comes with them."""
    returned = function(*args)
    place = _place_of_the_value(returned)
    if place is None or np.ndim(returned[place]):
        raise ValueError("no value of a loss")
    several = [k for k, g in enumerate(returned) if k != place]
    if len(several) == 1 and isinstance(returned[several[0]], dict):
        return returned[several[0]]
    gradients = tuple(returned[k] for k in several)
    where = places_of(function, gradients, args, [names[k] for k in several] if len(names) == len(returned) else [])
    found = dict(zip(np.atleast_1d(where), gradients, strict=False))
    return tuple(found.get(i) for i in range(len(args)))


def with_arrays(args: tuple, where: Any) -> tuple:
    """Bare numbers that a gradient is for are differentiated beside arrays, too."""
    return tuple(np.float64(a) if type(a) is float and i in np.atleast_1d(where) else a for i, a in enumerate(args))


def _is_gradient(value: Any, args: tuple) -> bool:
    shapes = {np.shape(x) for _, x in leaves(tuple(args)) if is_floating(x) or isinstance(x, float)}
    parts = [x for _, x in leaves(value)]
    return bool(parts) and all((is_floating(x) or isinstance(x, float)) and np.shape(x) in shapes for x in parts)


def _returned(function: Callable) -> list[str]:
    """The entries of the tuple that a function returns last, as they are written."""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    given = sorted((n for n in nodes if isinstance(n, ast.Return)), key=lambda n: n.lineno)
    return [ast.unparse(e) for e in getattr(given[-1].value, "elts", ())] if given else []


def _unpacking(function: Callable) -> tuple[list[str], Callable[[Callable], Callable]]:
    """What it returns, as it is written, and what makes it return ``grads = (dw, db)`` entry by entry."""
    texts = _returned(function)
    held = {
        ast.unparse(n.targets[0]): [ast.unparse(e) for e in n.value.elts]
        for n in ast.walk(source_tree(function) or ast.Module([], []))
        if isinstance(n, ast.Assign) and isinstance(n.value, ast.Tuple)
    }
    trees = {text: ast.parse(text, mode="eval").body for text in texts}
    of_arguments = _of_arguments(function)
    held |= {text: [ast.unparse(e) for e in tree.elts] for text, tree in trees.items()  # type: ignore[attr-defined]
             if _is_unpacked(tree) or of_arguments(text)}  # fmt: skip

    def unpacked(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args: Any) -> Any:
            returned = function(*args)
            if len(returned) != len(texts):
                raise CheckError(f"{function.__name__} returns {len(returned)} values, and {len(texts)} elsewhere")
            parts = [
                v if t in held and isinstance(v, tuple | list) else (v,) for t, v in zip(texts, returned, strict=True)
            ]
            return tuple(value for part in parts for value in part)

        return run if any(text in held for text in texts) else function

    return [entry for text in texts for entry in held.get(text, [text])], unpacked


def _is_unpacked(tree: ast.expr) -> TypeGuard[ast.List | ast.Tuple]:
    """A list, or a tuple of expressions: one of names may be a state."""
    of_names = isinstance(tree, ast.Tuple) and any(isinstance(e, ast.Name) for e in tree.elts)
    return isinstance(tree, ast.List | ast.Tuple) and not of_names


def returned_names(function: Callable) -> list[str]:
    """The names in the tuple that a function returns last."""
    return _identifiers(_returned(function))


def _identifiers(texts: Sequence[str]) -> list[str]:
    return [text if text.isidentifier() else "" for text in texts]


def _of_objects(
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
    for i, values in held if "[" in "".join(_returned(function)) else ():
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
