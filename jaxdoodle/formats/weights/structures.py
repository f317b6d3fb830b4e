"""Weights without a description -> the networks that they may be of, the likeliest first.

What shapes leave open: strides, padding, pools, the activation, how an image is flattened. Each choice has a penalty,
and networks come in the order of their sums: a search over (layer, image size) that never leaves the paths that can
still reach the first dense layer, so that 20 convolutions cost no more than 20 times one.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count, pairwise
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Shape
from jaxdoodle.formats.weights.layouts import Oriented
from jaxdoodle.formats.weights.names import Arrays

#: Networks of one head, pool and image size that are looked at.
MAX_NETWORKS = 32
#: Steps of the search for them, a few microseconds each, and convolutions in a row.
MAX_STEPS, MAX_CONVOLUTIONS = 20_000, 200
#: Penalty of a convolution without a pool after it; and where its kernel is as large as its input, as LeNet-5's last.
NO_POOL, WHOLE = 0.3, -1.0
#: Penalty of networks that shrink images by a rule, and end in a mean: more than what is taken without being measured.
BY_RULE = 1.0
#: Sides of images beside that of the preprocessing: LeNet-5's.
OTHER_SIDES = (32,)


@dataclass
class Candidate:
    """A network that weights may be of.

    Attributes:
      spec: Without names of classes.
      params: One dict per layer.
      penalty: How unusual it is; 0 for the most usual.
      activation: Name of the activation between its layers, or "".
      layout: How its weights were read.
      scale: The first layer gets ``scale * input + offset``.
      offset: See ``scale``.
    """

    spec: nn.ModelSpec
    params: list[Arrays]
    penalty: float = 0.0
    activation: str = ""
    layout: str = ""
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What a convolution is, beside its weights: padding before and after, stride, and the pool after it."""

    pads: tuple[tuple[int, int], tuple[int, int]]
    stride: int
    pool: tuple[int, int] | None


def candidates(
    found: Oriented,
    image_shape: Shape,
    activation: str | None,
    spec: nn.ModelSpec | None,
    epsilon: float = 1e-5,
    sure: bool = False,
) -> Iterator[Candidate]:
    """The networks of oriented layers, for each activation that is possible.

    Args:
      found: The layers.
      image_shape: Of the images, where the weights leave it open.
      activation: A name of ``nn.ACTIVATIONS``, or None where it is open.
      spec: The network, where the user gives it.
      epsilon: Of batch normalization.
      sure: Whether images are flattened as kernels are laid out, as frameworks do.
    """
    layers = found.layers
    weighted = [layer for layer in layers if "w" in layer]
    names = [activation] if activation else list(nn.ACTIVATIONS) if len(weighted) > 1 else [""]
    if spec:
        yield from _of_spec(found, spec)
        return
    convolutions = [layer for layer in weighted if layer["w"].ndim == 4]
    if not convolutions:
        features = weighted[0]["w"].shape[0]
        shape = image_shape if features == math.prod(image_shape) else _square(features)
        plans: Iterator[tuple[float, Shape, list[Choice], str, str]] = iter([(0.0, shape, [], "flat", "max")])
    else:
        plans = _plans(convolutions, weighted[len(convolutions) :], image_shape)
    for penalty, shape, choices, head, pool in plans:
        orders = [False]
        if head == "flat" and convolutions:
            orders = [found.kernels_outputs_first, not found.kernels_outputs_first][: 1 if sure else 2]
        for number, channels_first in enumerate(orders):
            for place, name in enumerate(names):
                between = nn.ACTIVATIONS[name] if name else None
                built = _built(layers, between, choices, head, pool, shape, channels_first, epsilon)
                if built and not (number and built[2] is False):
                    candidate = Candidate(nn.ModelSpec(built[0], shape), built[1], penalty + number + place / 4, name)
                    candidate.layout = found.layout
                    yield candidate


def _square(features: int) -> Shape:
    side = math.isqrt(features)
    if side * side != features or side < 4:
        raise InputError(f"takes {features} inputs, which is no square image; give --spec.")
    return side, side, 1


def _of_spec(found: Oriented, spec: nn.ModelSpec) -> Iterator[Candidate]:
    """The network that the user gives, if the weights fit it."""
    shapes = [{name: value.shape for name, value in layer.items()} for layer in found.layers]
    if shapes != [expected for expected in spec.param_shapes if expected]:
        return
    for number, channels_first in enumerate((found.kernels_outputs_first, not found.kernels_outputs_first)):
        remaining = iter(found.layers)
        params = [dict(next(remaining)) if expected else {} for expected in spec.param_shapes]
        changed = channels_first and _flattened_channels_first(spec.layers, params, spec.shapes)
        if number == 0 or changed:
            yield Candidate(spec, params, number, "", found.layout)


