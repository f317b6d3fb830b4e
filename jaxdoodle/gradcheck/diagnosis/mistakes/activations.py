"""Wrong derivatives of activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import ACTIVATIONS, Activation, Part, endpoints, sigmoid
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.mistakes.gradients import factor
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to, times


def _slopes(name: str, act: Activation, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """(class, sentence, what was used for the derivative)."""
    slope = act.slope(x)
    if name == "absolute value":
        yield "L1 sign missing", "the gradient of |w| is written 1; right is sign(w)", np.ones_like(x)
        yield "L1 sign missing", "the gradient of |w| is written |w|; right is sign(w)", np.abs(x)
        yield "L2 gradient for an L1 penalty", "the gradient of |w| is written w; right is sign(w)", x
        yield "L2 gradient for an L1 penalty", "the gradient of |w| is written 2w; right is sign(w)", 2 * x
        return
    left_out = f"the derivative of {name} is left out: dz = da instead of dz = da * {name}'(z)"
    misplaced = f"{name}' is evaluated at the activation a = {name}(z); it belongs at the pre-activation z"
    yield "activation derivative forgotten", left_out, np.ones_like(x)
    yield "derivative taken of the activation, not the pre-activation", misplaced, act.slope(y)
    if name == "tanh":
        yield "tan for tanh", "tanh' is written with tan: 1 - tan(z)^2; right is 1 - tanh(z)^2", 1 - np.tan(x) ** 2
        yield "tan for tanh", "tanh' is written with tan: 1 + tan(z)^2; right is 1 - tanh(z)^2", 1 + np.tan(x) ** 2
        yield "tan for tanh", "tanh' is written 1 - tan(a)^2; right is 1 - a^2", 1 - np.tan(y) ** 2
    wrong = "wrong activation derivative"
    yield from ((wrong, sentence, value) for sentence, value in _formulas(name, act, x, y))
    if act.by_output is not None and name not in ("relu", "leaky relu"):
        given = f"the formula of {name}' in terms of a = {name}(z) is given z itself"
        yield "derivative formula of the activation given the pre-activation", given, act.by_output(x)
    if name != "relu":
        yield f"{name} derivative applied twice", f"{name}'(z) is multiplied in twice: once too often", slope**2
    yield "activation used in place of its derivative", f"da is multiplied by {name}(z), not by {name}'(z)", y
    yield wrong, f"da is divided by {name}'(z) instead of multiplied", np.where(slope == 0, 0.0, 1 / slope)
    for other, another in ACTIVATIONS.items():
        if other in (name, "absolute value"):
            continue
        told = f"the derivative of {other} is used for {name}"
        left_out = ": the slope below zero is left out" if other == "relu" and name in ("leaky relu", "elu") else ""
        yield wrong, told + left_out, another.slope(x)
        if another.by_output is not None and other != "relu":
            yield wrong, f"the derivative of {other} (in terms of a) is used for {name}", another.by_output(y)
            yield wrong, f"the derivative of {other} (in terms of a, given z) is used for {name}", another.by_output(x)


def _formulas(name: str, act: Activation, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(sentence, value) of wrong formulas of one activation."""
    if name == "tanh":
        for text, value in (
            ("1 - a", 1 - y), ("1 + a^2", 1 + y**2), ("a^2", y**2), ("(1 - a)^2", (1 - y) ** 2),
            ("1 - 2a", 1 - 2 * y), ("1 - |a|", 1 - np.abs(y)), ("1 / cosh(z)", 1 / np.cosh(x)),
            ("sqrt(1 - a^2)", np.sqrt(np.abs(1 - y**2))), ("1 - a^3", 1 - y**3),
        ):  # fmt: skip
            yield f"tanh' is written {text}; right is 1 - a^2", value
    if name == "sigmoid":
        for text, value in (
            ("a", y), ("1 - a", 1 - y), ("a * (1 + a)", y * (1 + y)), ("a^2", y**2),
            ("1 - a^2", 1 - y**2), ("a - 1", y - 1), ("a^2 * (1 - a)", y**2 * (1 - y)), ("(1 - a)^2", (1 - y) ** 2),
            ("a * (1 - z)", y * (1 - x)), ("z * (1 - a)", x * (1 - y)), ("exp(-z)", np.exp(-x)),
            ("a / (1 - a)", y / (1 - y)), ("exp(-z) / (1 + exp(-z))", sigmoid(-x)), ("a * (1 - a^2)", y * (1 - y * y)),
        ):  # fmt: skip
            yield f"sigmoid' is written {text}; right is a * (1 - a)", value
    if name in ("relu", "leaky relu", "elu"):
        yield f"{name}' has its cases swapped (z < 0 for z > 0)", act.slope(-x)
        yield f"{name}' is written sign(z)", np.sign(x)
        yield f"{name}' is 1 below zero and 0 above", (x < 0) * 1.0
        low = slope_below_zero(act)
        for below in {0.0, 0.0 if name == "elu" else low}:
            yield f"{name}' is z where z > 0; right is 1 there", np.where(x > 0, x, below)
        if name == "leaky relu":
            yield f"{name}' is {low:g} * z where z < 0; right is {low:g}", np.where(x > 0, 1.0, low * x)
        yield f"{name}' tests z > 1 instead of z > 0", act.slope(x - 1)


