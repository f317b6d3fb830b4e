"""Wrong derivatives of recognized parts: what people write instead of the right line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from jaxdoodle.gradcheck.recognize import ACTIVATIONS, Part, correlate_back, sigmoid, windows
from jaxdoodle.gradcheck.scene import Hypothesis, Scene
from jaxdoodle.gradcheck.tape import Step

#: (class, sentence, step) of one wrong way.
Way = tuple[str, str, Step]


def slopes_below_zero(scene: Scene) -> Iterator[Hypothesis]:
    """A leaky ReLU differentiated with another slope: the number that fits one layer, then in all of them."""
    parts = [p for p in scene.found if p.kind == "activation" and p.name in ("leaky relu", "relu")]
    numbers: set[float] = set()
    for part in parts:
        x, dy = scene.tape.nodes[part.x].value, scene.cotangents[part.y]
        if dy is None:
            continue
        effect = scene.effect(part.y, part.x, dy * (x < 0))
        for name in scene.wrong:
            v, diff = effect[name], scene.got[name] - scene.want[name]
            size = float(np.vdot(v, v))
            if np.count_nonzero(v) > 1 and size:
                change = float(np.vdot(v, diff)) / size
                if np.linalg.norm(diff - change * v) <= 1e-6 * np.linalg.norm(diff):
                    low = float(part.about["act"].slope(np.array([-1.0]))[0])
                    numbers.add(round(low + change, 9))
                break
    for c in numbers:
        steps = {p.y: _times(p.x, np.where(scene.tape.nodes[p.x].value > 0, 1.0, c)) for p in parts}
        right = float(parts[0].about["act"].slope(np.array([-1.0]))[0])
        sentence = f"the slope below zero is {c:g} in backward and {right:g} in forward"
        for group in ([*steps], *([y] for y in steps)):
            yield Hypothesis("wrong slope below zero", sentence, 12, {y: steps[y] for y in group}, place=max(group))


def hypotheses(scene: Scene) -> Iterator[Hypothesis]:
    yield from wrong_ways(scene)
    yield from slopes_below_zero(scene)


def wrong_ways(scene: Scene) -> Iterator[Hypothesis]:
    """Each wrong way at all parts of a kind together, then at each part alone."""
    groups: dict[tuple[str, str], dict[tuple[str, str], dict[int, Step]]] = {}
    singles: list[Hypothesis] = []
    for part in scene.found:
        for name, sentence, step in ways(scene, part):
            table = groups.setdefault((part.kind, part.name), {})
            table.setdefault((name, sentence), {})[part.y] = step
            singles.append(Hypothesis(name, sentence, 10, {part.y: step}, place=part.y))
    for table in groups.values():
        for (name, sentence), steps in table.items():
            if len(steps) > 1:
                yield Hypothesis(name, sentence, 11, steps, place=max(steps))
    yield from singles


def ways(scene: Scene, part: Part) -> Iterator[Way]:
    yield from WAYS[part.kind](scene, part)


def right_steps(scene: Scene) -> dict[int, Step]:
    """Whole convolutions and pools as single steps, so that their inner loops need not be walked each time."""
    steps: dict[int, Step] = {}
    for part in scene.found:
        if part.kind == "conv":
            steps[part.y] = _conv_step(scene, part)
        elif part.y - part.x > 12 and part.kind == "pool":
            steps[part.y] = _pool_step(scene, part)
    return steps


# -- activations -----------------------------------------------------------------------------------------------------


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
        yield (
            "tan for tanh",
            "tanh' is written with tan: 1 - tan(z)^2; right is 1 - tanh(z)^2",
            1 - np.tan(x) ** 2,
        )
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
        yield (
            f"{name} derivative applied twice",
            f"{name}'(z) is multiplied in twice: once too often",
            slope**2,
        )
    yield (
        "activation used in place of its derivative",
        f"da is multiplied by {name}(z), not by {name}'(z)",
        y,
    )
    with np.errstate(all="ignore"):
        inverse = np.where(slope == 0, 0.0, 1 / slope)
    yield "wrong activation derivative", f"da is divided by {name}'(z) instead of multiplied", inverse
    for other, rule in ACTIVATIONS.items():
        if other != name and other != "absolute value":
            if name in ("leaky relu", "elu") and other == "relu":
                yield (
                    "wrong activation derivative",
                    f"the derivative of relu is used for {name}: the slope below zero is left out",
                    rule.slope(x),
                )
                continue
            yield "wrong activation derivative", f"the derivative of {other} is used for {name}", rule.slope(x)
            if rule.by_output is not None and other != "relu":
                yield (
                    "wrong activation derivative",
                    f"the derivative of {other} (in terms of a) is used for {name}",
                    rule.by_output(y),
                )
                if np.shape(x):
                    yield (
                        "wrong activation derivative",
                        f"the derivative of {other} (in terms of a, given z) is used for {name}",
                        rule.by_output(x),
                    )


def _activation(scene: Scene, part: Part) -> Iterator[Way]:
    x, y = scene.tape.nodes[part.x].value, scene.tape.nodes[part.y].value
    with np.errstate(all="ignore"):
        table = list(_slopes(part.name, part, x, y))
    for name, sentence, slope in table:
        yield name, sentence, _times(part.x, slope)
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
        yield "values rolled", f"{part.name}'(z) is rolled by one along axis {k}", _times(part.x, rolled)
    if x.ndim == 2 and x.shape[0] == x.shape[1]:
        yield "transposed", f"{part.name}'(z) is transposed", _times(part.x, act.slope(x).T)
    for other in scene.found:
        if other.kind == "activation" and other.y != part.y:
            z = scene.tape.nodes[other.x].value
            if z.shape == x.shape:
                yield (
                    "derivative at another layer's pre-activation",
                    f"{part.name}' is evaluated at the pre-activation of another layer",
                    _times(part.x, act.slope(z)),
                )


def _times(x: int, slope: np.ndarray) -> Step:
    return lambda dy: [(x, dy * slope)]


# -- softmax ---------------------------------------------------------------------------------------------------------


def _softmax(scene: Scene, part: Part) -> Iterator[Way]:
    axis, x = part.about["axis"], part.x
    y = scene.tape.nodes[part.y].value
    p = np.exp(y) if part.name == "log softmax" else y

    def jacobian(d):
        return p * (d - (d * p).sum(axis=axis, keepdims=True))

    def along(other: int) -> Step:
        return lambda dy: [(x, p * (dy - (dy * p).sum(axis=other, keepdims=True)))]

    if part.name == "softmax":
        yield (
            "softmax Jacobian diagonal only",
            "softmax is differentiated entry by entry, p * (1 - p); the terms between classes, -p_i * p_j, are missing",
            lambda dy: [(x, dy * p * (1 - p))],
        )
        yield (
            "softmax derivative forgotten",
            "the gradient of the probabilities is passed on as that of the scores",
            lambda dy: [(x, dy)],
        )
        yield (
            "softmax Jacobian without the sum",
            "dz = p * dp leaves out - p * sum(p * dp)",
            lambda dy: [(x, dy * p)],
        )
        yield (
            "softmax Jacobian without the diagonal",
            "only the terms -p_i * p_j are there; the diagonal p_i is missing",
            lambda dy: [(x, -p * (dy * p).sum(axis=axis, keepdims=True))],
        )
        yield (
            "softmax derivative applied twice",
            "the softmax Jacobian is multiplied in twice",
            lambda dy: [(x, jacobian(jacobian(dy)))],
        )
        yield (
            "softmax derivative applied twice",
            "the derivative of softmax is multiplied in again, as p * (1 - p)",
            lambda dy: [(x, jacobian(dy) * p * (1 - p))],
        )
        for other in range(p.ndim):
            if other != axis % p.ndim:
                yield (
                    "softmax summed over the wrong axis",
                    f"the sum in p * (dp - sum(p * dp)) runs over axis {other}; right is axis {axis % p.ndim}",
                    along(other),
                )
        yield (
            "softmax Jacobian with the wrong sign",
            "dz = p * (dp + sum(p * dp)); right is minus",
            lambda dy: [(x, p * (dy + (dy * p).sum(axis=axis, keepdims=True)))],
        )
        yield (
            "softmax Jacobian without p",
            "dz = dp - sum(p * dp) is not multiplied by p",
            lambda dy: [(x, dy - (dy * p).sum(axis=axis, keepdims=True))],
        )
    else:
        total = "sum(dy)"
        yield (
            "log-softmax gradient ignores the incoming gradient",
            "the incoming gradient is not multiplied in",
            lambda dy: [(x, 1 - p * p.shape[axis])],
        )
        yield "log-softmax without the softmax term", f"- p * {total} is missing", lambda dy: [(x, dy)]
        yield (
            "log-softmax without the softmax term",
            "dz = dy * (1 - p) treats each entry alone; right is dy - p * sum(dy)",
            lambda dy: [(x, dy * (1 - p))],
        )


def scores(scene: Scene) -> Iterator[Hypothesis]:
    """Softmax or sigmoid with cross-entropy, whose gradient p - y people write down whole."""
    tape = scene.tape
    for index in _score_nodes(scene):
        dz, z = scene.cotangents[index], tape.nodes[index].value
        if dz is None:
            continue
        for kind, axis, p in _probabilities(z):
            scale = _loss_scale(dz, p, axis, kind)
            if scale is None:
                continue
            y = p - dz / scale
            label = "p - y" if kind == "softmax" else "a - y"

            def to(value, name, sentence, rank=9, index=index):
                return Hypothesis(name, sentence, rank, {}, place=index), value

            options = [
                to(dz * p * (1 - p), f"{kind} derivative applied twice",
                   f"{label} is already the gradient of the scores; it is multiplied by {kind}' = p * (1 - p) again"),
                to(scale * p, "labels left out of the loss gradient", f"p is written for {label}"),
                to(dz / np.where(p * (1 - p) == 0, 1, p * (1 - p)), f"{kind} derivative forgotten",
                   f"the gradient of the probabilities is passed on as that of the scores; right is {label}"),
                to(-scale * y / p, f"{kind} derivative forgotten",
                   f"the gradient of the scores is -y / p, that of the probabilities; right is {label}"),
                to(scale * (p + y), "sign wrong in the loss gradient", f"p + y is written for {label}"),
                to(scale * ((p > 0.5) if kind == "sigmoid" else (p == p.max(axis=axis, keepdims=True))) - scale * y,
                   "prediction used for the probability", f"the predicted class is used for p in {label}"),
                to(scale * (z - y), "scores used for the probabilities", f"z - y is written for {label}"),
                to(scale * (p - y) ** 2, "loss gradient squared", f"({label})^2 is written for {label}"),
                to(scale * (p - y) * p, f"{kind} derivative applied twice", f"{label} is multiplied by p again"),
                to(2 * dz, "extra factor", f"the gradient of the scores is 2 * ({label}), that of a squared error", 40),
                to(scale * np.abs(p - y), "sign lost in the loss gradient", f"|{label}| is written for {label}"),
                to(-scale * y * (1 - p), "softmax Jacobian diagonal only",
                   "only the true class gets a gradient, -(1 - p): the terms of the other classes are missing"),
                to(-scale * y, "probabilities left out of the loss gradient", f"the gradient is -y; right is {label}"),
            ]  # fmt: skip
            if kind == "softmax":
                options.append(
                    to(p * (dz - (dz * p).sum(axis=axis, keepdims=True)), "softmax derivative applied twice",
                       "p - y is already the gradient of the scores; the softmax Jacobian is multiplied in again")
                )  # fmt: skip
            for h, value in options:
                yield replace(h, changes=_instead(scene, index, np.asarray(value, float)))


def _instead(scene: Scene, index: int, value: np.ndarray) -> dict[int, Step]:
    """Changes after which the cotangent of a node is ``value``: its own step gets the value, whatever came in."""
    return {index: lambda dy: scene.tape.step(index, value * _ratio(dy, scene.cotangents[index]))}


def _ratio(dy, true) -> float:
    """How far an earlier change has scaled the whole cotangent."""
    k = int(np.argmax(np.abs(true)))
    return float(dy.flat[k] / true.flat[k])


def _score_nodes(scene: Scene) -> list[int]:
    """Values that a score can be: the last few products and sums of two or more axes."""
    from jaxdoodle.gradcheck.recognize import candidates

    nodes = [i for i in candidates(scene.tape) if scene.tape.nodes[i].kind in ("add", "matmul", "leaf", "setitem")]
    return sorted(nodes, reverse=True)[:12]


def _probabilities(z: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
    from jaxdoodle.gradcheck.recognize import softmax_of

    with np.errstate(all="ignore"):
        yield "sigmoid", 0, sigmoid(z)
        for axis in range(z.ndim):
            if z.shape[axis] > 1:
                yield "softmax", axis, softmax_of(z, axis)


def _loss_scale(dz: np.ndarray, p: np.ndarray, axis: int, kind: str) -> np.ndarray | None:
    """The s in dz = s * (p - y) with one-hot (or 0/1) labels y; None where it has not that form."""
    with np.errstate(all="ignore"):
        if kind == "softmax":
            if np.abs(dz.sum(axis=axis)).max() > 1e-9 * np.abs(dz).max():
                return None
            ratio = dz / p
            options = [ratio.max(axis=axis, keepdims=True), ratio.min(axis=axis, keepdims=True)]
        else:
            options = [np.median(np.where(dz > 0, dz / p, -dz / (1 - p)))]
        for s in options:
            y = p - dz / s
            if np.isfinite(y).all() and np.abs(y - np.rint(y)).max() < 1e-7 and y.min() > -0.5 and y.max() < 1.5:
                return np.asarray(s)
    return None


# -- dropout, normalization ------------------------------------------------------------------------------------------


def _dropout(scene: Scene, part: Part) -> Iterator[Way]:
    mask, x = part.about["mask"], part.x
    scale = float(mask.max())
    keep = (mask > 0) * 1.0
    rate = f"1 / (1 - p) = {scale:.4g}"
    yield (
        "dropout mask missing in backward",
        "dropout's mask is not applied in backward: dropped units get a gradient too",
        lambda dy: [(x, dy)],
    )
    if scale != 1:
        yield (
            "dropout mask missing in backward",
            f"dropout's mask is not applied in backward (its factor {rate} is)",
            lambda dy: [(x, dy * scale)],
        )
        yield (
            "dropout mask not rescaled in backward",
            f"backward applies dropout's mask without its factor {rate}",
            lambda dy: [(x, dy * keep)],
        )
        yield (
            "dropout mask rescaled twice in backward",
            f"dropout's factor {rate} is applied twice",
            lambda dy: [(x, dy * keep * scale**2)],
        )
        yield (
            "dropout mask rescaled the wrong way",
            "backward multiplies by 1 - p where it should divide",
            lambda dy: [(x, dy * keep / scale)],
        )
    yield (
        "dropout mask inverted",
        "backward keeps what forward dropped",
        lambda dy: [(x, dy * (1 - keep) * scale)],
    )


def _norm(scene: Scene, part: Part) -> Iterator[Way]:
    axes, x = part.about["axes"], part.x
    a, y = scene.tape.nodes[x].value, scene.tape.nodes[part.y].value
    centred = a - a.mean(axis=axes, keepdims=True)
    std = (centred**2).sum(axis=axes, keepdims=True) / (centred * y).sum(axis=axes, keepdims=True)
    what = "BatchNorm" if part.name == "batch norm" else "LayerNorm"
    n = int(np.prod([a.shape[k] for k in axes]))

    def mean(v):
        return v.mean(axis=axes, keepdims=True)

    yield (
        f"{what} without the mean and variance terms",
        "mean and variance are taken for constants: dx = dxhat / std leaves out what flows through both",
        lambda dy: [(x, dy / std)],
    )
    yield (
        f"{what} without the mean term",
        "what flows through the mean, - mean(dxhat), is missing",
        lambda dy: [(x, (dy - y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} without the variance term",
        "what flows through the variance, - xhat * mean(dxhat * xhat), is missing",
        lambda dy: [(x, (dy - mean(dy)) / std)],
    )
    yield (
        f"{what} not divided by the standard deviation",
        "dx is not divided by std",
        lambda dy: [(x, dy - mean(dy) - y * mean(dy * y))],
    )
    yield (
        f"{what} divided by the variance",
        "dx is divided by the variance; right is the standard deviation",
        lambda dy: [(x, (dy - mean(dy) - y * mean(dy * y)) / std**2)],
    )
    yield (
        f"{what} with sums for means",
        "sum(dxhat) and sum(dxhat * xhat) are not divided by the number of examples",
        lambda dy: [(x, (dy - n * mean(dy) - n * y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} derivative forgotten",
        "dxhat is passed on as dx",
        lambda dy: [(x, dy)],
    )
    yield (
        f"{what} with a wrong sign",
        "the variance term is added; right is subtracted",
        lambda dy: [(x, (dy - mean(dy) + y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} with a wrong sign",
        "the mean term is added; right is subtracted",
        lambda dy: [(x, (dy + mean(dy) - y * mean(dy * y)) / std)],
    )
    yield (
        f"{what} without the variance term",
        "the variance term is taken without xhat: - mean(dxhat * xhat)",
        lambda dy: [(x, (dy - mean(dy) - mean(dy * y)) / std)],
    )


# -- pooling ---------------------------------------------------------------------------------------------------------


def _spread(tiles: np.ndarray, x_shape: tuple, about: dict) -> np.ndarray:
    """Add what belongs to each window's cells (two last axes) back onto the picture."""
    rows, (kh, kw), (sh, sw) = about["rows"], about["size"], about["stride"]
    dx = np.zeros(x_shape)
    nh, nw = tiles.shape[rows], tiles.shape[rows + 1]
    for i in range(kh):
        for j in range(kw):
            place: list = [slice(None)] * dx.ndim
            place[rows] = slice(i, i + sh * nh, sh)
            place[rows + 1] = slice(j, j + sw * nw, sw)
            dx[tuple(place)] += tiles[..., i, j]
    return dx


