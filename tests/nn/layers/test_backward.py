"""Every layer's derivative, by three independent checks.

Level 1: ``backward`` against ``jax.vjp`` of ``forward``. Level 2: against central differences, without autodiff.
(Level 3, whole networks, is in ``tests/nn/test_backprop.py``.)
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_vjp

from jaxdoodle.nn import (
    AvgPool2D,
    BatchNorm,
    Clip,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool2D,
    LeakyReLU,
    MaxPool2D,
    Pad2D,
    ReLU,
    Residual,
    Sigmoid,
    Softmax,
    Tanh,
)
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.backprop import as_custom_vjp

CASES = [
    (Dense(5), (4, 7)),
    (Dense(7), (3, 7)),  # square: a transposed weight would fit
    (Dense(3), (1, 2)),
    (Conv2D(3, 3), (2, 6, 5, 2)),
    (Conv2D(2, (2, 3)), (2, 5, 6, 3)),
    (Conv2D(3, 2, padding="SAME"), (2, 5, 4, 2)),
    (Conv2D(2, (4, 3), padding="SAME"), (1, 5, 7, 2)),
    (Conv2D(2, 3, stride=2), (2, 8, 7, 1)),
    (Conv2D(2, 3, stride=(3, 2), padding="SAME"), (2, 8, 7, 2)),
    (Conv2D(2, 5, stride=3, padding="SAME"), (1, 11, 6, 1)),
    (Conv2D(4, 1), (2, 3, 4, 3)),
    (Conv2D(2, 2, stride=3), (2, 7, 8, 2)),  # pixels between the windows are never seen
    (MaxPool2D(), (2, 6, 4, 3)),
    (MaxPool2D(), (2, 7, 5, 2)),
    (MaxPool2D(3, stride=2), (2, 8, 7, 2)),
    (MaxPool2D((2, 3), stride=(3, 1)), (1, 8, 5, 2)),
    (AvgPool2D(), (2, 7, 5, 2)),
    (AvgPool2D(3, stride=2), (2, 7, 8, 2)),
    (AvgPool2D((3, 2)), (1, 6, 5, 1)),
    (GlobalAvgPool2D(), (2, 3, 5, 4)),
    (Flatten(), (2, 3, 4, 2)),
    (Flatten(), (3, 5)),
    (ReLU(), (3, 7)),
    (ReLU(), (2, 3, 4, 2)),
    (LeakyReLU(), (3, 7)),
    (LeakyReLU(0.3), (2, 4, 3, 2)),
    (Clip(), (3, 7)),
    (Clip(-1.0, 0.5), (2, 4, 3, 2)),
    (Pad2D(), (2, 3, 4, 2)),
    (Pad2D(((0, 2), (1, 0)), -1.5), (1, 2, 3, 2)),
    (Sigmoid(), (3, 7)),
    (Tanh(), (3, 7)),
    (Softmax(), (4, 6)),
    (Softmax(), (2, 3, 2, 5)),
    (Dropout(0.4), (4, 6)),
    (Dropout(0.0), (3, 5)),
    (Dropout(0.5), (2, 3, 4, 2)),
    (BatchNorm(), (5, 4)),
    (BatchNorm(0.7, 1e-2), (3, 4, 2, 3)),
    (BatchNorm(), (1, 3, 4, 2)),
    *((layer, (3, *shape)) for layer, shape in Residual.examples()),
]
INPUTS = {
    "noise": lambda rng, shape: rng.normal(size=shape),
    "integers": lambda rng, shape: rng.integers(-1, 2, shape).astype(float),  # zeros and ties at every turn
    "blank": lambda rng, shape: np.zeros(shape),
    "full": lambda rng, shape: np.ones(shape),
    "saturated": lambda rng, shape: 8 * rng.normal(size=shape),
}
KEYS = {"training": jax.random.key(3), "evaluation": None}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}

ids = [f"{layer}-{'x'.join(map(str, shape))}" for layer, shape in CASES]
#: The first case of each class: what is the same code in all cases of a class is run in one.
FIRST = list({type(layer): (layer, shape) for layer, shape in reversed(CASES)}.values())
each_case = pytest.mark.parametrize("layer, shape", CASES, ids=ids)


def test_every_layer_is_covered():
    assert {type(layer) for layer, _ in CASES} == {getattr(builtin, name) for name in builtin.__all__}


def draw(layer, shape, inputs, dtype, seed=0):
    """Random parameters (biases too), an input of the named kind, and a random cotangent for the output."""
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=s).astype(dtype) for name, s in layer.param_shapes(shape[1:]).items()}
    params |= {name: np.abs(leaf) + dtype(0.1) for name, leaf in params.items() if name.rpartition(".")[2] == "var"}
    x = INPUTS[inputs](rng, shape).astype(dtype)
    dy = rng.normal(size=(shape[0], *layer.output_shape(shape[1:]))).astype(dtype)
    return jax.tree.map(jnp.asarray, (params, x, dy))


def assert_close(hand, auto, tolerance):
    """Every leaf within ``tolerance`` of the oracle's, in the 2-norm relative to the larger of its norm and 1e-3."""
    assert jax.tree.structure(hand) == jax.tree.structure(auto)
    for path, leaf in jax.tree_util.tree_leaves_with_path(auto):
        by_hand = dict(jax.tree_util.tree_leaves_with_path(hand))[path]
        assert by_hand.shape == leaf.shape and by_hand.dtype == leaf.dtype, path
        error = np.linalg.norm(np.asarray(by_hand - leaf, np.float64)) / max(np.linalg.norm(leaf), 1e-3)
        assert error <= tolerance, f"{jax.tree_util.keystr(path)}: rel-L2 {error:.1e}"


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"), [(*case, np.float64) for case in CASES] + [(*case, np.float32) for case in FIRST]
)
def test_backward_is_the_derivative_that_autodiff_finds(layer, shape, dtype):

    @jax.jit
    def hand_and_auto(params, x, dy):
        pairs = []
        for key in KEYS.values():
            _, pull = jax.vjp(partial(forward_alone, layer, key=key), params, x)
            pairs.append((layer.backward(layer.forward(params, x, key=key)[1], dy), pull(dy)))
        return pairs

    for inputs in INPUTS:
        for hand, auto in hand_and_auto(*draw(layer, shape, inputs, dtype)):
            assert_close(hand, auto, TOLERANCE[dtype])


