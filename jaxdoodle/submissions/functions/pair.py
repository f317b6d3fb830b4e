"""Check one pair of functions, called with arguments that the file has, or that fit."""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, is_residuals, parameters, required, split_output, unknown
from jaxdoodle.gradcheck.setup.leaves import argument_names, gradient_of, is_floating, is_real, leaves, named, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import (
    as_numbers,
    in_torch,
    is_table,
    is_tensor,
    lengths,
    shapes_of,
    taking_lists,
    taking_tensors,
)
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.constants import without_constants
from jaxdoodle.submissions.arguments.finder import Finder, as_many, unknown_arguments
from jaxdoodle.submissions.functions.penalties import factors_of, may_be_penalty, no_penalty
from jaxdoodle.submissions.objects.carried import pair_of_arrays
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import conventions_of, source_tree

#: What is said of an array where a name, a table or an object is meant.
_OF_ANOTHER_KIND = re.compile(r"unhashable type|object has no attribute '(keys|items|values|get)'")


def check_pair(
    finder: Finder, stem: str, forward: Callable, backward: Callable, args: Any, conventions: Sequence[str],
    mean: bool = False, **options: Any,
) -> Report:  # fmt: skip
    """``mean``: where the gradient of parameters is a mean over the batch, that is right in this place."""
    declared = args is not None
    forward, backward = pair_of_arrays(by_position(forward), by_position(_of_one_cache(forward, backward)))
    factors, whole = factors_of(forward, backward), backward
    backward = with_numbers_given(backward, dict.fromkeys(factors, 0.0))
    if args is None:
        try:
            args = finder.arguments(stem, forward, partial(call_back, forward, backward), returned_names(backward))
        except CheckError:
            if not (in_torch(forward) or in_torch(backward)):
                raise
            forward, backward = taking_tensors(forward), taking_tensors(backward)
            args = finder.arguments(stem, forward, partial(call_back, forward, backward), returned_names(backward))
    elif any(is_tensor(x) for _, x in leaves(tuple(args))):
        forward, backward = taking_tensors(forward), taking_tensors(backward)
    args = tuple(as_numbers(as_many(stem, forward, tuple(args))))
    tables = [k for k, (a, p) in enumerate(zip(args, parameters(forward), strict=False))
              if is_table(a, whole=kind_of(p.name) == "x")]  # fmt: skip
    with contextlib.suppress(Exception):  # any exception of the user's code: the check tells
        returned = call_back(forward, backward, copy.deepcopy(args)) if tables or any(map(named, args)) else []
        args = tuple(_with_numbers(a, returned) for a in args)
        given = shapes_of(returned)
        if len(given) < len(tables) + sum(map(is_floating, args)):  # some of them are constants
            tables = [k for k in tables if lengths(args[k]) in given]
    if tables:
        forward = taking_lists(forward, tables)
        args = tuple(np.array(a, float) if k in tables else a for k, a in enumerate(args))
    conventions = (*conventions, *(("mean of some",) if mean else ()), *conventions_of(backward))

    def checked(value: Callable, back: Callable, args: tuple, title: str) -> Report:
        report = check(value, back, args, **{"title": title, "conventions": conventions, **options})
        return without_constants(finder, stem, report, backward, [leaf.name for leaf in report.leaves])

    if not declared and _iterates(forward) and finder.recorded(forward) is None:  # small: it comes to rest there
        small = rebuild(args, lambda _, x: 0.1 * x if is_floating(x) else x)
        args = small if guessing.usable(forward, small) else args
    report = checked(forward, backward, args, stem)
    if not report.passed:
        _raise_if_unsure(finder, stem, forward, backward, args, declared, report)
    elif factors:
        report = _with_penalty(report, forward, whole, factors, args)
    for words, other, shared in guessing.variants(forward, backward, args, declared) if report.passed else ():
        value, back = (with_numbers_given(f, shared) for f in (forward, backward))
        again = checked(value, back, other, f"{stem} with {words}")
        if not again.passed:
            return again
    return report


def _iterates(function: Callable) -> bool:
    """Does it repeat something until it ends it?"""
    loops = (n for n in ast.walk(source_tree(function) or ast.Module([], [])) if isinstance(n, ast.For | ast.While))
    return any(isinstance(n, ast.While) or any(isinstance(m, ast.Break) for m in ast.walk(n)) for n in loops)