def pool_mask(tiles: np.ndarray, rule: str) -> np.ndarray:
    """Which cell of each window gets how much: ``first``, ``last``, ``even`` or ``all`` of the tied winners."""
    flat = tiles.reshape(*tiles.shape[:-2], -1)
    hit = flat == flat.max(axis=-1, keepdims=True)
    if rule == "first":
        hit = hit & (np.cumsum(hit, axis=-1) == 1)
    elif rule == "last":
        hit = hit & (np.cumsum(hit[..., ::-1], axis=-1)[..., ::-1] == 1)
    share = hit / hit.sum(axis=-1, keepdims=True) if rule == "even" else hit * 1.0
    return share.reshape(tiles.shape)


def _pool_step(scene: Scene, part: Part) -> Step:
    value, about = scene.tape.nodes[part.x].value, part.about
    tiles = windows(value, about["rows"], about["size"], about["stride"])
    mask = np.ones(tiles.shape) / np.prod(about["size"]) if part.name == "mean pool" else pool_mask(tiles, "first")
    return lambda dy: [(part.x, _spread(dy[..., None, None] * mask, value.shape, about))]


def _pool(scene: Scene, part: Part) -> Iterator[Way]:
    about, x = part.about, part.x
    value = scene.tape.nodes[x].value
    tiles = windows(value, about["rows"], about["size"], about["stride"])
    cells = int(np.prod(about["size"]))

    def share(mask):
        return lambda dy: [(x, _spread(dy[..., None, None] * mask, value.shape, about))]

    def moved(shift, axis):
        mask = pool_mask(tiles, "first")
        return lambda dy: [(x, np.roll(_spread(dy[..., None, None] * mask, value.shape, about), shift, axis))]

    def beside(shift: int, axis: int) -> Step:
        mask = pool_mask(tiles, "first")
        return lambda dy: [(x, _spread(np.roll(dy, shift, axis)[..., None, None] * mask, value.shape, about))]

    ones = np.ones(tiles.shape)
    if part.name == "mean pool":
        yield (
            "average pool not divided by the window",
            f"each cell gets the whole gradient; right is 1/{cells} of it",
            share(ones),
        )
        yield (
            "max pool's rule for an average pool",
            "only the largest cell gets the gradient; right is an equal share",
            share(pool_mask(tiles, "first")),
        )
        yield (
            "average pool divided twice",
            f"the gradient is divided by {cells} twice",
            share(ones / cells**2),
        )
        for i in range(about["size"][0]):
            for j in range(about["size"][1]):
                one = np.zeros(tiles.shape)
                one[..., i, j] = 1
                yield "pool gradient to one cell", f"all of it goes to cell ({i}, {j}) of each window", share(one)
        return
    yield (
        "max-pool gradient to every tied cell",
        "every cell that equals the maximum gets the whole gradient; on a tie only one may (or each a share)",
        share(pool_mask(tiles, "all")),
    )
    yield (
        "max-pool gradient to every cell",
        "every cell of the window gets the whole gradient; right is the largest alone",
        share(ones),
    )
    yield (
        "average pool's rule for a max pool",
        "every cell gets an equal share; right is all of it for the largest",
        share(ones / cells),
    )
    flat = tiles.reshape(*tiles.shape[:-2], -1)
    smallest = (np.arange(flat.shape[-1]) == flat.argmin(axis=-1)[..., None]).reshape(tiles.shape) * 1.0
    yield "max-pool gradient to the smallest cell", "the smallest cell gets the gradient", share(smallest)
    first = pool_mask(tiles, "first")
    for shift in (1, -1):
        rolled = np.roll(first.reshape(*first.shape[:-2], -1), shift, axis=-1).reshape(first.shape)
        yield "max-pool gradient to the neighbour", "the gradient lands on the next cell of the window", share(rolled)
    for axis in (-1, -2):
        turned = np.roll(first, 1, axis=axis)
        yield (
            "max-pool gradient to the neighbour",
            "the gradient lands on the neighbouring cell of the window",
            share(turned),
        )
    yield (
        "max-pool gradient to the neighbour",
        "rows and columns inside the window are exchanged",
        share(np.swapaxes(first, -1, -2)),
    )
    for k in (0, 1):
        for shift in (1, -1, about["stride"][k], -about["stride"][k]):
            yield (
                "max-pool gradient to the neighbour",
                f"the gradient lands {abs(shift)} {'row' if k == 0 else 'column'}{'s' * (abs(shift) > 1)} away",
                moved(shift, about["rows"] + k),
            )
        for shift in (1, -1):
            yield (
                "max-pool gradient to the neighbour",
                f"each window's gradient goes to the window beside it along the {'rows' if k == 0 else 'columns'}",
                beside(shift, about["rows"] + k),
            )
    if value.shape[about["rows"]] == value.shape[about["rows"] + 1]:
        yield (
            "transposed",
            "the incoming gradient has rows and columns exchanged",
            lambda dy: [
                (
                    x,
                    _spread(
                        np.swapaxes(dy, about["rows"], about["rows"] + 1)[..., None, None] * first, value.shape, about
                    ),
                )
            ],
        )


