"""An epoch takes each image of its order once, in batches, the last of which may be smaller."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.training.hardware.layout import Layout
from jaxdoodle.training.steps.epoch import compile_epoch, make_epoch, place_arguments
from jaxdoodle.training.steps.state import Constants


def step(state, images, labels, constants, statistics=True):
    """Counts how often each label was seen; the loss is the batch size, the count its first label."""
    return state.at[labels].add(1), (jnp.asarray(len(images), jnp.float32), labels[0])


@pytest.mark.parametrize("size, batches", [(12, [4, 4, 4]), (10, [4, 4, 2]), (3, [3])])
def test_every_image_is_taken_once_in_the_order_given(size, batches):
    order = np.random.default_rng(0).permutation(12)[:size].astype(np.int32)
    state, (sizes, first) = make_epoch(step, 4)(
        jnp.zeros(12, jnp.int32), jnp.zeros((12, 2)), jnp.arange(12, dtype=jnp.int32), jnp.asarray(order), Constants()
    )
    assert sizes.tolist() == batches and first.tolist() == order[::4].tolist()
    assert state.tolist() == np.bincount(order, minlength=12).tolist()


def test_a_compiled_epoch_is_the_same_epoch():
    arguments = jnp.zeros(12, jnp.int32), jnp.zeros((12, 2)), jnp.arange(12, dtype=jnp.int32), Constants()
    *placed, constants = place_arguments(arguments, Layout())
    run = compile_epoch(step, 4, 10, (*placed, constants), Layout())
    state, (sizes, _) = run(*placed, np.arange(10, dtype=np.int32))
    assert state.tolist() == [1] * 10 + [0] * 2 and sizes.tolist() == [4, 4, 2]
    with pytest.raises(TypeError):
        run(*placed, np.arange(9, dtype=np.int32))
