"""Training: it learns, repeats itself, chooses on validation, and stops where the loss is not finite."""

import re
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import Model
from jaxdoodle.nn import BatchNorm, Dense, Dropout, Flatten, ModelSpec, backprop, model
from jaxdoodle.nn.architectures import mlp
from jaxdoodle.nn.losses import MeanSquaredError, SoftmaxCrossEntropy
from jaxdoodle.nn.penalties import L2
from jaxdoodle.training import TrainConfig, batches, loop, setup
from jaxdoodle.training.evaluation import evaluate, predict, score
from jaxdoodle.training.loop import DivergedError
from jaxdoodle.training.steps import state
from jaxdoodle.training.steps.augmentation import Augment
from tests.fixtures.bars import CLASSES, CNN, CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")


def fit(spec=SPEC, train_set=TRAIN, validation=VALIDATION, **changes):
    return loop.fit(spec, train_set, validation, replace(CONFIG, **changes))


def assert_same(first, second):
    jax.tree.map(np.testing.assert_array_equal, first, second)


def test_a_network_learns_in_float32_and_classifies_the_validation_set():
    result = fit(CNN, epochs=12, learning_rate=1e-2)
    assert {leaf.dtype for leaf in jax.tree.leaves(result.params)} == {np.dtype(np.float32)}
    outputs = predict(CNN, result.params, VALIDATION)
    found = score(outputs, VALIDATION.labels, CONFIG.loss)
    assert found.total == 100 and found.correct >= 90
    assert result.step_losses[-1] < 0.3 * result.step_losses[0] and len(result.step_losses) == 12 * 10


def test_the_same_seed_gives_the_same_result_and_another_seed_another():
    runs = [fit(seed=seed, augment=Augment()) for seed in (3, 3, 4)]
    assert_same(runs[0].params, runs[1].params)
    assert runs[0].step_losses == runs[1].step_losses != runs[2].step_losses


@pytest.mark.parametrize("spec", [SPEC, CNN], ids=["mlp", "cnn"])
def test_training_by_hand_and_by_autodiff_is_the_same(spec):
    by_hand, by_autodiff = (fit(spec, gradients=gradients, epochs=2) for gradients in ("hand", "autodiff"))
    np.testing.assert_allclose(by_hand.step_losses, by_autodiff.step_losses, rtol=1e-3)


def test_one_epoch_is_plain_gradient_descent_over_every_image_once():
    """300 images in batches of 128 leave 44 for the last step: nothing is dropped, nothing comes twice."""
    config = replace(CONFIG, optimizer="sgd", schedule="constant", batch_size=128, epochs=1, penalties=(L2(1e-3),))
    result = fit(
        validation=None,
        **{k: getattr(config, k) for k in ("optimizer", "schedule", "batch_size", "epochs", "penalties")},
    )
    loss_fn = partial(model.loss_fn(SPEC, config.loss, config.penalties), training=False)
    objective = jax.jit(jax.value_and_grad(loss_fn, has_aux=True))
    params, losses = model.init(SPEC, jax.random.key(0)), []
    order = np.random.default_rng((0, 0)).permutation(300)
    for rows in (order[:128], order[128:256], order[256:]):
        x = jnp.asarray(TRAIN.images[rows], jnp.float32) / 255
        (loss, _), grads = objective(params, x, jnp.asarray(TRAIN.labels[rows]))
        params = jax.tree.map(lambda p, g: p - jnp.float32(3e-3) * g, params, grads)
        losses.append(loss)
    np.testing.assert_allclose(result.step_losses, losses, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), result.params, params)
    assert result.best_epoch == 1 and result.history[0].training.total == 300


def test_the_best_epoch_is_chosen_on_validation_alone():
    result = fit(learning_rate=0.3, optimizer="sgd", epochs=8, batch_size=16)
    ranks = [(e.validation.correct, -e.validation.loss) for e in result.history]
    assert result.best_epoch == 1 + ranks.index(max(ranks))
    outputs = predict(SPEC, result.params, VALIDATION)
    assert score(outputs, VALIDATION.labels, CONFIG.loss).correct == max(ranks)[0]


