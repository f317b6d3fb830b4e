"""An option that has no effect beside the others is refused before anything is read."""

import subprocess
import sys

import pytest

from jaxdoodle.cli import main, train
from jaxdoodle.cli.options import Parser
from jaxdoodle.cli.train.effects import refuse_idle

IDLE = [
    (["--hidden", "16"], "--hidden has an effect beside --model mlp alone"),
    (["--activation", "tanh"], "--activation has an effect beside --model mlp alone"),
    (["--model", "sketch-cnn", "--drop-rate", "0.5"], "--drop-rate has an effect beside --model mlp alone"),
    (["--schedule-decay", "0.5"], "--schedule-decay has an effect beside --schedule exponential or inverse_time alone"),
    (["--layers", "mine.py"], "--layers has an effect beside --model FILE.json or --init alone"),
    (["--freeze", "2"], "--freeze has an effect beside --init MODEL alone"),
    (["--teacher-temperature", "3"], "--teacher-temperature has an effect beside --teacher MODEL alone"),
    (["--dilate", "2"], "--dilate has an effect beside --augment alone"),
    (["--outliers", "0", "--outliers-of", "mnist"], "--outliers-of has an effect beside --outliers above 0 alone"),
    (["--patience", "2", "--validation", "0"], "--patience has an effect beside --validation above 0 alone"),
    (["--device", "cpu", "--matmul-precision", "bfloat16"], "--matmul-precision has an effect beside --device gpu"),
    (["--model", "resnet"], "resnet: is no network; there are mlp, cnn, sketch-cnn, or a JSON file"),
    (["--class-weights", "fair"], "argument --class-weights"),
]


@pytest.mark.parametrize("words, message", IDLE, ids=[" ".join(words) for words, _ in IDLE])
def test_an_option_without_effect_is_refused(words, message, capsys):
    try:
        code = main(["train", "--dataset", "nowhere", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2 and message in capsys.readouterr().err


def test_own_layers_have_an_effect_beside_a_model_that_holds_some():
    words = ["train", "--dataset", "nowhere", "--layers", "mine.py", "--init", "start.npz"]
    parser = Parser(prog="train")
    train.add_arguments(parser)
    refuse_idle(parser.parse_args(words[1:]))


def test_a_platform_that_is_not_there_is_one_line(tmp_path):
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["train", "--dataset", "doodles", "--model", "mlp", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env={"JAX_PLATFORMS": "cuda", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "JAX_PLATFORMS asks for cuda, which JAX does not find here" in done.stderr
