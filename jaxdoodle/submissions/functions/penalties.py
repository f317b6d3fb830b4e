"""Penalties whose gradients a backward adds to those of parameters: parts of the whole loss, which no forward gives."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.leaves import is_floating
from jaxdoodle.gradcheck.setup.problem import fixed_randomness
from jaxdoodle.submissions.arguments.arrays import NEAR, slope
from jaxdoodle.submissions.arguments.guess import OFF_ZERO
from jaxdoodle.submissions.objects.instances import with_values
from jaxdoodle.submissions.objects.layer_object import LayerObject, attributes, set_at
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import source_tree
from jaxdoodle.submissions.reading.words import PENALTY

#: Where a penalty toward any value has the sign of the parameter.
_FAR = 100.0
#: Names of methods that may give a penalty, or a loss with one; a norm is printed.
_GIVES = re.compile(r"(?!.*norm).*(penalt|regulari[sz]|(?<![a-z])reg(?![a-z])|loss|cost|l[12])", re.I)


def may_be_penalty(added: Callable[[float, Any], Any], w: Any) -> bool:
    """Does what a factor adds to a gradient depend on its parameter alone, and has it the sign of a penalty?

    ``added(scale, w)``: with everything else times ``scale``. A penalty toward a value has the sign of the parameter
    far from it. True where the user's code raises.
    """
    with contextlib.suppress(Exception), np.errstate(all="ignore"):  # any exception of the user's code: it isn't known
        term, other, far = added(1.0, w), added(0.5, w), added(1.0, np.where(w < 0, -_FAR, _FAR))
        away = np.where(w < 0, -far, far) < -NEAR * (1 + np.max(np.abs(far), initial=0))
        return np.allclose(term, other, NEAR, NEAR) and not np.any(away)
    return True


def no_penalty(factors: str, names: tuple[str, ...] = ()) -> Finding:
    told = f"what {factors} adds depends on more than the parameter, or has a penalty's wrong sign"
    return Finding("wrong penalty gradient", told, names)


def factors_of(forward: Callable, backward: Callable) -> list[str]:
    """The factors in a backward of a penalty that the cost as a whole has, where the forward has none."""
    if any(PENALTY.fullmatch(p.name) for p in parameters(forward)):
        return []
    own, terms = parameters(backward), _terms(backward).difference(returned_names(forward))
    factors = [p.name for p in own if PENALTY.fullmatch(p.name) and p.name in terms]
    return factors if len(factors) < len(own) else []


def _terms(function: Callable, within: tuple[Callable, ...] = ()) -> set[str]:
    """The names in what a function, or one to which it hands a penalty's factor, adds to something else."""
    nodes = [*ast.walk(source_tree(function) or ast.Module([], []))]
    added = [n.right for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add | ast.Sub)]
    added += [n.left for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Add)]
    added += [n.value for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Add | ast.Sub)]
    known = getattr(function, "__globals__", {})
    for call in (n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
        called = known.get(call.func.id)  # type: ignore[attr-defined]
        if inspect.isfunction(called) and called not in (function, *within):
            names = (p.name for p in parameters(called))
            given = dict(zip(names, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
            factors = [name for name in given if PENALTY.fullmatch(name)]
            terms = _terms(called, (function, *within)) if factors else set()
            added += [given[name] for name in factors if name in terms]
    return {n.id for term in added for n in ast.walk(term) if isinstance(n, ast.Name)}


def without_penalty(layer: LayerObject) -> LayerObject:
    """The layer with the factors of penalties at zero: its forward does not tell what they add to gradients."""
    factors = _factors(layer)
    return LayerObject(_at(layer.thing, factors, 0.0), layer.inputs, layer.whole, layer.only) if factors else layer


def with_penalty(report: Report, layer: LayerObject) -> Report:
    """Of a right layer, with what its backward adds for a penalty compared with that which one of its methods gives."""
    factors, unknown = _factors(layer) if report.passed else [], list[str]()
    for factor in factors:  # while the others are zero

        def added(name: str, scale: float, w: Any, factor: str = factor) -> Any:
            return _added(layer, factor, scale, {name: w})[1][name]

        wrong = list[list[str] | None]()
        for method in filter(_GIVES.match, dir(layer.thing)):
            with contextlib.suppress(Exception):  # any exception of the user's code: it needs more, or gives another
                wrong.append(_wrong(layer, factor, method))
        if wrong and [] not in wrong and None not in wrong:
            names = tuple(wrong[0] or ())
            told = f"backward adds to the gradient of {', '.join(names)} another penalty's than its class gives"
            return replace(report, findings=(*report.findings, Finding("wrong penalty gradient", told, names)))
        weights = zip(layer.names, _weights(layer).items(), strict=True) if [] not in wrong else ()
        if names := tuple(told for told, (n, w) in weights if not may_be_penalty(partial(added, n), w)):
            return replace(report, findings=(*report.findings, no_penalty(factor, names)))
        if [] not in wrong:
            unknown.append(factor)
    note = f"checked with {' = '.join(unknown)} = 0: no penalty is known that backward adds the gradient of"
    return replace(report, notes=(*report.notes, note)) if unknown else report


def _at(thing: Any, factors: list[str], value: float) -> Any:
    """A copy with this value of them. Raises ``ValueError`` where there can be none."""
    for whole in with_values(thing, dict.fromkeys(factors, value)):
        return whole
    raise ValueError("it takes no other values")


def _factors(layer: LayerObject) -> list[str]:
    """Numbers called a penalty's, as ``l2`` in ``self.l2 * self.W``: they change gradients of parameters, and nothing
    else, whatever comes in."""
    found = []
    for name, value in attributes(layer.thing).items():
        if type(value) in (int, float) and PENALTY.fullmatch(name):
            with contextlib.suppress(Exception):  # any exception of the user's code: it is none
                others, added = zip(*(_added(layer, name, scale) for scale in (1.0, 0.5)), strict=True)
                alike = all(np.allclose(a, b, NEAR, NEAR) for a, b in zip(*map(dict.values, added), strict=True))
                if alike and any(map(np.any, added[0].values())) and not any(np.any(c) for o in others for c in o):
                    found.append(name)
    return found


def _weights(layer: LayerObject) -> dict[str, Any]:
    rng = np.random.default_rng(1729)  # no seed that programs use: what a penalty goes toward may be drawn by it
    return {n: rng.normal(size=np.shape(w)) for n, w in layer.weights.items()}


def _added(
    layer: LayerObject, factor: str, scale: float = 1.0, moved: dict[str, Any] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """What it adds to the output and the gradients of inputs, and to those of parameters, by name.

    ``scale``: of all but what is ``moved``.
    """
    weights = {n: scale * w for n, w in _weights(layer).items()} | moved if moved else _weights(layer)
    inputs = [scale * a if is_floating(a) else a for a in layer.inputs]
    dy = scale * np.random.default_rng(1).normal(size=np.shape(layer.y))
    other, ends = copy.copy(layer), []
    for value in (OFF_ZERO, 0.0):
        other.thing = _at(layer.thing, [factor], value)
        with fixed_randomness():
            y, kept = other.forward(*inputs, *weights.values())
            ends.append([y, *other.backward(kept, dy)])
    added = [0.0 if g is None else g - without for g, without in zip(*ends, strict=True)]
    first = 1 + len(inputs)
    return added[:first], dict(zip(layer.weights, added[first:], strict=True))


def _wrong(layer: LayerObject, factor: str, method: str) -> list[str] | None:
    """The parameters whose slope of a penalty, in a random direction, is not that of what their gradient has added.

    None where it may be, but for the number of examples; raises what the user's code does, and ``ValueError`` where
    what the method gives is no penalty.
    """
    rng, weights, (_, added) = np.random.default_rng(1), _weights(layer), _added(layer, factor)
    things = [_at(layer.thing, [factor], value) for value in (OFF_ZERO, 0.0)]

    def value(name: str, direction: Any, step: float) -> float:
        ends = copy.deepcopy(things)
        for thing in ends:
            for n, w in (weights | {name: weights[name] + step * direction}).items():
                set_at(thing, n, np.array(w))
        with_factor, without = (float(getattr(thing, method)()) for thing in ends)
        return with_factor - without

    slopes, own = [], []
    for name, w in weights.items():
        direction = rng.normal(size=np.shape(w))
        slopes.append(slope(partial(value, name, direction)))
        own.append(float(np.vdot(added[name], direction)))
    if not any(slopes):
        raise ValueError("no penalty")
    if np.allclose(np.multiply(own, len(layer.inputs[0])), slopes, NEAR, NEAR):
        return None
    return [n for n, a, b in zip(layer.names, own, slopes, strict=True) if not np.isclose(a, b, NEAR, NEAR)]
