"""Losses. Outputs are ``(batch, classes)``; labels are integers ``(batch,)``, or targets of the outputs' shape (one-hot
or soft). The value is a mean, and the gradient is that of exactly this value.
"""

from __future__ import annotations

from typing import ClassVar

from jaxdoodle.core.lazy import jax, jnp, lax
from jaxdoodle.core.types import Array, Residuals
from jaxdoodle.nn.base import Loss, LossLike, SpecError, loss, require_number
from jaxdoodle.nn.spec import ModelSpec

__all__ = ["BinaryCrossEntropy", "Distillation", "EnergyCrossEntropy", "MeanSquaredError", "SoftmaxCrossEntropy"]


@loss
class SoftmaxCrossEntropy(Loss):
    """``-1/batch sum_n sum_c t_nc log softmax(logits_n)_c``, by log-sum-exp: no probability is rounded to zero.

    Args:
      label_smoothing: Fraction e of the target that is moved evenly to all classes, in [0, 1):
        ``(1 - e) t + e / classes``.

    Raises:
      SpecError: ``label_smoothing`` is out of its range.

    Reference: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision" (label smoothing).
    """

    label_smoothing: float = 0.0
    applies: ClassVar[str | None] = "Softmax"

    def __post_init__(self) -> None:
        require_number(self, "label_smoothing")
        if not 0 <= self.label_smoothing < 1:
            raise SpecError(f"label_smoothing is at least 0 and below 1; got {self.label_smoothing}.")

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """``-1/batch sum t * (z - log sum exp z)``, ``z = logits - max logits``."""
        targets = targets_like(outputs, labels)
        targets = (1 - self.label_smoothing) * targets + self.label_smoothing / outputs.shape[-1]
        shifted = outputs - lax.stop_gradient(outputs.max(axis=-1, keepdims=True))
        log_probabilities = shifted - jnp.log(jnp.exp(shifted).sum(axis=-1, keepdims=True))
        return -(targets * log_probabilities).sum() / outputs.shape[0], (log_probabilities, targets)

    def backward(self, residuals: Residuals) -> Array:
        """``dlogits = (softmax(logits) * sum_c t_c - t) / batch``."""
        log_probabilities, targets = residuals
        weight = targets.sum(axis=-1, keepdims=True)
        return (jnp.exp(log_probabilities) * weight - targets) / targets.shape[0]


@loss
class BinaryCrossEntropy(Loss):
    """``-t log s(z) - (1 - t) log(1 - s(z))``, s the sigmoid, the mean over all outputs: each a yes-or-no logit.

    With a single output, labels are 0 and 1. With several, integer labels become one-hot targets.
    """

    applies: ClassVar[str | None] = "Sigmoid"

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """``mean(log(1 + exp z) - t z)``."""
        if outputs.shape[1:] == (1,) and labels.ndim == 1:
            labels = labels[:, None].astype(outputs.dtype)
        targets = targets_like(outputs, labels)
        return (softplus(outputs) - targets * outputs).mean(), (outputs, targets)

    def backward(self, residuals: Residuals) -> Array:
        """``dlogits = (sigmoid(logits) - t) / size``."""
        logits, targets = residuals
        return (jax.nn.sigmoid(logits) - targets) / logits.size


@loss
class MeanSquaredError(Loss):
    """``(outputs - t)^2``, the mean over all outputs."""

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """``mean((outputs - t)^2)``."""
        difference = outputs - targets_like(outputs, labels)
        return jnp.square(difference).mean(), difference

    def backward(self, residuals: Residuals) -> Array:
        """``doutputs = 2 (outputs - t) / size``."""
        difference = residuals
        return 2 * difference / difference.size


