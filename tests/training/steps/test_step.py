"""One training step: the precision of its matrix products."""

import jax
import numpy as np
import optax
import pytest

from jaxdoodle.nn import L2, Conv2D, Dense, Flatten, MaxPool2D, ModelSpec, ReLU
from jaxdoodle.training.config import MATMUL_PRECISIONS, TrainConfig
from jaxdoodle.training.steps.state import init_state
from jaxdoodle.training.steps.step import _after, make_step

pytestmark = pytest.mark.usefixtures("as_users_run")


@pytest.mark.parametrize("gradients", ["hand", "autodiff"])
def test_bfloat16_reaches_every_matrix_product_forward_and_backward_and_sums_in_float32(gradients):
    spec = ModelSpec((Conv2D(2, 3), ReLU(), MaxPool2D(), Flatten(), Dense(3)), (28, 28, 1))
    for precision in MATMUL_PRECISIONS:
        config = TrainConfig(matmul_precision=precision, gradients=gradients)
        step = make_step(spec, optax.sgd(0.1), config, divisor=255.0)
        state = init_state(spec, optax.sgd(0.1), config)
        text = jax.jit(step).lower(state, np.zeros((4, 28, 28, 1), np.uint8), np.zeros(4, np.int32)).as_text()
        products = [line for line in text.splitlines() if "dot_general" in line]
        rounded = ["lhs_precision_type = bf16" in line and "accumulation_type = f32" in line for line in products]
        assert len(products) >= 5 and rounded == [precision == "bfloat16"] * len(products)


def test_a_penalty_counts_its_layers_from_the_first_that_is_trained():
    assert _after(2, L2(0.1, layers=(1, 3, 6))) == [L2(0.1, layers=(1, 4))]
    assert _after(2, L2(0.1, layers=(0, 1))) == [] and _after(2, L2(0.1)) == [L2(0.1)]
