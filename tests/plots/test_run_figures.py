import numpy as np
import pytest

from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.nn.architectures import digit_cnn, mlp
from jaxdoodle.plots.run_figures import SHOWN, draw_figures
from jaxdoodle.preprocessing.config import QUICKDRAW
from jaxdoodle.training import Epoch, Evaluation, TrainResult
from tests.fixtures.pages import texts_of

CLASSES = ("clock", "hexagon", "bucket")
RNG = np.random.default_rng(0)
HISTORY = [(Evaluation(2.0, 10, 30), Evaluation(1.5, 5, 9)), (Evaluation(1.0, 20, 30), Evaluation(0.5, 8, 9))]


def drawings(name, count):
    labels = np.sort(np.arange(count) % 3).astype(np.int32)
    return Dataset(name, RNG.integers(0, 256, (count, 28, 28, 1), np.uint8), labels, CLASSES)


def parameters(spec):
    return [{name: RNG.normal(size=shape) for name, shape in shapes.items()} for shapes in spec.param_shapes]


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("network", [mlp, digit_cnn])
def test_a_run_has_all_figures_and_kernels_only_with_a_conv2d(network, validated, pages, tmp_path):
    spec = network(CLASSES)
    splits = Splits(drawings("train", 30), drawings("validation", 9 * validated), drawings("test", 90), QUICKDRAW)
    epochs = [Epoch(i + 1, train, valid if validated else None, 0.1) for i, (train, valid) in enumerate(HISTORY)]
    result = TrainResult(parameters(spec), best_epoch=2, history=epochs)
    draw_figures(spec, splits, result, np.zeros(90, np.int64), tmp_path / "new" / "folder", title="doodles")
    figures = {"loss", "accuracy", "confusion", "classes", "predictions", "samples", "network"}
    expected = figures | ({"kernels"} if network is digit_cnn else set())
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == {f"{name}.png" for name in expected}
    loss, accuracy, confusion, classes, *_ = pages
    assert any("of 90 right" in text for text in texts_of(confusion)), "confusion is that of the test set"
    assert any("30 images of 3 classes" in text for text in texts_of(classes)), "counts are those of the training set"
    assert [line.get_ydata().tolist() for line in loss.axes[0].lines] == [[2, 1], [1.5, 0.5]][: 1 + validated]
    shown = [line.get_ydata() for line in accuracy.axes[0].lines]
    np.testing.assert_allclose(shown, [[1000 / 30, 2000 / 30], [500 / 9, 800 / 9]][: 1 + validated])  # percent


def test_the_grid_of_predictions_shows_every_class_though_the_test_set_is_sorted(pages, tmp_path):
    spec, test = mlp(CLASSES), drawings("test", 90)
    splits = Splits(drawings("train", 30), drawings("validation", 0), test, QUICKDRAW)
    result = TrainResult(parameters(spec), best_epoch=1, history=[Epoch(1, HISTORY[0][0], None, 0.1)])
    draw_figures(spec, splits, result, test.labels, tmp_path, title="doodles")
    (grid,) = (page for page in pages if len(page.axes) == 1 and len(page.axes[0].images) == SHOWN)
    assert {text.get_text() for text in grid.axes[0].texts} == set(CLASSES)


def test_a_run_on_rgb_images_of_many_classes_has_its_figures(pages, tmp_path):
    classes = tuple(f"class {i}" for i in range(70))
    labels = np.repeat(np.arange(70), 2).astype(np.int32)
    images = RNG.integers(0, 256, (140, 16, 16, 3), np.uint8)
    data = Dataset("colors", images, labels, classes)
    spec = mlp(classes, (4,), input_shape=(16, 16, 3))
    epochs = [Epoch(1, HISTORY[0][0], None, 0.1)]
    splits = Splits(data, data.take(labels < 0), data, QUICKDRAW)
    draw_figures(spec, splits, TrainResult(parameters(spec), best_epoch=1, history=epochs), labels, tmp_path, title="x")
    said = {text for page in pages for text in texts_of(page)}
    assert "class 69" in said and any("mean recall 100.0 %" in text for text in said)