def forward_alone(layer, params, x, *, key):
    return layer.forward(params, x, key=key)[0]


@pytest.mark.parametrize(
    ("layer", "shape", "mode"),
    [(*case, "training") for case in CASES]
    + [(*case, "evaluation") for case in CASES if isinstance(case[0], BatchNorm | Dropout | Residual)],
)
def test_backward_agrees_with_central_differences(layer, shape, mode):
    params, x, _ = draw(layer, shape, "noise", np.float64)
    key = KEYS[mode]
    fixed = {name: params.pop(name) for name in layer.statistics}  # constants, though evaluation depends on them

    @jax.jit
    def forward(params, x):
        return layer.forward({**params, **fixed}, x, key=key)[0]

    @jax.jit
    def pull(params, x, dy):
        dparams, dx = layer.backward(layer.forward({**params, **fixed}, x, key=key)[1], dy)
        return {name: dparams[name] for name in params}, dx

    check_vjp(
        forward,
        lambda params, x: (forward(params, x), partial(pull, params, x)),
        (params, x),
        atol=1e-6,
        rtol=1e-6,
        eps=1e-5,
    )


@pytest.mark.parametrize("layer, shape", FIRST)
def test_the_custom_vjp_adapter_differentiates_by_backward(layer, shape):
    params, x, dy = draw(layer, shape, "noise", np.float64)
    key = KEYS["training"]

    @jax.jit
    def hand_and_auto(params, x, dy):
        _, pull = jax.vjp(as_custom_vjp(layer), params, x, key)
        return pull(dy)[:2], layer.backward(layer.forward(params, x, key=key)[1], dy)

    assert_close(*hand_and_auto(params, x, dy), 1e-14)


@each_case
def test_shapes_are_those_that_the_layer_states_and_dtypes_those_of_its_input(layer, shape):
    params, x, dy = draw(layer, shape, "noise", np.float32)
    for key in KEYS.values():
        y, residuals = jax.eval_shape(partial(layer.forward, key=key), params, x)
        assert y.shape == (shape[0], *layer.output_shape(shape[1:])) and y.dtype == np.float32
        gradients = jax.eval_shape(layer.backward, residuals, dy)
        assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), gradients) == jax.tree.map(
            lambda leaf: (leaf.shape, leaf.dtype), (params, x)
        )
    start = jax.eval_shape(lambda: layer.init(jax.random.key(0), shape[1:]))
    assert {name: leaf.shape for name, leaf in start.items()} == layer.param_shapes(shape[1:])
    assert all(leaf.dtype == np.float32 for leaf in start.values())


@each_case
def test_residuals_hold_arrays_only(layer, shape):
    params, x, _ = draw(layer, shape, "noise", np.float32)

    def look(params, x):
        for key in KEYS.values():
            _, residuals = layer.forward(params, x, key=key)
            assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(residuals))

    jax.eval_shape(look, params, x)


@each_case
def test_statistics_are_updated_in_training_alone_and_have_no_gradient(layer, shape):
    params, x, dy = draw(layer, shape, "noise", np.float64)
    for mode, key in KEYS.items():

        def updates_and_gradients(params, x, dy, key=key):
            _, residuals = layer.forward(params, x, key=key)
            return layer.update_statistics(params, residuals), layer.backward(residuals, dy)[0]

        updates, gradients = jax.eval_shape(updates_and_gradients, params, x, dy)
        assert set(updates) == (set(layer.statistics) if mode == "training" else set())
        if layer.statistics:
            _, gradients = jax.jit(updates_and_gradients)(params, x, dy)
            assert all(not np.any(gradients[name]) for name in layer.statistics)
