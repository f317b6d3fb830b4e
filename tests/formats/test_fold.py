import numpy as np

from jaxdoodle.formats.fold import run, steps_of
from jaxdoodle.nn.spec import BatchNorm, Dropout


def test_the_steps_compute_what_the_network_computes(model, images, logits):
    *_, outputs = run(steps_of(model), images.astype(np.float32) / np.float32(model.preprocessing.divisor))
    np.testing.assert_allclose(outputs, logits, rtol=0, atol=1e-5)


def test_normalization_is_folded_into_the_weights_before_it_and_dropout_is_gone(model):
    steps = steps_of(model)
    assert not any(isinstance(step.layer, Dropout) for step in steps)
    for before, after in zip(steps, steps[1:], strict=False):
        assert not (isinstance(after.layer, BatchNorm) and "w" in before.params)


def test_the_steps_are_joined_by_their_shapes(model):
    steps = steps_of(model)
    assert steps[0].input_shape == model.spec.input_shape
    assert steps[-1].output_shape == model.spec.output_shape
    for before, after in zip(steps, steps[1:], strict=False):
        assert before.output_shape == after.input_shape
