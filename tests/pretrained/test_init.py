"""The models that come with the package."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxdoodle import pretrained
from jaxdoodle.core.errors import InputError
from jaxdoodle.data import load_dataset
from jaxdoodle.inference import Model, model_file

#: Together, in the wheel.
MOST_BYTES = 1_000_000


@pytest.mark.parametrize("name", pretrained.NAMES)
def test_a_model_is_loaded_by_its_name_and_says_where_it_comes_from(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = Model.load(name)
    assert {"dataset", "split", "seed", "versions"} <= set(model.provenance)
    assert model.predict(np.zeros((28, 28), np.uint8)).abstained
    assert model_file.encode(model.file) == Path(pretrained.find(name)).read_bytes()


def test_what_exists_wins_over_a_name(doodle_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model_file.write("digits", doodle_model)
    assert Model.load("digits").classes == doodle_model.spec.classes
    assert pretrained.find("digits") == "digits" and pretrained.find("sketches") != "sketches"


def test_a_folder_stands_for_the_model_file_in_it(doodle_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("digits").mkdir()  # what is exported under this name, too, is a folder
    assert Model.load("digits").classes == tuple("0123456789")
    with pytest.raises(InputError, match=r"^runs.empty.model.npz: No such file"):
        Path("runs/empty").mkdir(parents=True)
        Model.load("runs/empty")
    for folder in ("runs/empty", Path("digits")):
        model_file.write(Path(folder) / "model.npz", doodle_model)
        assert Model.load(folder).classes == doodle_model.spec.classes


@pytest.mark.parametrize(
    "path", ["digit", "Digits", "runs/digits", "./digits", "digits.npz", Path("model.npz"), b"model.npz"]
)
def test_a_path_that_is_no_name_stays_as_it_is(path):
    assert pretrained.find(path) == os.fsdecode(path)


def test_all_models_together_are_small_and_have_a_page():
    files = {name: pretrained.find(name) for name in pretrained.NAMES}
    assert sum(os.path.getsize(path) for path in files.values()) < MOST_BYTES
    page = (Path(pretrained.__file__).parent / "README.md").read_text()
    assert all(f"`{name}`" in page for name in files)


def test_digits_reads_the_digits_of_mnist(data_root):
    test = load_dataset("mnist", root=data_root).test
    model = Model.load("digits")
    right = (model.logits(test.images[:2000]).argmax(axis=1) == test.labels[:2000]).sum()
    assert right >= 0.985 * 2000