def test_without_validation_the_last_epoch_is_kept():
    assert fit(validation=None).best_epoch == 4
    assert fit(validation=VALIDATION.take(np.arange(0))).best_epoch == 4


@pytest.mark.parametrize("gradients", ["hand", "autodiff"])
def test_a_loss_that_is_no_number_stops_the_run_and_names_the_step(gradients):
    message = r"the loss became (nan|inf) at step \d+ .*in epoch step \d+ of 10; the learning rate 1e\+30"
    with pytest.raises(DivergedError, match=message) as told:
        fit(learning_rate=1e30, optimizer="sgd", gradients=gradients)
    step, within = map(int, re.findall(r"step (\d+)", str(told.value)))
    assert within == step % 10 + 1


def test_the_moving_average_is_what_is_evaluated_and_kept():
    plain, averaged = fit(learning_rate=0.03), fit(learning_rate=0.03, ema_decay=0.9)
    assert plain.step_losses == averaged.step_losses
    assert not np.array_equal(plain.params[1]["w"], averaged.params[1]["w"])
    for result in (plain, averaged):
        kept = result.history[result.best_epoch - 1].validation
        assert evaluate(SPEC, result.params, VALIDATION) == kept
    assert all(a.validation != b.validation for a, b in zip(plain.history, averaged.history, strict=True))


def test_running_statistics_move_by_what_the_forward_pass_saw():
    config = replace(CONFIG, epochs=1, batch_size=300)
    result = loop.fit(CNN, TRAIN, None, config)
    start = model.init(CNN, jax.random.key(0))
    x = jnp.asarray(TRAIN.images, jnp.float32) / 255
    before, _ = model.forward(ModelSpec(CNN.layers[:1], (28, 28, 1)), start[:1], x)
    np.testing.assert_allclose(result.params[1]["mean"], 0.1 * before.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.params[1]["var"], 0.9 + 0.1 * before.var((0, 1, 2)), rtol=1e-4)


def scaled(data, divisor):
    return replace(data, preprocessing=replace(data.preprocessing, divisor=divisor))


def test_the_divisor_of_the_data_is_what_pixels_are_divided_by():
    x = TRAIN.images[:5]
    for divisor in (255.0, 1.0):
        train, few = scaled(TRAIN, divisor), scaled(TRAIN.take(np.arange(5)), divisor)
        params = loop.fit(SPEC, train, None, replace(CONFIG, epochs=1)).params
        expected = model.apply(SPEC, params, jnp.asarray(x, jnp.float32) / divisor)
        np.testing.assert_allclose(predict(SPEC, params, few), expected, rtol=1e-4, atol=1e-5)
        shipped = Model(SPEC, params, train.preprocessing).logits(x)
        np.testing.assert_allclose(shipped, expected, rtol=1e-4, atol=1e-5)
    assert fit(epochs=1).step_losses[0] != loop.fit(SPEC, scaled(TRAIN, 1.0), None, CONFIG).step_losses[0]


def test_validation_at_another_scale_is_refused():
    with pytest.raises(InputError, match="the divisor of pixels is 1 in validation and 255 in training; expected one"):
        fit(validation=scaled(VALIDATION, 1.0))


def test_every_step_and_every_layer_drops_other_values():
    spec = ModelSpec((Dropout(0.5), Flatten(), Dropout(0.5), Dense(3)), (28, 28, 1), CLASSES)
    _, kept = model.forward(spec, model.init(spec, jax.random.key(0)), jnp.ones((1, 28, 28, 1)), key=jax.random.key(1))
    assert not np.array_equal(np.ravel(kept[0]), np.ravel(kept[2]))
    losses = fit(spec, TRAIN.take(np.arange(8)), None, learning_rate=1e-20, schedule="constant").step_losses
    assert len(set(losses)) == len(losses) == 4, "the same images, the same weights, another mask"


def test_the_seed_orders_the_images(monkeypatch):
    start = model.init(SPEC, jax.random.key(0))
    monkeypatch.setattr(state.model, "init", lambda spec, key: jax.tree.map(jnp.copy, start))
    assert fit(seed=3, epochs=1).step_losses != fit(seed=4, epochs=1).step_losses


