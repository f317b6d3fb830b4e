"""The backpropagation that scikit-learn's ``MLPClassifier`` and ``MLPRegressor`` train with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np

from jaxdoodle.gradcheck import Report, check_value_and_grad

#: What scikit-learn 1.9 gets wrong.
FAULTS = {
    "scikit-learn MLP, numbers": "its loss is a mean over the outputs, its gradient a sum: with two, twice as large"
}


def programs() -> Iterator[tuple[str, Callable[[], Report]]]:
    for kind, activation, hidden in product(
        ("binary", "classes", "numbers"), ("relu", "tanh", "logistic", "identity"), ((5,), (4, 3))
    ):
        title = f"scikit-learn MLP, {kind}, {activation}, {hidden}"
        yield title, partial(_check, title, kind, activation, hidden)


def _check(title: str, kind: str, activation: str, hidden: tuple[int, ...]) -> Report:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(7, 4))
    y = {"binary": np.arange(7) % 2, "classes": np.arange(7) % 3, "numbers": rng.normal(size=(7, 2))}[kind]
    network = (MLPRegressor if kind == "numbers" else MLPClassifier)(
        hidden_layer_sizes=hidden, activation=activation, alpha=0.1, max_iter=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit(x, y)
    target = network._label_binarizer.transform(y).astype(float) if kind != "numbers" else y

    def value_and_grad(weights, biases, x, target):
        network.coefs_, network.intercepts_ = list(weights), list(biases)
        layers = [x, *(np.empty((len(x), w.shape[1])) for w in weights)]
        network._forward_pass(layers)
        d_weights, d_biases = [np.empty_like(w) for w in weights], [np.empty_like(b) for b in biases]
        deltas = [np.empty_like(a) for a in layers[1:]]
        loss, *gradients = network._backprop(x, target, None, layers, deltas, d_weights, d_biases)
        return loss, tuple(gradients)

    def loss(*args):
        return value_and_grad(*args)[0]

    weights, biases = [rng.normal(size=w.shape) for w in network.coefs_], [b.copy() for b in network.intercepts_]
    return check_value_and_grad(loss, value_and_grad, (weights, biases, x, target), argnums=(0, 1), title=title)
