from functools import partial

import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyBboxPatch

from jaxdoodle.nn import AvgPool2D, BatchNorm, Conv2D, LeakyReLU, ModelSpec
from jaxdoodle.nn import layers as builtin
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.plots import network, style
from tests.fixtures.pages import check_readable, figures_of, texts_of

DIGITS = [str(i) for i in range(10)]
LONG = ["The Great Wall of China", "aircraft carrier", "roller coaster", "$\\cat$"]
MANY = [f"{LONG[i % 4]} {i}" for i in range(345)]
CASES = {
    "diagram, mlp": partial(network.model_diagram, spec=mlp(DIGITS, drop_rate=0.2)),
    "diagram, digit cnn": partial(network.model_diagram, spec=digit_cnn(DIGITS)),
    "diagram, sketch cnn": partial(network.model_diagram, spec=sketch_cnn(MANY)),
}


def draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    assert figures_of(network) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    check_readable(draw(name, pages, tmp_path), tmp_path / "figure.png")


def test_a_diagram_names_every_layer_with_its_shape_and_its_parameters(pages, tmp_path):
    page = draw("diagram, digit cnn", pages, tmp_path)
    said = texts_of(page)
    layers = ["Input"] + [type(layer).__name__ for layer in digit_cnn(DIGITS).layers]
    assert [text for text in said if text in {"Input", *builtin.__all__}] == layers
    shapes = ["28×28×1", "24×24×8", "24×24×8", "12×12×8", "8×8×16", "8×8×16", "4×4×16"]
    assert [text for text in said if "×" in text and " " not in text] == shapes
    assert [text for text in said if text in {"208", "3,216", "32,896", "1,290"}] == ["208", "3,216", "32,896", "1,290"]
    assert "x: a network of 37,610 parameters" in said
    boxes = [patch for patch in page.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    learning = [i for i, box in enumerate(boxes) if to_hex(box.get_edgecolor()) == style.BLUE]
    assert learning == [i for i, layer in enumerate(layers) if layer in {"Conv2D", "Dense"}]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv2D(8, (5, 3), padding="SAME"), "filters 8, kernel size 5×3, padding SAME"),
        (Conv2D(8, 5, stride=2), "filters 8, kernel size 5×5, stride 2×2, padding VALID"),
        (AvgPool2D(3), "window 3×3"),
        (AvgPool2D(3, 2), "window 3×3, stride 2×2"),
        (LeakyReLU(), "slope 0.1"),
        (BatchNorm(), "momentum 0.9, epsilon 1e-05"),
    ],
)
def test_a_layer_is_told_by_its_settings(layer, text, tmp_path):
    assert network.settings(layer) == text


def test_a_diagram_takes_a_network_without_layers_or_without_images(tmp_path):
    network.model_diagram(ModelSpec((), (28, 28, 1)), tmp_path / "empty.png", title="x")
    network.model_diagram(ModelSpec((LeakyReLU(),), (4,)), tmp_path / "flat.png", title="x")
