"""Losses that a user hands to ``fit``, and the weights of classes, as losses like those of ``jaxdoodle.nn``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Array, Residuals
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn import Distillation, EnergyCrossEntropy, Loss, LossLike
from jaxdoodle.nn import loss as marked

__all__ = ["LossGiven", "as_loss", "class_weights", "weighted", "with_outliers", "with_teacher"]

#: What an outlier counts in the loss, as a part of an image.
OUTLIER_WEIGHT = 0.5
#: A loss, a hand-written pair ``(forward, backward)``, or a function ``(outputs, labels) -> value`` for autodiff.
LossGiven = LossLike | tuple[Callable[..., Any], Callable[..., Any]] | Callable[..., Any]


@marked
class _Pair(Loss):
    """``forward(outputs, labels) -> (value, residuals)`` and ``backward(residuals) -> doutputs`` of a user."""

    pair: tuple[Any, Any]

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        given: tuple[Array, Residuals] = self.pair[0](outputs, labels)
        return given

    def backward(self, residuals: Residuals) -> Array:
        doutputs: Array = self.pair[1](residuals)
        return doutputs


@marked
class _Function(Loss):
    """``value(outputs, labels)`` of a user: a mean over the batch, or one number per image, whose mean is taken."""

    function: Any

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        return jnp.mean(self.function(outputs, labels)), None

    def backward(self, residuals: Residuals) -> Array:
        raise NotImplementedError("a plain function has no backward pass")


@marked
class _Weighted(Loss):
    """``1/batch sum_n weights[label_n] loss_n``, ``loss_n`` the loss of a batch of one image."""

    loss: Any
    weights: tuple[float, ...]

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        values, residuals = jax.vmap(self.loss.forward)(outputs[:, None], labels[:, None])
        weights = jnp.asarray(self.weights, outputs.dtype)[labels]
        return (weights * values).mean(), (residuals, weights)

    def backward(self, residuals: Residuals) -> Array:
        """``doutputs_n = weights[label_n] / batch doutputs of loss_n``."""
        each, weights = residuals
        return weights[:, None] / len(weights) * jax.vmap(self.loss.backward)(each)[:, 0]


@marked
class _Taught(Loss):
    """``(1 - weight) loss + weight soft``, the one of the labels, the other of a teacher's answers."""

    loss: Any
    soft: Any
    weight: float
    applies = Distillation.applies

    def forward(self, outputs: Array, labels: Any) -> tuple[Array, Residuals]:
        """``labels`` are a pair: labels, and the teacher's probabilities."""
        (own, kept), (soft, kept_soft) = (
            loss.forward(outputs, given) for loss, given in zip((self.loss, self.soft), labels, strict=True)
        )
        return (1 - self.weight) * own + self.weight * soft, (kept, kept_soft)

    def backward(self, residuals: Residuals) -> Array:
        """The same sum of both gradients."""
        kept, kept_soft = residuals
        return (1 - self.weight) * self.loss.backward(kept) + self.weight * self.soft.backward(kept_soft)


@marked
class WithOutliers(Loss):
    """A loss of the first images, as many as there are labels, plus the energy's of all: the others are outliers."""

    loss: Any
    energy: Any
    applies = EnergyCrossEntropy.applies

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        count = len(jax.tree.leaves(labels)[0])  # beside a teacher, labels are a pair
        value, kept = self.loss.forward(outputs[:count], labels)
        known = (jnp.arange(len(outputs)) < count).astype(jnp.int32)
        extra, energy = self.energy.forward(outputs, known)
        return value + extra, (kept, energy)

    def backward(self, residuals: Residuals) -> Array:
        """The sum of both gradients; the loss has none of the outliers."""
        kept, energy = residuals
        own, all_rows = self.loss.backward(kept), self.energy.backward(energy)
        return all_rows + jnp.pad(own, ((0, len(all_rows) - len(own)), (0, 0)))


def as_loss(given: Any, gradients: str) -> LossLike:
    """What a user hands in, as a loss.

    Args:
      given: As ``LossGiven``.
      gradients: ``"hand"`` or ``"autodiff"``.

    Raises:
      InputError: It is none of these; or it has no backward pass, and gradients are computed by hand.
    """
    if isinstance(given, tuple | list):
        if len(given) != 2 or not all(map(callable, given)):
            raise InputError(f"loss is a pair of functions, forward and backward; got {given!r}.")
        return _Pair(tuple(given))
    if isinstance(given, type):
        raise InputError(f"loss is an instance; got the class {given.__name__}. Write {given.__name__}().")
    if callable(getattr(given, "forward", None)) and callable(getattr(given, "backward", None)):
        found: LossLike = given
        return found
    if not callable(given):
        raise InputError(f"loss is a loss, a pair (forward, backward) or a function; got {given!r}.")
    if gradients != "autodiff":
        name = getattr(given, "__name__", type(given).__name__)
        raise InputError(
            f'loss {name} is a function without a backward pass; say gradients="autodiff", or hand in the pair '
            "(forward, backward)."
        )
    return _Function(given)


def class_weights(given: str | Sequence[float] | None, train: Dataset) -> tuple[float, ...] | None:
    """The weight of each class.

    Args:
      given: A weight per class, ``"balanced"``: ``n / (classes * n_c)``, 0 for a class without an image, or ``None``.
      train: The training set, of which n images, n_c of them of the class c.

    Raises:
      InputError: There are more or fewer weights than classes.

    Reference: King and Zeng 2001, "Logistic Regression in Rare Events Data" (the balanced weights).
    """
    if given is None:
        return None
    if isinstance(given, str):
        counts = train.counts
        present = np.count_nonzero(counts)
        return tuple((len(train) / (present * np.maximum(counts, 1)) * (counts > 0)).tolist())
    if len(given) != len(train.classes):
        raise InputError(f"class_weights has {len(given)} numbers; {train.name} has {len(train.classes)} classes.")
    return tuple(map(float, given))


def weighted(loss: LossLike, weights: tuple[float, ...] | None) -> LossLike:
    """The loss with each image's share multiplied by the weight of its class; itself without weights."""
    return loss if weights is None else _Weighted(loss, weights)


def with_outliers(loss: LossLike, share: float) -> LossLike:
    """The loss plus the energy's: outputs have more rows than there are labels, and those behind are of outliers.

    Args:
      loss: Of the other rows.
      share: How many outliers there are for each of them.
    """
    return WithOutliers(loss, EnergyCrossEntropy(OUTLIER_WEIGHT * share))


def with_teacher(loss: LossLike, weight: float, temperature: float) -> LossLike:
    """The loss mixed with that of a teacher's answers; its labels are pairs of labels and such answers.

    Args:
      loss: Of the labels.
      weight: Share of the teacher, 0 to 1.
      temperature: At which it answers.
    """
    return _Taught(loss, Distillation(temperature), weight)