def _built(
    layers: Sequence[Arrays],
    between: nn.Layer | None,
    choices: list[Choice],
    head: str,
    pool: str,
    shape: Shape,
    channels_first: bool,
    epsilon: float,
) -> tuple[list[nn.Layer], list[Arrays], bool] | None:
    """Layers and parameters, and whether the order of flattening matters; None where they do not fit together."""
    made: list[nn.Layer] = []
    params: list[Arrays] = []
    total, seen, flat = sum("w" in layer for layer in layers), 0, False

    def add(layer: nn.Layer, own: Arrays | None = None) -> None:
        made.append(layer)
        params.append(dict(own or {}))

    waiting: list[nn.Layer] = []  # activation and pool, which follow batch normalization
    for own in layers:
        if "w" not in own:
            add(nn.BatchNorm(epsilon=epsilon), own)
            continue
        for layer in waiting:
            add(layer)
        w, seen = own["w"], seen + 1
        if w.ndim == 4:
            choice = choices[seen - 1]
            convolution = nn.Conv2D(w.shape[3], w.shape[:2], stride=choice.stride)
            if any(map(any, choice.pads)):
                add(nn.Pad2D(choice.pads))
            add(convolution, own)
            waiting = [between] if between and seen < total else []
            if choice.pool:
                waiting.append((nn.MaxPool2D if pool == "max" else nn.AvgPool2D)(*choice.pool))
        else:
            if not flat:
                add(nn.Flatten() if head == "flat" else nn.GlobalAvgPool2D())
            flat = True
            add(nn.Dense(w.shape[1]), own)
            waiting = [between] if between and seen < total else []
    for layer in waiting:
        add(layer)
    if not flat:
        add(nn.GlobalAvgPool2D() if head == "mean" else nn.Flatten())
    try:
        spec = nn.ModelSpec(made, shape)
        fits = [{name: value.shape for name, value in own.items()} for own in params] == list(spec.param_shapes)
    except nn.SpecError:
        return None
    if not fits or len(spec.output_shape) != 1:
        return None
    changed = _flattened_channels_first(made, params, spec.shapes, apply=channels_first)
    return _padded_as_same(made, params, spec.shapes, changed)


def _padded_as_same(
    made: list[nn.Layer], params: list[Arrays], shapes: tuple[Shape, ...], changed: bool
) -> tuple[list[nn.Layer], list[Arrays], bool]:
    """Pad2D and a convolution as one with the padding "SAME" where that is the same."""
    layers: list[nn.Layer] = []
    kept: list[Arrays] = []
    for layer, own, shape in zip(made, params, (shapes[0], *shapes), strict=False):
        if layers and isinstance(layer, nn.Conv2D) and isinstance(pad := layers[-1], nn.Pad2D):
            same = nn.Conv2D(layer.filters, layer.kernel_size, stride=layer.stride, padding="SAME")
            if same.pads(shape[:2]) == pad.pads:
                layers[-1], kept[-1] = same, own
                continue
        layers.append(layer)
        kept.append(own)
    return layers, kept, changed


def _flattened_channels_first(
    layers: Sequence[nn.Layer], params: list[Arrays], shapes: Sequence[Shape], apply: bool = True
) -> bool:
    """Reorder the weights after a Flatten whose inputs had their channels first; whether that changes anything."""
    for i, (layer, shape) in enumerate(zip(layers, shapes[:-1], strict=True)):
        if isinstance(layer, nn.Flatten) and len(shape) == 3 and shape[-1] > 1 and math.prod(shape[:2]) > 1:
            if apply:
                after = next(p for p in params[i:] if "w" in p)
                height, width, channels = shape
                w = after["w"].reshape(channels, height, width, -1)
                after["w"] = np.ascontiguousarray(w.transpose(1, 2, 0, 3)).reshape(after["w"].shape)
            return True
    return False


def _plans(
    convolutions: Sequence[Arrays], dense: Sequence[Arrays], image_shape: Shape
) -> Iterator[tuple[float, Shape, list[Choice], str, str]]:
    """Penalty, image shape, choice for each convolution, head and kind of pool."""
    last = convolutions[-1]["w"].shape[-1]
    features = dense[0]["w"].shape[0] if dense else None
    sides: list[Any] = [image_shape[:2], *((side, side) for side in OTHER_SIDES if side != image_shape[0])]
    heads = ["flat"] if features is None or features != last else ["mean", "flat"]
    if features is None:
        heads = ["mean", "flat"]
    for size in sides:
        found = False
        for head in heads:
            area = None if head == "mean" else 1 if features is None else features // last
            kernels = [layer["w"].shape[:2] for layer in convolutions]
            likely = _choices(kernels, size, area)
            if head == "mean":  # any size of images will do, and the search sees few of the networks that there may be
                likely = chain(_by_rule(kernels, [layer["w"].shape[-1] for layer in convolutions], size), likely)
            for penalty, choices in likely:
                pooled = any(choice.pool for choice in choices)
                for more, pool in ((0.0, "max"), (0.5, "avg"))[: 1 + pooled]:
                    found = True
                    yield penalty + more, (*size, 1), choices, head, pool
        if found:
            return


