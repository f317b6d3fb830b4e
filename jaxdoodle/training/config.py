"""How a network is trained: each option with its default, its bounds and its help, once.

``TrainConfig`` checks its values by this table, and the command makes its options from it. Nothing here imports JAX.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from jaxdoodle.core.errors import InputError, did_you_mean
from jaxdoodle.nn import LossLike, SoftmaxCrossEntropy
from jaxdoodle.nn.penalties import Penalty
from jaxdoodle.training.steps.augmentation import Augment

__all__ = ["DataConfig", "HardwareConfig", "OptimizerConfig", "RegularizationConfig", "TrainConfig", "refuse_both"]

#: Where none is given, and the training set is not small.
LEARNING_RATE = 1e-3
#: Name of a precision -> what JAX calls such a matrix product; ``None``: its own choice.
MATMUL_PRECISIONS = {"float32": None, "bfloat16": "BF16_BF16_F32"}
SCHEDULES = "constant cosine warmup_cosine one_cycle exponential inverse_time"
#: Those that ``schedule_decay`` changes.
DECAYING = ("exponential", "inverse_time")
_BOUNDS = {"at_least": operator.ge, "at_most": operator.le, "above": operator.gt, "below": operator.lt}
_NUMBERS = {"int": (Integral, "an integer"), "float": (Real, "a number")}


def _option(default: Any, text: str, choices: str = "", **bounds: float) -> Any:
    """A field that is one value: a name among ``choices``, or a number within ``bounds``; ``text`` is its help."""
    return field(default=default, metadata={"text": text, "choices": tuple(choices.split()), "bounds": bounds})


@dataclass(frozen=True, kw_only=True, repr=False)
class _Options:
    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            if option.metadata and not (value is None and option.default is None):
                _check(option.name, value, str(option.type).partition(" ")[0], **option.metadata)

    def __repr__(self) -> str:
        """The values that are not the default."""
        values = [(option, getattr(self, option.name)) for option in fields(self)]
        given = [f"{option.name}={value!r}" for option, value in values if value != option.default]
        return f"{type(self).__name__}({', '.join(given)})"


def _check(name: str, value: Any, kind: str, text: str, choices: tuple[str, ...], bounds: dict[str, float]) -> None:
    if choices and value not in choices:
        near = did_you_mean(str(value), choices)
        raise InputError(f"{name} {value!r} is not known; there are {', '.join(choices)}{near}")
    if kind in _NUMBERS:
        number, words = _NUMBERS[kind]
        if not isinstance(value, number):
            raise InputError(f"{name} is {words}; got {value!r}.")
        if not (math.isfinite(value) and all(_BOUNDS[bound](value, limit) for bound, limit in bounds.items())):
            allowed = " and ".join(f"{bound.replace('_', ' ')} {limit:,}" for bound, limit in bounds.items())
            raise InputError(f"{name} is {allowed or 'finite'}; got {value}.")


@dataclass(frozen=True, kw_only=True, repr=False)
class OptimizerConfig(_Options):
    """What is minimized, and how.

    Args:
      epochs: Number of passes over the training images; not beside ``steps``.
      steps: Number of updates of the weights, in the last epoch perhaps fewer than it has; not beside ``epochs``.
      loss: A loss of ``jaxdoodle.nn``, or an instance of a class marked ``@nn.loss``.
      gradients: ``"hand"``: the hand-written backward pass; ``"autodiff"``: ``jax.value_and_grad``.
      optimizer: A name of ``optimizers.OPTIMIZERS``.
      learning_rate: The highest one of the schedule; ``None``: 0.001, or what ``plan.choose`` says for a small set.
      schedule: A name of ``optimizers.SCHEDULES``.
      schedule_decay: ``exponential``: factor per epoch; ``inverse_time``: rate per step. Others take none.
      clip_norm: Upper bound of the global norm of the gradient; ``None``: no bound.
      patience: Training ends after so many epochs without a better one on validation; ``None``: it does not.
      freeze: Number of layers, from the first on, that are held fixed, in evaluation mode.
      keep: ``"best"``: the weights of the epoch that is best on validation; ``"last"``: of the last one; ``None``:
        ``"best"``, or what ``plan.choose`` says for a small set, whose few validation drawings choose by chance.
    """

    epochs: int | None = _option(None, "number of passes over the training images; none: by their number", at_least=1)
    steps: int | None = _option(None, "number of updates of the weights; none: by epochs", at_least=1)
    loss: LossLike = SoftmaxCrossEntropy()
    gradients: str = _option("hand", "how gradients are computed", "hand autodiff")
    optimizer: str = _option("adam", "optimizer", "sgd momentum nesterov adam adamw nadam adagrad rmsprop lion")
    learning_rate: float | None = _option(None, "highest learning rate of the schedule; none: 0.001 or more", above=0)
    schedule: str = _option("cosine", "learning-rate schedule", SCHEDULES)
    schedule_decay: float = _option(0.0, "exponential: factor per epoch; inverse_time: rate per step", at_least=0)
    clip_norm: float | None = _option(None, "upper bound of the global norm of the gradient", above=0)
    patience: int | None = _option(None, "end after so many epochs without a better one on validation", at_least=1)
    freeze: int = _option(0, "number of layers, from the first on, that are held fixed", at_least=0)
    keep: str | None = _option(None, "which epoch's weights are kept; none: by the size of the set", "best last")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.patience and self.keep == "last":
            raise InputError("patience stops after the best epoch; keep is best beside it, got last.")
        if self.epochs is not None and self.steps is not None:
            raise InputError(f"epochs and steps are two ways to say how long; got {self.epochs} and {self.steps}.")
        if self.schedule == "exponential" and not 0 < self.schedule_decay <= 1:
            allowed = "above 0 and at most 1"
            raise InputError(f"schedule_decay of the schedule exponential is {allowed}; got {self.schedule_decay}.")
        if self.schedule_decay and self.schedule not in DECAYING:
            raise InputError(f"schedule_decay is of {' and '.join(DECAYING)}; the schedule {self.schedule} has none.")


@dataclass(frozen=True, kw_only=True, repr=False)
class RegularizationConfig(_Options):
    """What reduces overfitting.

    Args:
      penalties: Penalties of ``jaxdoodle.nn``, added to the loss.
      augment: How far training images are changed at each step; ``False``: not at all; ``True``: by ``Augment()``;
        ``None``: so where ``plan.choose`` says it for a small set, else not at all.
      class_weights: Factor of each class in the loss, or ``"balanced"``: n over classes times images of the class.
      ema_decay: Decay per step of an exponential moving average of the weights, which is then what is evaluated and
        kept; ``None``: no average.
      teacher_weight: Share of the teacher's answers in the loss, where ``fit`` is given a teacher.
      teacher_temperature: By which logits are divided, the teacher's and the network's, before they are compared.
      outliers: How many drawings of no class a step shows for each of its images, so that the energy score tells them
        apart (``steps.outliers``); 0: none; ``None``: as ``plan.choose`` says.
    """

    penalties: tuple[Penalty, ...] = ()
    augment: Augment | bool | None = None
    class_weights: str | tuple[float, ...] | None = None
    ema_decay: float | None = _option(None, "decay per step of the moving average that is kept", at_least=0, below=1)
    teacher_weight: float = _option(0.9, "share of the teacher in the loss", at_least=0, at_most=1)
    teacher_temperature: float = _option(2.0, "at which the teacher's answers are learnt", above=0)
    outliers: float | None = _option(
        None, "drawings of no class shown for each image, to be refused; 0: none; none: by the set", at_least=0
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.penalties
        penalties = tuple(given) if isinstance(given, tuple | list) else (given,)
        for penalty in penalties:
            if not isinstance(penalty, Penalty):
                raise InputError(f"penalties are instances of nn.L1 and nn.L2; got {penalty!r}.")
        object.__setattr__(self, "penalties", penalties)
        object.__setattr__(self, "class_weights", _class_weights(self.class_weights))


def _class_weights(given: Any) -> str | tuple[float, ...] | None:
    if given is None or (isinstance(given, str) and given == "balanced"):
        return given
    numbers = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else ["none"]
    if not all(isinstance(one, Real) and 0 <= float(one) < math.inf for one in numbers):
        raise InputError(f'class_weights are "balanced" or a number, at least 0, for each class; got {given!r}.')
    return tuple(map(float, numbers))


@dataclass(frozen=True, kw_only=True, repr=False)
class DataConfig(_Options):
    """Which images a step takes.

    Args:
      batch_size: Number of images of a step; ``None``: 128, or what ``plan.choose`` says for a small set.
      sampling: ``"natural"``: every image once an epoch; ``"balanced"``: every class equally often.
      seed: Of the initial weights, the order of the images, dropout and augmentation.
    """

    batch_size: int | None = _option(None, "number of images of a step; none: by the size of the set", at_least=1)
    sampling: str = _option("natural", "every image once an epoch, or every class equally often", "natural balanced")
    seed: int = _option(0, "seed of weights, order, dropout and augmentation", at_least=0, below=2**32)


@dataclass(frozen=True, kw_only=True, repr=False)
class HardwareConfig(_Options):
    """What the computation runs on.

    Args:
      devices: Number of devices that share each batch equally.
      matmul_precision: With ``"bfloat16"`` the operands of matrix products are rounded, their sums stay float32; for
        GPUs and TPUs, as XLA computes in float32 on processors.
    """

    devices: int = _option(1, "number of devices (on a processor: cores) that share each batch", at_least=1)
    matmul_precision: str = _option("float32", "operands of matrix products on GPUs and TPUs", "float32 bfloat16")


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainConfig(HardwareConfig, DataConfig, RegularizationConfig, OptimizerConfig):
    """How to train: everything but the network and the data.

    All fields are given by name; more on each in the group that it belongs to.

    Args:
      epochs, steps, loss, gradients: See ``OptimizerConfig``.
      optimizer, learning_rate, schedule, schedule_decay, clip_norm, patience, freeze, keep: See ``OptimizerConfig``.
      penalties, augment, class_weights, ema_decay, outliers: See ``RegularizationConfig``.
      teacher_weight, teacher_temperature: See ``RegularizationConfig``.
      batch_size, sampling, seed: See ``DataConfig``.
      devices, matmul_precision: See ``HardwareConfig``.

    Raises:
      InputError: A value is out of bounds, or ``batch_size`` is no multiple of ``devices``.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.augment, Augment | bool | None):
            raise InputError(f"augment is an Augment, True, False or None; got {self.augment!r}.")
        if self.augment is True:
            object.__setattr__(self, "augment", Augment())
        if self.batch_size is not None and self.batch_size % self.devices:
            raise InputError(f"batch_size is a multiple of devices; got {self.batch_size} and {self.devices}.")


