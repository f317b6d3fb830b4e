"""Backpropagation, by hand: the whole of it is the loop in ``value_and_grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from jaxdoodle.core.types import Array, Params
from jaxdoodle.nn import model
from jaxdoodle.nn.base import LayerLike, LossLike, refuse_other_tree
from jaxdoodle.nn.fused import fuse
from jaxdoodle.nn.losses import refuse_mismatch
from jaxdoodle.nn.penalties import Penalty
from jaxdoodle.nn.spec import ModelSpec

#: ``objective(params, x, labels, *, training=True, key=None) -> ((value, Aux), grads)``.
ValueAndGrad = Callable[..., tuple[tuple[Array, model.Aux], list[Params]]]


def value_and_grad(spec: ModelSpec, loss: LossLike, penalties: Sequence[Penalty] = ()) -> ValueAndGrad:
    """The loss of a network and its gradient, without autodiff.

    Args:
      spec: The network.
      loss: Of its outputs.
      penalties: Added to the loss.

    Returns:
      ``objective(params, x, labels, *, training=True, key=None) -> ((value, Aux), grads)``: what
      ``jax.value_and_grad(loss_fn(...), has_aux=True)`` returns, so a training step takes either. ``x`` is
      ``(batch, *spec.input_shape)``, ``labels`` integers ``(batch,)`` or targets ``(batch, classes)``; ``grads`` are
      structured as ``params``.

    Raises:
      SpecError: The network ends in what the loss applies itself.
    """
    refuse_mismatch(loss, spec)
    blocks = fuse(spec, jax.default_backend())

    def objective(
        params: Sequence[Params], x: Array, labels: Array, *, training: bool = True, key: Array | None = None
    ) -> tuple[tuple[Array, model.Aux], list[Params]]:
        logits, residuals = model.forward(spec, params, x, key=model.mode_key(training, key), blocks=blocks)
        value, kept = loss.forward(logits, labels)

        dx = loss.backward(kept)
        grads: list[Params] = [{} for _ in params]
        for (start, layer, _), kept in zip(reversed(blocks), reversed(residuals), strict=True):
            grads[start], dx = layer.backward(kept, dx)
            refuse_other_tree(layer, "dparams", params[start], grads[start])

        for penalty in penalties:
            value += penalty.forward(params)
            grads = jax.tree.map(lambda a, b: a + b, grads, penalty.backward(params))
        return (value, model.Aux(logits, model.updates(blocks, params, residuals))), grads

    return objective


def autodiff(spec: ModelSpec, loss: LossLike, penalties: Sequence[Penalty] = ()) -> ValueAndGrad:
    """The same by ``jax.value_and_grad``: what ``value_and_grad`` is tested against.

    Args:
      spec: The network.
      loss: Of its outputs.
      penalties: Added to the loss.

    Returns:
      A function with the arguments and results of that of ``value_and_grad``.

    Raises:
      SpecError: The network ends in what the loss applies itself.
    """
    return jax.value_and_grad(model.loss_fn(spec, loss, penalties), has_aux=True)


#: How gradients are computed, by the name that ``--gradients`` takes.
GRADIENTS: dict[str, Callable[..., ValueAndGrad]] = {"hand": value_and_grad, "autodiff": autodiff}


def as_custom_vjp(layer: LayerLike) -> Callable[..., Array]:
    """A layer inside other JAX code, differentiated by its own ``backward``.

    Args:
      layer: Any layer.

    Returns:
      ``apply(params, x, key=None) -> y``, which ``jax.grad`` differentiates by the hand-written derivative.
    """

    def forward(params: Params, x: Array, key: Array | None = None) -> tuple[Array, Any]:
        return layer.forward(params, x, key=key)

    apply = jax.custom_vjp(lambda params, x, key=None: forward(params, x, key)[0])
    apply.defvjp(forward, lambda residuals, dy: (*layer.backward(residuals, dy), None))
    return apply
