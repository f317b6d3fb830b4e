"""Common wrong derivatives of recognized parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis
from jaxdoodle.gradcheck.diagnosis.mistakes.activations import activation, slopes_below_zero
from jaxdoodle.gradcheck.diagnosis.mistakes.convolution import conv, conv_step
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake
from jaxdoodle.gradcheck.diagnosis.mistakes.normalization import dropout, norm
from jaxdoodle.gradcheck.diagnosis.mistakes.pooling import pool, pool_step
from jaxdoodle.gradcheck.diagnosis.mistakes.softmax import scores, softmax


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    yield from mistakes(evidence)
    yield from slopes_below_zero(evidence)
    yield from scores(evidence)


def mistakes(evidence: Evidence) -> Iterator[Hypothesis]:
    """Each mistake at all parts of a kind together, then at each part alone."""
    groups: dict[tuple[str, str], dict[tuple[str, str], dict[int, Step]]] = {}
    singles: list[Hypothesis] = []
    for part in evidence.found:
        for name, sentence, step in MISTAKES[part.kind](evidence, part):
            table = groups.setdefault((part.kind, part.name), {})
            table.setdefault((name, sentence), {})[part.y] = step
            singles.append(Hypothesis(name, sentence, 10, {part.y: step}, node=part.y))
    for table in groups.values():
        for (name, sentence), steps in table.items():
            if len(steps) > 1:
                yield Hypothesis(name, sentence, 11, steps, node=max(steps))
    yield from singles


def right_steps(evidence: Evidence) -> dict[int, Step]:
    """Whole convolutions and pools as single steps, so that their inner loops need not be walked each time."""
    steps: dict[int, Step] = {}
    for part in evidence.found:
        if part.kind == "conv":
            steps[part.y] = conv_step(evidence, part)
        elif part.y - part.x > 12 and part.kind == "pool":
            steps[part.y] = pool_step(evidence, part)
    return steps


MISTAKES: dict[str, Callable[[Evidence, Part], Iterator[Mistake]]] = {
    "activation": activation,
    "softmax": softmax,
    "dropout": dropout,
    "norm": norm,
    "pool": pool,
    "conv": conv,
}