#: What an argument of ``fit`` stands in place of.
_IN_PLACE_OF = {
    "optimizer": ("optimizer", "learning_rate", "schedule", "schedule_decay", "clip_norm"),
    "schedule": ("learning_rate", "schedule", "schedule_decay"),
    "loss": ("loss",),
}


def refuse_both(config: TrainConfig, **given: Any) -> None:
    """Refuse an argument of ``fit`` beside what it stands in place of.

    Args:
      config: How to train.
      given: The arguments ``optimizer``, ``schedule`` and ``loss``; ``None``: not given.

    Raises:
      InputError: A field that the argument replaces is not the default, or the optimizer is none.
    """
    default = TrainConfig()
    for name, value in given.items():
        fields_set = [one for one in _IN_PLACE_OF[name] if getattr(config, one) != getattr(default, one)]
        if value is not None and fields_set:
            said = ", ".join(f"{one}={getattr(config, one)!r}" for one in fields_set)
            raise InputError(f"fit({name}=...) stands in place of the config's {said}; give one of both.")
    if given["optimizer"] is not None:
        if given["schedule"] is not None:
            raise InputError("fit(optimizer=...) has its own learning rate; leave schedule out, or hand it to optax.")
        if not all(callable(getattr(given["optimizer"], name, None)) for name in ("init", "update")):
            raise InputError(f"optimizer is an optax.GradientTransformation; got {given['optimizer']!r}.")
    if given["schedule"] is not None and not callable(given["schedule"]):
        raise InputError(f"schedule is a function of the step; got {given['schedule']!r}.")
