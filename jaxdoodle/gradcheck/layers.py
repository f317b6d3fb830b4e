"""Checks of layers, losses and penalties: the built-in ones, and classes marked ``@jaxdoodle.nn.layer`` or ``loss``."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import Array, NDArray, Params, PyTree, Residuals, Shape
from jaxdoodle.gradcheck.api import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.autograd.evaluate import by_numpy
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.problem import WrongReturnError
from jaxdoodle.nn import layers, losses

#: (title, check): ``check(dtype=..., oracle=...)`` gives the report.
Case = tuple[str, Callable[..., Report]]

PENALTIES = (nn.L1(0.02), nn.L2(0.03), nn.L2(0.03, leaves=("w", "b"), layers=(0,)))
MLP = (nn.Flatten(), nn.Dense(6), nn.Tanh(), nn.Dropout(0.3), nn.Dense(3))
CNN = (nn.Conv2D(3, 3), nn.BatchNorm(), nn.ReLU(), nn.MaxPool2D(2), nn.Conv2D(2, 2, padding="SAME"), nn.LeakyReLU(),
       nn.AvgPool2D(2), nn.Flatten(), nn.Dense(4))  # fmt: skip
MODELS = {
    "model: MLP, dropout, L2": (nn.ModelSpec(MLP, (5, 4, 1)), nn.L2(0.01)),
    "model: CNN, batch norm, L1": (nn.ModelSpec(CNN, (8, 9, 1)), nn.L1(0.01)),
}


def cases() -> Iterator[Case]:
    """Everything that is built in: layers, losses, penalties, and whole models."""
    for module in (layers, losses):
        for name in module.__all__:
            yield from cases_of(getattr(module, name))
    rng = np.random.default_rng(0)
    params = [{"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4)}, {}, {"w": rng.normal(size=(4, 2))}]
    for penalty in PENALTIES:
        title = f"penalty: {penalty!r}"
        yield title, partial(check_gradient, penalty.forward, penalty.backward, (params,), title=title)
    for title, (spec, regularizer) in MODELS.items():
        yield title, partial(_check_model, title, spec, regularizer)


def cases_of(cls: Any) -> Iterator[Case]:
    """The examples of a class of layers (in training mode too, where that is another function) or of losses."""
    rng, examples = np.random.default_rng(0), tuple(cls.examples())
    times = Counter(repr(example) for example, _ in examples)
    for example, shape in examples:
        title = repr(example) + f", shape {shape}" * (times[repr(example)] > 1)
        if issubclass(cls, nn.Loss):
            for kind, labels in _labels_for(example, shape, rng):
                named = f"loss: {title}, {kind}"
                yield named, partial(_check_loss, named, example, rng.normal(size=(len(labels), *shape)), labels)
            continue
        title, x = f"layer: {title}", rng.normal(size=(4, *shape))
        params = by_numpy(partial(example.init, input_shape=shape), jax.random.key(1))
        yield title, partial(_check_layer, title, example, params, x)
        if _has_modes(example, params, x):
            title += ", training"
            yield title, partial(_check_layer, title, example, params, x, key=jax.random.key(0))


def _has_modes(layer: Any, params: Params, x: NDArray[np.float64]) -> bool:
    """Is training mode another program than evaluation mode?"""

    def program(key: Array | None) -> str:
        return str(jax.make_jaxpr(lambda params, x: layer.forward(params, x, key=key))(params, _in_float32(x)))

    try:
        return program(None) != program(jax.random.key(0))
    except Exception:  # any exception of the user's code: the check reports it
        return True


def _check_layer(
    title: str, layer: Any, params: Params, x: NDArray[np.float64], key: Array | None = None, **options: Any
) -> Report:
    def backward(residuals: Residuals, dy: Array) -> tuple[PyTree, PyTree]:
        given = layer.backward(residuals, dy)
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise WrongReturnError(f"{type(layer).__name__}.backward returns (dparams, dx); got {type(given).__name__}")
        dparams, dx = given
        expected, returned = (str(jax.tree.structure(tree))[len("PyTreeDef(") : -1] for tree in (params, dparams))
        if returned != expected:
            raise WrongReturnError(f"{type(layer).__name__}.backward returns dparams {returned}; params are {expected}")
        return dparams, dx

    report = check(partial(layer.forward, key=key), backward, (params, x), title=title, **options)
    if key is not None or report.dtype == "float32":
        return report
    return replace(report, findings=(*report.findings, *_forward_findings(layer, params, x)))


def _forward_findings(layer: Any, params: Params, x: NDArray[np.float64]) -> Iterator[Finding]:
    """Do ``output_shape`` and ``numpy_forward`` say what ``forward`` gives in evaluation mode?"""
    with in_float64():
        params = jax.tree.map(np.float64, params)
        y = by_numpy(lambda params, x: layer.forward(params, x)[0], params, x)
        said, given = tuple(layer.output_shape(x.shape[1:])), np.asarray(layer.numpy_forward(params, x))
    if said != y.shape[1:]:
        yield Finding("output_shape is wrong", f"output_shape gives {said}; one output of forward is {y.shape[1:]}")
    if given.shape != y.shape or not np.allclose(given, y, rtol=1e-4, atol=1e-5 * np.abs(y).max()):
        gap = np.abs(given - y).max() if given.shape == y.shape else f"shape {given.shape} for {y.shape}"
        yield Finding("numpy_forward is not forward", f"the two differ on the same inputs: {gap}")


def _labels_for(loss: Any, shape: Shape, rng: np.random.Generator) -> Iterator[tuple[str, NDArray[Any]]]:
    """Integer labels and targets that sum to 1, as far as the loss takes them."""
    batch = shape[-1] + 1
    classes, targets = rng.integers(0, max(shape[-1], 2), batch), rng.dirichlet(np.ones(shape), batch)
    kinds, taken = {"integer labels": classes, "targets": targets}, {}
    for kind, labels in kinds.items():
        with contextlib.suppress(Exception):  # a loss may refuse labels by any exception
            jax.eval_shape(loss.forward, *jax.tree.map(_in_float32, (np.zeros((batch, *shape)), labels)))
            taken[kind] = labels
    yield from (taken or kinds).items()


def _in_float32(x: NDArray[Any]) -> NDArray[Any]:
    return x.astype(np.float32) if x.dtype.kind == "f" else x


def _check_loss(title: str, loss: Any, outputs: NDArray[np.float64], labels: NDArray[Any], **options: Any) -> Report:
    def backward(residuals: Residuals, dy: Array) -> Array:
        return dy * loss.backward(residuals)

    return check(loss.forward, backward, (outputs, labels), wrt=(0,), title=title, **options)


def _check_model(title: str, spec: nn.ModelSpec, penalty: Any, **options: Any) -> Report:
    rng, loss, key = np.random.default_rng(0), nn.SoftmaxCrossEntropy(), jax.random.key(0)
    plain, by_hand = nn.loss_fn(spec, loss, [penalty]), nn.value_and_grad(spec, loss, [penalty])

    def value(params, x, labels):
        return plain(params, x, labels, key=key)[0]

    def value_and_grad(params, x, labels):
        (total, _), grads = by_hand(params, x, labels, key=key)
        return total, grads

    params = by_numpy(partial(nn.init, spec), jax.random.key(1))
    x, labels = rng.random((4, *spec.input_shape)), rng.integers(0, spec.output_shape[0], 4)
    return check_value_and_grad(value, value_and_grad, (params, x, labels), title=title, **options)
