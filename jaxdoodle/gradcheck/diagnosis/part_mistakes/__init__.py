"""Wrong derivatives of recognized parts: what people write instead of the right line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Hypothesis, Scene
from jaxdoodle.gradcheck.diagnosis.part_mistakes.activations import activation, slopes_below_zero
from jaxdoodle.gradcheck.diagnosis.part_mistakes.convolution import conv, conv_step
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Way
from jaxdoodle.gradcheck.diagnosis.part_mistakes.normalization import dropout, norm
from jaxdoodle.gradcheck.diagnosis.part_mistakes.pooling import pool, pool_step
from jaxdoodle.gradcheck.diagnosis.part_mistakes.softmax import scores, softmax


def hypotheses(scene: Scene) -> Iterator[Hypothesis]:
    yield from wrong_ways(scene)
    yield from slopes_below_zero(scene)
    yield from scores(scene)


def wrong_ways(scene: Scene) -> Iterator[Hypothesis]:
    """Each wrong way at all parts of a kind together, then at each part alone."""
    groups: dict[tuple[str, str], dict[tuple[str, str], dict[int, Step]]] = {}
    singles: list[Hypothesis] = []
    for part in scene.found:
        for name, sentence, step in WAYS[part.kind](scene, part):
            table = groups.setdefault((part.kind, part.name), {})
            table.setdefault((name, sentence), {})[part.y] = step
            singles.append(Hypothesis(name, sentence, 10, {part.y: step}, place=part.y))
    for table in groups.values():
        for (name, sentence), steps in table.items():
            if len(steps) > 1:
                yield Hypothesis(name, sentence, 11, steps, place=max(steps))
    yield from singles


def right_steps(scene: Scene) -> dict[int, Step]:
    """Whole convolutions and pools as single steps, so that their inner loops need not be walked each time."""
    steps: dict[int, Step] = {}
    for part in scene.found:
        if part.kind == "conv":
            steps[part.y] = conv_step(scene, part)
        elif part.y - part.x > 12 and part.kind == "pool":
            steps[part.y] = pool_step(scene, part)
    return steps


WAYS: dict[str, Callable[[Scene, Part], Iterator[Way]]] = {
    "activation": activation,
    "softmax": softmax,
    "dropout": dropout,
    "norm": norm,
    "pool": pool,
    "conv": conv,
}
