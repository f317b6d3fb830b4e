"""Wrong derivatives of activations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import ACTIVATIONS, Part, endpoints, sigmoid
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Mistake


def _slopes(name: str, part: Part, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, str, np.ndarray]]:
    """(class, sentence, what was used for the derivative)."""
    act = part.about["act"]
    slope = act.slope(x)
    at_output = act.slope(y)
    if name == "absolute value":
        yield "L1 sign missing", "the gradient of |w| is written 1; right is sign(w)", np.ones_like(x)
        yield "L1 sign missing", "the gradient of |w| is written |w|; right is sign(w)", np.abs(x)
        yield "L2 gradient for an L1 penalty", "the gradient of |w| is written w; right is sign(w)", x
        yield "L2 gradient for an L1 penalty", "the gradient of |w| is written 2w; right is sign(w)", 2 * x
        return
    yield (
        "activation derivative forgotten",
        f"the derivative of {name} is left out: dz = da instead of dz = da * {name}'(z)",
        np.ones_like(x),
    )
    yield (
        "derivative taken of the activation, not the pre-activation",
        f"{name}' is evaluated at the activation a = {name}(z); it belongs at the pre-activation z",
        at_output,
    )
    if name == "tanh":
        yield ("tan for tanh", "tanh' is written with tan: 1 - tan(z)^2; right is 1 - tanh(z)^2", 1 - np.tan(x) ** 2)
        yield "tan for tanh", "tanh' is written with tan: 1 + tan(z)^2; right is 1 - tanh(z)^2", 1 + np.tan(x) ** 2
        yield "tan for tanh", "tanh' is written 1 - tan(a)^2; right is 1 - a^2", 1 - np.tan(y) ** 2
        for text, value in (
            ("1 - a", 1 - y), ("1 + a^2", 1 + y**2), ("a^2", y**2), ("(1 - a)^2", (1 - y) ** 2),
            ("1 - 2a", 1 - 2 * y), ("1 - |a|", 1 - np.abs(y)), ("1 / cosh(z)", 1 / np.cosh(x)),
            ("sqrt(1 - a^2)", np.sqrt(np.abs(1 - y**2))), ("1 - a^3", 1 - y**3),
        ):  # fmt: skip
            yield "wrong activation derivative", f"tanh' is written {text}; right is 1 - a^2", value
    if name == "sigmoid":
        for text, value in (
            ("a", y), ("1 - a", 1 - y), ("a * (1 + a)", y * (1 + y)), ("a^2", y**2),
            ("1 - a^2", 1 - y**2), ("a - 1", y - 1), ("a^2 * (1 - a)", y**2 * (1 - y)), ("(1 - a)^2", (1 - y) ** 2),
            ("a * (1 - z)", y * (1 - x)), ("z * (1 - a)", x * (1 - y)), ("exp(-z)", np.exp(-x)),
            ("a / (1 - a)", y / (1 - y)), ("exp(-z) / (1 + exp(-z))", sigmoid(-x)), ("a * (1 - a^2)", y * (1 - y * y)),
        ):  # fmt: skip
            yield "wrong activation derivative", f"sigmoid' is written {text}; right is a * (1 - a)", value
    if name in ("relu", "leaky relu", "elu"):
        yield "wrong activation derivative", f"{name}' has its cases swapped (z < 0 for z > 0)", act.slope(-x)
        yield "wrong activation derivative", f"{name}' is written sign(z)", np.sign(x)
        yield "wrong activation derivative", f"{name}' is 1 below zero and 0 above", (x < 0) * 1.0
        low = float(act.slope(np.array([-1.0]))[0])
        for below in {0.0, low} if name != "elu" else {0.0}:
            yield (
                "wrong activation derivative",
                f"{name}' is z where z > 0; right is 1 there",
                np.where(x > 0, x, below),
            )
        if name == "leaky relu":
            yield (
                "wrong activation derivative",
                f"{name}' is {low:g} * z where z < 0; right is {low:g}",
                np.where(x > 0, 1.0, low * x),
            )
        yield "wrong activation derivative", f"{name}' tests z > 1 instead of z > 0", act.slope(x - 1)
    if act.by_output is not None and name not in ("relu", "leaky relu"):
        yield (
            "derivative formula of the activation given the pre-activation",
            f"the formula of {name}' in terms of a = {name}(z) is given z itself",
            act.by_output(x),
        )
    if name not in ("relu", "absolute value"):
        yield (f"{name} derivative applied twice", f"{name}'(z) is multiplied in twice: once too often", slope**2)
    yield ("activation used in place of its derivative", f"da is multiplied by {name}(z), not by {name}'(z)", y)
    with np.errstate(all="ignore"):
        inverse = np.where(slope == 0, 0.0, 1 / slope)
    yield "wrong activation derivative", f"da is divided by {name}'(z) instead of multiplied", inverse
    for other, another in ACTIVATIONS.items():
        if other != name and other != "absolute value":
            if name in ("leaky relu", "elu") and other == "relu":
                yield (
                    "wrong activation derivative",
                    f"the derivative of relu is used for {name}: the slope below zero is left out",
                    another.slope(x),
                )
                continue
            yield "wrong activation derivative", f"the derivative of {other} is used for {name}", another.slope(x)
            if another.by_output is not None and other != "relu":
                yield (
                    "wrong activation derivative",
                    f"the derivative of {other} (in terms of a) is used for {name}",
                    another.by_output(y),
                )
                if np.shape(x):
                    yield (
                        "wrong activation derivative",
                        f"the derivative of {other} (in terms of a, given z) is used for {name}",
                        another.by_output(x),
                    )


def activation(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    x, y = evidence.tape.nodes[part.x].value, evidence.tape.nodes[part.y].value
    with np.errstate(all="ignore"):
        table = list(_slopes(part.name, part, x, y))
    for name, sentence, slope in table:
        yield name, sentence, times(part.x, slope)
    slope = part.about["act"].slope
    if part.name in ("relu", "leaky relu"):
        yield (
            "relu masked by the incoming gradient",
            "the mask is taken of the incoming gradient (da > 0); right is z > 0",
            lambda dy: [(part.x, dy * slope(dy))],
        )
        yield (
            "relu masked by the incoming gradient",
            "the mask is taken of the incoming gradient (da > 0); right is z > 0",
            lambda dy: [(part.x, dy * (dy > 0))],
        )
        yield (
            "relu masked by the incoming gradient",
            "the gradient itself is clipped at zero: relu(da * (z > 0)); right is da * (z > 0)",
            lambda dy: [(part.x, dy * (dy > 0) * (x > 0))],
        )
    act = part.about["act"]
    for k in range(x.ndim):
        rolled = np.roll(act.slope(x), 1, axis=k)
        yield "values rolled", f"{part.name}'(z) is rolled by one along axis {k}", times(part.x, rolled)
    if x.ndim == 2 and x.shape[0] == x.shape[1]:
        yield "transposed", f"{part.name}'(z) is transposed", times(part.x, act.slope(x).T)
    if part.name in ("relu", "leaky relu"):
        for i in endpoints(evidence.tape):
            value = evidence.tape.nodes[i].value
            if value.shape == x.shape and i not in (part.x, part.y) and not np.array_equal(value > 0, x > 0):
                yield (
                    "mask of another array",
                    f"{part.name}' looks at the sign of the result of {evidence.line(i) or 'an argument'}; right is z",
                    times(part.x, act.slope(value)),
                )
    for other in evidence.found:
        if other.kind == "activation" and other.y != part.y:
            z = evidence.tape.nodes[other.x].value
            if z.shape == x.shape:
                yield (
                    "derivative at another layer's pre-activation",
                    f"{part.name}' is evaluated at the pre-activation of another layer",
                    times(part.x, act.slope(z)),
                )


def times(x: int, slope: np.ndarray) -> Step:
    return lambda dy: [(x, dy * slope)]


def slopes_below_zero(evidence: Evidence) -> Iterator[Hypothesis]:
    """A leaky ReLU differentiated with another slope: the number that fits one layer, then in all of them."""
    parts = [p for p in evidence.found if p.kind == "activation" and p.name in ("leaky relu", "relu")]
    numbers: set[float] = set()
    for part in parts:
        x, dy = evidence.tape.nodes[part.x].value, evidence.cotangents[part.y]
        if dy is None:
            continue
        effect = evidence.effect(part.y, part.x, dy * (x < 0))
        for name in evidence.wrong:
            v, diff = effect[name], evidence.got[name] - evidence.want[name]
            size = float(np.vdot(v, v))
            if np.count_nonzero(v) > 1 and size:
                change = float(np.vdot(v, diff)) / size
                if np.linalg.norm(diff - change * v) <= 1e-6 * np.linalg.norm(diff):
                    low = float(part.about["act"].slope(np.array([-1.0]))[0])
                    numbers.add(round(low + change, 9))
                break
    for c in numbers:
        steps = {p.y: times(p.x, np.where(evidence.tape.nodes[p.x].value > 0, 1.0, c)) for p in parts}
        right = float(parts[0].about["act"].slope(np.array([-1.0]))[0])
        sentence = f"the slope below zero is {c:g} in backward and {right:g} in forward"
        for group in ([*steps], *([y] for y in steps)):
            yield Hypothesis("wrong slope below zero", sentence, 12, {y: steps[y] for y in group}, node=max(group))
