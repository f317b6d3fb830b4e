"""Losses: how wrong a batch of outputs is, and the error that backprop starts from.

``forward(loss, outputs, labels) -> (value, residuals)`` and ``backward(loss, residuals) -> doutputs``.
Outputs are ``(batch, classes)``; labels are integers ``(batch,)``, or targets of the outputs' shape (one-hot
or soft). The value is a mean over the batch, and the gradient is that of exactly this value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxdoodle.nn.spec import Dropout, Flatten, ModelSpec, Sigmoid, Softmax, SpecError


@dataclass(frozen=True)
class Loss:
    """Base of all losses."""


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """``-sum_c t_c log softmax(logits)_c`` per image, by log-sum-exp, so that no probability is ever rounded to zero.

    ``label_smoothing`` moves that fraction of the target evenly over all classes (Szegedy et al. 2016).
    """

    label_smoothing: float = 0.0

    def __post_init__(self):
        if not 0 <= self.label_smoothing < 1:
            raise SpecError(f"label_smoothing is at least 0 and below 1; got {self.label_smoothing}.")


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """``-t log s(z) - (1 - t) log(1 - s(z))``, the mean over all outputs, each a yes-or-no logit of its own.

    With a single output, labels are 0 and 1. With several, integer labels become one-hot targets.
    """


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """``(output - target)^2``, the mean over all outputs."""


def softmax_cross_entropy_forward(loss, logits, labels):
    targets = targets_like(logits, labels)
    targets = (1 - loss.label_smoothing) * targets + loss.label_smoothing / logits.shape[-1]
    shifted = logits - lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    log_probabilities = shifted - jnp.log(jnp.exp(shifted).sum(axis=-1, keepdims=True))
    return -(targets * log_probabilities).sum() / logits.shape[0], (log_probabilities, targets)


def softmax_cross_entropy_backward(loss, residuals):
    """What the network believes minus what is so. (Targets that add up to more than one pull that much harder.)"""
    log_probabilities, targets = residuals
    weight = targets.sum(axis=-1, keepdims=True)
    return (jnp.exp(log_probabilities) * weight - targets) / targets.shape[0]


def binary_cross_entropy_forward(loss, logits, labels):
    if logits.shape[1:] == (1,) and labels.ndim == 1:
        labels = labels[:, None].astype(logits.dtype)
    targets = targets_like(logits, labels)
    top = lax.stop_gradient(jnp.maximum(logits, 0))
    softplus = top + jnp.log(jnp.exp(logits - top) + jnp.exp(-top))  # log(1 + exp(z)), whatever the size of z
    return (softplus - targets * logits).mean(), (logits, targets)


def binary_cross_entropy_backward(loss, residuals):
    """Again belief minus truth, one output at a time."""
    logits, targets = residuals
    return (jax.nn.sigmoid(logits) - targets) / logits.size


def mean_squared_error_forward(loss, outputs, labels):
    difference = outputs - targets_like(outputs, labels)
    return jnp.square(difference).mean(), difference


def mean_squared_error_backward(loss, residuals):
    """Twice the difference: the farther off, the harder the pull."""
    difference = residuals
    return 2 * difference / difference.size


class LossRule(NamedTuple):
    """``forward(loss, outputs, labels) -> (value, residuals)``; ``backward(loss, residuals) -> doutputs``."""

    forward: Callable[[Any, Array, Array], tuple[Array, Any]]
    backward: Callable[[Any, Any], Array]


RULES: dict[type[Loss], LossRule] = {
    SoftmaxCrossEntropy: LossRule(softmax_cross_entropy_forward, softmax_cross_entropy_backward),
    BinaryCrossEntropy: LossRule(binary_cross_entropy_forward, binary_cross_entropy_backward),
    MeanSquaredError: LossRule(mean_squared_error_forward, mean_squared_error_backward),
}


def forward(loss: Loss, outputs: Array, labels: Array) -> tuple[Array, Any]:
    return RULES[type(loss)].forward(loss, outputs, labels)


def backward(loss: Loss, residuals: Any) -> Array:
    return RULES[type(loss)].backward(loss, residuals)


def targets_like(outputs: Array, labels: Array) -> Array:
    """Integer labels as one-hot rows, or targets as they are, in the outputs' shape and dtype.

    Raises ``ValueError`` where the labels fit neither way; nothing is broadcast.
    """
    if labels.shape == outputs.shape:
        return labels.astype(outputs.dtype)
    if labels.shape == outputs.shape[:1] and jnp.issubdtype(labels.dtype, jnp.integer):
        return jax.nn.one_hot(labels, outputs.shape[-1], dtype=outputs.dtype)
    raise ValueError(
        f"labels are integers of shape {outputs.shape[:1]} or targets of shape {outputs.shape}; "
        f"got {labels.dtype} of shape {labels.shape}."
    )


def refuse_mismatch(loss: Loss, spec: ModelSpec) -> None:
    """Raise ``SpecError`` where the last layer already does what the loss would do again."""
    squashing = {SoftmaxCrossEntropy: Softmax, BinaryCrossEntropy: Sigmoid}.get(type(loss))
    if len(spec.output_shape) != 1:
        raise SpecError(f"{type(loss).__name__} takes one row per image; the network gives {spec.output_shape}.")
    doing = [index for index, layer in enumerate(spec.layers) if not isinstance(layer, Dropout | Flatten)]
    if squashing and doing and isinstance(spec.layers[doing[-1]], squashing):
        raise SpecError(
            f"layers[{doing[-1]}] ({squashing.__name__}): {type(loss).__name__} takes logits and applies "
            f"{squashing.__name__} itself. Leave the layer out."
        )
