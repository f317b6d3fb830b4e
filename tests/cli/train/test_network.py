"""The network that ``--model`` names."""

import argparse
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.train import network
from jaxdoodle.core.record import Record
from jaxdoodle.inference import Model
from jaxdoodle.nn import Dense, Flatten, ModelSpec, Tanh, digit_cnn, mlp, sketch_cnn
from jaxdoodle.preprocessing import QUICKDRAW, Preprocessing

pytestmark = pytest.mark.usefixtures("as_users_run")

CLASSES = "clock,hexagon"


def test_a_network_that_is_no_file_is_refused_with_the_nearest_name(tmp_path, capsys):
    words = f"train --dataset doodles --classes {CLASSES} --per-class 20 --model cnnn --out {tmp_path}"
    assert main(words.split()) == 2
    said = "cnnn: is no network; there are mlp, cnn, sketch-cnn, or a JSON file; did you mean cnn?"
    assert capsys.readouterr().err == f"jaxdoodle: {said}\n"


def test_a_spec_from_a_file_is_trained(tmp_path):
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1))
    (tmp_path / "linear.json").write_text(spec.to_json())
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --epochs 1 --model {tmp_path}/linear.json"
    assert main([*words.split(), "--out", str(tmp_path / "out")]) == 0
    assert Model.load(tmp_path / "out" / "model.npz").classes == ("clock", "hexagon")


def test_a_model_of_other_scaling_is_no_start(tmp_path, capsys):
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), ("clock", "hexagon"))
    params = [{}, {"w": np.zeros((784, 2), np.float32), "b": np.zeros(2, np.float32)}]
    Model(spec, params, replace(QUICKDRAW, mean=0.5, std=0.25)).save(tmp_path / "start.npz")
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --epochs 1 --init {tmp_path}/start.npz"
    assert main([*words.split(), "--out", str(tmp_path / "out")]) == 2
    assert "start.npz: takes pixels / 255 less 0.5, / 0.25; those of doodles are" in capsys.readouterr().err


def test_a_run_starts_from_the_layers_of_a_model_that_fit_and_names_the_others(tmp_path, capsys):
    here = ModelSpec((Flatten(), Dense(3), Dense(2)), (28, 28, 1))
    there = ModelSpec((Flatten(), Dense(3), Dense(4)), (28, 28, 1), tuple("abcd"))
    params = [{name: np.full(shape, 0.5, np.float32) for name, shape in one.items()} for one in there.param_shapes]
    Model(there, params, QUICKDRAW).save(tmp_path / "start.npz")
    (tmp_path / "here.json").write_text(here.to_json())
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --steps 1 --learning-rate 1e-9 --outliers 0"
    more = [
        "--model",
        str(tmp_path / "here.json"),
        "--init",
        str(tmp_path / "start.npz"),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*words.split(), *more]) == 0
    assert f"from {tmp_path}/start.npz: 1 layers; drawn anew: layers[2] Dense(units=2" in capsys.readouterr().out
    trained = Model.load(tmp_path / "out" / "model.npz").file.params
    np.testing.assert_allclose(trained[1]["w"], 0.5, atol=1e-6)
    assert np.ptp(trained[2]["w"]) > 0.1, "drawn from the seed"


def test_a_run_goes_on_with_the_network_of_a_model_where_no_other_is_named(tmp_path, capsys):
    there = ModelSpec((Flatten(), Dense(3), Tanh(), Dense(4)), (28, 28, 1), tuple("abcd"))
    params = [{name: np.full(shape, 0.1, np.float32) for name, shape in one.items()} for one in there.param_shapes]
    Model(there, params, QUICKDRAW).save(tmp_path / "start.npz")
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --steps 1 --init {tmp_path}/start.npz"
    assert main([*words.split(), "--out", str(tmp_path / "out")]) == 0
    assert f"from {tmp_path}/start.npz: 1 layers; drawn anew: layers[3] Dense(units=2)" in capsys.readouterr().out
    assert Model.load(tmp_path / "out" / "model.npz").file.spec.layers == (*there.layers[:-1], Dense(2))


def test_a_model_of_other_images_names_no_network(tmp_path, capsys):
    spec = ModelSpec((Flatten(), Dense(2)), (8, 8, 1), ("clock", "hexagon"))
    params = [{}, {"w": np.zeros((64, 2), np.float32), "b": np.zeros(2, np.float32)}]
    Model(spec, params, Preprocessing(image_shape=(8, 8, 1), longest_side=6.0, center=(4.0, 4.0))).save(
        tmp_path / "m.npz"
    )
    words = f"train --dataset doodles --classes {CLASSES} --per-class 40 --init {tmp_path}/m.npz --out {tmp_path}/out"
    assert main(words.split()) == 2
    said = "takes images (8, 8, 1) and ends in Dense(units=2); expected (28, 28, 1) and a Dense"
    assert said in capsys.readouterr().err


CHANGES = ("dataset", "classes", "model", "hidden", "activation", "drop_rate", "layers")


def given(model="mlp", beside=()):
    options = {"hidden": (5,), "activation": "tanh", "drop_rate": 0.5, "layers": None, "init": None, "given": {}}
    return argparse.Namespace(model=model, beside=beside, **options)


def test_every_name_is_that_of_its_network():
    shape, classes = (28, 28, 1), ("a", "b")
    expected = {"mlp": mlp(classes, (5,), Tanh(), 0.5, input_shape=shape), "cnn": digit_cnn(classes, input_shape=shape)}
    expected["sketch-cnn"] = sketch_cnn(classes, input_shape=shape)
    for name, spec in expected.items():
        assert network.named(given(name), None, classes, shape) == spec
        assert network.named(given(name), None, classes, (20, 24, 1)).input_shape == (20, 24, 1)


@pytest.mark.parametrize(
    "name", ["dataset", "classes", "model", "hidden", "activation", "drop_rate", "layers", "epochs"]
)
def test_the_network_of_a_record_is_taken_unless_an_option_asks_for_another(name):
    spec = ModelSpec((Flatten(), Dense(2)), (28, 28, 1), ("a", "b"))
    before = Record("run", data={"classes": ["a", "b"]}, extra={"spec": spec.to_dict() | {"classes": 2}})
    assert network.recorded(before, given()) == spec and network.recorded(None, given()) is None
    assert network.recorded(before, given(beside=[name])) == (spec if name == "epochs" else None)
