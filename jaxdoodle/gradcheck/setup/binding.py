"""How a forward and its backward are called: what the forward returns, and what each parameter of the backward takes.

Where the names of the parameters do not decide, every order is tried, and the one whose gradients are nearest the
right ones is taken.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.leaves import is_array, is_real, leaves, parameters, rebuild

#: Names that people give to the incoming gradient, to the residuals and to the output.
_COTANGENT = re.compile(
    r"d|g|ct|d_?(y|out|z|a|l|h|x|values?|scores?)|d(l|j|e|loss)_?d\w+|d[A-Z]\w*|d_\w+|dout\w*|dnext\w*|dprev\w*|g(y|z|out)"
    r"|d(?!im|t|e[a-z]|ata|i[a-z]|o[a-z]|ay|ro)[a-z]{1,3}"
    r"|(out|up|acc(um)?)_?grad\w*|grad\w*|\w*_grad\w*|\w*gradient\w*|upstream\w*|delta\w*|err(or)?s?|cotangent\w*"
)
#: Those that mean nothing else.
_CERTAIN = re.compile(r"d_?(y|out\w*|z|a|h|x_out|values)|grad_?(out\w*|y)|upstream\w*|cotangent|dnext\w*|d[A-Z]")
_RESIDUALS = re.compile(r"\w*caches?\d*|residuals?|res|saved\w*|mem(ory)?|ctx|context|kept|r|tape|stored|state")
_OUTPUT = re.compile(r"y|out|outputs?|a|al|a\d|y_?hat|y_?pred\w*|probs?|p|scores|activations?|predictions?")

#: Orders that are tried where names do not decide.
_TRIES = 6


def is_cotangent(name: str) -> bool:
    return _COTANGENT.fullmatch(name) is not None or _COTANGENT.fullmatch(name.lower()) is not None


def is_residuals(name: str) -> bool:
    return _RESIDUALS.fullmatch(name.lower()) is not None


@dataclass(frozen=True)
class Output:
    """The parts of what a forward returns: ``y``, and ``residuals`` where it returns them (``kept``).

    ``flat``: which of them are ``y`` could be told in another way.
    """

    y: Any
    residuals: Any = None
    kept: bool = False
    flat: bool = False


def required(function: Callable) -> list[str]:
    return [p.name for p in parameters(function) if p.default is p.empty and p.kind != p.KEYWORD_ONLY]


def split_output(result: Any, takes: int, last_alone: bool = False) -> Output:
    """``(y, residuals)``; ``(y, h, residuals)`` where the backward ``takes`` as many, or the first of them and a
    container of residuals; an output without residuals. ``last_alone``: of more than two, all but the last are ``y``.
    """
    if isinstance(result, tuple | list) and len(result) == 2 and not _numbers(result):
        return Output(result[0], result[1], True)
    if isinstance(result, tuple) and len(result) > 2 and not hasattr(result, "_fields"):
        flat = takes == 2 and all(is_array(y) for y in result[:-1])
        if last_alone or takes == len(result) and all(is_array(y) for y in result[:-1]):
            return Output(tuple(result[:-1]), result[-1], True)
        outputs = result[: takes - 1]
        if 1 <= len(outputs) < len(result) - 1 and isinstance(result[-1], tuple | dict) and all(map(is_array, outputs)):
            return Output(outputs[0] if len(outputs) == 1 else outputs, result[-1], True, flat)
        return Output(result[0], tuple(result[1:]), True, flat)
    return Output(result)


def _numbers(result: Any) -> bool:
    return isinstance(result, list) and all(isinstance(x, float) for x in result)


#: For each parameter: ("dy", i or None), ("residuals", i or None), ("y", None), ("arg", i), or ("zeros", i): a tree
#: like that argument, to which its gradients are added.
Binding = tuple[tuple[str, Any], ...]


def bindings(
    forward: Callable, backward: Callable, output: Output, count: int, tables: Sequence[int] = ()
) -> list[Binding]:
    """The ways in which a backward may be called, the likeliest first.

    Args:
      forward: Whose parameters' names the backward may repeat.
      backward: As in ``check``.
      output: What the forward returned for ``count`` arguments.
      count: Number of arguments.
      tables: Positions of those that are dictionaries or lists.
    """
    names, known = required(backward), {p.name: i for i, p in enumerate(parameters(forward)[:count])}
    kept = output.kept
    if not names:
        return [(("residuals", None), ("dy", None)) if kept else (("dy", None),)]
    if names[0] in known and len(names) == 1 and not kept:
        return [(("arg", known[names[0]]),), (("y", None),), (("dy", None),)]
    if len(names) == 1:
        one: list[Binding] = [(("dy", None),), (("residuals", None),)]
        return one[::-1] if kept and not is_cotangent(names[0]) else one[: 1 + kept]
    if len(names) == 2 and kept and not known.keys() & {*names}:
        return _in_two_orders(names)
    sources: list[tuple[str, Any]] = []
    outputs: list[int | None] = [*range(len(output.y))] if isinstance(output.y, tuple) else [None]
    dys: Iterator[tuple[str, Any]] = iter([("dy", k) for k in outputs])
    left = [n for n in names if n not in known and not (kept and is_residuals(n))]
    incoming = _incoming(left, len(outputs), forward)
    open_: list[int] = []
    for k, name in enumerate(names):
        if name in known:
            sources.append(("arg", known[name]))
        elif is_residuals(name) and kept:
            sources.append(("residuals", None))
        elif name in incoming and (source := next(dys, None)):
            sources.append(source)
        else:
            open_.append(k)
            sources.append(("y", None))
    rest = list(dys)
    left_out = kept and ("residuals", None) not in sources
    sums = [("zeros", i) for i in tables] if len(open_) > len(rest) + left_out else []
    if left_out:
        several = isinstance(output.residuals, tuple) and len(open_) > len(rest) + 1 + len(sums)
        places: list[int | None] = [*range(len(output.residuals))] if several else [None]
        rest += [("residuals", k) for k in places]
    rest += sums
    likely = [k for k in open_ if _OUTPUT.fullmatch(names[k].lower())]
    spare: list[tuple[str, Any]] = [("y", None)] * (1 if kept else len(likely))
    spare += [("arg", i) for i in range(count) if not kept and ("arg", i) not in sources]
    found: dict[Binding, None] = {}
    for order in islice(permutations([*rest, *spare], len(open_)), 4 * _TRIES):
        filled = list(sources)
        for k, source in zip(open_, order, strict=True):
            filled[k] = source
        if any(kind == "dy" for kind, _ in filled) or np.ndim(output.y) == 0:  # of a loss, 1
            found.setdefault(tuple(filled))
    ways = list(found)[:_TRIES] or [tuple(sources)]
    both = _in_two_orders(names) if len(names) == 2 and kept else []  # where residuals are called as an argument is
    return list(dict.fromkeys((*ways, *both)))


def _incoming(names: Sequence[str], count: int, forward: Callable) -> list[str]:
    """Of several names of gradients, those of as many outputs; others may be what gradients are added to."""
    own = {form.format(y) for y in _returned(forward) for form in ("d{}", "d_{}", "grad_{}", "{}_grad")}
    found = [n for n in names if is_cotangent(n) or n in own]
    return sorted(found, key=lambda n: n not in own and _CERTAIN.fullmatch(n) is None)[:count]


def _returned(function: Callable) -> set[str]:
    """The names that it returns."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError):  # no source, or a part of a statement
        return set()
    values = (n.value for n in ast.walk(tree) if isinstance(n, ast.Return))
    return {e.id for value in values for e in getattr(value, "elts", [value]) if isinstance(e, ast.Name)}