def with_numbers_given(function: Callable, numbers: dict[str, float]) -> Callable:
    """A function of its other parameters."""
    kept = [p for p in parameters(function) if p.name not in numbers]

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(**dict(zip((p.name for p in kept), args, strict=False)), **numbers)

    run.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    return run if numbers else function


def _with_penalty(report: Report, forward: Callable, backward: Callable, factors: list[str], args: tuple) -> Report:
    """Of a right pair, with what factors in its backward add to gradients held to what a penalty adds.

    Each while the others are zero, then all together: some are multiplied.
    """
    taken, held = argument_names(forward, len(args)), [(n, x) for n, x in leaves(args) if is_floating(x)]
    names_of = {n: taken[int(n)] if n.isdigit() else n.rpartition(".")[2] for n, _ in held}
    learned = {leaf.name.rpartition(".")[2] for leaf in report.leaves}
    fixed = {n for n, name in names_of.items() if name not in learned and kind_of(name) != "x"}  # that it goes toward

    def added(chosen: list[str], own: str, scale: float, w: Any) -> list[Any]:
        def moved(n: str, a: Any) -> Any:
            kept = not is_floating(a) or n in fixed and np.shape(a) == np.shape(w)
            return w if n == own else a if kept else scale * a

        given, zeros = rebuild(args, moved), dict.fromkeys(factors, 0.0)
        ends = [with_numbers_given(backward, zeros | dict.fromkeys(chosen, v)) for v in (guessing.OFF_ZERO, 0.0)]
        each = [[*leaves(call_back(forward, end, copy.deepcopy(given), scale))] for end in ends]
        return [(n, np.subtract(a, b)) for (n, a), (_, b) in zip(*each, strict=True)]

    def of(chosen: list[str], place: int, own: str, scale: float, w: Any) -> Any:
        return added(chosen, own, scale, w)[place][1]

    for chosen in (*([f] for f in factors), factors):
        with contextlib.suppress(Exception):  # any exception of the user's code: it is not known
            names, terms = returned_names(backward), added(chosen, "", 1.0, None)
            for k, (path, term) in enumerate(terms):
                name = names[k] if len(names) == len(terms) else path.rpartition(".")[2]
                by_name = [(n, x) for n, x in held if gradient_of(names_of[n], {name: term}) is not None]
                alike = [(n, x) for n, x in by_name or held if np.shape(x) == np.shape(term)]
                if np.any(term) and alike and not any(may_be_penalty(partial(of, chosen, k, n), x) for n, x in alike):
                    return replace(report, findings=(*report.findings, no_penalty(" and ".join(chosen))))
    told = f"checked with {' = '.join(factors)} = 0: the forward has no penalty"
    return replace(report, notes=(*report.notes, told))


def _raise_if_unsure(
    finder: Finder, stem: str, forward: Callable, backward: Callable, args: tuple, declared: bool, report: Report
) -> None:
    """Raises ``CheckError`` where what is wrong may be how the backward is called, or what it is given."""
    output = split_output(forward(*copy.deepcopy(args)), len(required(backward)))
    own = required(backward)
    if len(own) > 1 and {*own} <= {p.name for p in parameters(forward)} - {*filter(is_cotangent, own)}:
        if np.ndim(output.y) or isinstance(output.y, tuple | dict):
            told = f"{backward.__name__}({', '.join(own)}) takes no gradient of what {forward.__name__} gives"
            raise CheckError(told)
    open_, left = unknown(forward, backward, output, sum(isinstance(a, dict | list) for a in args))
    raises = any(f.name.startswith("backward raises") for f in report.findings)
    if open_ and (len(open_) > left or raises) and all(leaf.verdict == "wrong" for leaf in report.leaves):
        told = f"{backward.__name__}({', '.join(own)})"
        raise CheckError(f"no way is known to call {told}: {stem} gives nothing called {' and '.join(open_)}")
    if any(f.name == "missing return" for f in report.findings) and keeps_in_arguments(backward):
        raise CheckError(f"{backward.__name__} keeps what it computes in its arguments, and returns nothing")
    raised = (f.sentence for f in report.findings if f.name.startswith("backward raises"))
    if any(map(_OF_ANOTHER_KIND.search, raised)) and not declared and finder.recorded(forward) is None:
        raise unknown_arguments(stem, forward)