def test_clipping_reaches_the_optimizer():
    start = model.init(SPEC, jax.random.key(0))
    moved = jax.tree.map(lambda a, b: a - b, fit(epochs=1, optimizer="sgd", clip_norm=1e-6).params, start)
    norm = np.sqrt(sum(np.square(leaf).sum() for leaf in jax.tree.leaves(moved)))
    assert 0 < norm < 1e-6, "ten steps of at most 3e-3 times 1e-6, and rounding"


def test_weights_that_the_last_step_broke_stop_the_run():
    with pytest.raises(DivergedError, match="a weight became nan or inf at step 0"):
        fit(epochs=1, batch_size=300, learning_rate=3e37, optimizer="sgd", penalties=(L2(1e5),))


MISFITS = [
    (mlp(("x", "y")), "bars: has 3 classes; the network gives outputs of shape .2,."),
    (mlp(("down", "across", "box")), "bars: classes are .*; those of the network are .'down', 'across', 'box'."),
    (mlp(CLASSES, input_shape=(14, 14, 1)), r"bars: images are .28, 28, 1.; the network takes .14, 14, 1."),
]


@pytest.mark.parametrize("spec, message", MISFITS)
def test_a_network_for_other_drawings_is_refused(spec, message):
    with pytest.raises(InputError, match=message):
        fit(spec)


def test_ctrl_c_keeps_the_epochs_that_are_complete():
    def stop(epoch, state, metrics):
        if epoch == 2:
            raise KeyboardInterrupt

    result = loop.fit(SPEC, TRAIN, VALIDATION, CONFIG, callbacks=[stop])
    assert result.interrupted and len(result.history) == 2
    assert result.best_epoch in (1, 2)


def test_callbacks_get_the_epoch_the_state_and_the_metrics_and_may_stop():
    seen = []
    result = loop.fit(
        SPEC,
        TRAIN,
        VALIDATION,
        replace(CONFIG, ema_decay=0.9),
        callbacks=[lambda *given: seen.append(given), lambda epoch, state, metrics: epoch == 3],
    )
    assert [epoch for epoch, _, _ in seen] == [1, 2, 3] and [metrics for _, _, metrics in seen] == result.history
    assert [int(after.step) for _, after, _ in seen] == [10, 20, 30], "what was kept of an epoch stays as it was"
    for _, after, metrics in seen:
        assert evaluate(SPEC, after.ema_params, VALIDATION) == metrics.validation
        assert not np.array_equal(after.ema_params[1]["w"], after.params[1]["w"])
    assert len(jax.tree.leaves(seen[0][1].opt_state)) > 8 and not result.interrupted


def test_steps_end_a_run_within_an_epoch():
    whole, short = fit(epochs=2, schedule="constant"), fit(epochs=None, steps=13, schedule="constant")
    assert short.step_losses == whole.step_losses[:13]
    assert [epoch.training.total for epoch in short.history] == [300, 96]


def test_a_set_on_disk_is_learned_as_well_as_one_in_memory(put_on_disk, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 100 * 784)
    monkeypatch.setattr(batches, "RUN", 4)
    result = fit(CNN, put_on_disk(TRAIN), put_on_disk(VALIDATION), epochs=12, batch_size=25, learning_rate=1e-2)
    assert result.history[-1].validation.correct >= 90
    assert [epoch.training.total for epoch in result.history] == [300] * 12
    assert len(result.step_losses) == 12 * 3 * 4, "three chunks of 100 drawings, four batches each"


def test_one_step_on_all_drawings_is_the_same_from_disk_and_from_memory(put_on_disk):
    whole = TRAIN.take(np.arange(9 * batches.RUN))
    plain = {"epochs": 2, "batch_size": len(whole), "optimizer": "sgd", "schedule": "constant", "learning_rate": 0.1}
    disk, memory = (fit(SPEC, data, None, **plain) for data in (put_on_disk(whole), whole))
    np.testing.assert_allclose(disk.step_losses, memory.step_losses, rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), disk.params, memory.params)