# -- convolution -----------------------------------------------------------------------------------------------------


def _conv_step(
    scene: Scene, part: Part, change_dx: Callable | None = None, change_dw: Callable | None = None, pads=None
) -> Step:
    """The reverse of a convolution, with dx or dw changed on the way, or with other paddings."""
    about, nodes = part.about, scene.tape.nodes
    x, w, layout, stride = part.x, about["w"], about["layout"], about["stride"]
    a, kernel = nodes[x].value, nodes[w].value
    axes = tuple(k for k in range(4) if k != about["channel"])

    def step(dy):
        dx, dw = correlate_back(dy, a, kernel, layout, pads or about["pads"], stride)
        parts = [(x, change_dx(dy, dx) if change_dx else dx), (w, change_dw(dy, dw) if change_dw else dw)]
        if "b" in about:
            parts.append((about["b"], dy.sum(axis=axes).reshape(nodes[about["b"]].value.shape)))
        return parts

    return step


def _conv(scene: Scene, part: Part) -> Iterator[Way]:
    about, nodes = part.about, scene.tape.nodes
    layout, pads, stride = about["layout"], about["pads"], about["stride"]
    a, kernel = nodes[part.x].value, nodes[about["w"]].value
    h, v = layout.kernel.index("h"), layout.kernel.index("w")
    i, o = layout.kernel.index("i"), layout.kernel.index("o")
    way = partial(_conv_step, scene, part)

    def dx_with(other, its_pads=pads):
        return lambda dy, dx: correlate_back(dy, a, other, layout, its_pads, stride)[0]

    flipped = np.flip(kernel, (h, v))
    yield (
        "conv kernel not flipped in dx",
        "dx slides the kernel as forward does; it has to be turned by 180 degrees",
        way(dx_with(flipped)),
    )
    if kernel.shape[h] == kernel.shape[v]:
        swapped = np.swapaxes(kernel, h, v)
        yield "transposed conv kernel", "dx uses the kernel with rows and columns exchanged", way(dx_with(swapped))
        yield (
            "transposed conv kernel",
            "dx uses the kernel turned and with rows and columns exchanged",
            way(dx_with(np.flip(swapped, (h, v)))),
        )
        yield (
            "transposed conv kernel",
            "dw has rows and columns exchanged",
            way(None, lambda dy, dw: np.swapaxes(dw, h, v)),
        )
    for axis, word in ((h, "rows"), (v, "columns")):
        yield (
            "conv kernel not flipped in dx",
            f"dx uses the kernel flipped only along the {'columns' if word == 'rows' else 'rows'}",
            way(dx_with(np.flip(kernel, axis))),
        )
    if kernel.shape[i] == kernel.shape[o]:
        channels = np.swapaxes(kernel, i, o)
        yield (
            "conv channels not swapped in dx",
            "dx uses the kernel's input channels for its output channels",
            way(dx_with(channels)),
        )
        yield (
            "conv channels not swapped in dx",
            "dx uses the kernel unflipped and its input channels for its output channels",
            way(dx_with(np.flip(channels, (h, v)))),
        )
        yield (
            "transposed conv kernel",
            "dw has input and output channels exchanged",
            way(None, lambda dy, dw: np.swapaxes(dw, i, o)),
        )
    yield "conv dw flipped", "dw comes turned by 180 degrees", way(None, lambda dy, dw: np.flip(dw, (h, v)))
    for k, word in ((0, "row"), (1, "column")):
        for shift in (1, -1):
            moved = _shifted(pads, k, shift)
            if moved is None:
                continue
            side = "SAME padding on the wrong side" if pads != ((0, 0), (0, 0)) else "conv gradient shifted"
            yield (
                side,
                f"dx is one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                way(dx_with(kernel, moved)),
            )
            yield (
                side,
                f"dw is one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                way(None, lambda dy, dw, moved=moved: correlate_back(dy, a, kernel, layout, moved, stride)[1]),
            )
            yield (
                side,
                f"dx and dw are one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                way(pads=moved),
            )
    for shift in (1, -1):
        moved = _shifted(pads, 0, shift)
        moved = None if moved is None else _shifted(moved, 1, shift)
        if moved is None:
            continue
        side = "SAME padding on the wrong side" if pads != ((0, 0), (0, 0)) else "conv gradient shifted"
        text = f"backward pads {moved} where forward pads {pads}"
        yield side, f"dx is off by a row and a column: {text}", way(dx_with(kernel, moved))
        yield (
            side,
            f"dw is off by a row and a column: {text}",
            way(None, lambda dy, dw, moved=moved: correlate_back(dy, a, kernel, layout, moved, stride)[1]),
        )
        yield (
            side,
            f"dx and dw are off by a row and a column: {text}",
            way(pads=moved),
        )


def _shifted(pads, k: int, shift: int):
    """Padding moved by one from the end to the start, or back."""
    before, after = pads[k][0] + shift, pads[k][1] - shift
    if before < 0 or after < 0:
        return None
    return tuple((before, after) if j == k else pads[j] for j in (0, 1))


WAYS: dict[str, Callable[[Scene, Part], Iterator[Way]]] = {
    "activation": _activation,
    "softmax": _softmax,
    "dropout": _dropout,
    "norm": _norm,
    "pool": _pool,
    "conv": _conv,
}