def slope_below_zero(act: Activation) -> float:
    return float(act.slope(np.array([-1.0]))[0])


def activation(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    nodes, act, name = evidence.tape.nodes, part.about["act"], part.name
    x, y = nodes[part.x].value, nodes[part.y].value
    with np.errstate(all="ignore"):
        table = list(_slopes(name, act, x, y))
    for title, sentence, value in table:
        yield title, sentence, times(part.x, value)
    slope, rectifier = act.slope(x), name in ("relu", "leaky relu")
    if rectifier:
        masked = "relu masked by the incoming gradient"
        mask = "the mask is taken of the incoming gradient (da > 0); right is z > 0"
        clip = "the gradient itself is clipped at zero: relu(da * (z > 0)); right is da * (z > 0)"
        yield masked, mask, step_to(part.x, lambda dy: dy * act.slope(dy))
        yield masked, mask, step_to(part.x, lambda dy: dy * (dy > 0))
        yield masked, clip, step_to(part.x, lambda dy: dy * (dy > 0) * (x > 0))
    for k in range(x.ndim):
        yield "values rolled", f"{name}'(z) is rolled by one along axis {k}", times(part.x, np.roll(slope, 1, axis=k))
    if x.ndim == 2 and x.shape[0] == x.shape[1]:
        yield "transposed", f"{name}'(z) is transposed", times(part.x, slope.T)
    for i in endpoints(evidence.tape) if rectifier else ():
        value = nodes[i].value
        if value.shape == x.shape and i not in (part.x, part.y) and not np.array_equal(value > 0, x > 0):
            said = f"{name}' looks at the sign of the result of {evidence.line(i) or 'an argument'}; right is z"
            yield "mask of another array", said, times(part.x, act.slope(value))
    for other in evidence.found:
        z = nodes[other.x].value
        if other.kind == "activation" and other.y != part.y and z.shape == x.shape:
            said = f"{name}' is evaluated at the pre-activation of another layer"
            yield "derivative at another layer's pre-activation", said, times(part.x, act.slope(z))


def slopes_below_zero(evidence: Evidence) -> Iterator[Hypothesis]:
    """A leaky ReLU differentiated with another slope: the number that fits one layer, then in all of them."""
    parts = [p for p in evidence.found if p.kind == "activation" and p.name in ("leaky relu", "relu")]
    numbers: set[float] = set()
    for part in parts:
        x, dy = evidence.tape.nodes[part.x].value, evidence.cotangents[part.y]
        if dy is None:
            continue
        effect = evidence.effect(part.y, part.x, dy * (x < 0))
        name = next((n for n in evidence.wrong if np.count_nonzero(effect[n]) > 1), None)
        change = None if name is None else factor(evidence.got[name] - evidence.want[name], effect[name], 1e-6)
        if change is not None:
            numbers.add(round(slope_below_zero(part.about["act"]) + change, 9))
    for c in numbers:
        steps = {p.y: times(p.x, np.where(evidence.tape.nodes[p.x].value > 0, 1.0, c)) for p in parts}
        sentence = (
            f"the slope below zero is {c:g} in backward and {slope_below_zero(parts[0].about['act']):g} in forward"
        )
        for group in ([*steps], *([y] for y in steps)):
            yield Hypothesis("wrong slope below zero", sentence, 12, {y: steps[y] for y in group}, node=max(group))
