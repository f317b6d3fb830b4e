"""Backpropagation, by hand: the whole of it is the loop in ``value_and_grad``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax

from jaxdoodle.nn import losses, model, penalties
from jaxdoodle.nn.fused import plan
from jaxdoodle.nn.layers import RULES, Params
from jaxdoodle.nn.spec import Layer, ModelSpec


def value_and_grad(spec: ModelSpec, loss: losses.Loss, listed: Sequence[penalties.Penalty] = ()) -> Callable:
    """``objective(params, x, labels, *, key=None) -> ((value, Aux), grads)``, without autodiff.

    It returns what ``jax.value_and_grad(model.loss_fn(...), has_aux=True)`` returns, so a training step takes either.
    """
    losses.refuse_mismatch(loss, spec)
    blocks = plan(spec, jax.default_backend())

    def objective(params, x, labels, *, key=None):
        outputs, residuals = model.forward(spec, params, x, key=key, blocks=blocks)
        value, kept = losses.forward(loss, outputs, labels)

        dx = losses.backward(loss, kept)
        grads: list[Params] = [{} for _ in params]
        for (start, (layer, *_), rule), kept in zip(reversed(blocks), reversed(residuals), strict=True):
            grads[start], dx = rule.backward(layer, kept, dx)

        for penalty in listed:
            value += penalties.forward(penalty, params)
            grads = jax.tree.map(lambda a, b: a + b, grads, penalties.backward(penalty, params))
        return (value, model.Aux(outputs, model.observe(blocks, params, residuals))), grads

    return objective


def autodiff(spec: ModelSpec, loss: losses.Loss, listed: Sequence[penalties.Penalty] = ()) -> Callable:
    """The same, by ``jax.value_and_grad``: the oracle."""
    return jax.value_and_grad(model.loss_fn(spec, loss, listed), has_aux=True)


#: Who differentiates, by the name that ``--gradients`` takes.
GRADIENTS = {"hand": value_and_grad, "autodiff": autodiff}


def as_custom_vjp(layer: Layer) -> Callable:
    """Our rule inside your own JAX code: ``apply(params, x, key=None) -> y``, differentiated by our ``backward``."""
    rule = RULES[type(layer)]

    def forward(params, x, key=None):
        return rule.forward(layer, params, x, key=key)

    apply = jax.custom_vjp(lambda params, x, key=None: forward(params, x, key)[0])
    apply.defvjp(forward, lambda residuals, dy: (*rule.backward(layer, residuals, dy), None))
    return apply
