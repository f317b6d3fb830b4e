"""Single layers as pairs, in the two orders that courses use: ``(residuals, dy)`` and ``(dout, cache)``."""

import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check


def dense_forward(x, w, b):
    return x @ w + b, (x, w)


def dense_backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def softmax_forward(z):
    e = jnp.exp(z - z.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    return p, p


def softmax_backward(p, dy):
    return p * (dy - (p * dy).sum(axis=-1, keepdims=True))


def logsoftmax_forward(z):
    y = z - jnp.log(jnp.exp(z).sum(axis=-1, keepdims=True))
    return y, y


def logsoftmax_backward(y, dy):
    return dy - jnp.exp(y) * dy.sum(axis=-1, keepdims=True)


def batchnorm_forward(x, gamma, beta):
    mu = np.mean(x, axis=0)
    xc = x - mu
    var = np.mean(xc**2, axis=0)
    std = np.sqrt(var + 1e-7)
    xn = xc / std
    return gamma * xn + beta, (gamma, xn, xc, std)


def batchnorm_backward(dout, cache):
    gamma, xn, xc, std = cache
    n = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = np.sum(xn * dout, axis=0)
    dxn = gamma * dout
    dxc = dxn / std
    dstd = -np.sum((dxn * xc) / (std * std), axis=0)
    dvar = 0.5 * dstd / std
    dxc += (2.0 / n) * xc * dvar
    dmu = np.sum(dxc, axis=0)
    dx = dxc - dmu / n
    return dx, dgamma, dbeta


def bce_forward(z, w, t):
    a = 1 / (1 + np.exp(-(z @ w)))
    value = -np.mean(t * np.log(a) + (1 - t) * np.log(1 - a))
    return value, (z, w, t, a)


def bce_backward(residuals, dy):
    z, w, t, a = residuals
    da = -(t / a - (1 - t) / (1 - a)) / t.size
    ds = dy * da * a * (1 - a)
    return ds @ w.T, z.T @ ds, None


def skip_forward(x, w, v):
    h = np.tanh(x @ w)
    return x + h @ v, (x, w, v, h)


def skip_backward(residuals, dy):
    x, w, v, h = residuals
    dh = dy @ v.T
    dz = dh * (1 - h * h)
    dx = dy + dz @ w.T
    return dx, x.T @ dz, h.T @ dy


def examine(name, **options):
    rng = np.random.default_rng(5)
    arguments = {
        "dense": (rng.normal(size=(6, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)),
        "softmax": (rng.normal(size=(5, 4)),),
        "logsoftmax": (rng.normal(size=(5, 4)),),
        "batchnorm": (rng.normal(size=(7, 4)), rng.normal(size=4), rng.normal(size=4)),
        "bce": (rng.normal(size=(6, 4)), rng.normal(size=(4, 1)), rng.integers(0, 2, (6, 1)).astype(float)),
        "skip": (rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=(3, 4))),
    }
    forward, backward = globals()[f"{name}_forward"], globals()[f"{name}_backward"]
    return check(forward, backward, arguments[name], **options)
