"""What an experiment declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.config import TrainConfig


@dataclass(frozen=True)
class Variant:
    """One network and how to train it.

    Args:
      network: Class names -> spec.
      config: How to train.
      divisor: Divides pixels, where the dataset's own preprocessing has another divisor.
      start: The model that weights start from, by its name in the package.
      teacher: Models whose answers are learned: one by its name in the package, or as ``EXPERIMENT/VARIANT-SEED`` the
        folder of a run that was made before.
      outliers_of: Datasets whose drawings are among the outliers, where the config shows any.
    """

    network: Callable[[Sequence[str]], ModelSpec]
    config: TrainConfig
    divisor: float | None = None
    start: str | None = None
    teacher: Sequence[str] = ()
    outliers_of: Sequence[str] = ()


@dataclass(frozen=True)
class Experiment:
    """A dataset and the networks to train on it; the first variant is the report's own recipe.

    Args:
      dataset: Its name.
      variants: Name -> network and how to train it.
      reported: Set -> accuracy, 0 to 1, that the report prints.
      classes: Those to learn; ``None``: the dataset's default.
      per_class: The most drawings of a class.
      validation: Fraction of the training drawings held out for validation.
      seed: The first seed.
      costs: Step -> cost that the report prints; the first variant with ``seed`` has to meet it within 2 %.
      costs_from: The step from which on costs have to be met.
      test_on: Further datasets to score the trained models on.
    """

    dataset: str
    variants: Mapping[str, Variant]
    reported: Mapping[str, float] = field(default_factory=dict)
    classes: Sequence[str] | str | None = None
    per_class: int | None = None
    validation: float = 0.2
    seed: int = 0
    costs: Mapping[int, float] = field(default_factory=dict)
    costs_from: int = 0
    test_on: Sequence[str] = ()
