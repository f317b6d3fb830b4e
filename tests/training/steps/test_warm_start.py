"""A training may start from another network, with its first layers held fixed."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn import BatchNorm, Dense, Dropout, Flatten, ModelSpec, ReLU, model
from jaxdoodle.nn.penalties import L2
from jaxdoodle.training import loop
from jaxdoodle.training.steps.warm_start import fitting_layers
from tests.fixtures.bars import CLASSES, CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")

FOUR = ModelSpec((*SPEC.layers[:-1], Dense(4, "he_normal")), SPEC.input_shape, (*CLASSES, "other"))
DEEP = ModelSpec((Flatten(), Dense(8), BatchNorm(), ReLU(), Dropout(0.5), Dense(3)), (28, 28, 1), CLASSES)
STILL = {"learning_rate": 1e-30, "optimizer": "sgd", "schedule": "constant", "epochs": 1}


@pytest.fixture(scope="module")
def params():
    with jax.enable_x64(False):
        return jax.tree.map(np.asarray, model.init(FOUR, jax.random.key(9)))


def test_every_layer_whose_shape_fits_is_taken_and_the_rest_drawn_from_the_seed(params):
    assert fitting_layers(SPEC, params) == [1]
    found = loop.fit(SPEC, TRAIN, None, replace(CONFIG, **STILL), params=params).params
    drawn = loop.fit(SPEC, TRAIN, None, replace(CONFIG, **STILL)).params
    np.testing.assert_array_equal(found[1]["w"], params[1]["w"])
    np.testing.assert_array_equal(found[3]["w"], drawn[3]["w"])
    assert not np.array_equal(drawn[1]["w"], params[1]["w"])


def test_parameters_that_fit_no_layer_or_are_not_finite_are_refused(params):
    said = r"fit no layer of the network: those of their first are \{.*'w': \(784, 32\)\}; .* has \{'w': \(784, 8\)"
    with pytest.raises(InputError, match=said):
        loop.fit(DEEP, TRAIN, None, CONFIG, params=params)
    for number in (np.nan, np.inf):
        broken = [{name: np.full_like(value, number) for name, value in layer.items()} for layer in params]
        with pytest.raises(InputError, match=r"layers\[1\]\['.'\] is not finite"):
            loop.fit(SPEC, TRAIN, None, CONFIG, params=broken)


def test_the_parameters_given_stay_as_they_are(params):
    given = jax.tree.map(jax.numpy.array, params)
    loop.fit(FOUR, replace(TRAIN, classes=FOUR.classes), None, replace(CONFIG, epochs=1), params=given)
    jax.tree.map(np.testing.assert_array_equal, given, params)


@pytest.mark.parametrize("optimizer", ["adamw", "momentum"])
def test_frozen_layers_stay_as_they_are_and_both_gradients_agree(optimizer):
    config = replace(CONFIG, freeze=4, optimizer=optimizer, ema_decay=0.9, epochs=2, penalties=(L2(1e-3, layers=(5,)),))
    start = model.init(DEEP, jax.random.key(0))
    hand, auto = (loop.fit(DEEP, TRAIN, None, replace(config, gradients=how)) for how in ("hand", "autodiff"))
    for before, after in zip(start[:4], hand.params[:4], strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name], after[name])
    assert not np.array_equal(start[5]["w"], hand.params[5]["w"])
    np.testing.assert_allclose(hand.step_losses, auto.step_losses, rtol=1e-4)


def test_penalties_cover_the_layers_that_they_name_where_others_are_frozen():
    plain, covered, frozen = (
        loop.fit(SPEC, TRAIN, None, replace(CONFIG, **STILL, freeze=3, penalties=penalties)).step_losses[0]
        for penalties in ((), L2(1.0, layers=(3,)), L2(1.0, layers=(1,)))
    )
    w = model.init(SPEC, jax.random.key(0))[3]["w"]
    assert covered == pytest.approx(plain + float((w**2).sum()), rel=1e-4) and frozen == plain


def test_freezing_everything_is_refused():
    with pytest.raises(InputError, match="freeze is 4 of 4 layers: no parameter is left to train"):
        loop.fit(SPEC, TRAIN, None, replace(CONFIG, freeze=4))


def test_patience_ends_training_and_keeps_the_best_weights():
    config = replace(CONFIG, **STILL | {"epochs": 30}, patience=2)
    result = loop.fit(SPEC, TRAIN, VALIDATION, config)
    assert result.stopped and (result.best_epoch, len(result.history)) == (1, 3)
    assert not loop.fit(SPEC, TRAIN, VALIDATION, replace(config, epochs=2)).stopped
    with pytest.raises(InputError, match="patience counts epochs .* there is no validation drawing"):
        loop.fit(SPEC, TRAIN, None, config)
