"""Predictions come for every image, and scores are counts."""

import jax
import numpy as np
import pytest

from jaxdoodle.nn import model
from jaxdoodle.nn.losses import MeanSquaredError
from jaxdoodle.training import evaluation
from jaxdoodle.training.evaluation import Evaluation, evaluate, predict, score
from tests.fixtures.bars import CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")


def test_predictions_come_for_every_image_in_order():
    params = model.init(SPEC, jax.random.key(0))
    many = TRAIN.take(np.tile(np.arange(300), 7))  # 2,100: more than two chunks, and some left over
    outputs = predict(SPEC, params, many)
    assert outputs.shape == (2100, 3)
    np.testing.assert_allclose(outputs[:300], outputs[1800:], rtol=1e-5, atol=1e-6)


def test_sets_of_many_sizes_are_computed_by_three_programs(monkeypatch):
    seen, network = [], evaluation._apply
    monkeypatch.setattr(evaluation, "_apply", lambda *given: seen.append(len(given[2])) or network(*given))
    params, images = model.init(SPEC, jax.random.key(0)), TRAIN.images
    expected = predict(SPEC, params, TRAIN)
    for count in (1, 64, 65, 256, 257):
        found = evaluation.logits_of(SPEC, params, images[:count], 255.0)
        np.testing.assert_allclose(found, expected[:count], rtol=1e-5, atol=1e-6)
    assert seen == [1024, 64, 64, 256, 256, 1024]


def test_scores_are_counts():
    outputs = np.array([[2.0, 1, 0], [0, 3, 1], [1, 0, 0]], np.float32)
    found = score(outputs, np.array([0, 1, 2]), MeanSquaredError())
    assert (found.correct, found.total) == (2, 3) and found.accuracy == 2 / 3
    np.testing.assert_allclose(found.loss, ((outputs - np.eye(3)) ** 2).mean(), rtol=1e-6)


def test_a_set_is_scored_in_parts_as_it_is_as_a_whole(monkeypatch):
    params = model.init(SPEC, jax.random.key(0))
    whole = score(predict(SPEC, params, VALIDATION), VALIDATION.labels, CONFIG.loss)
    assert evaluate(SPEC, params, VALIDATION, CONFIG.loss) == whole
    monkeypatch.setattr(evaluation, "SCORED", 33)
    parts = evaluate(SPEC, params, VALIDATION, CONFIG.loss)
    assert (parts.correct, parts.total) == (whole.correct, 100) and parts.loss == pytest.approx(whole.loss, rel=1e-5)


def test_an_evaluation_prints_its_counts_and_interval():
    text = str(Evaluation(0.4, 880, 1007))
    assert text.startswith("880 of 1,007 right: 87.39 % (") and "85.19 to 89.30" in text
    assert str(Evaluation(0.0, 0, 0)) == "no images"
