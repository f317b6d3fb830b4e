"""How good an import is: the accuracy of every network that the weights may be of, for the usual scalings of inputs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.formats.weights.structures import Candidate
from jaxdoodle.inference.network import Network, products_per_image, values_per_image
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.resample import recentered

#: Work of each measurement, in multiplications: one to two seconds of one core.
WORK = 8e9
#: Work of one network with every kind of inputs on the fewest images, above which it is not measured: half a minute.
MOST_WORK = 4 * WORK
#: What a value that is kept between layers costs, in multiplications.
VALUE = 10
#: Images of a measurement that tells networks apart, at least and at most.
FEWEST, SAMPLE = 60, 1000
#: How many networks remain after the first measurements, how many after they are measured on more images, and how many
#: pairs of network and inputs are compared at last.
REMAINING = (12, 3, 3)
#: Inputs of one network that may be as good as its best.
CLOSE = 5
#: Images of the last measurement.
LARGEST = 10_000
#: Accuracy that a penalty of 1 stands for while networks are told apart on few images.
PENALTY = 0.02
#: By how many standard errors of the best, as numbers of wrong images scatter, others may stay behind it in right
#: images and are told apart by their loss.
NOISE = 2.0
#: How much larger a loss may be than the least, as a part of it and in all, and the more usual inputs are taken.
INDIFFERENCE = 1e-3
#: Logits are compared at these multiples of what makes their mean distance to the highest 1.
SHARPNESS = 2.0 ** np.arange(-3, 8)
#: The score in place of one that is no number.
LEAST = -1e30
#: Accuracy below which an import is called doubtful; chance is one in the number of classes.
DOUBTFUL = 0.5


@dataclass(frozen=True)
class Inputs:
    """What the network is shown: ``(bitmap / divisor - mean) / std``, rows and columns exchanged or not.

    ``shifted``: whether the outputs count from 1 and the last is the class 0, as in MATLAB.
    """

    text: str
    divisor: float
    mean: float = 0.0
    std: float = 1.0
    transposed: bool = False
    shifted: bool = False

    def __str__(self) -> str:
        said = f"{self.text}{', rows and columns exchanged' if self.transposed else ''}"
        return f"{said}, classes from 1 on and 0 last" if self.shifted else said


@dataclass(frozen=True, eq=False)
class CheckSet:
    """Images with labels to measure an import on.

    Attributes:
      name: Of the dataset.
      images: uint8 ``(n, height, width, 1)``, white ink on black.
      labels: int ``(n,)``.
      mean: Of the pixels of training images, from 0 to 1.
      std: Of the same.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[Any]
    mean: float
    std: float


@dataclass(frozen=True, eq=False)
class Proven:
    """The network and inputs that an import settles on.

    Attributes:
      candidate: The network.
      inputs: What it is shown.
      correct: Images of the check set that it has right; None where there is none.
      total: Images of the check set.
      lines: What was tried, to be printed.
      warning: What is doubtful about it, or "".
    """

    candidate: Candidate
    inputs: Inputs
    correct: int | None = None
    total: int = 0
    lines: tuple[str, ...] = ()
    warning: str = ""


def usual_inputs(mean: float = 0.1307, std: float = 0.3081) -> list[Inputs]:
    """The scalings and polarities that people use, the likeliest first; mean and std are those of the images."""
    return [
        Inputs("x / 255", 255.0),
        Inputs("x", 1.0),
        Inputs(f"(x / 255 - {mean:g}) / {std:g}", 255.0, mean, std),
        Inputs("x / 127.5 - 1", 255.0, 0.5, 0.5),
        Inputs("1 - x / 255", 255.0, 1.0, -1.0),
        Inputs("255 - x", 255.0, 1.0, -1 / 255),
        Inputs("1 - x / 127.5", 255.0, 0.5, -0.5),
        Inputs(f"x / 255 - {mean:g}", 255.0, mean),
    ]


def scaling_of(candidate: Candidate, inputs: Inputs) -> tuple[float, float, float]:
    """Divisor, mean and std for a network that begins with ``scale * x + offset``."""
    std = inputs.std / candidate.scale
    mean, divisor = inputs.mean - candidate.offset * std, inputs.divisor
    if mean == 0 and std > 0:
        divisor, std = divisor * std, 1.0
    elif divisor == 1:
        divisor, mean, std = 255.0, mean / 255, std / 255
    near = round(divisor)
    return (float(near) if abs(near - divisor) < 1e-6 * divisor else divisor), mean, std


class Trial(NamedTuple):
    """How good a network is with such inputs on some images.

    Attributes:
      correct: Images that it has right.
      loss: Mean cross-entropy at the temperature that makes it least: it tells apart what has as many images right,
        and a network that is shown all inputs larger gains nothing by it.
      candidate: The network.
      inputs: What it was shown.
    """

    correct: int
    loss: float
    candidate: Candidate
    inputs: Inputs


