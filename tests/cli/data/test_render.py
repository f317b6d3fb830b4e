import argparse
import json

import pytest

from jaxdoodle.cli.data import render
from jaxdoodle.core.errors import InputError
from jaxdoodle.plots.drawings import WRITERS
from jaxdoodle.strokes.readers import READERS

CROSS = [([0, 255], [0, 100]), ([0, 255], [100, 0])]
DOT = [([7], [9])]


def run(*words):
    parser = argparse.ArgumentParser()
    render.add_arguments(parser)
    return render.run(parser.parse_args(list(map(str, words))))


@pytest.fixture
def things(tmp_path):
    path = tmp_path / "things.ndjson"
    cross = json.dumps({"word": "cross", "drawing": CROSS})
    path.write_text(f"{cross}\nbroken\n{json.dumps({'drawing': DOT})}\n")
    return path


@pytest.mark.parametrize("suffix", WRITERS)
def test_the_command_writes_the_drawing_asked_for(suffix, things, tmp_path, capsys):
    out = tmp_path / "new folder" / f"p{suffix.upper()}"
    assert run(f"{things}:2", "-o", out, "--skip-broken", "--size", 48) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("skipped ") and "line 2" in said[0] and said[1] == str(out)
    WRITERS[suffix](DOT, tmp_path / "expected", 48)
    assert out.read_bytes() == (tmp_path / "expected").read_bytes()


def test_a_file_whose_name_ends_in_a_number_is_found(things, tmp_path):
    odd = tmp_path / "12:30.json"
    odd.write_text(json.dumps({"word": "cross", "drawing": CROSS}))
    assert run(odd, "-o", tmp_path / "p.png") == 0
    assert run(f"{odd}:1", "-o", tmp_path / "p.png") == 0


FAULTS = {
    "no such drawing": ("{things}:9", "p.png", 64, "holds fewer than 9 drawings|line 2"),
    "broken": ("{things}:2", "p.png", 64, "things.ndjson, line 2"),
    "from 1": ("{things}:0", "p.png", 64, "drawings count from 1"),
    "no picture": ("{things}", "p.bmp", 64, r"p\.bmp: a picture of a drawing is \.png, \.svg, \.gif"),
    "too large": ("{things}", "p.png", 100_000, "--size is 16 to 2,000 pixels; got 100,000"),
    "too small": ("{things}", "p.png", 0, "--size is 16"),
    "no drawings": ("p.txt", "p.png", 64, "is no file of drawings"),
    "missing": ("gone.bin:3", "p.png", 64, "gone.bin: No such file"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_the_command_says_what_is_at_fault(name, things, tmp_path):
    drawing, out, size, fault = FAULTS[name]
    with pytest.raises(InputError, match=fault):
        run(drawing.format(things=things), "-o", tmp_path / out, "--size", size)
    assert not (tmp_path / out).exists()


def test_the_help_names_every_format():
    parser = argparse.ArgumentParser()
    render.add_arguments(parser)
    text = parser.format_help()
    assert all(suffix in text for suffix in (*READERS, *WRITERS))
