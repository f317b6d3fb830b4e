"""``jaxdoodle evaluate``: counts, hard classes, comparisons, and the dataset that the model knows."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.evaluate import FROM_CLASSES, _classify
from jaxdoodle.core.errors import InputError
from jaxdoodle.data import Dataset, load_dataset
from jaxdoodle.inference import Model, model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing import MNIST
from tests.fixtures import layouts

pytestmark = pytest.mark.usefixtures("as_users_run")

PINNED = Path(__file__).parents[1] / "inference" / "model-v1.npz"


def test_evaluate_counts_what_train_counted(trained, capsys):
    out, _ = trained
    scores = json.loads((out / "record.json").read_text())["scores"]
    words = ["evaluate", str(out / "model.npz"), "--dataset", "doodles", "--per-class", "300", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["correct"], found["total"]) == (scores["test"]["correct"], scores["test"]["total"])
    assert np.trace(found["confusion"]) == found["correct"]


def test_two_models_are_compared_on_the_same_drawings(trained, capsys):
    model = str(trained[0] / "model.npz")
    assert main(["evaluate", model, "--dataset", "doodles", "--against", model]) == 0
    printed = capsys.readouterr().out
    assert "0 drawings only" in printed and "McNemar's exact p = 1, which chance explains" in printed


def test_a_worse_model_is_told_apart(trained, tmp_path, capsys):
    model = Model.load(trained[0] / "model.npz")
    zeros = [{name: 0 * value for name, value in layer.items()} for layer in model.file.params]
    Model(model.spec, zeros, model.preprocessing).save(tmp_path / "model.npz")
    words = [
        "evaluate",
        str(trained[0] / "model.npz"),
        "--dataset",
        "doodles",
        "--against",
        str(tmp_path / "model.npz"),
    ]
    assert main(words) == 0
    assert "which is hardly chance" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (
        found["against"]["only_first"] - found["against"]["only_second"]
        == found["correct"] - found["against"]["correct"]
    )


def test_evaluate_says_which_classes_are_hard(trained, capsys):
    assert main(["evaluate", str(trained[0] / "model.npz"), "--dataset", "doodles"]) == 0
    printed = capsys.readouterr().out
    assert "doodles test: " in printed and "95 % interval" in printed and "hexagon" in printed


def test_without_a_dataset_the_one_of_the_training_is_scored(trained, capsys):
    assert main(["evaluate", str(trained[0]), "--dataset", "doodles", "--json"]) == 0
    named = capsys.readouterr().out
    assert main(["evaluate", str(trained[0]), "--json"]) == 0
    assert capsys.readouterr().out == named


def test_the_folder_of_a_run_is_its_model(trained, tmp_path, capsys):
    assert main(["evaluate", str(trained[0] / "model.npz"), "--json"]) == 0
    printed = capsys.readouterr().out
    assert main(["evaluate", str(trained[0]), "--against", str(trained[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out).items() >= json.loads(printed).items()
    assert main(["evaluate", str(tmp_path)]) == 2
    assert f"{tmp_path}/model.npz: No such file" in capsys.readouterr().err


def test_a_model_of_a_dataset_without_a_name_needs_one(capsys):
    assert main(["evaluate", str(PINNED)]) == 2
    assert f"jaxdoodle: {PINNED}: was trained on 'random numbers', which is none of doodles" in capsys.readouterr().err


def test_a_run_on_a_path_is_scored_on_what_its_record_names_while_it_is_there(tmp_path, capsys):
    layouts.pictures(tmp_path / "mine", "{name}/{i}.png")
    words = ["--dataset", str(tmp_path / "mine"), "--model", "mlp", "--hidden", "4", "--epochs", "1", "--quiet"]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run" / "model.npz")]) == 0
    said = capsys.readouterr()
    assert said.err == f"scored on {tmp_path / 'mine'}, which the run was trained on by its record\n"
    assert main(["evaluate", str(tmp_path / "run"), "--dataset", str(tmp_path / "mine")]) == 0
    assert capsys.readouterr().out == said.out
    (tmp_path / "mine").rename(tmp_path / "moved")
    assert main(["evaluate", str(tmp_path / "run")]) == 2
    assert "was trained on 'mine', which is none of" in capsys.readouterr().err


def test_a_class_without_a_drawing_is_none_of_the_hardest(trained, capsys, monkeypatch):
    monkeypatch.setattr("jaxdoodle.cli.evaluate._dataset", lambda options, model: _Drawings(np.ones(4, int)))
    monkeypatch.setattr("jaxdoodle.cli.evaluate._classify", lambda model, dataset: (np.ones(4, int), 0))
    assert main(["evaluate", str(trained[0]), "--lines", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == "hexagon 4 of 4 right".split()


def test_the_hardest_class_is_that_of_the_smallest_recall(trained, capsys, monkeypatch):
    """Of 10 clocks 9 are right, of 40 hexagons 30: recall 0.9 and 0.75, precision 9/19 and 30/31."""
    monkeypatch.setattr(
        "jaxdoodle.cli.evaluate._dataset", lambda options, model: _Drawings(np.repeat([0, 1], [10, 40]))
    )
    guesses = np.array([0] * 9 + [1] + [1] * 30 + [0] * 10)
    monkeypatch.setattr("jaxdoodle.cli.evaluate._classify", lambda model, dataset: (guesses, 0))
    assert main(["evaluate", str(trained[0]), "--lines", "1"]) == 0
    printed = capsys.readouterr().out
    assert "hexagon" in printed.splitlines()[1] and "30 of     40 right" in printed
    assert "hexagon taken for clock: 10" in printed


@pytest.mark.parametrize("second, verdict", [(8, "p = 0.23, which chance explains"), (20, "which is hardly chance")])
def test_a_difference_is_judged_at_five_percent(trained, capsys, monkeypatch, second, verdict):
    labels = np.zeros(50, int)
    monkeypatch.setattr("jaxdoodle.cli.evaluate._dataset", lambda options, model: _Drawings(labels))
    numbers = np.arange(50)  # of which the first model has 3 wrong, the second others
    answers = iter([(numbers < 3).astype(int), ((numbers >= 3) & (numbers < 3 + second)).astype(int)])
    monkeypatch.setattr("jaxdoodle.cli.evaluate._classify", lambda model, dataset: (next(answers), 0))
    assert main(["evaluate", str(trained[0]), "--against", str(trained[0])]) == 0
    assert verdict in capsys.readouterr().out


def test_a_class_without_a_drawing_is_named_beside_the_accuracy(trained, capsys, monkeypatch):
    monkeypatch.setattr("jaxdoodle.cli.evaluate._dataset", lambda options, model: _Drawings(np.zeros(4, int)))
    monkeypatch.setattr("jaxdoodle.cli.evaluate._classify", lambda model, dataset: (np.array([0, 0, 0, 1]), 0))
    assert main(["evaluate", str(trained[0])]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert "3 of 4 right" in first and first.endswith("; of 1 of 2 classes alone, as there is no drawing of hexagon")
    assert main(["evaluate", str(trained[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["absent_classes"] == ["hexagon"]


def test_a_further_test_set_is_scored_by_its_name(data_root, tmp_path, capsys):
    digits = tuple("0123456789")
    spec = ModelSpec((Flatten(), Dense(10)), (28, 28, 1), digits)
    params = [{}, {"w": np.zeros((784, 10), np.float32), "b": np.zeros(10, np.float32)}]
    Model(spec, params, MNIST).save(tmp_path / "model.npz")
    for name, total in (("test", 350), ("clean", 318)):
        words = ["evaluate", str(tmp_path), "--dataset", "mnist-mini", "--set", name, "--json"]
        assert main([*words, "--data-dir", str(data_root)]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["set"], found["total"]) == (name, total)


def test_the_splits_are_divided_as_for_the_training_unless_another_dataset_is_named(tmp_path, monkeypatch):
    spec, found = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), ("clock", "pizza")), []
    params = [{}, {"w": np.zeros((784, 2), np.float32), "b": np.zeros(2, np.float32)}]
    given = {"seed": 7, "validation": 0.3, "per_class": 12, "transpose": True, "recognized_only": True}
    provenance = {"dataset": "doodles", **given}
    golden = {"golden_inputs": np.zeros((1, 28, 28, 1), np.uint8), "golden_logits": np.zeros((1, 2), np.float32)}
    model_file.write(tmp_path / "model.npz", ModelFile(spec, params, MNIST, **golden, provenance=provenance))

    def load(name, **settings):
        found.append({"name": name, **settings})
        raise InputError("enough")

    monkeypatch.setattr("jaxdoodle.cli.evaluate.load_dataset", load)
    for words in ([], ["--dataset", "other", "--per-class", "5"]):
        assert main(["evaluate", str(tmp_path), *words]) == 2
    same, other = found
    assert same.items() >= {**given, "name": "doodles", "classes": spec.classes, "preprocessing": MNIST}.items()
    assert other.items() >= {"name": "other", "per_class": 5, "transpose": False, "recognized_only": False}.items()


def linear(classes, rng):
    """A model of one Dense layer."""
    params = [{}, {"w": rng.normal(size=(784, len(classes))).astype(np.float32), "b": np.zeros(len(classes), "f4")}]
    return Model(ModelSpec((Flatten(), Dense(len(classes))), (28, 28, 1), classes), params, MNIST)


def test_images_of_another_size_are_cut_to_the_models_and_the_first_five_are_counted():
    rng = np.random.default_rng(0)
    model = linear(tuple(f"class {n}" for n in range(FROM_CLASSES)), rng)
    bordered = rng.integers(0, 256, (50, 32, 32, 1), dtype=np.uint8)
    logits = model.logits(bordered[:, 2:30, 2:30])
    labels = np.argsort(-logits, axis=1)[np.arange(50), np.arange(50) % 10].astype(np.int32)  # the 1st to 10th answer
    predicted, among = _classify(model, Dataset("noise", bordered, labels, model.classes), slice_size=32)
    assert np.array_equal(predicted, logits.argmax(axis=1)) and among == 25


def test_models_of_other_classes_are_not_compared(tmp_path, capsys):
    for name, classes in (("a", ("clock", "pizza")), ("b", ("pizza", "clock"))):
        linear(classes, np.random.default_rng(0)).save(tmp_path / f"{name}.npz")
    words = ["evaluate", str(tmp_path / "a.npz"), "--dataset", "doodles", "--against", str(tmp_path / "b.npz")]
    assert main(words) == 2
    assert "b.npz: has other classes than" in capsys.readouterr().err


def test_all_are_the_three_splits_and_no_extra_set(tmp_path, capsys, monkeypatch):
    splits = load_dataset("doodles", classes="clock,pizza", per_class=20)
    monkeypatch.setattr(
        "jaxdoodle.cli.evaluate.load_dataset", lambda *_, **__: replace(splits, extra_tests={"more": splits.test})
    )
    linear(("clock", "pizza"), np.random.default_rng(0)).save(tmp_path / "model.npz")
    assert main(["evaluate", str(tmp_path), "--dataset", "doodles", "--set", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 40


class _Drawings:
    name, images = "made up", None

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)
