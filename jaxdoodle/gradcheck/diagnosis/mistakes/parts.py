"""Common wrong derivatives of recognized parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jaxdoodle.gradcheck.autograd.recognize import Part
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank
from jaxdoodle.gradcheck.diagnosis.mistakes.activations import activation
from jaxdoodle.gradcheck.diagnosis.mistakes.maxima import maxima
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake
from jaxdoodle.gradcheck.diagnosis.mistakes.normalization import dropout, norm
from jaxdoodle.gradcheck.diagnosis.mistakes.softmax import scores, softmax


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    yield from mistakes(evidence)
    yield from maxima(evidence)
    yield from scores(evidence)


def mistakes(evidence: Evidence) -> Iterator[Hypothesis]:
    """Each mistake at all parts of a kind together, then at each part alone."""
    groups: dict[tuple[str, str], dict[tuple[str, str], dict[int, Step]]] = {}
    singles: list[Hypothesis] = []
    for part in evidence.found:
        for name, sentence, step in MISTAKES[part.kind](evidence, part):
            table = groups.setdefault((part.kind, part.name), {})
            table.setdefault((name, sentence), {})[part.y] = step
            singles.append(Hypothesis(name, sentence, Rank.FORMULA, {part.y: step}, node=part.y))
    for table in groups.values():
        for (name, sentence), steps in table.items():
            if len(steps) > 1:
                yield Hypothesis(name, sentence, Rank.EVERYWHERE, steps, node=max(steps))
    yield from singles


MISTAKES: dict[str, Callable[[Evidence, Part], Iterator[Mistake]]] = {
    "activation": activation,
    "softmax": softmax,
    "dropout": dropout,
    "norm": norm,
}
