"""``--config`` repeats a run exactly, and refuses what it cannot repeat."""

import argparse
import json

import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.train import repeat
from jaxdoodle.core.record import Record
from tests.fixtures.jax_modes import users_jax

pytestmark = pytest.mark.usefixtures("as_users_run")

WORDS = "--classes clock,hexagon --per-class 40 --model mlp --hidden 5,4 --epochs 2 --augment --label-smoothing 0.1"


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder of a run."""

    folder = tmp_path_factory.mktemp("first")
    with users_jax():
        assert main(["train", "--quiet", "--dataset", "doodles", *WORDS.split(), "--out", str(folder)]) == 0
    return folder


def train(*words):
    return main(["train", "--quiet", *map(str, words)])


def edited(folder, path, change):
    """A record with a change, in another file."""
    record = json.loads((folder / "record.json").read_text())
    change(record)
    path.write_text(json.dumps(record))
    return path


def test_a_record_repeats_its_run_to_the_byte(first, tmp_path):
    assert train("--config", first / "record.json", "--out", tmp_path) == 0
    assert (tmp_path / "model.npz").read_bytes() == (first / "model.npz").read_bytes()
    again, before = (Record.read(folder / "record.json") for folder in (tmp_path, first))
    assert again.options == before.options and again.config == before.config and again.scores == before.scores


def test_the_folder_of_a_run_stands_for_its_record(first, tmp_path):
    assert train(f"--config={first}", "--epochs", 1, "--out", tmp_path) == 0
    assert len(Record.read(tmp_path / "record.json").epochs) == 1, "what stands beside --config wins"


def test_a_toml_file_holds_options_by_their_names(first, tmp_path):
    (tmp_path / "run.toml").write_text(
        'dataset = "doodles"\nclasses = ["clock", "hexagon"]\nper_class = 40\nmodel = "mlp"\nhidden = [5, 4]\n'
        "epochs = 2\naugment = true\nlabel-smoothing = 0.1\n"
    )
    assert train("--config", tmp_path / "run.toml", "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "model.npz").read_bytes() == (first / "model.npz").read_bytes()


TOML = {
    "epochz = 3": "run.toml: its file has the unknown key 'epochz'; did you mean epochs?",
    "out = 'x'": "run.toml: its file has the unknown key 'out'",
    "epochs = {a = 1}": "run.toml: epochs is {'a': 1}; expected a text, a number or a list.",
    "augment = 1.5": "run.toml: augment is 1.5; expected true or false.",
    "epochs = true": "run.toml: epochs is True; expected a text, a number or a list.",
    "epochs = ": "run.toml: is neither TOML nor a record with the ending .json; ",
}


@pytest.mark.parametrize("text", TOML)
def test_a_file_with_anything_but_options_is_refused(text, tmp_path, capsys):
    (tmp_path / "run.toml").write_text(text)
    assert train("--config", tmp_path / "run.toml", "--dataset", "doodles") == 2
    assert TOML[text] in capsys.readouterr().err


CHANGES = {
    "its options has the unknown key 'epoch'; did you mean epochs?": lambda r: r["options"].update(epoch=3),
    "config has the unknown key 'learning_rte'; did you mean": lambda r: r["config"].update(learning_rte=3),
    "has the unknown key 'optins'; a record has": lambda r: r.update(optins={}),
    "seed of its config is 7, and by its options 0": lambda r: r["config"].update(seed=7),
    "digests of its data is {'train': 'x'}, and by its options": lambda r: r["data"].update(digests={"train": "x"}),
    "has no 'options', so it is of no run of this command; it was run as: jaxdoodle": lambda r: r.pop("options"),
}


@pytest.mark.parametrize("message", CHANGES)
def test_a_record_that_was_edited_or_whose_data_changed_is_refused(message, first, tmp_path, capsys):
    assert train("--config", edited(first, tmp_path / "record.json", CHANGES[message]), "--out", tmp_path / "out") == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_record_from_before_a_field_was_there_repeats_its_run(first, tmp_path, monkeypatch):
    """Such a run kept the best epoch and showed no outliers; later fields stood at their defaults."""

    def of_old(record):
        for name in ("keep", "outliers", "class_weights", "freeze", "patience"):
            record["config"].pop(name)
        record["config"]["augment"].pop("dilate")

    old, found = edited(first, tmp_path / "record.json", of_old), []
    monkeypatch.setattr("jaxdoodle.run.train_model", lambda *given, **named: found.append(given[2]) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train("--config", old, "--out", tmp_path / "out")
    assert (found[0].keep, found[0].outliers) == ("best", 0.0) and found[0].epochs == 2


def test_a_config_that_is_not_there_is_one_line(tmp_path, capsys):
    assert train("--config", tmp_path / "none.toml") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_file_of_preprocessing_is_recorded_from_the_root_and_a_name_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").touch()
    for given, recorded in (("mine.json", str(tmp_path / "mine.json")), ("as-is", "as-is")):
        options = argparse.Namespace(given={"preprocessing": "--preprocessing"}, preprocessing=given)
        assert repeat.options_of(options) == {"preprocessing": recorded}
