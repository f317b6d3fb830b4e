"""The fused block against the three layers it stands for, whose derivatives autodiff finds.

Ties are exact here: weights and inputs in quarters make every sum exact, in whatever order it is taken.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_vjp

from jaxdoodle.nn import Conv2D, MaxPool2D, ReLU
from jaxdoodle.nn.fused.conv_relu_maxpool import ConvReLUMaxPool

CASES = [
    (Conv2D(3, 5), (2, 12, 12, 1)),
    (Conv2D(2, 5), (3, 11, 8, 2)),  # 7 rows of outputs: the last is dropped
    (Conv2D(2, 3, padding="SAME"), (2, 7, 7, 3)),  # as in the sketch network's last block
    (Conv2D(3, 5, padding="SAME"), (1, 9, 6, 2)),
    (Conv2D(2, 4), (2, 9, 8, 1)),
    (Conv2D(2, (2, 3), padding="SAME"), (2, 5, 6, 2)),
    (Conv2D(2, (3, 2)), (2, 6, 7, 2)),
    (Conv2D(4, 1), (2, 5, 4, 3)),
    (Conv2D(1, 3), (1, 4, 4, 1)),  # a single window
    (Conv2D(3, 3), (2, 9, 12, 4)),
    (Conv2D(2, 3, padding="SAME"), (2, 6, 8, 3)),  # as in its other blocks
    (Conv2D(2, 5, padding="SAME"), (2, 3, 2, 1)),  # a kernel larger than the image
]


def quarters(rng, shape):
    return rng.integers(-2, 3, shape) / 4


INPUTS = {
    "noise": (lambda rng, shape: rng.normal(size=shape), lambda rng, shape: rng.normal(size=shape)),
    "ties": (quarters, quarters),
    "blank": (quarters, lambda rng, shape: np.zeros(shape)),
    "full": (quarters, lambda rng, shape: np.ones(shape)),
    "blank, no bias": (
        lambda rng, shape: quarters(rng, shape) * (len(shape) > 1),
        lambda rng, shape: np.zeros(shape),
    ),
}
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}


def reference(layer, params, x):
    for each, p in (layer, params), (ReLU(), {}), (MaxPool2D(), {}):
        x, _ = each.forward(p, x)
    return x


def draw(layer, shape, inputs, dtype):
    rng = np.random.default_rng(0)
    draw_params, draw_x = INPUTS[inputs]
    params = {name: draw_params(rng, s).astype(dtype) for name, s in layer.param_shapes(shape[1:]).items()}
    x = draw_x(rng, shape).astype(dtype)
    y = MaxPool2D().output_shape(layer.output_shape(shape[1:]))
    return jax.tree.map(jnp.asarray, (params, x, rng.normal(size=(shape[0], *y)).astype(dtype)))


#: The networks' own blocks.
OWN = CASES[0], CASES[2]


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"), [(*case, np.float64) for case in CASES] + [(*case, np.float32) for case in OWN]
)
def test_the_block_computes_and_derives_what_its_three_layers_do(layer, shape, dtype):
    @jax.jit
    def hand_and_auto(params, x, dy):
        y, residuals = ConvReLUMaxPool(layer).forward(params, x)
        expected, pull = jax.vjp(partial(reference, layer), params, x)
        return (y, *ConvReLUMaxPool(layer).backward(residuals, dy)), (expected, *pull(dy))

    for inputs in INPUTS:
        hand, auto = hand_and_auto(*draw(layer, shape, inputs, dtype))
        assert jax.tree.structure(hand) == jax.tree.structure(auto)
        for by_hand, leaf in zip(jax.tree.leaves(hand), jax.tree.leaves(auto), strict=True):
            assert by_hand.shape == leaf.shape and by_hand.dtype == leaf.dtype
            error = np.linalg.norm(by_hand - leaf) / max(np.linalg.norm(leaf), 1e-3)
            assert error <= TOLERANCE[dtype], f"{inputs}: {leaf.shape}, rel-L2 {error:.1e}"


@pytest.mark.parametrize("layer, shape", OWN)
def test_the_blocks_backward_agrees_with_central_differences(layer, shape):
    params, x, _ = draw(layer, shape, "noise", np.float64)

    @jax.jit
    def forward(params, x):
        return ConvReLUMaxPool(layer).forward(params, x)[0]

    @jax.jit
    def pull(params, x, dy):
        return ConvReLUMaxPool(layer).backward(ConvReLUMaxPool(layer).forward(params, x)[1], dy)

    check_vjp(
        forward,
        lambda params, x: (forward(params, x), partial(pull, params, x)),
        (params, x),
        atol=1e-6,
        rtol=1e-6,
        eps=1e-5,
    )


@pytest.mark.usefixtures("nans")
@pytest.mark.parametrize("layer, shape", [(Conv2D(3, 5), (2, 12, 12, 1)), (Conv2D(3, 3), (2, 9, 12, 4))])
def test_what_is_not_a_number_stays_so(layer, shape):
    params, x, _ = draw(layer, shape, "noise", np.float64)
    y = jax.jit(ConvReLUMaxPool(layer).forward)(params, x.at[0].set(np.nan))[0]
    assert np.isnan(y[0]).all() and np.isfinite(y[1]).all()
