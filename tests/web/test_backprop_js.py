"""``backprop.js`` against ``jax.grad``, and against finite differences of its own loss."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.nn import Dense, LeakyReLU, ModelSpec, ReLU, Sigmoid, SoftmaxCrossEntropy, Tanh
from jaxdoodle.nn.model import apply
from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

SEEDS = range(8)
STACKS = {
    "one dense layer": (),
    "ReLU": (Dense(6), ReLU()),
    "LeakyReLU": (Dense(6), LeakyReLU(0.1)),
    "Sigmoid": (Dense(6), Sigmoid()),
    "Tanh": (Dense(5), Tanh(), Dense(6), ReLU()),
}
INPUTS, CLASSES, ROWS = 7, 4, 5

PROGRAM = """(given) => given.map(({ layers, params, start, x, labels, l2, float }) => {
  const array = float === 32 ? Float32Array : Float64Array;
  const typed = (list) =>
    list?.map((p) => Object.fromEntries(Object.entries(p).map(([name, values]) => [name, array.from(values)])));
  const options = { l2, start: typed(start) };
  const value = (p) => it.valueAndGrad(layers, p, array.from(x), labels, options);
  const { loss, grads } = value(typed(params)), plain = (p) => ({ ...p, ...(p.w && { w: [...p.w], b: [...p.b] }) });
  const difference = (i, name, k) => {
    const at = (step) => { const moved = typed(params); moved[i][name][k] += step; return value(moved).loss; };
    return (at(1e-5) - at(-1e-5)) / 2e-5;
  };
  const differences = params.map((p, i) =>
    Object.fromEntries(Object.keys(p).map((name) => [name, p[name].map((_, k) => difference(i, name, k))])));
  return { loss, grads: grads.map(plain), differences };
})"""


def network(name):
    return ModelSpec((*STACKS[name], Dense(CLASSES)), (INPUTS,), tuple("abcd"))


def problem(spec, seed, float=64, **changes):
    """What JavaScript is given, as JSON values, and the same arrays."""
    rng = np.random.default_rng(seed)
    dtype = f"float{float}"
    params, start = (
        [{k: rng.normal(0, 0.7, shape).astype(dtype) for k, shape in p.items()} for p in spec.param_shapes]
        for _ in range(2)
    )
    x = rng.normal(0, 1, (ROWS, INPUTS)).astype(dtype) * (rng.random((ROWS, INPUTS)) < 0.7)
    labels = rng.integers(0, CLASSES, ROWS)
    layers, size = [], INPUTS
    for layer in spec.layers:
        kind = {"type": type(layer).__name__, "slope": getattr(layer, "slope", None)}
        if isinstance(layer, Dense):
            kind |= {"inputs": size, "units": layer.units}
            size = layer.units
        layers.append(kind)
    given = {"x": x.ravel().tolist(), "labels": labels.tolist(), "l2": 0.03, "float": float, "layers": layers}
    given |= {
        name: [{k: v.ravel().tolist() for k, v in p.items()} for p in value]
        for name, value in (("params", params), ("start", start))
    }
    return given | changes, (params, start, x, labels)


@cache
def value_and_grad(spec):
    def loss(params, start, x, labels, l2):
        value, _ = SoftmaxCrossEntropy().forward(apply(spec, params, x), labels)
        away = sum(jnp.sum((p["w"] - s["w"]) ** 2) for p, s in zip(params, start, strict=True) if "w" in p)
        return value + l2 * away

    return jax.jit(jax.value_and_grad(loss))


def expected(spec, params, start, x, labels, l2):
    """In float64, whatever JavaScript computes in."""
    params, start, x = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), (params, start, x))
    return value_and_grad(spec)(params, start, x, labels, l2)


def leaves(grads):
    return {f"{i}.{name}": np.ravel(value) for i, p in enumerate(grads) for name, value in p.items()}


@pytest.mark.parametrize("float", [64, 32])
@pytest.mark.parametrize("name", STACKS)
def test_loss_and_gradient_are_those_of_jax(name, float):
    spec = network(name)
    problems = [problem(spec, seed, float) for seed in SEEDS]
    tolerance = 1e-10 if float == 64 else 1e-5
    for found, (given, arrays) in zip(ask("backprop.js", PROGRAM, [g for g, _ in problems]), problems, strict=True):
        loss, grads = expected(spec, *arrays, given["l2"])
        assert found["loss"] == pytest.approx(loss.item(), rel=tolerance)
        found, grads = leaves(found["grads"]), leaves(grads)
        assert found.keys() == grads.keys()
        for leaf, value in grads.items():
            assert np.linalg.norm(found[leaf] - value) <= tolerance * np.linalg.norm(value), leaf


@pytest.mark.parametrize("name", ["one dense layer", "Sigmoid", "Tanh"])
def test_the_gradient_is_that_of_its_own_loss(name):
    problems = [problem(network(name), seed, start=None)[0] for seed in SEEDS]
    for found in ask("backprop.js", PROGRAM, problems):
        grads, differences = leaves(found["grads"]), leaves(found["differences"])
        for leaf, value in differences.items():
            np.testing.assert_allclose(grads[leaf], value, rtol=1e-5, atol=1e-7)


def test_at_the_kinks_the_derivative_is_the_librarys():
    spec = network("ReLU")
    given, (params, start, x, labels) = problem(spec, 0, l2=0.0)
    for p in (params[0], given["params"][0]):
        p["b"] = np.zeros(6)
    given["params"][0]["b"] = [0.0] * 6
    given["x"] = [0.0] * (ROWS * INPUTS)
    (found,) = ask("backprop.js", PROGRAM, [given])
    _, grads = expected(spec, params, start, np.zeros_like(x), labels, 0.0)
    for leaf, value in leaves(grads).items():
        np.testing.assert_allclose(leaves(found["grads"])[leaf], value, rtol=0, atol=1e-12)
