"""Flatten: an image as one row of features. The numbers stay; only their places have names no more."""

from jaxdoodle.nn.base import Rule


def forward(layer, params, x, *, key=None):
    """``(batch, ...) -> (batch, features)``. Of the residual only the shape is used, so nothing is kept of it."""
    return x.reshape(x.shape[0], -1), x


def backward(layer, residuals, dy):
    """Every error back to its pixel."""
    return {}, dy.reshape(residuals.shape)


RULE = Rule(forward, backward)