def test_balanced_sampling_reaches_the_network():
    """Of 40 boxes and one bar, trained on for an epoch, every second drawing is the bar."""
    boxes = np.flatnonzero(TRAIN.labels == 2)[:40]
    uneven = TRAIN.take(np.append(boxes, np.flatnonzero(TRAIN.labels == 0)[0]))
    seen = {}
    for sampling in ("natural", "balanced"):
        spec = ModelSpec((Flatten(), Dense(3)), (28, 28, 1), CLASSES)
        params = fit(
            spec, uneven, None, sampling=sampling, epochs=20, optimizer="sgd", learning_rate=0.01, schedule="constant"
        ).params
        seen[sampling] = float(params[1]["b"][0] - params[1]["b"][2])
    assert seen["natural"] < seen["balanced"] - 0.01, "the bias follows how often a class was seen"


#: A learning rate at which float32 weights stand still.
STILL = {"learning_rate": 1e-30, "optimizer": "sgd", "schedule": "constant"}


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.3), MeanSquaredError()], ids=str)
def test_the_loss_of_the_config_is_the_one_that_is_trained_with(loss):
    first = fit(loss=loss, batch_size=300, epochs=1).step_losses[0]
    start = predict(SPEC, model.init(SPEC, jax.random.key(0)), TRAIN)
    assert first == pytest.approx(score(start, TRAIN.labels, loss).loss, rel=1e-5)


@pytest.mark.parametrize("gradients", ["hand", "autodiff"])
def test_gradients_are_computed_by_the_function_of_that_name(gradients, monkeypatch):
    called = []
    for name, make in backprop.GRADIENTS.items():
        monkeypatch.setitem(
            backprop.GRADIENTS, name, lambda *given, name=name, make=make: called.append(name) or make(*given)
        )
    fit(gradients=gradients, epochs=1)
    assert called == [gradients]


def test_augmentation_differs_from_step_to_step():
    """One image over and over, by weights that stand still."""
    one = TRAIN.take(np.zeros(8, int))
    still = fit(train_set=one, validation=None, batch_size=1, epochs=1, **STILL).step_losses
    moved = fit(train_set=one, validation=None, batch_size=1, epochs=1, augment=Augment(), **STILL).step_losses
    assert len(set(still)) == 1 and len(set(moved)) == 8


OPTIMIZERS = {
    "plain": optax.adam(3e-3),
    "masked": optax.multi_transform({"w": optax.sgd(0.1), "b": optax.adam(0.01)}, lambda params: LABELED),
    "wants the loss": optax.chain(optax.adam(3e-3), optax.contrib.reduce_on_plateau()),
    "accumulates": optax.MultiSteps(optax.adam(3e-3), 2),
}
LABELED = [{}, {"w": "w", "b": "b"}, {}, {"w": "w", "b": "b"}]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_optimizer_of_optax_trains(optimizer):
    result = loop.fit(SPEC, TRAIN, VALIDATION, TrainConfig(epochs=6, batch_size=32), optimizer=OPTIMIZERS[optimizer])
    assert result.history[-1].training.loss < 0.7 * result.history[0].training.loss
    if optimizer == "plain":
        named = fit(epochs=6, schedule="constant")
        assert result.step_losses == named.step_losses


def test_any_schedule_is_followed():
    config = TrainConfig(epochs=1, batch_size=32, optimizer="sgd")
    stopped = loop.fit(SPEC, TRAIN, None, config, schedule=lambda step: jnp.where(step < 1, 0.1, 0.0))
    first = loop.fit(SPEC, TRAIN, None, replace(config, epochs=None, steps=1), schedule=lambda step: 0.1)
    assert_same(stopped.params, first.params)


CONTRADICTIONS = [
    (
        {"learning_rate": 0.1},
        {"optimizer": OPTIMIZERS["plain"]},
        r"fit\(optimizer=...\) stands .* config's learning_rate",
    ),
    ({"clip_norm": 1.0}, {"optimizer": OPTIMIZERS["plain"]}, "clip_norm=1.0; give one of both"),
    ({"schedule": "constant"}, {"schedule": lambda step: 0.1}, "config's schedule='constant'"),
    ({}, {"optimizer": OPTIMIZERS["plain"], "schedule": lambda step: 0.1}, "has its own learning rate"),
    ({}, {"optimizer": "adam"}, "optimizer is an optax.GradientTransformation; got 'adam'"),
    ({}, {"schedule": 0.1}, "schedule is a function of the step; got 0.1"),
    ({"loss": MeanSquaredError()}, {"loss": MeanSquaredError()}, "config's loss=MeanSquaredError"),
]


