"""A process that is timed on inference."""

import json

from experiments.speed import inference
from jaxdoodle.nn.architectures import mlp

DIGITS = tuple("0123456789")


def test_an_inference_process_prints_its_times(tmp_path, capsys):
    inference.write_models(mlp(DIGITS, (8,)), tmp_path)
    capsys.readouterr()
    inference.main("jaxdoodle (NumPy)", str(tmp_path), "warm")
    assert set(json.loads(capsys.readouterr().out)) == {"1", "256"}
