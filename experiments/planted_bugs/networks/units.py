"""Units of larger networks as pairs in NumPy: recurrent cells, attention, norms, embeddings, losses, upsampling."""

import numpy as np

from jaxdoodle.gradcheck import check


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def rnn_forward(xs, w, u, b):
    h, hs = np.zeros((xs.shape[1], u.shape[0])), []
    for x in xs:
        h = np.tanh(x @ w + h @ u + b)
        hs.append(h)
    return np.stack(hs), (xs, hs, w, u)


def rnn_backward(dhs, cache):
    xs, hs, w, u = cache
    dxs, dw, du, db, dh = np.zeros_like(xs), np.zeros_like(w), np.zeros_like(u), np.zeros(len(u)), 0
    for t in reversed(range(len(xs))):
        dz = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dxs[t] = dz @ w.T
        dw += xs[t].T @ dz
        if t > 0:
            du += hs[t - 1].T @ dz
        db += dz.sum(axis=0)
        dh = dz @ u.T
    return dxs, dw, du, db


def lstm_forward(x, h, c, w, u, b):
    i, f, o, g = np.split(x @ w + h @ u + b, 4, axis=1)
    i, f, o, g = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(g)
    new = f * c + i * g
    return (o * np.tanh(new), new), (x, h, c, w, u, i, f, o, g, new)


def lstm_backward(dout, cache):
    x, h, c, w, u, i, f, o, g, new = cache
    dh, dnew = dout
    t = np.tanh(new)
    dc = dnew + dh * o * (1 - t**2)
    di, df, do, dg = dc * g, dc * c, dh * t, dc * i
    dz = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
    return dz @ w.T, dz @ u.T, dc * f, x.T @ dz, h.T @ dz, dz.sum(axis=0)


def attention_forward(q, k, v):
    """One head for one sequence: q (n, d), k and v (m, d)."""
    scale = 1 / np.sqrt(q.shape[1])
    s = q @ k.T * scale
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return p @ v, (q, k, v, p, scale)


def attention_backward(dout, cache):
    q, k, v, p, scale = cache
    dv = p.T @ dout
    dp = dout @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    dq = ds @ k * scale
    dk = ds.T @ q * scale
    return dq, dk, dv


def layernorm_forward(x, gamma, beta):
    mu = x.mean(axis=1, keepdims=True)
    inv = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    hat = (x - mu) * inv
    return gamma * hat + beta, (hat, inv, gamma)


def layernorm_backward(dout, cache):
    hat, inv, gamma = cache
    dhat = dout * gamma
    mean = dhat.mean(axis=1, keepdims=True)
    along = (dhat * hat).mean(axis=1, keepdims=True)
    return inv * (dhat - mean - hat * along), (dout * hat).sum(axis=0), dout.sum(axis=0)


def rmsnorm_forward(x, gain):
    r = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
    return x / r * gain, (x, r, gain)


def rmsnorm_backward(dout, cache):
    x, r, gain = cache
    d = dout * gain
    dx = d / r - x * (d * x).mean(axis=1, keepdims=True) / r**3
    return dx, (dout * x / r).sum(axis=0)


def swish_forward(x, beta):
    s = sigmoid(beta * x)
    return x * s, (x, beta, s)


def swish_backward(dout, cache):
    x, beta, s = cache
    dx = dout * (s + beta * x * s * (1 - s))
    dbeta = (dout * x**2 * s * (1 - s)).sum(axis=0)
    return dx, dbeta


def embed_forward(table, ids):
    return table[ids], (table.shape, ids)


def embed_backward(dout, cache):
    shape, ids = cache
    dtable = np.zeros(shape)
    np.add.at(dtable, ids, dout)
    return dtable, None


def upsample_forward(x, w):
    """Transposed convolution in one dimension, stride 2: x (batch, steps), w (taps,)."""
    y = np.zeros((x.shape[0], 2 * (x.shape[1] - 1) + len(w)))
    for i in range(x.shape[1]):
        y[:, 2 * i : 2 * i + len(w)] += x[:, i : i + 1] * w
    return y, (x, w)


def upsample_backward(dout, cache):
    x, w = cache
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(x.shape[1]):
        part = dout[:, 2 * i : 2 * i + len(w)]
        dx[:, i] = part @ w
        dw += x[:, i] @ part
    return dx, dw


def cosine_forward(a, b):
    """Cosine of the angle between rows."""
    na, nb = np.sqrt((a * a).sum(axis=1)), np.sqrt((b * b).sum(axis=1))
    y = (a * b).sum(axis=1) / (na * nb)
    return y, (a, b, na, nb, y)


def cosine_backward(dout, cache):
    a, b, na, nb, y = cache
    first = b / (na * nb)[:, None] - a * (y / na**2)[:, None]
    second = a / (na * nb)[:, None] - b * (y / nb**2)[:, None]
    return dout[:, None] * first, dout[:, None] * second


def focal_forward(z, t):
    """Binary focal loss with exponent 2, mean over all."""
    p = sigmoid(z)
    right = np.where(t == 1, p, 1 - p)
    return -np.mean((1 - right) ** 2 * np.log(right)), (right, t)


def focal_backward(dout, cache):
    right, t = cache
    slope = 2 * (1 - right) * np.log(right) - (1 - right) ** 2 / right
    sign = np.where(t == 1, 1.0, -1.0)
    return dout * sign * slope * right * (1 - right) / t.size, None


def block_forward(x, w, v):
    z = x @ w
    h = np.maximum(z, 0)
    s = x + h @ v
    return np.tanh(s), (x, w, v, z, h, np.tanh(s))


def block_backward(dout, cache):
    x, w, v, z, h, y = cache
    ds = dout * (1 - y**2)
    dz = ds @ v.T * (z > 0)
    dx = ds + dz @ w.T
    return dx, x.T @ dz, h.T @ ds


SHAPES = {
    "rnn": ((4, 2, 3), (3, 5), (5, 5), (5,)),
    "lstm": ((4, 3), (4, 2), (4, 2), (3, 8), (2, 8), (8,)),
    "attention": ((5, 3), (6, 3), (6, 3)),
    "layernorm": ((5, 4), (4,), (4,)),
    "rmsnorm": ((5, 4), (4,)),
    "swish": ((6, 4), (4,)),
    "upsample": ((3, 5), (4,)),
    "cosine": ((5, 3), (5, 3)),
    "block": ((6, 4), (4, 3), (3, 4)),
}


def examine(name, **options):
    rng = np.random.default_rng(8)
    arguments = {n: tuple(rng.normal(size=s) for s in shapes) for n, shapes in SHAPES.items()}
    arguments["embed"] = rng.normal(size=(6, 3)), np.array([[1, 2, 2], [4, 1, 5]])
    arguments["focal"] = rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 3)).astype(float)
    forward, backward = globals()[f"{name}_forward"], globals()[f"{name}_backward"]
    return check(forward, backward, arguments[name], **options)
