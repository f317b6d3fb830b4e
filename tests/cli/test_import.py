"""``jaxdoodle import``."""

import numpy as np
import pytest

from jaxdoodle.cli import main
from jaxdoodle.inference import Model
from jaxdoodle.inference.network import Network
from jaxdoodle.nn.architectures import mlp


@pytest.fixture
def weights(tmp_path):
    """W1, b1, W2, ... of a network, and the parameters themselves."""
    rng, spec = np.random.default_rng(0), mlp([str(digit) for digit in range(10)], (40, 20))
    params = [
        {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
        for shapes in spec.param_shapes
    ]
    named = {f"{name.upper() if name == 'w' else name}{i}": p[name] for i, p in enumerate(params) for name in p}
    np.savez(tmp_path / "w.npz", **named)
    return spec, params


def test_the_command_writes_a_model_that_predicts(weights, tmp_path, capsys):
    out = tmp_path / "m.npz"
    assert main(["import", f"{tmp_path}/w.npz", "-o", str(out), "--activation", "relu", "--divisor", "1"]) == 0
    loaded = Model.load(out)
    assert loaded.preprocessing.divisor == 1
    images = np.random.default_rng(1).integers(0, 256, (6, 28, 28, 1), dtype=np.uint8)
    expected = Network(*weights, 1.0).logits(images)
    np.testing.assert_allclose(loaded.logits(images), expected, rtol=1e-5, atol=1e-2)
    assert "Total params" in capsys.readouterr().out


def test_what_is_not_a_spec_is_refused(weights, tmp_path, capsys):
    (tmp_path / "spec.json").write_text('["not a spec"]')
    assert main(["import", f"{tmp_path}/w.npz", "-o", "x", "--spec", f"{tmp_path}/spec.json"]) == 2
    assert "spec.json: a spec is" in capsys.readouterr().err
