"""Outliers: what is shown beside the drawings of a step as of no class."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference.model import energy
from jaxdoodle.nn import BinaryCrossEntropy, Dense, Flatten, ModelSpec, Softmax, SpecError
from jaxdoodle.preprocessing import MNIST, Preprocessing, render_drawing
from jaxdoodle.training import fit, predict
from jaxdoodle.training.steps import outliers
from tests.fixtures.bars import CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")

SHOWING = replace(CONFIG, outliers=0.5)
FEW = np.zeros((3, 28, 28, 1), np.uint8) + np.array([10, 20, 30], np.uint8)[:, None, None, None]


def test_a_network_that_was_shown_outliers_tells_others_of_them_from_its_drawings():
    other = outliers.collect(TRAIN, seed=1)
    unseen = replace(TRAIN, images=other, labels=np.zeros(len(other), np.int32))
    refused = {}
    for config in (CONFIG, SHOWING):
        params = fit(SPEC, TRAIN, VALIDATION, config).params
        known, others = (energy(predict(SPEC, params, dataset)) for dataset in (VALIDATION, unseen))
        refused[config] = (others < np.quantile(known, 0.05)).mean()
    assert refused[SHOWING] > 0.9 > refused[CONFIG] + 0.2


def _rendered(*strokes):
    return render_drawing([(np.asarray(z).real, np.asarray(z).imag) for z in strokes], MNIST)[..., None]


ROUND = np.exp(2j * np.pi * np.linspace(0, 1, 30))
DRAWN = {
    "circle": ([ROUND], True),
    "narrow": ([0.5 * ROUND.real + 1j * ROUND.imag], True),
    "slanted": ([(0.6 * ROUND.real + 1j * ROUND.imag) * np.exp(0.4j)], True),
    "nearly closed": ([ROUND[1:]], True),
    "open": ([ROUND[:22]], False),
    "triangle": ([np.array([-1j, 1 + 1j, -1 + 1j, -1j])], False),
    "with a bar": ([ROUND, np.array([-1, 1])], False),
    "two": ([ROUND - 1.1, ROUND + 1.1], False),
    "line": ([np.array([-1, 1])], False),
    "coil": ([ROUND, 0.5 * ROUND], False),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_ring_is_told_from_other_drawings(name):
    strokes, ring = DRAWN[name]
    image = _rendered(*strokes)
    assert outliers.are_rings(image[None], MNIST) == [ring]
    assert outliers.are_rings(255 - image[None], replace(MNIST, polarity="dark on light")) == [ring]


@pytest.mark.parametrize("classes, left", [(("0", "1"), 1), (("O", "x"), 1), (("cat", "dog"), 2)])
def test_no_ring_is_an_outlier_beside_a_zero_or_an_o(classes, left):
    train = replace(TRAIN, classes=classes, labels=np.minimum(TRAIN.labels, 1))
    others = np.stack([_rendered(ROUND), _rendered(np.array([-1, 1]), np.array([-1j, 1j]))])
    assert len(outliers.collect(train, 0, others)) - len(outliers.collect(train, 0)) == left


def test_as_many_as_asked_for_are_put_behind_the_images():
    images = jnp.asarray(TRAIN.images[:7])
    for share, count in ((0.5, 4), (1, 7), (2.5, 18)):
        joined = jax.jit(outliers.join(TRAIN, share))(jax.random.key(0), images, FEW)
        assert joined.dtype == np.uint8 and joined.shape == (7 + count, 28, 28, 1)
        np.testing.assert_array_equal(joined[:7], images)


@pytest.mark.parametrize("polarity, empty", [("light on dark", 0), ("dark on light", 255)])
def test_one_laid_over_a_drawing_keeps_the_ink_of_both(polarity, empty, monkeypatch):
    monkeypatch.setattr(outliers, "OVER", 1.0)
    train = replace(TRAIN, preprocessing=Preprocessing(polarity=polarity))
    images, other = np.full((2, 8, 28, 28, 1), empty, np.uint8)
    images[:, 3], other[:, 9:19, 9:19] = 255 - empty, 255 - empty
    join = jax.jit(outliers.join(train, 1.0))
    found = np.asarray(join(jax.random.key(0), jnp.asarray(images), jnp.asarray(other)))[8:]
    assert (found[:, [3, 12]][:, :, 10:19] == 255 - empty).all() and (found[:, 4:9] == empty).all()


def test_an_outlier_is_shown_in_each_symmetry_and_its_center_stays(monkeypatch):
    monkeypatch.setattr(outliers, "OVER", 0.0)
    monkeypatch.setattr(outliers, "HALVES", 0.0)
    train = replace(TRAIN, preprocessing=MNIST)
    hook = np.zeros((1, 28, 28, 1), np.uint8)
    hook[0, 8:21, 11] = hook[0, 20, 11:18] = 255
    empty = jnp.zeros((1, 28, 28, 1), np.uint8)
    found = np.asarray(jax.jit(outliers.join(train, 64.0))(jax.random.key(0), empty, jnp.asarray(hook)))[1:]
    assert len({image.tobytes() for image in found}) == 8
    for image in found[..., 0]:  # the middle of its box is (14, 14), or the other side of it
        rows, columns = np.nonzero(image)
        assert sorted(map(abs, (rows.min() + rows.max() - 28, columns.min() + columns.max() - 28))) == [0, 0]


def test_the_same_seed_shows_the_same_and_another_key_others():
    np.testing.assert_array_equal(outliers.collect(TRAIN, 0), outliers.collect(TRAIN, 0))
    assert (outliers.collect(TRAIN, 0) != outliers.collect(TRAIN, 1)).any()
    join, images, shown = (
        jax.jit(outliers.join(TRAIN, 1.0)),
        jnp.asarray(TRAIN.images[:8]),
        jnp.asarray(outliers.collect(TRAIN, 0)),
    )
    first, again, other = (np.asarray(join(jax.random.key(key), images, shown)) for key in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[8:] != other[8:]).any(axis=(1, 2, 3)).all()


def test_drawings_of_other_classes_are_among_them_and_the_result_is_repeatable():
    assert (outliers.collect(TRAIN, 0, FEW)[-3:] == FEW).all()
    first, again = (fit(SPEC, TRAIN, None, SHOWING, outliers=FEW) for _ in range(2))
    assert first.step_losses == again.step_losses != fit(SPEC, TRAIN, None, SHOWING).step_losses


REFUSED = [
    ({"outliers": FEW[:, :9]}, r"outliers are uint8 \(3, 9, 28, 1\); expected uint8 \(m, 28, 28, 1\)"),
    ({"outliers": FEW.astype(float)}, r"outliers are float64 \(3, 28, 28, 1\); expected uint8"),
]


@pytest.mark.parametrize("given, message", REFUSED)
def test_what_is_no_image_of_the_network_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        fit(SPEC, TRAIN, None, SHOWING, **given)


def test_outliers_that_no_step_would_show_are_refused():
    with pytest.raises(InputError, match="outliers are given, and the config shows none"):
        fit(SPEC, TRAIN, None, CONFIG, outliers=FEW)


def test_a_network_whose_outputs_have_no_energy_is_refused():
    spec = ModelSpec((Flatten(), Dense(3), Softmax()), (28, 28, 1), TRAIN.classes)
    with pytest.raises(SpecError, match="takes logits and applies Softmax itself"):
        fit(spec, TRAIN, None, replace(SHOWING, loss=BinaryCrossEntropy()))
