"""The network that ``--model`` names."""

import pytest

from jaxdoodle.cli import main
from jaxdoodle.inference import Model
from jaxdoodle.nn import Dense, Flatten, ModelSpec

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
