import json
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.formats import onnx as to_onnx
from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.model_file import metadata_of
from tests.formats.conftest import SPECS, build, draw_images

onnx = pytest.importorskip("onnx", reason="needs the onnx package")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")


def session(path, as_written=False):
    """``as_written``: each node by itself, none fused with others."""
    options = onnxruntime.SessionOptions()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="session")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    to_onnx.write(model, path, fold_for_inference(model))
    return path


def test_the_checker_finds_nothing(file):
    onnx.checker.check_model(str(file), full_check=True)


def test_onnxruntime_computes_what_numpy_computes(model, file, images, logits):
    numpy_model = Model.from_file(model)
    found, probabilities, abstained = session(file).run(None, {"images": images})
    np.testing.assert_allclose(found, logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(probabilities, numpy_model.probabilities(logits), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(abstained, numpy_model.abstains(logits))
    assert model.abstain_below is None or 0 < abstained.sum() < len(images)


def test_each_example_of_a_built_in_layer_is_computed_or_refused_by_name(example, images_for, carried):
    if path := carried(".onnx"):
        images = images_for(example, 5)
        found = session(path).run(["logits"], {"images": images})[0]
        np.testing.assert_allclose(found, Model.from_file(example).logits(images), rtol=0, atol=1e-4)


def test_it_takes_any_number_of_images(file, images, logits):
    for n in (1, 3):
        found = session(file).run(["logits"], {"images": images[:n]})[0]
        np.testing.assert_allclose(found, logits[:n], rtol=0, atol=1e-4)


def test_the_reference_examples_are_reproduced(model, file):
    found = session(file).run(["logits"], {"images": model.golden_inputs})[0]
    np.testing.assert_allclose(found, model.golden_logits, rtol=0, atol=1e-4)


def test_the_metadata_hold_spec_preprocessing_and_classes(model, file):
    found = {entry.key: json.loads(entry.value) for entry in onnx.load(file).metadata_props}
    assert tuple(found["classes"]) == model.spec.classes
    expected = json.loads(json.dumps(metadata_of(model)))
    assert {name: found[name] for name in expected} == expected


def test_int8_computes_what_the_quantized_layers_compute(model, images, tmp_path):
    layers = quantize.int8_layers(model, images)
    to_onnx.write(model, tmp_path / "model.onnx", layers)
    expected = quantize.logits(model, layers, images)
    found = session(tmp_path / "model.onnx", as_written=True).run(["logits"], {"images": images})[0]
    # An input that lies between two levels may go to either; what that changes is small and rare.
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()
    assert np.median(np.abs(found - expected)) <= 1e-5 * np.abs(expected).max()


def test_int8_in_products_of_integers_stays_close(model, images, tmp_path):
    """Without VNNI the runtime adds products of 8 bits in 16, where the largest sums are cut off."""
    layers = quantize.int8_layers(model, images)
    to_onnx.write(model, tmp_path / "model.onnx", layers)
    expected = quantize.logits(model, layers, images)
    found = session(tmp_path / "model.onnx").run(["logits"], {"images": images})[0]
    assert np.abs(found - expected).max() <= 0.05 * np.abs(expected).max()


def test_the_same_model_gives_the_same_bytes(model, file, tmp_path):
    to_onnx.write(model, tmp_path / "again", fold_for_inference(model))
    assert (tmp_path / "again").read_bytes() == file.read_bytes()


def test_inputs_are_standardized_as_the_preprocessing_says(tmp_path):
    model = build(SPECS["pool after flat pixels"])
    model = replace(model, preprocessing=replace(model.preprocessing, mean=0.25, std=0.5))
    to_onnx.write(model, tmp_path / "model.onnx")
    images = draw_images(model.spec, 5)
    found = session(tmp_path / "model.onnx").run(["logits"], {"images": images})[0]
    np.testing.assert_allclose(found, Model.from_file(model).logits(images), rtol=0, atol=1e-4)
