"""Four dense layers in JAX: rows are samples, inverted dropout with a given mask, a squared error, an L1 penalty."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check_value_and_grad

LAMBDA = 0.02
KEEP = 0.75


def layers(params, x, masks):
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = params
    z1 = x @ w1 + b1
    h1 = jax.nn.sigmoid(z1) * masks[0] / KEEP
    z2 = h1 @ w2 + b2
    h2 = jnp.tanh(z2) * masks[1] / KEEP
    z3 = h2 @ w3 + b3
    h3 = jax.nn.leaky_relu(z3, 0.1)
    return z1, h1, z2, h2, z3, h3, h3 @ w4 + b4


def loss(params, x, y, masks):
    out = layers(params, x, masks)[-1]
    return jnp.mean(jnp.sum((out - y) ** 2, axis=1)) + LAMBDA * sum(jnp.sum(jnp.abs(w)) for w, _ in params)


def value_and_grad(params, x, y, masks):
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = params
    m = x.shape[0]
    z1, h1, z2, h2, z3, h3, out = layers(params, x, masks)
    dout = 2 * (out - y) / m
    dw4 = h3.T @ dout + LAMBDA * jnp.sign(w4)
    db4 = dout.sum(axis=0)
    dh3 = dout @ w4.T
    dz3 = dh3 * jnp.where(z3 > 0, 1.0, 0.1)
    dw3 = h2.T @ dz3 + LAMBDA * jnp.sign(w3)
    db3 = dz3.sum(axis=0)
    dh2 = dz3 @ w3.T
    da2 = dh2 * masks[1] / KEEP
    dz2 = da2 * (1 - jnp.tanh(z2) ** 2)
    dw2 = h1.T @ dz2 + LAMBDA * jnp.sign(w2)
    db2 = dz2.sum(axis=0)
    dh1 = dz2 @ w2.T
    da1 = dh1 * masks[0] / KEEP
    s1 = jax.nn.sigmoid(z1)
    dz1 = da1 * s1 * (1 - s1)
    dw1 = x.T @ dz1 + LAMBDA * jnp.sign(w1)
    db1 = dz1.sum(axis=0)
    return loss(params, x, y, masks), [(dw1, db1), (dw2, db2), (dw3, db3), (dw4, db4)]


def examine(**options):
    rng = np.random.default_rng(2)
    sizes = [5, 6, 6, 6, 3]
    params = [(0.5 * rng.normal(size=(a, b)), 0.1 * rng.normal(size=b)) for a, b in zip(sizes, sizes[1:], strict=False)]
    x, y = rng.normal(size=(7, 5)), rng.normal(size=(7, 3))
    masks = (rng.random((2, 7, 6)) < KEEP).astype(float)
    return check_value_and_grad(loss, value_and_grad, (params, x, y, masks), **options)
