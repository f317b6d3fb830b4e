from functools import partial

import numpy as np
import pytest

from jaxdoodle.metrics import wilson_interval
from jaxdoodle.plots import curves
from tests.fixtures.pages import check_readable, figures_of, texts_of

VALIDATED = {"training": ([2, 1, 0.5], 48_000), "validation": ([1, 1, 0.9], 12_000)}
SCORED = {"training": ([90, 99], 100), "validation": ([10, 9], 10)}
CASES = {
    "loss": partial(curves.loss_curve, **VALIDATED),
    "loss, training only": partial(curves.loss_curve, training=(np.arange(90.0), 5)),
    "loss, one epoch": partial(curves.loss_curve, training=([2.3], 5)),
    "cost": partial(curves.cost_curve, costs=[2.3, 0.3, 0.1], reported={0: 2.31, 2: 0.11}, images=1000),
    "accuracy": partial(curves.accuracy_curves, **SCORED),
    "accuracy, training only": partial(curves.accuracy_curves, training=([90, 99], 100)),
}


def draw(name, pages, tmp_path):
    CASES[name](path=tmp_path / "figure.png", title="x")
    return pages[-1]


def test_every_figure_has_a_case():
    assert figures_of(curves) == {case.func for case in CASES.values()}


@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_a_small_png_on_which_every_text_can_be_read(name, pages, tmp_path):
    check_readable(draw(name, pages, tmp_path), tmp_path / "figure.png")


def test_a_loss_curve_shows_its_values_from_epoch_one(pages, tmp_path):
    page = draw("loss", pages, tmp_path)
    training, validation = page.axes[0].lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 2], [2, 1], [3, 0.5]])
    np.testing.assert_array_equal(validation.get_ydata(), [1, 1, 0.9])
    note = "Mean over 48,000 training images while their epoch ran; over 12,000 validation images after it"
    assert note in texts_of(page)


def test_a_cost_curve_starts_before_the_first_step_and_carries_the_reported_values(pages, tmp_path):
    here, reported = draw("cost", pages, tmp_path).axes[0].lines
    np.testing.assert_array_equal(here.get_xydata(), [[0, 2.3], [1, 0.3], [2, 0.1]])
    np.testing.assert_array_equal(reported.get_xydata(), [[0, 2.31], [2, 0.11]])


def test_an_accuracy_curve_names_training_metrics_and_the_best_epoch(pages, tmp_path):
    page = draw("accuracy", pages, tmp_path)
    training, validation = page.axes[0].lines
    np.testing.assert_allclose(training.get_ydata(), [90, 99])
    np.testing.assert_allclose(validation.get_ydata(), [100, 90])
    assert curves.TRAINING in texts_of(page)
    assert "validation (best 100.00 % after epoch 1)" in texts_of(page)
    (band,) = page.axes[0].collections
    low, high = (100 * np.array(ends) for ends in zip(wilson_interval(10, 10), wilson_interval(9, 10), strict=True))
    points = {(round(x), round(y, 9)) for x, y in band.get_paths()[0].vertices}
    assert points == {(1, round(low[0], 9)), (2, round(low[1], 9)), (1, round(high[0], 9)), (2, round(high[1], 9))}
