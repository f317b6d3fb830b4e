"""``jaxdoodle teach``."""

import json
import re
import webbrowser

import pytest

from jaxdoodle.cli import main
from jaxdoodle.formats.web import teach
from jaxdoodle.formats.web.bundle import SOURCES
from jaxdoodle.inference import model_file

LINE = '{"word": "cat", "drawer": "Ann", "drawing": [[[0, 9], [0, 9]]]}\n'


@pytest.fixture(scope="module")
def model(doodle_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model_file.write(path, doodle_model)
    return str(path)


def test_the_page_begins_with_classes_and_drawings(model, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    (tmp_path / "samples.ndjson").write_text(LINE)
    out = tmp_path / "teach.html"
    samples = ["--samples", str(tmp_path / "samples.ndjson")]
    assert main(["teach", "--from", model, "--classes", "cat, dog", *samples, "-o", str(out), "--open"]) == 0
    assert capsys.readouterr().out == f"{out}\n" and opened == [out.as_uri()]
    begin = json.loads(re.search(r'id="begin">(.*?)</script>', out.read_text(encoding="utf-8"))[1])
    assert (begin["classes"], begin["samples"]) == (["cat", "dog"], LINE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"word": "cat", "drawing": []}\n', "samples.ndjson, line 1: a drawing is a list of strokes"),
        ('{"drawing": [[[0, 9, 5], [0, 9, 2]]]}\n', 'samples.ndjson: a drawing has no "word"'),
        (LINE.replace("cat", "a\\u0000b"), "class names are printable"),
        ("", "samples.ndjson: holds no drawing"),
    ],
)
def test_bad_samples_are_one_line_and_exit_code_2(text, fault, model, tmp_path, capsys):
    (tmp_path / "samples.ndjson").write_text(text)
    out = tmp_path / "teach.html"
    assert main(["teach", "--from", model, "--samples", str(tmp_path / "samples.ndjson"), "-o", str(out)]) == 2
    assert fault in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("names", ["cat,cat", "a\x00b", "x" * 256, ",".join(f"c{i}" for i in range(501))])
def test_bad_class_names_are_refused(names, model, tmp_path, capsys):
    assert main(["teach", "--from", model, "--classes", names, "-o", str(tmp_path / "teach.html")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_more_drawings_than_a_page_holds_are_refused(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(teach, "MOST_SAMPLES", 2)
    (tmp_path / "samples.ndjson").write_text(3 * LINE)
    out = tmp_path / "teach.html"
    assert main(["teach", "--from", model, "--samples", str(tmp_path / "samples.ndjson"), "-o", str(out)]) == 2
    assert "more than 2 drawings; a page holds no more" in capsys.readouterr().err and not out.exists()


def test_more_classes_than_a_page_holds_are_refused_wherever_they_are_named(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(teach, "MOST_CLASSES", 3)
    samples = tmp_path / "samples.ndjson"
    samples.write_text("".join(LINE.replace("cat", word) for word in ("cat", "dog", " cat ", "tree")))
    command = ["teach", "--from", model, "--samples", str(samples), "-o", str(tmp_path / "teach.html")]
    assert main([*command, "--classes", "tree,cat"]) == 0
    capsys.readouterr()
    assert main([*command, "--classes", "cat,sun"]) == 2
    assert "samples.ndjson: 4 classes with those of --classes; a page holds at most 3" in capsys.readouterr().err


def test_the_command_and_the_page_hold_as_much():
    source = (SOURCES / "teach" / "project.js").read_text(encoding="utf-8").replace("_", "")
    assert f"MOSTCLASSES = {teach.MOST_CLASSES};" in source and f"MOSTSAMPLES = {teach.MOST_SAMPLES};" in source