@loss
class EnergyCrossEntropy(Loss):
    """Whether an image is of one of the classes: binary cross-entropy, the energy score as its only logit.

    The mean over the images of classes, plus ``outlier_weight`` times the mean over the outliers; of none it is 0.

    Args:
      outlier_weight: Factor of the outliers, above 0.

    Raises:
      SpecError: ``outlier_weight`` is out of its range.

    Reference: Liu et al. 2020, "Energy-based Out-of-distribution Detection" (the score).
    """

    outlier_weight: float = 0.5
    applies: ClassVar[str | None] = "Softmax"

    def __post_init__(self) -> None:
        require_number(self, "outlier_weight")
        if not self.outlier_weight > 0:
            raise SpecError(f"outlier_weight is above 0; got {self.outlier_weight}.")

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """``sum_n a_n (log(1 + exp s_n) - t_n s_n)``, ``s = log sum exp logits``.

        ``labels`` are integers ``(batch,)``, 0 for an outlier; t is 1 for the others, and a the share of an image.
        """
        if labels.shape != outputs.shape[:1] or not jnp.issubdtype(labels.dtype, jnp.integer):
            expected = f"labels are integers of shape {outputs.shape[:1]}, 0 for an outlier"
            raise ValueError(f"{expected}; got {labels.dtype} of shape {labels.shape}.")
        known = (labels != 0).astype(outputs.dtype)
        counts = jnp.maximum(known.sum(), 1), jnp.maximum((1 - known).sum(), 1)
        share = known / counts[0] + self.outlier_weight * (1 - known) / counts[1]
        top = lax.stop_gradient(outputs.max(axis=-1))
        score = top + jnp.log(jnp.exp(outputs - top[:, None]).sum(axis=-1))
        return (share * (softplus(score) - known * score)).sum(), (outputs, score, share, known)

    def backward(self, residuals: Residuals) -> Array:
        """``dlogits = a (sigmoid(s) - t) softmax(logits)``."""
        logits, score, share, known = residuals
        return (share * (jax.nn.sigmoid(score) - known))[:, None] * jnp.exp(logits - score[:, None])


@loss
class Distillation(Loss):
    """Softmax cross-entropy at a temperature: ``-T^2/batch sum_n sum_c t_nc log softmax(logits_n / T)_c``.

    The targets are the probabilities of another network, the teacher, at the same temperature. The factor keeps the
    gradient in the order of that at 1.

    Args:
      temperature: T, above 0: the higher, the more the small probabilities count.

    Raises:
      SpecError: ``temperature`` is out of its range.

    Reference: Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network".
    """

    temperature: float = 2.0
    applies: ClassVar[str | None] = "Softmax"

    def __post_init__(self) -> None:
        require_number(self, "temperature")
        if not self.temperature > 0:
            raise SpecError(f"temperature is above 0; got {self.temperature}.")

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """``T^2`` times the cross-entropy of ``outputs / T``."""
        value, residuals = SoftmaxCrossEntropy().forward(outputs / self.temperature, labels)
        return self.temperature**2 * value, residuals

    def backward(self, residuals: Residuals) -> Array:
        """``dlogits = T (softmax(logits / T) * sum_c t_c - t) / batch``."""
        return self.temperature * SoftmaxCrossEntropy().backward(residuals)


def softplus(z: Array) -> Array:
    """``log(1 + exp z)``, whatever the size of z."""
    above = z > 0  # choices, not max and abs, so that autodiff, too, gives 1/2 at 0
    return jnp.where(above, z, 0) + jnp.log1p(jnp.exp(jnp.where(above, -z, z)))


def targets_like(outputs: Array, labels: Array) -> Array:
    """Integer labels as one-hot rows, or targets as they are, in the outputs' shape and dtype.

    Raises:
      ValueError: The labels fit neither way; nothing is broadcast.
    """
    if labels.shape == outputs.shape:
        return labels.astype(outputs.dtype)
    if labels.shape == outputs.shape[:1] and jnp.issubdtype(labels.dtype, jnp.integer):
        return jax.nn.one_hot(labels, outputs.shape[-1], dtype=outputs.dtype)
    raise ValueError(
        f"labels are integers of shape {outputs.shape[:1]} or targets of shape {outputs.shape}; "
        f"got {labels.dtype} of shape {labels.shape}."
    )


def refuse_mismatch(loss: LossLike, spec: ModelSpec) -> None:
    """Raise ``SpecError`` where the last layer already applies what the loss applies itself."""
    if len(spec.output_shape) != 1:
        raise SpecError(f"{type(loss).__name__} takes one row per image; the network gives {spec.output_shape}.")
    names = [type(layer).__name__ for layer in spec.layers]
    doing = [index for index, name in enumerate(names) if name not in ("Dropout", "Flatten")]
    applied = getattr(loss, "applies", None)
    if doing and names[doing[-1]] == applied:
        place = f"layers[{doing[-1]}] ({applied})"
        raise SpecError(
            f"{place}: {type(loss).__name__} takes logits and applies {applied} itself. Leave the layer out."
        )
