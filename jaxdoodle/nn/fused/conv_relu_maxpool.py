"""Conv2D with stride 1, ReLU and 2x2 MaxPool2D as one rule: what their three rules do, several times faster.

Three ideas, none of which changes what is computed, but for rounding:

* The convolution gives the four candidates of every window as four arrays, and the pool is the largest of them. How
  they come about is chosen by the kernel: ``winograd`` for 3x3, ``aligned`` for all others.
* The largest is chosen before bias and ReLU, which then do a quarter of the work: both keep the order.
* The batch is the last axis, so patches are copied in long runs. Between two such blocks the exchange of axes
  and its reversal meet, and the compiler drops both.
"""

from __future__ import annotations

from functools import reduce
from types import ModuleType

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxdoodle.nn.base import Rule
from jaxdoodle.nn.fused import shifted_gemm, winograd
from jaxdoodle.nn.layers import dense
from jaxdoodle.nn.layers.windows import PLACE
from jaxdoodle.nn.spec import Conv2D

NOBODY = np.int32(4)


def forward(layer, params, x, *, key=None):
    """``(batch, height, width, channels) -> (batch, rows, columns, filters)``, for a ``layer`` of kind Conv2D.

    ``winner`` is the first place in each window with the largest value, or ``NOBODY`` where that is not above zero.
    """
    w, b = params["w"], params["b"]
    candidates = _way(layer).forward(layer, w, _swap(x))
    best = reduce(jnp.maximum, candidates)
    z = best + b[:, None, None, None]
    winner = jnp.where((candidates == best) & (z > 0), PLACE, NOBODY).min(axis=0)
    return _swap(jnp.where(z <= 0, jnp.zeros_like(z), z)), (x, w, winner)


def backward(layer, residuals, dy):
    """The error goes to the winners; from there on the block is linear in the kernel and in the pixels.

    What it needs of ``x``, patches or transforms, it takes again; XLA computes it once within a compiled step. The loop
    over filters is there because a loop's result is computed once, else XLA may fuse it into all its readers; an
    ``optimization_barrier`` is dropped on processors.
    """
    x, w, winner = residuals

    def credit(one):
        winner, error = one
        won = jnp.where(winner < NOBODY, error, jnp.zeros_like(error))
        return won, won.sum()

    won, db = lax.map(credit, (winner, _swap(dy)))
    dw, dx = _way(layer).backward(layer, w, _swap(x), winner, won)
    return {"w": dw, "b": db}, _swap(dx)


def _way(layer: Conv2D) -> ModuleType:
    """``forward(layer, w, x)`` gives the candidates ``(4, filters, rows, columns, batch)`` of the windows;
    ``backward(layer, w, x, winner, won)`` gives dw and dx, where ``won`` is the error of the one that won. Images
    are ``(channels, height, width, batch)``.
    """
    return winograd if layer.kernel_size == winograd.KERNEL_SIZE else shifted_gemm


def _swap(x: Array) -> Array:
    """``(batch, height, width, channels)`` to ``(channels, height, width, batch)``, and back."""
    return x.swapaxes(0, 3)


RULE = Rule(forward, backward, dense.init)