def outputs(candidate: Candidate, inputs: Inputs, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The score of each class for each image by the network: ``(n, classes)``."""
    images = recentered(images, candidate.spec.input_shape)
    if inputs.transposed:
        images = images.swapaxes(1, 2)
    logits = Network(candidate.spec, candidate.params, *scaling_of(candidate, inputs)).logits(images)
    return np.roll(np.nan_to_num(logits, nan=LEAST, neginf=LEAST, posinf=-LEAST), int(inputs.shifted), axis=1)


def least_loss(logits: NDArray[np.float32], labels: NDArray[Any]) -> float:
    """The mean cross-entropy at the best of some temperatures."""
    below = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    sharper = (below / (np.abs(below).mean() or 1.0) * factor for factor in SHARPNESS)
    rows = np.arange(len(labels))
    return min(float((np.log(np.exp(one).sum(axis=1)) - one[rows, labels]).mean()) for one in sharper)


def prove(
    candidates: Sequence[Candidate], given: Inputs | None, check: CheckSet, may_shift: bool, default: Inputs
) -> Proven:
    """The network and inputs with the highest accuracy; of those that are as good, the most usual.

    Args:
      candidates: The networks, which all have as many outputs.
      given: The inputs, where the user says what they are.
      check: What is measured on.
      may_shift: Whether the outputs may count from 1.
      default: The likeliest inputs.
    """
    every = usual_inputs(check.mean, check.std)
    every.sort(key=lambda inputs: inputs.text != default.text)
    rng = np.random.default_rng(0)
    chosen = rng.permutation(len(check.labels))
    order = [given] if given else every
    variants = [replace(v, transposed=t) for t in (False, True) for v in order]

    def affordable(shown: Iterable[Candidate], most: int, ways: float = 1) -> int:
        """Images that these networks can be measured on, each with so many kinds of inputs."""
        return min(int(np.clip(WORK / (ways * sum(cost[id(one)] for one in shown)), FEWEST, most)), len(chosen))

    def measure(pairs: Iterable[tuple[Candidate, Inputs]], count: int) -> list[Trial]:
        """The best first."""
        part = np.sort(chosen[:count])
        images, labels = check.images[part], check.labels[part]
        found = []
        for candidate, inputs in pairs:
            logits = outputs(candidate, inputs, images)
            ways = [(logits, inputs)]
            if may_shift and not inputs.shifted:
                ways.append((np.roll(logits, 1, axis=1), replace(inputs, shifted=True)))
            for scores, shown in ways:
                right = int((scores.argmax(axis=1) == labels).sum())
                found.append(Trial(right, least_loss(scores, labels), candidate, shown))
        return in_order(found, len(labels))

    cost = {id(c): products_per_image(c.spec) + VALUE * values_per_image(c.spec) for c in candidates}
    usable = [c for c in candidates if cost[id(c)] * FEWEST * len(variants) <= MOST_WORK]
    if not usable:
        warning = f"too large to be measured: one image takes {min(cost.values()):,} multiplications"
        return Proven(candidates[0], given or default, warning=warning)
    first, spent = variants[:4], np.cumsum([cost[id(c)] for c in usable])
    if len(variants) * spent[-1] * SAMPLE / 4 > WORK:
        usable = usable[: max(4, int(np.searchsorted(spent, WORK / (len(first) * FEWEST))))]
        most = int(np.clip(WORK / (len(variants) * FEWEST * spent[-1] / len(spent)), 2, REMAINING[0]))
        while len(usable) > most:
            count = affordable(usable, SAMPLE, len(first))
            tried = sorted(measure(product(usable, first), count), key=lambda one: -_net(one, count))
            best = list({id(one.candidate): one.candidate for one in tried}.values())
            usable = best[: max(most, len(usable) // 4)]
    some = affordable(usable, SAMPLE, len(variants))
    screened = measure(product(usable, variants), some)
    may_shift = False  # what is shifted is among the pairs from here on
    own_best = list({id(one.candidate): one[2:] for one in reversed(screened)}.values())
    finalists = [one.candidate for one in measure(own_best, affordable(usable, 3 * SAMPLE))][: REMAINING[1]]
    pairs = []
    for candidate in finalists:
        own = [one for one in screened if one.candidate is candidate]
        pairs += [one[2:] for one in own[:CLOSE] if one.correct >= 0.9 * own[0].correct]
    final = measure(pairs, affordable((c for c, _ in pairs), 3 * SAMPLE))[: REMAINING[2]]
    total = affordable((one.candidate for one in final), LARGEST)
    final = measure((one[2:] for one in final), total)
    rank = [v.text for v in order]
    alike = (1 + INDIFFERENCE) * min(one.loss for one in final) + INDIFFERENCE
    near = [one for one in final if one is final[0] or one.loss <= alike]
    correct, _, candidate, inputs = min(
        near, key=lambda one: (rank.index(one.inputs.text), one.inputs.transposed, one.candidate.penalty, one.loss)
    )
    if total < LARGEST and total < (last := affordable([candidate], LARGEST, 1 / 4)):
        total = last
        [(correct, *_)] = measure([(candidate, inputs)], total)
    lines = list(_told(screened, candidate, inputs, some))
    warning = ""
    if correct < DOUBTFUL * total:
        warning = f"only {correct:,} of {total:,} are right: the weights or the inputs may be read wrongly"
    elif given and (others := measure(((candidate, v) for v in every), some)):
        more, _, _, better = others[0]
        [(now, *_)] = measure([(candidate, inputs)], some)
        if more > now + 0.02 * some:
            warning = f"with inputs {better} {more:,} of {some:,} would be right, with those given {now:,}"
    return Proven(candidate, inputs, correct, total, tuple(lines), warning)


def in_order(trials: Sequence[Trial], total: int) -> list[Trial]:
    """The best first: of those whose number of right images is the highest within its noise, that of the least loss."""
    top = max(_net(one, total) for one in trials)
    noise = NOISE * math.sqrt(total - max(one.correct for one in trials) + 1)
    near = [one for one in trials if _net(one, total) >= top - noise]
    others = [one for one in trials if _net(one, total) < top - noise]
    alike = (1 + INDIFFERENCE) * min(one.loss for one in near) + INDIFFERENCE
    return sorted(near, key=lambda one: max(one.loss, alike)) + sorted(others, key=lambda one: -_net(one, total))


def _net(one: Trial, total: int) -> float:
    """Images that are right, less what the network's penalty stands for."""
    return one.correct - one.candidate.penalty * PENALTY * total


def _told(screened: list[Trial], candidate: Candidate, inputs: Inputs, count: int) -> Iterator[str]:
    own = [one for one in screened if one.candidate is candidate and one.inputs.shifted == inputs.shifted]
    own.sort(key=lambda one: -one.correct)
    yield f"of {count:,} with inputs " + "; ".join(f"{one.inputs}: {one.correct:,}" for one in own)
    best: dict[str, int] = {}
    for one in screened:
        if one.candidate is not candidate:
            best.setdefault(", ".join(map(str, one.candidate.spec.layers)), one.correct)
    for text, n in list(best.items())[:4]:
        yield f"of {count:,} with another network, {text}: {n:,}"


def transposed(candidate: Candidate) -> Candidate:
    """The network that gives for an image what this one gives for the image with rows and columns exchanged."""
    layers: list[nn.Layer] = []
    params, pending = [], None
    for layer, own, shape in zip(candidate.spec.layers, candidate.params, candidate.spec.shapes, strict=False):
        own = dict(own)
        if "w" in own and own["w"].ndim == 4:
            own["w"] = np.ascontiguousarray(own["w"].swapaxes(0, 1))
        elif "w" in own and pending:
            own["w"] = own["w"].reshape(*pending, -1).swapaxes(0, 1).reshape(own["w"].shape)
            pending = None
        elif pending and own:  # batch normalization of features
            own = {k: v.reshape(pending).swapaxes(0, 1).reshape(-1) for k, v in own.items()}
        if isinstance(layer, nn.Flatten) and len(shape) == 3:
            pending = shape
        names = [f.name for f in fields(layer) if f.name in ("kernel_size", "stride", "window", "pads")]  # type: ignore[arg-type]
        changed: Any = {name: getattr(layer, name)[::-1] for name in names}
        layers.append(replace(layer, **changed) if changed else layer)  # type: ignore[type-var]
        params.append(own)
    height, width, channels = candidate.spec.input_shape
    spec = nn.ModelSpec(layers, (width, height, channels), candidate.spec.classes)
    return replace(candidate, spec=spec, params=params)


def sized(preprocessing: Preprocessing, shape: Shape, scaling: tuple[float, float, float]) -> Preprocessing:
    """The preprocessing for images of another size, with the ink as large and in the middle as before."""
    rows, columns = ((n - m) / 2 for n, m in zip(shape[:2], preprocessing.image_shape[:2], strict=True))
    center: Any = tuple(
        float(min(max(c + shift, 0.5), n - 1))
        for c, shift, n in zip(preprocessing.center, (rows, columns), shape[:2], strict=True)
    )
    side = min(preprocessing.longest_side, float(min(shape[:2])))
    width = preprocessing.stroke_width
    divisor, mean, std = scaling
    return replace(
        preprocessing, image_shape=tuple(shape),  # type: ignore[arg-type]
        longest_side=side, center=center, divisor=divisor, mean=mean, std=std,
        stroke_width=None if width is None else min(max(width, 0.01 * side), 0.25 * side),
    )  # fmt: skip
