"""Penalties whose gradients layers add to those of parameters: parts of a network's loss, which no forward gives."""

from __future__ import annotations

import contextlib
import copy
import re
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.leaves import is_floating
from jaxdoodle.gradcheck.setup.problem import fixed_randomness
from jaxdoodle.submissions.arguments.guess import OFF_ZERO
from jaxdoodle.submissions.layer_object import LayerObject, attributes, set_at
from jaxdoodle.submissions.objects import with_values
from jaxdoodle.submissions.words import PENALTY

#: The step of differences, and the relative distance of a right slope from them.
_STEP, _NEAR = 1e-5, 1e-5
#: Names of methods that may give a penalty, or a loss with one; a norm is printed.
_GIVES = re.compile(r"(?!.*norm).*(penalt|regulari[sz]|(?<![a-z])reg(?![a-z])|loss|cost|l[12])", re.I)


def without_penalty(layer: LayerObject) -> LayerObject:
    """The layer with the factors of penalties at zero: its forward does not tell what they add to gradients."""
    factors = _factors(layer)
    return LayerObject(_at(layer.thing, factors, 0.0), layer.inputs, layer.whole, layer.only) if factors else layer


def with_penalty(report: Report, layer: LayerObject) -> Report:
    """Of a right layer, with what its backward adds for a penalty compared with that which one of its methods gives."""
    factors, unknown = _factors(layer) if report.passed else [], list[str]()
    for factor in factors:  # while the others are zero
        wrong = list[list[str] | None]()
        for method in filter(_GIVES.match, dir(layer.thing)):
            with contextlib.suppress(Exception):  # any exception of the user's code: it needs more, or gives another
                wrong.append(_wrong(layer, factor, method))
        if wrong and [] not in wrong and None not in wrong:
            names = tuple(wrong[0] or ())
            told = f"backward adds to the gradient of {', '.join(names)} another penalty's than its class gives"
            return replace(report, findings=(*report.findings, Finding("wrong penalty gradient", told, names)))
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
                alike = all(np.allclose(a, b, _NEAR, _NEAR) for a, b in zip(*map(dict.values, added), strict=True))
                if alike and any(map(np.any, added[0].values())) and not any(np.any(c) for o in others for c in o):
                    found.append(name)
    return found


def _weights(layer: LayerObject) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {n: rng.normal(size=np.shape(w)) for n, w in layer.weights.items()}


def _added(layer: LayerObject, factor: str, scale: float = 1.0) -> tuple[list[Any], dict[str, Any]]:
    """What it adds to the output and the gradients of inputs, and to those of parameters, by name."""
    inputs = [scale * a if is_floating(a) else a for a in layer.inputs]
    dy = scale * np.random.default_rng(1).normal(size=np.shape(layer.y))
    other, ends = copy.copy(layer), []
    for value in (OFF_ZERO, 0.0):
        other.thing = _at(layer.thing, [factor], value)
        with fixed_randomness():
            y, kept = other.forward(*inputs, *_weights(layer).values())
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

    def value(name: str, moved: Any) -> float:
        ends = copy.deepcopy(things)
        for thing in ends:
            for n, w in (weights | {name: moved}).items():
                set_at(thing, n, np.array(w))
        with_factor, without = (float(getattr(thing, method)()) for thing in ends)
        return with_factor - without

    slopes, own = [], []
    for name, w in weights.items():
        direction = rng.normal(size=np.shape(w))
        slopes.append((value(name, w + _STEP * direction) - value(name, w - _STEP * direction)) / (2 * _STEP))
        own.append(float(np.vdot(added[name], direction)))
    if not any(slopes):
        raise ValueError("no penalty")
    if np.allclose(np.multiply(own, len(layer.inputs[0])), slopes, _NEAR, _NEAR):
        return None
    return [n for n, a, b in zip(layer.names, own, slopes, strict=True) if not np.isclose(a, b, _NEAR, _NEAR)]