def _by_rule(
    kernels: list[tuple[int, int]], filters: list[int], size: tuple[int, int]
) -> Iterator[tuple[float, list[Choice]]]:
    """Choices for convolutions that are alike but where images are halved, by a stride or by a pool: all, each second,
    where the number of filters has grown, or before it grows.
    """
    grown = [wide > before for before, wide in pairwise(filters)]
    rules = [[*grown, True], [False, *grown], [*grown, False], [i % 2 == 1 for i, _ in enumerate(kernels)]]
    for halved in dict.fromkeys(map(tuple, [*rules, [True] * len(kernels)])):
        for pooled in (False, True):
            for padded in (True, False):
                sides, choices = size, []
                for kernel, half in zip(kernels, halved, strict=True):
                    pads = tuple((padded * (k // 2),) * 2 for k in kernel)
                    choice = Choice(pads, 1 + (half and not pooled), (2, 2) if half and pooled else None)  # type: ignore[arg-type]
                    after = ((n + sum(p) - k) // choice.stride + 1 for n, p, k in zip(sides, pads, kernel, strict=True))
                    sides = tuple(n // (2 if choice.pool else 1) for n in after)  # type: ignore[assignment]
                    choices.append(choice)
                if min(sides) >= 1:
                    yield BY_RULE, choices


def _choices(
    kernels: list[tuple[int, int]], size: tuple[int, int], area: int | None
) -> Iterator[tuple[float, list[Choice]]]:
    """At most ``MAX_NETWORKS`` choices for all convolutions that leave ``area`` pixels, the least unusual first."""

    @cache
    def options(kernel: tuple[int, int], size: tuple[int, int]) -> list[tuple[float, Choice, tuple[int, int]]]:
        found: dict[Choice, tuple[float, Choice, tuple[int, int]]] = {}
        for stride, stride_penalty in ((1, 0.0), (2, 1.0)):
            same = nn.Conv2D(1, kernel, stride=stride, padding="SAME").pads(size)
            half = tuple((k // 2, k // 2) for k in kernel)
            pads: dict[Any, float] = {((p, p), (p, p)): 2.0 for p in range(1, min(kernel) // 2 + 1)}
            pads |= {same: 0.1, half: 0.2, ((0, 0), (0, 0)): 0.0}
            for pad, pad_penalty in sorted(pads.items(), key=lambda item: item[1]):
                after = tuple((n + sum(p) - k) // stride + 1 for n, p, k in zip(size, pad, kernel, strict=True))
                for pool, pool_penalty in ((None, NO_POOL), ((2, 2), 0.0), ((3, 3), 1.0), ((3, 2), 1.5)):
                    if stride == 2:
                        pool_penalty = 0.0 if pool is None else 1.5 + pool_penalty
                    left = after if pool is None else tuple((n - pool[0]) // pool[1] + 1 for n in after)
                    if min(after) >= 1 and min(left) >= 1:
                        choice = Choice(pad, stride, pool)  # type: ignore[arg-type]
                        penalty = stride_penalty + pad_penalty + pool_penalty
                        if kernel == size != (1, 1) and penalty == NO_POOL:
                            penalty = WHOLE
                        found.setdefault(choice, (penalty, choice, left))
        return list(found.values())

    @cache
    def least(at: int, size: tuple[int, int]) -> float:
        """The least penalty from here to an image of the right area; infinite where there is none."""
        if at == len(kernels):
            return 0.0 if area is None or math.prod(size) == area else math.inf
        return min((p + least(at + 1, left) for p, _, left in options(kernels[at], size)), default=math.inf)

    if len(kernels) > MAX_CONVOLUTIONS:
        raise InputError(f"has more than {MAX_CONVOLUTIONS} convolutions; give --spec.")
    ties, found, steps = count(), 0, 0
    queue: list[tuple[float, int, int, float, tuple[int, int], tuple[Choice, ...]]]
    queue = [(least(0, size), 0, next(ties), 0.0, size, ())]
    while queue and found < MAX_NETWORKS and steps < MAX_STEPS:
        bound, _, _, penalty, at_size, chosen = heapq.heappop(queue)
        steps += 1
        if math.isinf(bound):
            return
        if len(chosen) == len(kernels):
            found += 1
            yield penalty, list(chosen)
            continue
        for more, choice, left in options(kernels[len(chosen)], at_size):
            if not math.isinf(rest := least(len(chosen) + 1, left)):
                spent = penalty + more + (0.6 * _differ(chosen[-1], choice) if chosen else 0.0)
                heapq.heappush(queue, (spent + rest, -len(chosen), next(ties), spent, left, (*chosen, choice)))


def _differ(first: Choice, second: Choice) -> int:
    """In how many respects two convolutions one after the other are unlike."""
    return (first.pool != second.pool) + (any(map(any, first.pads)) != any(map(any, second.pads)))
