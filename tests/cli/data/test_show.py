import json
import struct

import numpy as np

from jaxdoodle.cli import main

RNG = np.random.default_rng(0)
STAR = [[[i, 50 + 40 * np.cos(i)], [i, 50 + 40 * np.sin(i)]] for i in range(30)]
RAW = [[[0.5, 9.5], [3, 3], [100, 600]], [[5], [9], [2100]]]


def test_the_command_prints_where_its_figures_are(tmp_path, capsys):
    out = tmp_path / "figures"
    words = ["data", "show", "doodles", "--classes", "clock,hexagon", "--per-class", "30", "--out", str(out)]
    assert main(words) == 0
    printed = capsys.readouterr().out.splitlines()
    names = ["samples", "classes", "typical", "sheet-clock", "sheet-hexagon"]
    assert printed == [str(out / f"{name}.png") for name in names]
    assert sorted(path.stem for path in out.iterdir()) == sorted(names)
    assert main([*words, "--set", "nothing"]) == 2
    assert "has no set 'nothing'" in capsys.readouterr().err


def test_a_class_may_have_any_name(tmp_path, capsys):
    for part in ("train", "t10k"):
        images = RNG.integers(0, 256, (3, 28, 28), np.uint8)
        (tmp_path / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, 3, 28, 28) + images.tobytes())
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 3) + bytes(range(3)))
    (tmp_path / "classes.txt").write_text("T-shirt/top\nwas?\n100%\n")
    assert main(["data", "show", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    sheets = ["sheet-T-shirt%2Ftop.png", "sheet-was%3F.png", "sheet-100%25.png"]
    assert capsys.readouterr().out.splitlines()[3:] == [str(tmp_path / "out" / name) for name in sheets]


def test_the_command_shows_a_drawing_of_a_file_by_its_line(tmp_path, capsys):
    path = tmp_path / "clock.ndjson"
    path.write_text("".join(json.dumps({"word": "clock", "drawing": drawing}) + "\n" for drawing in (RAW, STAR)))
    assert main(["data", "show", str(path), "--drawing", "2", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'strokes-2.png'}\n" and (tmp_path / "strokes-2.png").is_file()
    assert main(["data", "show", str(path), "--drawing", "3", "--out", str(tmp_path)]) == 2
    assert "holds fewer than 3 drawings" in capsys.readouterr().err
    assert main(["data", "show", str(tmp_path / "none.ndjson")]) == 2
