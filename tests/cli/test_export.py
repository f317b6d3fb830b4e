"""``jaxdoodle export``."""

import subprocess
import sys
from dataclasses import replace

import pytest

from jaxdoodle.cli import main
from jaxdoodle.cli.options import layers_of
from jaxdoodle.formats import FORMATS, export
from jaxdoodle.inference import model_file
from jaxdoodle.nn.architectures import digit_cnn


@pytest.fixture(scope="module")
def folder(doodle_model, tmp_path_factory):
    """The folder of a run."""
    path = tmp_path_factory.mktemp("run")
    model_file.write(path / "model.npz", doodle_model)
    return path


def run(*words):
    return main(["export", *map(str, words)])


@pytest.mark.parametrize("format", [name for name, known in FORMATS.items() if known.suffix])
def test_each_format_is_written_by_name_or_by_suffix(format, folder, tmp_path, capsys):
    pytest.importorskip({"onnx": "onnx", "safetensors": "safetensors"}.get(format, "numpy"))
    named, suffixed = tmp_path / "out", tmp_path / f"out{FORMATS[format].suffix}"
    assert run(folder / "model.npz", "--format", format, "-o", named) == 0
    assert run(folder, "-o", suffixed) == 0
    (tmp_path / "expected").mkdir()
    expected = export(folder / "model.npz", tmp_path / "expected" / "out", format)
    assert named.read_bytes() == suffixed.read_bytes() == expected[0].read_bytes()
    sizes = [(path.suffix, path.stat().st_size) for path in expected]
    assert capsys.readouterr().out.splitlines() == [
        f"{path.with_suffix(suffix or path.suffix)}: {format}, {size:,} bytes"
        for path in (named, suffixed)
        for suffix, size in sizes
    ]


def test_int8_says_what_it_changes(doodle_model, tmp_path, capsys):
    *before, last = doodle_model.params
    two = replace(
        doodle_model,
        spec=digit_cnn(doodle_model.spec.classes[:2]),
        params=[*before, {name: value[..., :2] for name, value in last.items()}],
        golden_logits=doodle_model.golden_logits[:, :2],
    )
    model_file.write(tmp_path / "two.npz", two)
    assert run(tmp_path / "two.npz", "--quantize", "int8", "--dataset", "doodles", "-o", tmp_path / "b.c") == 0
    said = capsys.readouterr().out.splitlines()[2]
    assert said.startswith("on the ") and " test drawings of doodles, float32 is right on " in said
    assert int(said.split("; ")[1].split(" answers")[0].replace(",", "")) < 20


def test_int8_of_a_model_without_a_dataset_is_not_measured(doodle_model, tmp_path, capsys):
    model_file.write(tmp_path / "model.npz", replace(doodle_model, provenance={}))
    assert run(tmp_path, "--quantize", "int8", "-o", tmp_path / "a.html") == 0
    count = len(doodle_model.golden_inputs)
    said = capsys.readouterr().out
    assert f"calibrated on {count} reference examples of the model and not measured" in said


def test_a_suffix_that_stands_for_no_format_is_refused_before_the_model_is_read(tmp_path, capsys):
    assert run(tmp_path / "absent.npz", "-o", "out.pth") == 2
    assert "out.pth: which format? Name one, or end the path in .npz," in capsys.readouterr().err


def test_a_model_with_a_layer_that_is_not_built_in_is_exported_where_it_can_be(doodle_model, tmp_path, capsys):
    source = tmp_path / "mine.py"
    source.write_text(
        "from jaxdoodle import nn\n\n@nn.layer\nclass Same:\n"
        "    def forward(self, params, x, *, key=None):\n        return x, ()\n\n"
        "    def backward(self, residuals, dy):\n        return {}, dy\n\n"
        "    def numpy_forward(self, params, x):\n        return x\n"
    )
    (same,) = layers_of(str(source))
    spec = replace(doodle_model.spec, layers=(*doodle_model.spec.layers, same()))
    model_file.write(tmp_path / "model.npz", replace(doodle_model, spec=spec, params=(*doodle_model.params, {})))
    assert run(tmp_path, "-o", tmp_path / "again.npz", "--layers", source) == 0
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "model.npz").read_bytes()
    assert run(tmp_path, "-o", tmp_path / "model.c", "--layers", source) == 2
    assert "c cannot carry Same: it has no C function; npz, safetensors can." in capsys.readouterr().err
    assert run(tmp_path, "-o", tmp_path / "model.c") == 2 and "--layers FILE.py" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["export", "import", "draw"])
def test_help_needs_no_jax(verb):
    block = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None)"
    code = f"{block}; from jaxdoodle.cli import main; main([{verb!r}, '--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and f"usage: jaxdoodle {verb}" in done.stdout, done.stderr
