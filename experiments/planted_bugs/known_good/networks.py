"""Right code in random configurations, on which the gradient checker must not raise an alarm.

Hand-written gradients of optax losses, ``jax.nn`` functions with the gradients JAX gives them (as a pair), the
networks of the mutation suite before anything is planted, and the layers, losses and penalties of jaxdoodle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.planted_bugs.suite import PAIRS
from jaxdoodle.gradcheck import Report, check, check_gradient


def configurations(count: int, seed: int = 0) -> Iterator[tuple[str, Callable[[], Report]]]:
    """``count`` of (what it is, check), the kinds in turn, sizes and values at random."""
    rng = np.random.default_rng(seed)
    kinds = (_activation, _optax_loss, _numpy_network, _jax_network, _numpy_network, _suite_network)
    for k in range(count):
        yield kinds[k % len(kinds)](rng)


_ACTIVATIONS: dict[str, Callable] = {
    name: getattr(jax.nn, name)
    for name in ("relu", "sigmoid", "softplus", "gelu", "silu", "elu", "leaky_relu", "softmax", "log_softmax",
                 "relu6", "selu", "celu", "glu", "hard_tanh", "log_sigmoid", "standardize", "squareplus", "mish")
}  # fmt: skip


def _activation(rng: np.random.Generator) -> tuple[str, Callable[[], Report]]:
    name = str(rng.choice(list(_ACTIVATIONS)))
    f = _ACTIVATIONS[name]
    shape = (int(rng.integers(2, 6)), 2 * int(rng.integers(2, 5)))

    def forward(x):
        return f(x), x

    def backward(x, dy):
        return jax.vjp(f, x)[1](dy)[0]

    return f"jax.nn.{name} {shape}", partial(check, forward, backward, (rng.normal(size=shape),), title=name)


def _optax_loss(rng: np.random.Generator) -> tuple[str, Callable[[], Report]]:
    m, n = int(rng.integers(2, 9)), int(rng.integers(2, 7))
    logits, labels = rng.normal(size=(m, n)), rng.integers(0, n, m)
    binary, target = rng.integers(0, 2, (m, n)).astype(float), rng.normal(size=(m, n))
    one_hot = np.eye(n)[labels]
    table: dict[str, tuple[Callable, Callable, Any]] = {
        "softmax_cross_entropy": (optax.softmax_cross_entropy, lambda z, y: jax.nn.softmax(z) - y, one_hot),
        "softmax_cross_entropy_with_integer_labels": (
            optax.softmax_cross_entropy_with_integer_labels,
            lambda z, y: jax.nn.softmax(z) - jax.nn.one_hot(y, z.shape[1], dtype=z.dtype),
            labels,
        ),
        "sigmoid_binary_cross_entropy": (
            optax.sigmoid_binary_cross_entropy, lambda z, y: jax.nn.sigmoid(z) - y, binary),
        "squared_error": (optax.squared_error, lambda z, y: 2 * (z - y), target),
        "l2_loss": (optax.l2_loss, lambda z, y: z - y, target),
        "huber_loss": (optax.huber_loss, lambda z, y: jnp.clip(z - y, -1, 1), target),
        "log_cosh": (optax.log_cosh, lambda z, y: jnp.tanh(z - y), target),
    }  # fmt: skip
    name = str(rng.choice(list(table)))
    f, per_score, y = table[name]

    def loss(z, y):
        return f(z, y).mean()

    def gradient(z, y):
        return per_score(z, y) / f(z, y).size

    return f"optax.{name} {(m, n)}", partial(check_gradient, loss, gradient, (logits, y), title=name)


_NUMPY = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "leaky": (lambda z: np.where(z > 0, z, 0.2 * z), lambda z: np.where(z > 0, 1.0, 0.2)),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
    "sin": (np.sin, np.cos),
}


def _layers(rng: np.random.Generator) -> tuple[list[int], list[str]]:
    sizes = rng.integers(2, 7, int(rng.integers(3, 6))).tolist()
    return sizes, [str(rng.choice(list(_NUMPY))) for _ in sizes[1:-1]]


def _numpy_network(rng: np.random.Generator) -> tuple[str, Callable[[], Report]]:
    """Dense layers of random sizes and activations, softmax or squared error, with or without an L2 penalty."""
    sizes, names = _layers(rng)
    m, rate = int(rng.integers(2, 9)), float(rng.choice([0.0, 0.05]))
    squared = bool(rng.integers(2))
    params = {}
    for k, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False)):
        params[f"w{k}"], params[f"b{k}"] = rng.normal(size=(a, b)) / np.sqrt(a), np.zeros(b)
    x, y = rng.normal(size=(m, sizes[0])), np.eye(sizes[-1])[rng.integers(0, sizes[-1], m)]

    def run(params, x):
        a, residuals = x, []
        for k in range(len(sizes) - 1):
            z = a @ params[f"w{k}"] + params[f"b{k}"]
            residuals.append((a, z))
            a = _NUMPY[names[k]][0](z) if k < len(names) else z
        return a, residuals

    def loss(params, x, y):
        z, _ = run(params, x)
        penalty = rate * sum(np.sum(params[f"w{k}"] ** 2) for k in range(len(sizes) - 1))
        if squared:
            return 0.5 * np.mean(np.sum((z - y) ** 2, axis=1)) + penalty
        z = z - z.max(axis=1, keepdims=True)
        return -np.mean(np.sum(y * (z - np.log(np.exp(z).sum(axis=1, keepdims=True))), axis=1)) + penalty

    def gradient(params, x, y):
        z, residuals = run(params, x)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        d = (z - y if squared else e / e.sum(axis=1, keepdims=True) - y) / len(x)
        grads = {}
        for k in reversed(range(len(residuals))):
            a, z = residuals[k]
            if k < len(names):
                d = d * _NUMPY[names[k]][1](z)
            grads[f"w{k}"], grads[f"b{k}"] = a.T @ d + 2 * rate * params[f"w{k}"], d.sum(axis=0)
            d = d @ params[f"w{k}"].T
        return grads

    title = f"numpy {'-'.join(map(str, sizes))} {' '.join(names)}"
    return title, partial(check_gradient, loss, gradient, (params, x, y), title=title)


def _jax_network(rng: np.random.Generator) -> tuple[str, Callable[[], Report]]:
    """A dense layer and an activation as a pair, by hand."""
    m, a, b = (int(n) for n in rng.integers(2, 7, 3))

    def forward(x, w, bias):
        h = jnp.tanh(x @ w + bias)
        return h, (x, w, h)

    def backward(residuals, dy):
        x, w, h = residuals
        dz = dy * (1 - h**2)
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    args = rng.normal(size=(m, a)), rng.normal(size=(a, b)), rng.normal(size=b)
    return f"jax dense tanh {(m, a, b)}", partial(check, forward, backward, args, title="dense tanh")


def _suite_network(rng: np.random.Generator) -> tuple[str, Callable[[], Report]]:
    import importlib

    name = str(rng.choice(["columns", "objects", "loops", *PAIRS]))
    module = importlib.import_module(f"experiments.planted_bugs.networks.{'pairs' if name in PAIRS else name}")
    return f"suite {name}", partial(module.examine, name) if name in PAIRS else module.examine
