"""A convolution network in JAX: SAME padding, an even kernel, batch normalization, max and average pools."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check_gradient

EPSILON = 1e-5


def conv(x, w, pads):
    return jax.lax.conv_general_dilated(x, w, (1, 1), pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv_dx(dy, w, pads):
    k = w.shape[0] - 1
    turned = w[::-1, ::-1].swapaxes(2, 3)
    (top, bottom), (left, right) = pads
    return conv(dy, turned, ((k - top, k - bottom), (k - left, k - right)))


def conv_dw(dy, x, pads):
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    return conv(x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3), ((0, 0), (0, 0))).transpose(1, 2, 0, 3)


def tiles(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4, c)


def untile(t):
    n, h, w, _, c = t.shape
    return t.reshape(n, h, w, 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, c)


EVEN, ODD = ((0, 1), (0, 1)), ((1, 1), (1, 1))


def forward(params, x):
    u1 = conv(x, params["k1"], EVEN) + params["c1"]
    mean, var = u1.mean((0, 1, 2)), u1.var((0, 1, 2))
    hat = (u1 - mean) / jnp.sqrt(var + EPSILON)
    n1 = params["scale"] * hat + params["shift"]
    r1 = jax.nn.relu(n1)
    p1 = tiles(r1).max(axis=3)
    u2 = conv(p1, params["k2"], ODD) + params["c2"]
    r2 = jax.nn.relu(u2)
    p2 = tiles(r2).mean(axis=3)
    return u1, var, hat, n1, r1, p1, u2, r2, p2, p2.reshape(len(x), -1) @ params["w"] + params["b"]


def loss(params, x, y):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(forward(params, x)[-1]), axis=1))


def gradient(params, x, y):
    u1, var, hat, n1, r1, p1, u2, r2, p2, scores = forward(params, x)
    d = (jax.nn.softmax(scores) - y) / len(x)
    flat = p2.reshape(len(x), -1)
    grads = {"w": flat.T @ d, "b": d.sum(0)}
    dp2 = (d @ params["w"].T).reshape(p2.shape)
    dr2 = untile(jnp.repeat(dp2[:, :, :, None], 4, axis=3) / 4)
    du2 = dr2 * (u2 > 0)
    grads["k2"] = conv_dw(du2, p1, ODD)
    grads["c2"] = du2.sum((0, 1, 2))
    dp1 = conv_dx(du2, params["k2"], ODD)
    cells = tiles(r1)
    argmax = jax.nn.one_hot(cells.argmax(axis=3), 4, axis=3, dtype=r1.dtype)
    dr1 = untile(argmax * dp1[:, :, :, None])
    dn1 = dr1 * (n1 > 0)
    grads["scale"] = (dn1 * hat).sum((0, 1, 2))
    grads["shift"] = dn1.sum((0, 1, 2))
    dhat = dn1 * params["scale"]
    axes = (0, 1, 2)
    du1 = (dhat - dhat.mean(axes) - hat * (dhat * hat).mean(axes)) / jnp.sqrt(var + EPSILON)
    grads["k1"] = conv_dw(du1, x, EVEN)
    grads["c1"] = du1.sum((0, 1, 2))
    return grads


def examine(**options):
    rng = np.random.default_rng(4)
    params = {
        "k1": rng.normal(size=(2, 2, 1, 3)), "c1": np.zeros(3), "scale": np.ones(3), "shift": np.zeros(3),
        "k2": rng.normal(size=(3, 3, 3, 3)) / 3, "c2": np.zeros(3),
        "w": rng.normal(size=(12, 4)) / 3, "b": np.zeros(4),
    }  # fmt: skip
    x, y = rng.random((4, 8, 8, 1)), np.eye(4)[rng.integers(0, 4, 4)]
    return check_gradient(loss, gradient, (params, x, y), **options)
