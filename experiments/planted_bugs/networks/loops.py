"""A convolution network in NumPy loops: valid convolution, ReLU, max-pool, one dense layer, softmax."""

import numpy as np

from jaxdoodle.gradcheck import check_gradient


def conv_forward(x, w, b):
    m, height, width, _ = x.shape
    k = w.shape[0]
    out = np.zeros((m, height - k + 1, width - k + 1, w.shape[3]))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            patch = x[:, i : i + k, j : j + k, :]
            out[:, i, j, :] = np.tensordot(patch, w, axes=([1, 2, 3], [0, 1, 2])) + b
    return out


def conv_backward(dout, x, w):
    k = w.shape[0]
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i in range(dout.shape[1]):
        for j in range(dout.shape[2]):
            patch = x[:, i : i + k, j : j + k, :]
            dw += np.tensordot(patch, dout[:, i, j, :], axes=([0], [0]))
            dx[:, i : i + k, j : j + k, :] += np.tensordot(dout[:, i, j, :], w, axes=([1], [3]))
    db = dout.sum(axis=(0, 1, 2))
    return dx, dw, db


def pool_forward(x):
    m, height, width, channels = x.shape
    out = np.zeros((m, height // 2, width // 2, channels))
    for i in range(height // 2):
        for j in range(width // 2):
            out[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return out


def pool_backward(dout, x):
    dx = np.zeros(x.shape)
    for n in range(x.shape[0]):
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                for c in range(x.shape[3]):
                    window = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
                    p, q = np.unravel_index(np.argmax(window), (2, 2))
                    dx[n, 2 * i + p, 2 * j + q, c] = dout[n, i, j, c]
    return dx


def forward(params, x):
    c1 = conv_forward(x, params["k1"], params["c1"])
    r1 = c1 * (c1 > 0)
    c2 = conv_forward(r1, params["k2"], params["c2"])
    r2 = c2 * (c2 > 0)
    p2 = pool_forward(r2)
    flat = p2.reshape(x.shape[0], -1)
    scores = flat @ params["w"] + params["b"]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return c1, r1, c2, r2, p2, flat, e / e.sum(axis=1, keepdims=True)


def loss(params, x, labels):
    probs = forward(params, x)[-1]
    return -np.mean(np.log(probs[np.arange(len(labels)), labels]))


def gradient(params, x, labels):
    c1, r1, c2, r2, p2, flat, probs = forward(params, x)
    m = len(labels)
    dscores = probs.copy()
    dscores[np.arange(m), labels] -= 1
    dscores /= m
    grads = {}
    grads["w"] = flat.T @ dscores
    grads["b"] = dscores.sum(axis=0)
    dflat = dscores @ params["w"].T
    dp2 = dflat.reshape(p2.shape)
    dr2 = pool_backward(dp2, r2)
    dc2 = dr2 * (c2 > 0)
    dr1, grads["k2"], grads["c2"] = conv_backward(dc2, r1, params["k2"])
    dc1 = dr1 * (c1 > 0)
    _, grads["k1"], grads["c1"] = conv_backward(dc1, x, params["k1"])
    return grads


def examine(**options):
    rng = np.random.default_rng(3)
    params = {
        "k1": rng.normal(size=(3, 3, 2, 3)) / 3, "c1": np.zeros(3),
        "k2": rng.normal(size=(3, 3, 3, 3)) / 3, "c2": np.zeros(3),
        "w": rng.normal(size=(12, 4)) / 3, "b": np.zeros(4),
    }  # fmt: skip
    x = rng.random((3, 8, 8, 2))
    return check_gradient(loss, gradient, (params, x, rng.integers(0, 4, 3)), **options)
