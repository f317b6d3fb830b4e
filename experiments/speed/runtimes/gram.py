"""Full-batch descent with one product where there were two: the first layer's outputs are carried along.

``README.md`` beside this file derives it. It is no way to train in batches, and the library does not use it.
"""

from __future__ import annotations

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle import nn

__all__ = ["applies_to", "by_gram_matrix"]


def applies_to(workload: Workload) -> bool:
    """Whether a step takes all images, by plain gradient descent, and the network has one hidden layer of ReLU."""
    kinds = [type(layer) for layer in workload.spec.layers]
    full = workload.batch_size == workload.images and workload.optimizer == "sgd"
    return full and kinds == [nn.Flatten, nn.Dense, nn.ReLU, nn.Dense]


def by_gram_matrix(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    import jax
    import jax.numpy as jnp

    rate, loss = workload.learning_rate, nn.SoftmaxCrossEntropy()
    relu, last = workload.spec.layers[2:]
    _, first, _, after = nn.init(workload.spec, jax.random.key(SEED))

    @jax.jit
    def begin(images):
        x = images.reshape(len(images), -1).astype(jnp.float32) / 255
        z = x @ first["w"] + first["b"]
        return x, x @ x.T + 1, (z, jnp.zeros_like(z), after)

    def step(gram, labels, state):
        z, moved, params = state
        hidden, kept = relu.forward({}, z)
        logits, kept_last = last.forward(params, hidden)
        value, kept_loss = loss.forward(logits, labels)
        grads, dhidden = last.backward(kept_last, loss.backward(kept_loss))
        _, dz = relu.backward(kept, dhidden)
        params = jax.tree.map(lambda p, g: p - rate * g, params, grads)
        return value, (z - rate * (gram @ dz), moved + dz, params)

    @jax.jit
    def weights(x, moved):
        return {"w": first["w"] - rate * (x.T @ moved), "b": first["b"] - rate * moved.sum(axis=0)}

    y = jnp.asarray(labels)
    x, gram, state = begin(images)
    run = jax.jit(step, donate_argnums=2).lower(gram, y, state).compile()

    def epoch():
        nonlocal state
        value, state = run(gram, y, state)
        return float(value)

    def predict(images):
        _, moved, params = state
        inputs = images.astype(np.float32) / 255
        return np.asarray(nn.apply(workload.spec, [{}, weights(x, moved), {}, params], inputs)).argmax(axis=1)

    return Trainer(epoch, predict, jax.default_backend())