def keeps_in_arguments(function: Callable) -> bool:
    """Does it write into an entry of an argument, or of what that holds: ``for n in layer: n["delta"] = ...``?"""
    nodes = list(ast.walk(source_tree(function) or ast.Module([], [])))
    own = {p.name for p in parameters(function)}
    held, loops = {*own}, [(n.iter, n.target) for n in nodes if isinstance(n, ast.For)]
    given = [(n.value, n.targets[0]) for n in nodes if isinstance(n, ast.Assign)]
    taken = [each for value, target in given for each in _entry_by_entry(value, target)]
    for source, target in (*loops, *taken) * 2:  # a loop in a loop
        if any(isinstance(n, ast.Name) and n.id in held for n in ast.walk(source)):
            held |= {n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    stored = [n for n in nodes if isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store)]
    stepped = {n.target for n in nodes if isinstance(n, ast.AugAssign)}  # a list that an argument holds
    named = (getattr(n.value, "id", "") for n in stored if isinstance(n.slice, ast.Constant))
    inner = (getattr(n.value, "id", "") for n in stored if n in stepped)
    return not held.isdisjoint(named) or not (held - own).isdisjoint(inner)


def _entry_by_entry(value: ast.expr, target: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """Entries of something and what they are assigned to: those of ``layer, errors = network[i], []``, too."""
    pairs = [(value, target)]
    if isinstance(value, ast.Tuple) and isinstance(target, ast.Tuple):
        pairs = list(zip(value.elts, target.elts, strict=False))
    return [(v, t) for v, t in pairs if isinstance(v, ast.Subscript)]


def with_names(function: Callable, names: Sequence[str]) -> Callable:
    """A function of ``*args`` with names for these."""

    def run(*args: Any) -> Any:
        return function(*args)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    return run


def by_position(function: Callable) -> Callable:
    """A function of which keyword-only parameters are required, taking them by position."""
    own = sorted(parameters(function), key=lambda p: p.default is not p.empty)
    if not any(p.kind == p.KEYWORD_ONLY and p.default is p.empty for p in own):
        return function

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(**dict(zip((p.name for p in own), args, strict=False)))

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in own]
    )
    return run


def _of_one_cache(forward: Callable, backward: Callable) -> Callable:
    """A backward of ``*cache`` as one of a tuple; beside a forward that keeps nothing, of what that takes."""
    try:
        own = [*inspect.signature(backward).parameters.values()]
    except (TypeError, ValueError):  # it has no signature
        return backward
    k = next((k for k, p in enumerate(own) if p.kind == p.VAR_POSITIONAL), None)
    if k is None:
        return backward
    one = [own[k].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    keeps = is_residuals(own[k].name) or returned_names(forward)
    several = one if keeps else [p for p in parameters(forward) if p.default is p.empty and p.kind != p.KEYWORD_ONLY]
    signature = inspect.Signature([*own[:k], *several, *own[k + 1 :]])

    @functools.wraps(backward)
    def run(*args: Any, **more: Any) -> Any:
        given = signature.bind(*args, **more).arguments
        values = [given.pop(p.name) for p in (*own[:k], *several)]
        *first, last = values
        return backward(*first, *(last if several is one and isinstance(last, tuple | list) else (last,)), **given)

    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


def _with_numbers(tree: Any, returned: Any) -> Any:
    """A table with its bare numbers as arrays, where what came back has a gradient of them, by name."""
    own, parts = named(tree), [returned, *(returned if isinstance(returned, tuple) else ())]
    of = {n for part in map(named, parts) for n in own or () if part and is_real(gradient_of(n, part))}
    return rebuild(tree, lambda n, x: np.float64(x) if n in of and type(x) is float else x) if of else tree


def call_back(forward: Callable, backward: Callable, args: tuple, scale: float = 1.0) -> Any:
    """The backward's result, if it is called in the usual order, for its shapes or what it is made of."""
    names = required(backward)
    out = split_output(forward(*args), len(names))
    dy = jax.tree.map(lambda y: np.full(np.shape(y), scale), out.y)
    known = dict(zip((p.name for p in parameters(forward)), args, strict=False))
    if len(names) == 2 and out.kept and not known.keys() & {*names}:
        flip = is_residuals(names[0]) or (is_cotangent(names[1]) and not is_cotangent(names[0]))
        return backward(out.residuals, dy) if flip else backward(dy, out.residuals)
    open_ = [n for n in names if n not in known and not is_cotangent(n)]
    kept = {n for n in open_ if out.kept and (is_residuals(n) or len(open_) == 1)}
    values = [known[n] if n in known else out.residuals if n in kept else dy if is_cotangent(n) else out.y
              for n in names]  # fmt: skip
    return backward(*values)
