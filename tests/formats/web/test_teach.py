"""The page that learns: the features that it holds."""

import json
import re

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.web import teach
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, ModelSpec, ReLU, Residual, Softmax
from jaxdoodle.nn.architectures import sketch_cnn
from tests.fixtures.node import ask, needs_node

NAMES = ("a", "b", "c")
SPECS = {
    "two dense layers": (
        Conv2D(3, 3),
        BatchNorm(),
        ReLU(),
        BatchNorm(),
        Flatten(),
        Dense(5),
        ReLU(),
        Dropout(0.2),
        Dense(3),
    ),
    "one dense layer": (Conv2D(3, 3), ReLU(), Flatten(), Dense(3), Softmax()),
    "something between": (Flatten(), Dense(5), Flatten(), Dense(3)),
}


def elements_of(page):
    found = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', page, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


@needs_node
@pytest.mark.parametrize("case", SPECS)
def test_the_features_are_what_the_network_computes_before_its_last_dense_layer(case, build_spec, images_for):
    layers = SPECS[case]
    model = build_spec(ModelSpec(layers, (8, 8, 1), NAMES))
    images = images_for(model, 5)
    cut = max(i for i, layer in enumerate(layers) if isinstance(layer, Dense))
    before = ModelSpec(layers[:cut], (8, 8, 1))
    expected = Network(before, model.params[:cut], *model.preprocessing.scaling).logits(images)
    program = "([model, images]) => { model = it.decoded(model); return images.map((x) => [...it.logits(model, x)]); }"
    found = np.array(ask("network.js", program, [teach.features_of(model), images.reshape(5, -1).tolist()]))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 0.02 * np.abs(expected).max()  # weights in 8 bits


@pytest.mark.parametrize(("case", "cut"), [("two dense layers", 4), ("one dense layer", 3), ("something between", 3)])
def test_the_last_two_layers_begin_where_a_dense_layer_and_activations_are_left(case, cut, build_spec):
    described = teach.features_of(build_spec(ModelSpec(SPECS[case], (8, 8, 1), NAMES)))
    assert described["cut"] == cut and len(described["layers"]) >= cut


def test_the_page_of_the_sketch_network_takes_less_than_a_megabyte_and_a_half(build_spec, tmp_path):
    model = build_spec(sketch_cnn([f"class {i}" for i in range(345)]))
    teach.write(tmp_path / "teach.html", model, ["cat", "</script>{{page}}"], '{"word": "{{features}}"}\n')
    page = (tmp_path / "teach.html").read_text(encoding="utf-8")
    assert len(page) < 1_500_000 and page.count("</script>") == 4
    held = elements_of(page)
    assert held["begin"]["classes"] == ["cat", "</script>{{page}}"]
    assert held["begin"]["samples"] == '{"word": "{{features}}"}\n' and held["page"].count("{{model}}") == 1


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        ((Flatten(), Dense(3), Residual((Dense(3),))), "this has none"),
        ((Flatten(), Dense(3), ReLU()), "this has none"),
        ((Conv2D(3, 8), Flatten()), "this has none"),
        ((Residual((Conv2D(1, 3, padding="SAME"),)), Flatten(), Dense(3)), "a page cannot compute Residual"),
    ],
)
def test_a_network_without_such_features_is_refused(layers, fault, build_spec):
    with pytest.raises(InputError, match=fault):
        teach.features_of(build_spec(ModelSpec(layers, (8, 8, 1), NAMES)))
