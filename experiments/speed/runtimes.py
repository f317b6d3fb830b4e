"""One function for each runtime, in its usual way of training: ``start(workload, images, labels) -> Trainer``.

All take uint8 images and scale them by 1/255, draw Glorot-uniform weights and shuffle in every epoch. Where there is a
GPU, those that can use it do, with matrix products in TensorFloat-32, as JAX and TensorFlow have them there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers
from jaxdoodle.core.machine import cores

SEED = 0


class Trainer(NamedTuple):
    """``epoch()`` trains one epoch to its end and gives its mean loss; ``predict(images)`` gives labels.

    A loss that has been read was waited for, and with it, on a GPU, all that was queued before.
    """

    epoch: Callable[[], float]
    predict: Callable[[np.ndarray], np.ndarray]
    device: str


def jaxdoodle(
    workload: Workload, images: np.ndarray, labels: np.ndarray, devices: int = 1, seed: int = SEED
) -> Trainer:
    from jax import default_backend

    from jaxdoodle.training import TrainConfig, evaluation
    from jaxdoodle.training.hardware.layout import choose_layout
    from jaxdoodle.training.steps.epoch import compile_epoch
    from jaxdoodle.training.steps.optimizers import make_optimizer
    from jaxdoodle.training.steps.state import init_state
    from jaxdoodle.training.steps.step import make_step

    config = TrainConfig(
        batch_size=workload.batch_size,
        optimizer=workload.optimizer,
        learning_rate=workload.learning_rate,
        schedule="constant",
        devices=devices,
        seed=seed,
    )
    optimizer = make_optimizer(config, steps=1, steps_per_epoch=1)
    layout = choose_layout(workload.spec, workload.batch_size, devices)
    step = make_step(workload.spec, optimizer, config, divisor=255.0, layout=layout)
    start = init_state(workload.spec, optimizer, config), images, labels
    run, (state, *data) = compile_epoch(step, workload.batch_size, len(images), start, layout)
    rng = np.random.default_rng(seed)

    def epoch():
        nonlocal state
        order = layout.take(rng.permutation(len(images)).astype(np.int32), len(images), workload.batch_size)
        state, (loss, _) = run(state, *data, order)
        return float(np.mean(loss))

    def predict(images):
        return evaluation.logits_of(workload.spec, state.params, images, 255.0).argmax(axis=1)

    return Trainer(epoch, predict, default_backend())


def jaxdoodle_per_core(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    from jaxdoodle.training.hardware import devices as parallel

    devices = math.gcd(cores(), workload.batch_size)
    parallel.use_cpu_devices(devices)
    return jaxdoodle(workload, images, labels, devices)


def keras(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    import keras as k
    import tensorflow as tf

    k.utils.set_random_seed(SEED)
    make = {
        layers.Flatten: lambda layer: k.layers.Flatten(),
        layers.ReLU: lambda layer: k.layers.ReLU(),
        layers.Dropout: lambda layer: k.layers.Dropout(layer.drop_rate),
        layers.Dense: lambda layer: k.layers.Dense(layer.units),
        layers.MaxPool2D: lambda layer: k.layers.MaxPooling2D(layer.window),
        layers.Conv2D: lambda layer: k.layers.Conv2D(layer.filters, layer.kernel_size, padding=layer.padding.lower()),
    }
    net = k.Sequential([k.Input(workload.spec.input_shape)] + [make[type(one)](one) for one in workload.spec.layers])
    optimizer = {"adam": k.optimizers.Adam, "sgd": k.optimizers.SGD}[workload.optimizer](workload.learning_rate)
    net.compile(optimizer, k.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, size = images.astype(np.float32) / 255, workload.batch_size
    net.fit(x[:size], labels[:size], batch_size=size, verbose=0)

    def epoch():
        return net.fit(x, labels, batch_size=size, verbose=0).history["loss"][0]

    def predict(images):
        return net.predict(images.astype(np.float32) / 255, verbose=0).argmax(axis=1)

    return Trainer(epoch, predict, "gpu" if tf.config.list_physical_devices("GPU") else "cpu")


def torch(
    workload: Workload, images: np.ndarray, labels: np.ndarray, compiled: bool = False, captured: bool = False
) -> Trainer:
    """Tensors in memory, fused Adam, channels last: faster here than a DataLoader with the defaults."""
    import torch as t

    device = "cuda" if t.cuda.is_available() else "cpu"
    if device == "cuda":
        t.set_float32_matmul_precision("high")  # TensorFloat-32
    t.manual_seed(SEED)
    net = torch_net(t, workload.spec).to(device)

    def loss_of(images, labels):
        return t.nn.functional.cross_entropy(net(images), labels)

    if compiled:
        loss_of = t.compile(loss_of)
    kinds: dict[str, Callable] = {"adam": partial(t.optim.Adam, capturable=captured), "sgd": t.optim.SGD}
    optimizer = kinds[workload.optimizer](net.parameters(), lr=workload.learning_rate, fused=True)
    x, y = torch_images(t, images).to(device), t.from_numpy(labels).long().to(device)
    size = workload.batch_size
    counts = {size, len(x) % size} - {0}
    for count in counts:
        loss_of(x[:count], y[:count]).backward()

    def train(batch):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x[batch], y[batch])
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = torch_graphs(t, train, net, optimizer, counts) if captured else train

    def epoch():
        net.train()
        return float(t.stack([run(batch) for batch in t.randperm(len(x), device=device).split(size)]).mean())

    def predict(images):
        net.eval()
        with t.no_grad():
            parts = torch_images(t, images).to(device).split(1000)
            return np.concatenate([net(part).argmax(1).cpu().numpy() for part in parts])

    return Trainer(epoch, predict, device)


def torch_compiled(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    return torch(workload, images, labels, compiled=True)


def torch_captured(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    return torch(workload, images, labels, captured=True)


def torch_graphs(t, train, net, optimizer, counts):
    """``train(batch)`` as CUDA graphs, one for each number of images: all kernels of a step in a single launch.

    What is set up at first use cannot be captured, so there are some steps before; their traces are then wiped out.
    """
    begin = [param.detach().clone() for param in net.parameters()]
    graphs = {}
    for count in counts:
        batch, aside = t.arange(count, device="cuda"), t.cuda.Stream()
        aside.wait_stream(t.cuda.current_stream())
        with t.cuda.stream(aside):
            for _ in range(3):
                train(batch)
        t.cuda.current_stream().wait_stream(aside)
        graph = t.cuda.CUDAGraph()
        with t.cuda.graph(graph):
            loss = train(batch)
        graphs[count] = batch, graph, loss
    with t.no_grad():
        for param, start in zip(net.parameters(), begin, strict=True):
            param.copy_(start)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()

    def replay(order):
        batch, graph, loss = graphs[len(order)]
        batch.copy_(order)
        graph.replay()
        return loss.clone()

    return replay


def torch_images(t, images):
    return (t.from_numpy(images).permute(0, 3, 1, 2).float() / 255).contiguous(memory_format=t.channels_last)


def torch_net(t, spec: layers.ModelSpec):
    made = []
    for layer, shape in zip(spec.layers, spec.shapes[:-1], strict=True):
        match layer:
            case layers.Dense():
                made.append(t.nn.Linear(shape[0], layer.units))
            case layers.Conv2D():
                made.append(t.nn.Conv2d(shape[2], layer.filters, layer.kernel_size, padding=layer.padding.lower()))
            case layers.MaxPool2D():
                made.append(t.nn.MaxPool2d(layer.window))
            case layers.Dropout():
                made.append(t.nn.Dropout(layer.drop_rate))
            case layers.Flatten():
                made.append(t.nn.Flatten())
            case layers.ReLU():
                made.append(t.nn.ReLU())
        if hasattr(made[-1], "weight"):
            t.nn.init.xavier_uniform_(made[-1].weight)
            t.nn.init.zeros_(made[-1].bias)
    return t.nn.Sequential(*made).to(memory_format=t.channels_last)


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


def sklearn(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    """``MLPClassifier``, for networks that it can express."""
    from sklearn.neural_network import MLPClassifier

    hidden = [layer.units for layer in workload.spec.layers if isinstance(layer, layers.Dense)][:-1]
    net = MLPClassifier(
        hidden, solver=workload.optimizer, alpha=0, batch_size=workload.batch_size,
        learning_rate_init=workload.learning_rate, momentum=0, nesterovs_momentum=False, random_state=SEED,
    )  # fmt: skip
    x = (images / np.float32(255)).reshape(len(images), -1)

    def epoch():
        net.partial_fit(x, labels, classes=np.arange(10))
        return float(net.loss_curve_[-1])

    def predict(images):
        return net.predict((images / np.float32(255)).reshape(len(images), -1))

    return Trainer(epoch, predict, "cpu")


#: Name -> the packages that it needs, and the function.
RUNTIMES: dict[str, tuple[tuple[str, ...], Callable[[Workload, np.ndarray, np.ndarray], Trainer]]] = {
    "jaxdoodle": (("jax",), jaxdoodle),
    "jaxdoodle, per core": (("jax",), jaxdoodle_per_core),
    "Keras (TensorFlow)": (("tensorflow", "keras"), keras),
    "PyTorch": (("torch",), torch),
    "PyTorch, compiled": (("torch",), torch_compiled),
    "PyTorch, CUDA graphs": (("torch",), torch_captured),
    "Flax": (("flax",), flax),
    "scikit-learn": (("sklearn",), sklearn),
}
JAXDOODLE = tuple(name for name in RUNTIMES if name.startswith("jaxdoodle"))
#: Runtimes for one kind of device alone -> its name in JAX.
ONLY_ON = {"jaxdoodle, per core": "cpu", "PyTorch, CUDA graphs": "gpu"}


def applies(name: str, workload: Workload, backend: str) -> bool:
    """Whether this runtime can train this network where JAX's default device is of that kind."""
    able = name != "scikit-learn" or not any(isinstance(layer, layers.Conv2D) for layer in workload.spec.layers)
    return able and ONLY_ON.get(name, backend) == backend
