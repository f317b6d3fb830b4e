import numpy as np

from jaxdoodle.formats.fold import fold_for_inference, run
from jaxdoodle.nn import BatchNorm, Dropout


def test_the_inference_layers_compute_what_the_network_computes(model, images, logits):
    *_, outputs = run(fold_for_inference(model), images.astype(np.float32) / np.float32(model.preprocessing.divisor))
    np.testing.assert_allclose(outputs, logits, rtol=0, atol=1e-5)


def test_normalization_is_folded_into_the_weights_before_it_and_dropout_is_left_out(model):
    layers = fold_for_inference(model)
    assert not any(isinstance(folded.layer, Dropout) for folded in layers)
    for before, after in zip(layers, layers[1:], strict=False):
        assert not (isinstance(after.layer, BatchNorm) and "w" in before.params)


def test_the_output_shape_of_each_layer_is_the_input_shape_of_the_next(model):
    layers = fold_for_inference(model)
    assert layers[0].input_shape == model.spec.input_shape
    assert layers[-1].output_shape == model.spec.output_shape
    for before, after in zip(layers, layers[1:], strict=False):
        assert before.output_shape == after.input_shape
