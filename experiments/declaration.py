"""What an experiment declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.config import TrainConfig


@dataclass(frozen=True)
class Variant:
    """One network and how to train it. ``network(classes)`` gives the spec.

    ``divisor`` scales its pixels where the dataset's own contract does it otherwise.
    """

    network: Callable[[Sequence[str]], ModelSpec]
    config: TrainConfig
    divisor: float | None = None


@dataclass(frozen=True)
class Experiment:
    """A dataset and the networks to train on it; the first variant is the report's own recipe.

    ``claims`` are the accuracies that the report prints, by set; ``validation`` is the fraction of the training
    drawings that is held out. ``costs`` are costs that the report prints, by step, which the first variant with the
    first ``seed`` has to meet within 2 % from the step ``costs_from`` on. ``test_on`` names further datasets to score
    the finished models on.
    """

    dataset: str
    variants: Mapping[str, Variant]
    claims: Mapping[str, float] = field(default_factory=dict)
    classes: Sequence[str] | str | None = None
    per_class: int | None = None
    validation: float = 0.2
    seed: int = 0
    costs: Mapping[int, float] = field(default_factory=dict)
    costs_from: int = 0
    test_on: Sequence[str] = ()