@pytest.mark.parametrize("config, given, message", CONTRADICTIONS, ids=[message for *_, message in CONTRADICTIONS])
def test_an_argument_beside_what_it_stands_for_is_refused(config, given, message):
    with pytest.raises(InputError, match=message):
        loop.fit(SPEC, TRAIN, None, TrainConfig(**config), **given)


@pytest.mark.parametrize("count", [128, 129])
def test_running_statistics_are_those_of_the_set_whatever_is_left_over_in_the_last_batch(count):
    """A last batch of one has no variance; the running variance is that of the whole set in either case."""
    spec = ModelSpec((Flatten(), BatchNorm(0.5), Dense(3)), (28, 28, 1), CLASSES)
    train = TRAIN.take(np.arange(count))
    params = fit(spec, train, None, epochs=20, batch_size=64, **STILL).params
    found, whole = params[1]["var"].mean(), (train.images / 255).var(axis=0).mean()
    assert found == pytest.approx(whole, rel=0.05)


def test_the_schedule_lasts_as_long_as_the_training(monkeypatch):
    seen, make = [], setup.make_optimizer
    monkeypatch.setattr(
        setup, "make_optimizer", lambda config, schedule, **steps: seen.append(steps) or make(config, **steps)
    )
    result = fit(batch_size=128)
    assert seen == [{"steps": 12, "steps_per_epoch": 3}] and len(result.step_losses) == 3 * CONFIG.epochs


def test_training_metrics_are_counts_and_means_over_the_epoch():
    result = fit(epochs=2, **STILL)
    right = evaluate(SPEC, model.init(SPEC, jax.random.key(0)), TRAIN)
    for number, epoch in enumerate(result.history):
        losses = np.array(result.step_losses[10 * number : 10 * (number + 1)])
        assert epoch.training.correct == right.correct and epoch.training.total == 300
        assert epoch.training.loss == pytest.approx(losses @ ([32] * 9 + [12]) / 300, rel=1e-6), "drawings count alike"


def test_the_training_time_is_the_sum_over_the_epochs():
    result = fit()
    assert (
        result.train_seconds == pytest.approx(sum(epoch.seconds for epoch in result.history)) and result.compile_seconds
    )


def test_a_result_prints_as_one_line_and_as_a_table():
    result = fit(epochs=2)
    assert re.fullmatch(
        rf"TrainResult\(epoch {result.best_epoch} of 2, validation \d+ of 100 right: .* %.*\), \d+\.\d s\)",
        repr(result),
    )
    rows = result._repr_html_().split("<tr>")
    assert len(rows) == 4 and "validation accuracy" in rows[1]
    assert f"<td>{result.best_epoch} (kept)</td>" in rows[1 + result.best_epoch]
    assert (
        f"{result.history[0].validation.loss:.4f}" in rows[2]
        and f"{result.history[0].training.accuracy:.2%}" in rows[2]
    )


@pytest.mark.parametrize("keep, number", [("best", 1), ("last", 3)])
def test_the_epoch_that_is_kept_is_the_best_or_the_last(keep, number):
    """A network that has learned is trained on wrong labels: it gets worse from epoch to epoch."""
    learned = fit(epochs=6, learning_rate=1e-2)
    wrong = replace(TRAIN, labels=(TRAIN.labels + 1) % len(CLASSES))
    config = replace(CONFIG, epochs=3, keep=keep, learning_rate=1e-2, schedule="constant")
    result = loop.fit(SPEC, wrong, VALIDATION, config, params=learned.params)
    assert result.best_epoch == number
    assert evaluate(SPEC, result.params, VALIDATION).correct == result.history[number - 1].validation.correct
