"""Pooling: fewer pixels, by the largest or the mean of each window. Nothing to learn."""

import jax.numpy as jnp

from jaxdoodle.nn.base import Rule
from jaxdoodle.nn.layers.windows import fold, unfold


def max_forward(layer, params, x, *, key=None):
    """The largest value of each window; on a tie, the first. Blank paper is all ties."""
    best, *others = unfold(x, layer.window, layer.stride)
    winner = jnp.zeros(best.shape, jnp.int32)
    for place, pixel in enumerate(others, start=1):
        larger = pixel > best  # a running choice, not jnp.max: autodiff would share a tie out evenly
        best = jnp.where(larger, pixel, best)
        winner = jnp.where(larger, jnp.int32(place), winner)
    return best, (x, winner)


def max_backward(layer, residuals, dy):
    """All of the error goes to the pixel that was chosen; the others did not matter."""
    x, winner = residuals
    places = layer.window[0] * layer.window[1]
    pixels = [jnp.where(winner == place, dy, jnp.zeros_like(dy)) for place in range(places)]
    return {}, fold(pixels, layer.window, layer.stride, x.shape[1:3])


def avg_forward(layer, params, x, *, key=None):
    """The mean of each window."""
    return sum(unfold(x, layer.window, layer.stride)) / (layer.window[0] * layer.window[1]), x


def avg_backward(layer, residuals, dy):
    """Every pixel of a window contributed alike and is credited alike."""
    x, places = residuals, layer.window[0] * layer.window[1]
    return {}, fold([dy / places] * places, layer.window, layer.stride, x.shape[1:3])


def global_avg_forward(layer, params, x, *, key=None):
    """``(batch, height, width, channels) -> (batch, channels)``."""
    return x.mean(axis=(1, 2)), x


def global_avg_backward(layer, residuals, dy):
    """Every pixel of a channel is credited alike."""
    x = residuals
    return {}, jnp.broadcast_to(dy[:, None, None, :] / (x.shape[1] * x.shape[2]), x.shape)


MAX = Rule(max_forward, max_backward)
AVG = Rule(avg_forward, avg_backward)
GLOBAL_AVG = Rule(global_avg_forward, global_avg_backward)
