"""Activations: one function applied to every number (Softmax: to every row). Nothing to learn.

A derivative is taken at the input ``x``, or expressed by the output ``y`` where that is the simpler formula.
"""

import jax
import jax.numpy as jnp

from jaxdoodle.nn.base import Rule


def relu_forward(layer, params, x, *, key=None):
    """``max(0, x)``, written as a choice so that autodiff, too, takes the derivative 0 at 0; NaN stays NaN."""
    return jnp.where(x <= 0, jnp.zeros_like(x), x), x


def relu_backward(layer, residuals, dy):
    """The error passes where the unit was on."""
    x = residuals
    return {}, jnp.where(x > 0, dy, jnp.zeros_like(dy))


def leaky_relu_forward(layer, params, x, *, key=None):
    """``x`` above zero, ``slope * x`` elsewhere."""
    return jnp.where(x > 0, x, layer.slope * x), x


def leaky_relu_backward(layer, residuals, dy):
    """The error passes whole where the unit was on, and ``slope`` of it elsewhere, zero included."""
    x = residuals
    return {}, jnp.where(x > 0, dy, layer.slope * dy)


def sigmoid_forward(layer, params, x, *, key=None):
    """``1 / (1 + exp(-x))``."""
    y = jax.nn.sigmoid(x)
    return y, y


def sigmoid_backward(layer, residuals, dy):
    """``s' = s (1 - s)``: steepest at one half, flat where the unit is sure."""
    y = residuals
    return {}, dy * y * (1 - y)


def tanh_forward(layer, params, x, *, key=None):
    """Hyperbolic tangent."""
    y = jnp.tanh(x)
    return y, y


def tanh_backward(layer, residuals, dy):
    """``tanh' = 1 - tanh^2``."""
    y = residuals
    return {}, dy * (1 - y * y)


def softmax_forward(layer, params, x, *, key=None):
    """``exp(x) / sum exp(x)`` over the last axis. Shifting a row by its largest score changes nothing but overflow."""
    e = jnp.exp(x - jax.lax.stop_gradient(x.max(axis=-1, keepdims=True)))
    y = e / e.sum(axis=-1, keepdims=True)
    return y, y


def softmax_backward(layer, residuals, dy):
    """``dx = y (dy - <dy, y>)``: probabilities sum to one, so what all of a row would gain, none does."""
    y = residuals
    return {}, y * (dy - (dy * y).sum(axis=-1, keepdims=True))


RELU = Rule(relu_forward, relu_backward)
LEAKY_RELU = Rule(leaky_relu_forward, leaky_relu_backward)
SIGMOID = Rule(sigmoid_forward, sigmoid_backward)
TANH = Rule(tanh_forward, tanh_backward)
SOFTMAX = Rule(softmax_forward, softmax_backward)
