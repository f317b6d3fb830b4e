"""Every layer, loss and penalty of this library, and whole models, in front of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial

import jax
import numpy as np

from jaxdoodle import nn
from jaxdoodle.gradcheck.api import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.nn import backprop, losses, model, penalties

#: Layers with the shape of one input. Sizes are odd, sides differ, and where it matters kernels are even.
LAYERS: tuple[tuple[nn.Layer, tuple[int, ...]], ...] = (
    (nn.Dense(3), (5,)),
    (nn.Conv2D(3, (3, 2)), (6, 5, 2)),
    (nn.Conv2D(2, (2, 4), stride=(1, 2), padding="SAME"), (5, 7, 3)),
    (nn.MaxPool2D(2), (6, 5, 2)),
    (nn.MaxPool2D((3, 2), stride=(2, 1)), (7, 5, 2)),
    (nn.AvgPool2D((2, 3)), (5, 7, 2)),
    (nn.GlobalAvgPool2D(), (3, 4, 2)),
    (nn.Flatten(), (3, 2, 2)),
    (nn.ReLU(), (7,)),
    (nn.LeakyReLU(0.1), (7,)),
    (nn.Sigmoid(), (7,)),
    (nn.Tanh(), (7,)),
    (nn.Softmax(), (7,)),
    (nn.Dropout(0.4), (7,)),
    (nn.BatchNorm(), (3, 4, 2)),
)
LOSSES = (
    (losses.SoftmaxCrossEntropy(), 4),
    (losses.SoftmaxCrossEntropy(0.1), 4),
    (losses.BinaryCrossEntropy(), 3),
    (losses.MeanSquaredError(), 3),
)
PENALTIES = (penalties.L1(0.02), penalties.L2(0.03), penalties.L2(0.03, leaves=("w", "b"), layers=(0,)))
MODELS = {
    "model: MLP, dropout, L2": (
        nn.ModelSpec((nn.Flatten(), nn.Dense(6), nn.Tanh(), nn.Dropout(0.3), nn.Dense(3)), (5, 4, 1)),
        (penalties.L2(0.01),),
    ),
    "model: CNN, batch norm, L1": (
        nn.ModelSpec(
            (
                nn.Conv2D(3, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(2, 2, padding="SAME"),
                nn.LeakyReLU(), nn.AvgPool2D(2), nn.Flatten(), nn.Dense(4),
            ),
            (8, 9, 1),
        ),
        (penalties.L1(0.01),),
    ),
}  # fmt: skip


def cases() -> Iterator[tuple[str, Callable[..., Report]]]:
    """(title, check) of everything; ``check(dtype=...)`` gives the report."""
    rng = np.random.default_rng(0)
    for layer, shape in LAYERS:
        title = f"layer: {_brief(layer)}"
        yield title, partial(_layer, title, layer, shape, rng.normal(size=(4, *shape)))
        if isinstance(layer, nn.Dropout | nn.BatchNorm):
            yield (
                title + ", training",
                partial(_layer, title + ", training", layer, shape, rng.normal(size=(4, *shape)), training=True),
            )
    for loss, classes in LOSSES:
        labels = (
            rng.normal(size=(5, classes)) if isinstance(loss, losses.MeanSquaredError) else rng.integers(0, classes, 5)
        )
        yield (
            f"loss: {_brief(loss)}",
            partial(_loss, f"loss: {_brief(loss)}", loss, rng.normal(size=(5, classes)), labels),
        )
    params = [{"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}, {}, {"w": rng.normal(size=(4, 2))}]
    for penalty in PENALTIES:
        yield f"penalty: {_brief(penalty)}", partial(_penalty, f"penalty: {_brief(penalty)}", penalty, params)
    for title, (network, listed) in MODELS.items():
        yield title, partial(_model, title, network, listed, rng)


def _brief(described) -> str:
    """A description without the fields that have their default value."""
    said = {f.name: getattr(described, f.name) for f in fields(described)}
    told = [f"{f.name}={said[f.name]!r}" for f in fields(described) if said[f.name] != f.default]
    return f"{type(described).__name__}({', '.join(told)})"


def _layer(title, layer, shape, x, *, training=False, **options) -> Report:
    key = jax.random.key(0) if training else None
    params = {k: np.asarray(v) for k, v in layer.init(jax.random.key(1), shape).items()}
    return check(partial(layer.forward, key=key), layer.backward, (params, x), title=title, **options)


def _loss(title, loss, outputs, labels, **options) -> Report:
    def backward(residuals, dy):
        return dy * loss.backward(residuals)

    return check(loss.forward, backward, (outputs, labels), wrt=(0,), title=title, **options)


def _penalty(title, penalty, params, **options) -> Report:
    return check_gradient(penalty.forward, penalty.backward, (params,), title=title, **options)


def _model(title, network, listed, rng, **options) -> Report:
    loss, key = losses.SoftmaxCrossEntropy(), jax.random.key(0)
    plain = model.loss_fn(network, loss, listed)
    candidate = backprop.value_and_grad(network, loss, listed)

    def value(params, x, labels):
        return plain(params, x, labels, key=key)[0]

    def value_and_grad(params, x, labels):
        (total, _), grads = candidate(params, x, labels, key=key)
        return total, grads

    params = jax.tree.map(np.asarray, model.init(network, jax.random.key(1)))
    x = rng.random((4, *network.input_shape))
    labels = rng.integers(0, network.output_shape[0], 4)
    return check_value_and_grad(value, value_and_grad, (params, x, labels), title=title, **options)
