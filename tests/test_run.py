"""A run trains, scores, writes a model file that NumPy reads alike, and records all of it."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle import nn, run, training
from jaxdoodle.cli.options import Parser
from jaxdoodle.cli.train import repeat
from jaxdoodle.core.errors import DataWarning, InputError
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset, load_dataset
from jaxdoodle.data.bitmaps import BitmapFile, all_drawings
from jaxdoodle.inference import Model, model_file
from jaxdoodle.inference.agreement import Agreement
from jaxdoodle.metrics import beats_chance
from jaxdoodle.nn.architectures import mlp
from jaxdoodle.training import TrainConfig, evaluate
from jaxdoodle.training.batches import RUN
from tests.fixtures.halve import Halve
from tests.fixtures.jax_modes import users_jax

pytestmark = pytest.mark.usefixtures("as_users_run")


@pytest.fixture(scope="module")
def splits():
    return load_dataset("doodles", classes="clock,pizza", per_class=60)


@pytest.fixture(scope="module")
def spec(splits):
    return mlp(splits.classes, (8,))


@pytest.fixture(scope="module")
def found(splits, spec, tmp_path_factory):
    epochs = []
    folder = tmp_path_factory.mktemp("run")
    config = TrainConfig(epochs=2, gradients="autodiff", seed=3)
    with users_jax():
        done = run.train_model(
            spec,
            splits,
            config,
            folder,
            title="two",
            command="again",
            callbacks=[lambda epoch, state, metrics: epochs.append(metrics)],
        )
    return done, epochs


def test_the_record_says_how_it_was_run_and_what_came_out(found, splits):
    done, epochs = found
    record = done.record
    assert (record.name, record.command) == ("two", "again")
    assert record.config["epochs"] == 2 and record.config["gradients"] == "autodiff" and record.config["seed"] == 3
    assert record.config["loss"] == {"type": "SoftmaxCrossEntropy", "label_smoothing": 0.0}
    assert record.data == run.describe_data(splits) and record.machine["versions"]["jax"]
    assert [one["epoch"] for one in record.epochs] == [epoch.number for epoch in epochs] == [1, 2]
    assert record.epochs[0]["training"] == epochs[0].training._asdict()
    assert record.extra["spec"]["layers"][0] == {"type": "Flatten"} and record.extra["spec"]["classes"] == 2
    assert record.extra["numpy_parity"] == done.parity <= run.PARITY and not record.extra["interrupted"]
    assert record.extra["model_sha256"] == hashlib.sha256(done.model_path.read_bytes()).hexdigest()


def test_the_scores_count_what_the_model_file_answers(found, splits):
    done, _ = found
    model = Model.load(done.model_path)
    for name, data in splits.sets.items():
        correct = model.logits(data.images).argmax(axis=1) == data.labels
        score = done.record.scores[name]
        assert (score["correct"], score["total"]) == (correct.sum(), len(data)) == done.scores[name][1:]
        assert score["correct_by_class"] == [int(correct[data.labels == label].sum()) for label in (0, 1)]
        assert score["total_by_class"] == [int((data.labels == label).sum()) for label in (0, 1)]
        shares = [correct[data.labels == label].mean() for label in (0, 1)]
        assert score["mean_recall"] == pytest.approx(np.mean(shares), abs=1e-5)
        assert np.array_equal(done.predicted[name] == data.labels, correct)


def test_the_record_is_read_as_it_was_written(found, tmp_path):
    record = found[0].record
    record.write(tmp_path / "record.json")
    assert Record.read(tmp_path / "record.json") == record


def test_a_run_is_shown_in_a_line_and_in_notebooks_as_a_table(found):
    done, _ = found
    assert repr(done).startswith("Run(two: train ") and repr(done).endswith(f"; {done.model_path})")
    assert f"test {done.scores['test']}" in repr(done) and len(repr(done)) < 400
    assert f"<td>test</td><td>{done.scores['test']}</td>" in done._repr_html_()


def test_layers_that_are_not_built_in_are_trained_and_read_back_also_inside_a_block(splits, tmp_path):
    layers = (nn.Flatten(), Halve(), nn.Residual((nn.Dense(784), Halve())), nn.Dense(2))
    done = run.train_model(
        nn.ModelSpec(layers, (28, 28, 1), splits.classes), splits, TrainConfig(epochs=1), tmp_path, title="halves"
    )
    assert done.parity <= run.PARITY and done.record.extra["spec"]["layers"][1] == {"type": "Halve"}


def test_a_score_no_better_than_one_answer_is_a_warning_that_says_what_to_try(splits, spec, tmp_path):
    done = run.train_model(spec, splits, TrainConfig(epochs=1, learning_rate=1e-9), tmp_path, title="one")
    assert "no better than always answering" in done.warning and "Try no length" in done.warning
    assert str(done.scores["test"]) in done.warning


def test_what_was_chosen_for_a_small_set_is_in_the_record(splits, spec, tmp_path):
    done = run.train_model(spec, splits, TrainConfig(batch_size=64, epochs=None), tmp_path, title="small")
    config = done.record.config
    assert config["epochs"] == 300 and config["batch_size"] == 64 and config["learning_rate"] == 3e-3
    assert config["augment"]["type"] == "Augment" and config["keep"] == "last"
    assert bool(done.warning) != beats_chance(done.scores["test"].correct, splits.test.counts)


def test_drawings_of_one_class_are_refused(splits, spec, tmp_path):
    alone = replace(splits, train=splits.train.take(splits.train.labels == 0))
    with pytest.raises(InputError, match="doodles: all drawings to train on are of one class"):
        run.train_model(spec, alone, TrainConfig(epochs=1), tmp_path, title="one")


def test_of_many_classes_the_record_counts_them_together(splits, spec, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "MOST_CLASSES", 1)
    done = run.train_model(spec, splits, TrainConfig(epochs=1), tmp_path, title="one")
    assert set(done.record.scores["test"]) == {"loss", "correct", "total", "mean_recall", "mean_recall_in_top_5"}


def test_a_network_that_numpy_reads_otherwise_is_refused(splits, spec, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "PARITY", -1.0)
    with pytest.raises(run.ParityError, match=r"model\.npz: NumPy and JAX differ by"):
        run.train_model(spec, splits, TrainConfig(epochs=1), tmp_path, title="one")


def test_of_a_set_on_disk_all_drawings_are_trained_on_and_a_sample_is_scored(splits, spec, tmp_path, monkeypatch):
    count, read = len(splits.train), Dataset.in_memory
    np.save(tmp_path / "drawings.npy", splits.train.images.reshape(count, -1))
    images = all_drawings([BitmapFile(tmp_path / "drawings.npy", 128, count)])
    monkeypatch.setattr(Dataset, "in_memory", lambda self: read(self, 20))
    on_disk = replace(splits, train=replace(splits.train, images=images))
    done = run.train_model(spec, on_disk, TrainConfig(epochs=1), tmp_path, title="disk")
    assert done.result.history[0].training.total == count // RUN * RUN > done.scores["train"].total == 20
    assert done.record.data["sizes"]["train"] == count


def test_raw_images_that_are_predicted_otherwise_than_by_the_network_are_a_warning(splits, spec, tmp_path, monkeypatch):
    found = {len(splits.train): Agreement(9, 3, 10, "stroke width"), len(splits.test): Agreement(9, 9, 10, "")}
    monkeypatch.setattr(run, "compare", lambda model, images, labels: found[len(images)])
    with pytest.warns(DataWarning, match="doodles: predictions of raw train images are not .* 3 of 10 .* stroke width"):
        done = run.train_model(spec, splits, TrainConfig(epochs=1), tmp_path, title="raw")
    assert done.record.extra["predict_on_raw_images"] == {
        "train": {"by_logits": 9, "by_predict": 3, "total": 10, "stage": "stroke width"},
        "test": {"by_logits": 9, "by_predict": 9, "total": 10, "stage": ""},
    }


def test_a_set_without_test_drawings_is_refused_before_training(splits, spec, tmp_path):
    empty = replace(splits, test=splits.test.take(np.zeros(len(splits.test), bool)))
    with pytest.raises(InputError, match="no drawing is left to test on"):
        run.train_model(spec, empty, TrainConfig(epochs=1), tmp_path, title="one")
    assert not list(tmp_path.iterdir())


def halved(outputs, labels):
    value, kept = nn.SoftmaxCrossEntropy().forward(outputs, labels)
    return value / 2, kept


def test_python_objects_are_named_in_the_record_and_such_a_run_is_not_repeated(splits, spec, tmp_path):
    import optax

    pair = (halved, lambda kept: nn.SoftmaxCrossEntropy().backward(kept) / 2)
    done = run.train_model(
        spec, splits, TrainConfig(epochs=1), tmp_path, title="own", optimizer=optax.adam(1e-3), loss=pair,
        callbacks=[lambda epoch, state, metrics: None],
    )  # fmt: skip
    objects = done.record.extra["objects"]
    assert "adam" in objects["optimizer"] or objects["optimizer"].startswith("optax")
    assert set(objects) == {"optimizer", "loss", "callbacks"}
    assert done.scores["test"].loss == pytest.approx(
        evaluate(spec, done.result.params, splits.test).loss / 2, rel=1e-5
    ), "scores are by the loss that was trained with"
    path = tmp_path / "record.json"
    done.record.write(path)
    with pytest.raises(InputError, match="was trained with Python objects, which a record only names: optimizer"):
        repeat.expand(Parser(), ["--config", str(path)])


def test_each_number_of_the_record_and_of_the_model_file_is_what_it_says_it_is(splits, spec, tmp_path, monkeypatch):
    """Against the result of ``fit`` itself, in a run whose best epoch is not the last and whose times all differ."""
    results = []

    def fit(*args, **options):
        found = training.fit(*args, **options)
        history = [epoch._replace(seconds=float(epoch.number)) for epoch in found.history]
        results.append(replace(found, best_epoch=2, history=history, compile_seconds=0.25, train_seconds=6.0))
        return results[-1]

    monkeypatch.setattr(run, "fit", fit)
    config = TrainConfig(epochs=3, seed=5, loss=nn.losses.MeanSquaredError(), batch_size=32)
    done = run.train_model(spec, splits, config, tmp_path, title="traced")
    (result,), record, file = results, done.record, model_file.read(done.model_path)
    for told, epoch in zip(record.epochs, result.history, strict=True):
        assert told["training"] == epoch.training._asdict() and told["validation"] == epoch.validation._asdict()
        assert (told["epoch"], told["seconds"]) == (epoch.number, epoch.seconds)
    extra = record.extra
    assert (extra["best_epoch"], extra["compile_seconds"], extra["train_seconds"]) == (2, 0.25, 6.0)
    assert extra["parameters"] == sum(value.size for layer in result.params for value in layer.values())
    scores = {name: evaluate(spec, result.params, data, config.loss) for name, data in splits.sets.items()}
    for name, score in scores.items():
        assert record.scores[name]["loss"] == pytest.approx(score.loss, rel=1e-5)
        assert (record.scores[name]["correct"], record.scores[name]["total"]) == score[1:]
    said = file.provenance
    assert (said["dataset"], said["seed"], said["best_epoch"]) == ("doodles", 5, 2)
    assert said["split"] == {name: len(data) for name, data in splits.sets.items()}
    assert said["scores"] == {name: {"correct": one.correct, "total": one.total} for name, one in scores.items()}
    assert np.array_equal(file.golden_inputs, splits.test.images[: run.REFERENCE_EXAMPLES])
    assert (file.temperature, file.abstain_below) == (1.0, None), "outputs of squared error are no logits"
