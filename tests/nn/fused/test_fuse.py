"""Which layers are computed as one block, and that nothing else depends on it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle import nn
from jaxdoodle.nn import Conv2D, LeakyReLU, MaxPool2D, ModelSpec, ReLU, backprop, losses, model
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.fused import fuse, unfused

DIGITS = [str(d) for d in range(10)]
#: Layers -> how many of them each block takes.
CASES = {
    "digit cnn": (digit_cnn(DIGITS).layers, [3, 3, 1, 1, 1, 1, 1]),
    "sketch cnn": (sketch_cnn(DIGITS).layers, [3, 3, 3, 1, 1, 1, 1]),
    "mlp": (mlp(DIGITS).layers, [1, 1, 1, 1]),
    "two convolutions, then a pool": ((Conv2D(2, 3), ReLU(), Conv2D(2, 3), ReLU(), MaxPool2D()), [1, 1, 3]),
    "a stride": ((Conv2D(2, 3, stride=2), ReLU(), MaxPool2D()), [1, 1, 1]),
    "another activation": ((Conv2D(2, 3), LeakyReLU(), MaxPool2D()), [1, 1, 1]),
    "another window": ((Conv2D(2, 3), ReLU(), MaxPool2D(3)), [1, 1, 1]),
    "windows that overlap": ((Conv2D(2, 3), ReLU(), MaxPool2D(2, stride=1)), [1, 1, 1]),
    "pool before the activation": ((Conv2D(2, 3), MaxPool2D(), ReLU()), [1, 1, 1]),
    "no layer": ((), []),
}


@pytest.mark.parametrize("name", CASES)
def test_on_a_processor_a_convolution_with_its_relu_and_pool_is_one_block(name):
    layers, sizes = CASES[name]
    blocks = fuse(ModelSpec(layers, (28, 28, 1)), "cpu")
    assert [block.size for block in blocks] == sizes


@pytest.mark.parametrize("backend", ["cpu", "cuda"])
@pytest.mark.parametrize("name", CASES)
def test_blocks_cover_every_layer_once_in_order_and_only_the_first_of_a_block_has_parameters(name, backend):
    spec = ModelSpec(CASES[name][0], (28, 28, 1))
    blocks = fuse(spec, backend)
    assert [block.start for block in blocks] == [sum(b.size for b in blocks[:i]) for i in range(len(blocks))]
    assert sum(block.size for block in blocks) == len(spec.layers)
    assert all(block.layer is spec.layers[block.start] for block in blocks if block.size == 1)
    for block in blocks:
        assert not any(spec.param_shapes[block.start + 1 : block.start + block.size])


@pytest.mark.parametrize("index", range(3))
def test_a_layer_that_derives_from_a_built_in_one_is_its_own_block(index):
    layers = [Conv2D(2, 3), ReLU(), MaxPool2D()]
    derived = nn.layer(type("Derived", (type(layers[index]),), {}))
    layers[index] = derived(2, 3) if index == 0 else derived()
    assert [block.size for block in fuse(ModelSpec(layers, (28, 28, 1)), "cpu")] == [1, 1, 1]


def test_elsewhere_every_layer_is_its_own_block():
    spec = digit_cnn(DIGITS)
    assert fuse(spec, "cuda") == unfused(spec)


def test_training_on_a_processor_calls_no_convolution_of_xla():
    """Inside a scan it is several times slower than the matrix products that it consists of."""
    spec, rng = sketch_cnn(DIGITS), np.random.default_rng(0)
    params = model.init(spec, jax.random.key(0))
    x, labels = jnp.asarray(rng.normal(size=(2, *spec.input_shape)), jnp.float32), jnp.asarray([3, 5])
    for make in backprop.GRADIENTS.values():
        assert "conv_general" not in str(
            jax.make_jaxpr(partial(make(spec, losses.SoftmaxCrossEntropy()), training=False))(params, x, labels)
        )


def test_autodiff_differentiates_the_layers_unfused():
    """Else a wrong block would be compared with itself. The block alone looks for the least: the first winner."""
    spec, rng = digit_cnn(DIGITS), np.random.default_rng(0)
    params = model.init(spec, jax.random.key(0))
    x, labels = jnp.asarray(rng.normal(size=(2, *spec.input_shape)), jnp.float32), jnp.asarray([3, 5])
    in_blocks = {
        name: "reduce_min"
        in str(jax.make_jaxpr(partial(make(spec, losses.SoftmaxCrossEntropy()), training=False))(params, x, labels))
        for name, make in backprop.GRADIENTS.items()
    }
    assert in_blocks == {"hand": jax.default_backend() == "cpu", "autodiff": False}
