"""The ES module package that a model is exported as."""

import json

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.core.errors import InputError
from jaxdoodle.data import synthetic
from jaxdoodle.formats import export
from jaxdoodle.formats.web import package
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import Preprocessing
from tests.fixtures.node import ask, needs_node

DRAWINGS = [
    synthetic.generate_drawing(name, np.random.default_rng(seed)) for name in synthetic.CLASSES[:6] for seed in range(3)
]
DOT = [([5.0], [5.0])]

PROGRAM = """async ([address, drawings]) => {
  const text = (await import("node:fs")).readFileSync(address, "utf8"), model = await it.load(JSON.parse(text));
  const told = (answer) => ({ ...answer, logits: null, bitmap: [...(answer.bitmap ?? [])], label: answer.label,
    top: answer.top(3), abstained: answer.abstained });
  const watched = [];
  for await (const guess of model.watch(drawings[0])) watched.push(guess.label);
  return { answers: drawings.map((drawing) => told(model.predict(drawing))), watched, classes: model.classes };
}"""


@pytest.fixture(scope="module")
def folder(doodle_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("package") / "doodles"
    export(Model.from_file(doodle_model), out, "js")
    return out


@needs_node
def test_the_package_answers_as_python_answers(folder, doodle_model):
    model = Model.from_file(doodle_model)
    drawings = [*DRAWINGS, DOT]
    found = ask(folder / "jaxdoodle.js", PROGRAM, [str(folder / "model.json"), drawings])
    expected = [model.predict(drawing) for drawing in drawings]
    assert found["classes"] == list(model.classes)
    for answer, prediction in zip(found["answers"], expected, strict=True):
        assert (answer["label"], answer["abstained"]) == (prediction.label, prediction.abstained)
        assert (answer["reason"] or "")[:9] == (prediction.reason or "")[:9]  # the last digit may differ
        assert [guess["label"] for guess in answer["top"]] == [label for label, _ in prediction.top(3)]
        if answer["bitmap"]:
            seen = np.array(answer["bitmap"], np.uint8).reshape(1, 28, 28)
            apart = np.abs(seen.astype(int) - prediction.preprocessed.bitmap)
            assert apart.max() <= 2 and (apart > 0).mean() < 0.01
            shares = model.probabilities(model.logits(seen))[0]
            np.testing.assert_allclose(answer["probabilities"], shares, rtol=0, atol=1e-5)
    assert found["watched"] == [guess.label for guess in model.watch(DRAWINGS[0])]


@needs_node
@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ("(model) => it.load({})", "TypeError: expected a model in JSON"),
        (
            "(model) => it.load({ ...model, contract: { ...model.contract, divisor: 1 } })",
            "Error: the model is damaged",
        ),
        ("async (model) => (await it.load(model)).predict([])", "TypeError: a drawing is a list of strokes"),
        ("async (model) => (await it.load(model)).predict([[[1], [1, 2]]])", "TypeError: stroke 0 is two equally long"),
        ("async (model) => (await it.load(model)).predict([[[1e6], [2]]])", "TypeError: stroke 0 is two equally long"),
    ],
)
def test_what_is_no_model_and_no_drawing_is_refused(program, fault, folder):
    caught = f"(model) => Promise.resolve(model).then({program}).then(() => 'nothing', String)"
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert ask(folder / "jaxdoodle.js", caught, model).startswith(fault)


def test_each_file_that_package_json_names_is_there(folder):
    described = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    exports = described["exports"].values()
    named = [file for export in exports for file in (export.values() if isinstance(export, dict) else [export])]
    assert all((folder / name).is_file() for name in named)
    assert {path.name for path in folder.iterdir()} == {*(name.split("/")[-1] for name in package.FILES), "model.json"}


def test_the_command_writes_the_folder_again_and_leaves_other_files(doodle_model, tmp_path, capsys):
    model_file.write(tmp_path / "model.npz", doodle_model)
    for _ in range(2):
        assert main(["export", str(tmp_path / "model.npz"), "--format", "js", "-o", str(tmp_path / "out")]) == 0
        (tmp_path / "out" / "mine.txt").touch()
    assert (tmp_path / "out" / "mine.txt").exists() and "out: js, " in capsys.readouterr().out
    (tmp_path / "file").touch()
    assert main(["export", str(tmp_path / "model.npz"), "--format", "js", "-o", str(tmp_path / "file")]) == 2


def test_a_model_of_colored_images_is_refused(build_spec, tmp_path):
    model = build_spec(ModelSpec((Flatten(), Dense(2)), (8, 8, 1), ("a", "b")))
    object.__setattr__(model, "preprocessing", Preprocessing((8, 8, 3), 6.0, center=(3.5, 3.5)))
    with pytest.raises(InputError, match="a pad draws gray images"):
        package.write(model, tmp_path / "out")
