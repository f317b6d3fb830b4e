"""JAX without this library: Flax with a step in a Python loop, and a compiled epoch."""

from __future__ import annotations

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers


def flax(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    """A jitted step in a Python loop, as Flax's own examples train."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, *, training):
            start = nn.initializers.glorot_uniform()
            for layer in workload.spec.layers:
                match layer:
                    case layers.Dense():
                        x = nn.Dense(layer.units, kernel_init=start)(x)
                    case layers.Conv2D():
                        x = nn.Conv(layer.filters, layer.kernel_size, padding=layer.padding, kernel_init=start)(x)
                    case layers.MaxPool2D():
                        x = nn.max_pool(x, layer.window, strides=layer.window)
                    case layers.Dropout():
                        x = nn.Dropout(layer.drop_rate, deterministic=not training)(x)
                    case layers.Flatten():
                        x = x.reshape(len(x), -1)
                    case layers.ReLU():
                        x = nn.relu(x)
            return x

    net, size = Net(), workload.batch_size
    optimizer = {"adam": optax.adam, "sgd": optax.sgd}[workload.optimizer](workload.learning_rate)
    params = net.init(jax.random.key(SEED), jnp.zeros((1, *workload.spec.input_shape)), training=False)
    state, rng = (params, optimizer.init(params), jax.random.key(SEED)), np.random.default_rng(SEED)

    @jax.jit
    def step(state, images, labels):
        params, opt_state, key = state
        key, drop = jax.random.split(key)

        def loss_of(params):
            logits = net.apply(params, images, training=True, rngs={"dropout": drop})
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        loss, grads = jax.value_and_grad(loss_of)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state, key), loss

    x = images.astype(np.float32) / 255
    for count in {size, len(x) % size} - {0}:
        jax.block_until_ready(step(state, x[:count], labels[:count]))

    def epoch():
        nonlocal state
        order, losses = rng.permutation(len(x)), []
        for first in range(0, len(x), size):
            batch = order[first : first + size]
            state, loss = step(state, x[batch], labels[batch])
            losses.append(loss)
        return float(np.mean(jax.device_get(losses)))

    forward = jax.jit(lambda params, x: net.apply(params, x, training=False).argmax(axis=1))

    def predict(images):
        return np.asarray(forward(state[0], images.astype(np.float32) / 255))

    return Trainer(epoch, predict, jax.default_backend())


def compiled_epoch(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    """JAX alone at its best practice: ``lax.conv``, ``jax.grad``, optax, an epoch as one ``lax.scan`` with its state
    donated, the images as uint8 on the device.
    """
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax

    start, size = jax.nn.initializers.glorot_uniform(), workload.batch_size
    optimizer = {"adam": optax.adam, "sgd": optax.sgd}[workload.optimizer](workload.learning_rate)
    keys = jax.random.split(jax.random.key(SEED), len(workload.spec.layers))
    params = []
    for layer, shape, key in zip(workload.spec.layers, workload.spec.shapes[:-1], keys, strict=True):
        match layer:
            case layers.Dense():
                params.append((start(key, (shape[0], layer.units)), jnp.zeros(layer.units)))
            case layers.Conv2D():
                kernel = start(key, (*layer.kernel_size, shape[2], layer.filters))
                params.append((kernel, jnp.zeros(layer.filters)))
            case _:
                params.append(())

    def forward(params, x, key=None):
        for number, (layer, own) in enumerate(zip(workload.spec.layers, params, strict=True)):
            match layer:
                case layers.Dense():
                    x = x @ own[0] + own[1]
                case layers.Conv2D():
                    form = ("NHWC", "HWIO", "NHWC")
                    x = lax.conv_general_dilated(x, own[0], (1, 1), layer.padding, dimension_numbers=form) + own[1]
                case layers.MaxPool2D():
                    window = (1, *layer.window, 1)
                    x = lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")
                case layers.Dropout() if key is not None:
                    kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - layer.drop_rate, x.shape)
                    x = jnp.where(kept, x / (1 - layer.drop_rate), 0)
                case layers.Flatten():
                    x = x.reshape(len(x), -1)
                case layers.ReLU():
                    x = jax.nn.relu(x)
        return x

    def epoch_of(state, images, labels, order):
        def step(state, batch):
            params, opt_state, key = state
            key, drop = jax.random.split(key)

            def loss_of(params):
                logits = forward(params, images[batch].astype(jnp.float32) / 255, drop)
                return optax.softmax_cross_entropy_with_integer_labels(logits, labels[batch]).mean()

            loss, grads = jax.value_and_grad(loss_of)(params)
            updates, opt_state = optimizer.update(grads, opt_state, params)
            return (optax.apply_updates(params, updates), opt_state, key), loss

        whole = len(order) // size * size
        state, losses = lax.scan(step, state, order[:whole].reshape(-1, size))
        if whole < len(order):
            state, last = step(state, order[whole:])
            losses = jnp.append(losses, last)
        return state, losses.mean()

    state, rng = (params, optimizer.init(params), jax.random.key(SEED)), np.random.default_rng(SEED)
    x, y = jax.device_put(images), jax.device_put(labels)
    run = jax.jit(epoch_of, donate_argnums=0).lower(state, x, y, np.arange(len(x), dtype=np.int32)).compile()

    def epoch():
        nonlocal state
        state, loss = run(state, x, y, rng.permutation(len(x)).astype(np.int32))
        return float(loss)

    answer = jax.jit(lambda params, x: forward(params, x).argmax(axis=1))

    def predict(images):
        parts = np.array_split(images, max(1, len(images) // 1000))
        return np.concatenate([answer(state[0], part.astype(np.float32) / 255) for part in parts])

    return Trainer(epoch, predict, jax.default_backend())
