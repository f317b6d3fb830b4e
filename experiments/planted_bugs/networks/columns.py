"""Three dense layers in NumPy: a dictionary of parameters, one column per sample, softmax, an L2 penalty."""

import numpy as np

from jaxdoodle.gradcheck import check_gradient

LAMBDA = 0.03


def tanh_derivative(z):
    return 1 - np.tanh(z) ** 2


def relu_derivative(z):
    return (z > 0).astype(float)


def softmax(z):
    e = np.exp(z - z.max(axis=0))
    return e / e.sum(axis=0)


def forward(params, x):
    cache = {"a0": x}
    cache["z1"] = np.dot(params["W1"], x) + params["b1"]
    cache["a1"] = np.tanh(cache["z1"])
    cache["z2"] = np.dot(params["W2"], cache["a1"]) + params["b2"]
    cache["a2"] = np.maximum(0, cache["z2"])
    cache["z3"] = np.dot(params["W3"], cache["a2"]) + params["b3"]
    cache["a3"] = softmax(cache["z3"])
    return cache


def loss(params, x, y):
    m = x.shape[1]
    cache = forward(params, x)
    data = -np.sum(y * np.log(cache["a3"])) / m
    return data + LAMBDA * sum(np.sum(params[k] ** 2) for k in ("W1", "W2", "W3"))


def gradient(params, x, y):
    m = x.shape[1]
    cache = forward(params, x)
    a0, a1, a2, a3 = cache["a0"], cache["a1"], cache["a2"], cache["a3"]
    z1, z2 = cache["z1"], cache["z2"]
    W2, W3 = params["W2"], params["W3"]
    dz3 = (a3 - y) / m
    dW3 = np.dot(dz3, a2.T) + 2 * LAMBDA * W3
    db3 = np.sum(dz3, axis=1, keepdims=True)
    da2 = np.dot(W3.T, dz3)
    dz2 = da2 * relu_derivative(z2)
    dW2 = np.dot(dz2, a1.T) + 2 * LAMBDA * W2
    db2 = np.sum(dz2, axis=1, keepdims=True)
    da1 = np.dot(W2.T, dz2)
    dz1 = da1 * tanh_derivative(z1)
    dW1 = np.dot(dz1, a0.T) + 2 * LAMBDA * params["W1"]
    db1 = np.sum(dz1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2, "dW3": dW3, "db3": db3}


def examine(**options):
    rng = np.random.default_rng(1)
    sizes = [6, 5, 5, 4]
    params = {}
    for k in (1, 2, 3):
        params[f"W{k}"] = 0.1 * rng.normal(size=(sizes[k], sizes[k - 1]))
        params[f"b{k}"] = np.zeros((sizes[k], 1))
    x = rng.random((6, 8))
    y = np.eye(4)[rng.integers(0, 4, 8)].T
    return check_gradient(loss, gradient, (params, x, y), **options)
