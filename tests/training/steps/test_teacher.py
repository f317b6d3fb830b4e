"""A teacher: networks whose answers another one learns."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import Model
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn import Dense, Flatten, ModelSpec, model
from jaxdoodle.training import Augment, fit
from jaxdoodle.training.checkpoints import describe
from jaxdoodle.training.plan import choose, make_plan
from jaxdoodle.training.steps.state import Constants
from jaxdoodle.training.steps.teacher import answers, parameters
from tests.fixtures.bars import CONFIG, SPEC, TRAIN

pytestmark = pytest.mark.usefixtures("as_users_run")

LINEAR = ModelSpec((Flatten(), Dense(len(TRAIN.classes))), SPEC.input_shape, TRAIN.classes)
ALONE = replace(CONFIG, teacher_weight=1.0, epochs=2)


def made(seed, spec=SPEC, **changes):
    drawn = model.init(spec, jax.random.key(seed))
    params = [{name: np.asarray(value) for name, value in layer.items()} for layer in drawn]
    images, logits = TRAIN.images[:1], np.zeros((1, len(TRAIN.classes)), np.float32)
    return Model.from_file(ModelFile(spec, params, replace(TRAIN.preprocessing, **changes), images, logits))


TEACHER = [made(1), made(2, LINEAR)]


def test_the_answer_is_the_mean_of_the_networks_probabilities_at_the_temperature():
    x = jnp.asarray(TRAIN.images[:5], jnp.float32) / TRAIN.preprocessing.divisor
    found = answers(TEACHER, 3.0)(parameters(TEACHER), x)
    expected = np.mean([jax.nn.softmax(one.logits(TRAIN.images[:5]) / 3) for one in TEACHER], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("changes", [{}, {"augment": Augment(), "outliers": 0.5}])
def test_with_all_the_weight_the_labels_count_for_nothing(changes):
    wrong = replace(TRAIN, labels=(TRAIN.labels + 1) % 3)
    config = replace(ALONE, **changes)
    first, second = (fit(SPEC, train, None, config, teacher=TEACHER).step_losses for train in (TRAIN, wrong))
    assert first == second != fit(SPEC, TRAIN, None, config).step_losses


def test_without_weight_the_teacher_counts_for_nothing():
    config = replace(ALONE, teacher_weight=0.0)
    taught, alone = (fit(SPEC, TRAIN, None, config, teacher=given).step_losses for given in (TEACHER, ()))
    np.testing.assert_allclose(taught, alone, rtol=1e-5)


def test_a_network_learns_what_its_teacher_answers():
    untaught = fit(SPEC, TRAIN, None, replace(ALONE, epochs=1)).params
    taught = fit(SPEC, TRAIN, None, replace(ALONE, epochs=20), teacher=TEACHER[:1]).params
    x = jnp.asarray(TRAIN.images, jnp.float32) / TRAIN.preprocessing.divisor
    expected = TEACHER[0].logits(TRAIN.images).argmax(axis=1)
    agree = [(model.apply(SPEC, params, x).argmax(axis=1) == expected).mean() for params in (untaught, taught)]
    assert agree[1] > 0.9 > agree[0]


def test_by_hand_and_by_autodiff_it_is_learnt_alike():
    hand, auto = (
        fit(SPEC, TRAIN, None, replace(ALONE, gradients=how), teacher=TEACHER) for how in ("hand", "autodiff")
    )
    np.testing.assert_allclose(hand.step_losses, auto.step_losses, rtol=1e-4)


def test_a_checkpoint_tells_a_run_with_another_teacher():
    config = choose(ALONE, TRAIN)
    given = None, parameters(TEACHER[:1]), parameters(TEACHER[1:])
    plan = make_plan(config, TRAIN)
    found = [describe(SPEC, config, plan, TRAIN, None, Constants(None, teacher)) for teacher in given]
    assert found[0] != found[1] != found[2] != found[0]


REFUSED = [
    (made(0, ModelSpec(SPEC.layers, SPEC.input_shape, TRAIN.classes[::-1])), "the teacher's classes are"),
    (made(0, divisor=1.0), "the teacher takes images .* those of bars are"),
]


@pytest.mark.parametrize("one, message", REFUSED)
def test_a_teacher_of_other_images_or_classes_is_refused(one, message):
    with pytest.raises(InputError, match=message):
        fit(SPEC, TRAIN, None, ALONE, teacher=[TEACHER[0], one])