def unknown(forward: Callable, backward: Callable, output: Output, tables: int) -> tuple[list[str], int]:
    """Parameters of a backward that no name tells apart, and how many arguments and residuals are left for them.

    ``tables``: how many of the arguments are dictionaries or lists, to whose gradients it may add.
    """
    taken, own = {p.name for p in parameters(forward)}, required(backward)
    others = [n for n in own if not (n in taken or is_residuals(n) or _OUTPUT.fullmatch(n.lower()))]
    incoming = _incoming(others, len(output.y) if isinstance(output.y, tuple) else 1, forward)
    open_ = [n for n in others if n not in incoming]
    if not output.kept:
        return open_, len({*required(forward)} - {*own}) + tables
    several = isinstance(output.residuals, tuple) and len(open_) > 1
    kept = 0 if any(map(is_residuals, own)) else len(output.residuals) if several else 1
    return open_, kept + tables


def _in_two_orders(names: list[str]) -> list[Binding]:
    """Of a backward that takes residuals and incoming gradient."""
    usual: list[Binding] = [(("residuals", None), ("dy", None)), (("dy", None), ("residuals", None))]
    decided = [is_residuals(n) for n in names]
    if decided[0] != decided[1]:
        return usual[:1] if decided[0] else usual[1:]
    first, second = map(is_cotangent, names)
    if first != second and _CERTAIN.fullmatch(names[0] if first else names[1]):
        return usual[1:] if first else usual[:1]
    return usual[::-1] if first and not second else usual


def call(backward: Callable, binding: Binding, forward: Callable, args: Sequence[Any], output: Output, dy: Any) -> Any:
    """The backward's result. Parameters with a default that the forward has by the same name get its argument.

    One that takes no incoming gradient gives the derivative, as ``mse_backward(prediction, target)`` does.
    """

    sums: dict[int, Any] = {}

    def value(kind: str, i: Any) -> Any:
        if kind == "zeros":
            sums[i] = rebuild(args[i], lambda _, x: np.zeros(np.shape(x)) if is_real(x) else x)
            return sums[i]
        whole = {"dy": dy, "residuals": output.residuals, "y": output.y, "arg": args}[kind]
        return whole if i is None else whole[i]

    given = {p.name: a for p, a in zip(parameters(forward), args, strict=False)}
    optional = [p.name for p in parameters(backward) if p.default is not p.empty or p.kind == p.KEYWORD_ONLY]
    extra = {name: given[name] for name in optional if name in given and not is_real(given[name])}
    returned = backward(*(value(*source) for source in binding), **extra)
    for i, total in sums.items():
        beside = [] if returned is None else [*returned] if isinstance(returned, tuple) else [returned]
        before = sum(any(is_real(x) for _, x in leaves(a)) for a in args[:i])
        returned = (*beside[:before], total, *beside[before:])
    if binding and is_array(dy) and not any(kind == "dy" for kind, _ in binding):
        return rebuild(returned, lambda _, g: g * dy if np.ndim(dy) == 0 or np.shape(dy) == np.shape(g) else g)
    return returned
