"""The page that recognizes: its network, run by Node, and what it holds."""

import json
import re

import numpy as np
import pytest

from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.formats.web import description, html
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.model_file import metadata_of
from tests.fixtures.node import ask, needs_node

PROGRAM = """([page, images]) => {
  const model = it.decoded(page), logits = images.map((image) => it.logits(model, image));
  return logits.map((scores) => ({ logits: [...scores], ...it.decide(model, scores) }));
}"""


def model_in(page):
    """What the page holds of the model, read from the file as a browser would."""
    return json.loads(re.search(r'<script type="application/json" id="model">(.*?)</script>', page, re.DOTALL)[1])


def answers(path, images):
    page = path.read_text(encoding="utf-8")
    found = ask("network.js", PROGRAM, [model_in(page), images.reshape(len(images), -1).tolist()])
    return [np.array([answer[key] for answer in found]) for key in ("logits", "probabilities", "abstained")]


@needs_node
def test_the_page_computes_every_layer_that_html_carries():
    found = ask("network.js", "() => Object.keys(it.LAYERS)")
    assert set(found) == {kind.__name__ for kind in description.derived.registry} - {"object"}


@needs_node
def test_the_page_computes_what_numpy_computes(model, images, logits, tmp_path):
    html.write(model, tmp_path / "page.html")
    numpy_model = Model.from_file(model)
    found, probabilities, abstained = answers(tmp_path / "page.html", images)
    np.testing.assert_allclose(found, logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(probabilities, numpy_model.probabilities(logits), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(abstained, numpy_model.abstains(logits))


@needs_node
def test_each_example_of_a_built_in_layer_is_computed_or_refused_by_name(example, images_for, carried):
    if path := carried(".html"):
        images = images_for(example, 5)
        np.testing.assert_allclose(answers(path, images)[0], Model.from_file(example).logits(images), rtol=0, atol=1e-4)


@needs_node
def test_int8_computes_what_the_quantized_layers_compute(model, images, tmp_path):
    layers = quantize.int8_layers(model, images)
    html.write(model, tmp_path / "page.html", layers)
    expected = quantize.logits(model, layers, images)
    found = answers(tmp_path / "page.html", images)[0]
    # An input that lies between two levels may go to either; what that changes is small.
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()
    assert np.median(np.abs(found - expected)) <= 0.002 * np.abs(expected).max()


def reproduces_examples(*models):
    return ask("network.js", "(models) => models.map((model) => it.reproducesExamples(it.decoded(model)))", models)


@needs_node
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_page_reproduces_its_reference_examples(model, images, int8):
    layers = quantize.int8_layers(model, images) if int8 else fold_for_inference(model)
    described = description.describe(model, layers)
    stricter = described | {"reference_examples": described["reference_examples"] | {"allowed": -1}}
    assert reproduces_examples(described, stricter) == [True, False]


@needs_node
def test_a_page_that_computes_something_else_does_not_reproduce_them(digits):
    described = description.describe(digits, fold_for_inference(digits))
    assert reproduces_examples(described | {"contract": described["contract"] | {"divisor": 254.0}}) == [False]


def test_the_page_holds_classes_and_preprocessing_and_leaves_no_gap(model, tmp_path):
    html.write(model, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    found = model_in(page)
    assert tuple(found["classes"]) == model.spec.classes
    assert found["contract"] == json.loads(json.dumps(metadata_of(model)["contract"]))
    assert found["provenance"] == model.provenance
    assert page.count("</script>") == 2 and page.count("{{") == 1  # the model's own


def test_the_page_of_the_digit_network_takes_less_than_100_kilobytes(digits, tmp_path):
    html.write(digits, tmp_path / "page.html", quantize.int8_layers(digits, digits.golden_inputs))
    assert digits.spec.param_count == 37_610
    assert (tmp_path / "page.html").stat().st_size < 100_000


def test_the_page_refers_to_nothing_outside(digits, tmp_path):
    html.write(digits, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]+\.|XMLHttpRequest|WebSocket|@import|\burl\(", page)
    assert "default-src 'none'" in page
