"""Training on what is on disk alone: its drawings, and what is asked for."""

import numpy as np
import pytest

from experiments.speed import at_scale


def test_no_drawing_is_written_twice_and_files_that_are_there_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(at_scale, "DISTINCT", 4)
    at_scale.write_drawings(tmp_path, 3, 10)
    files = sorted(tmp_path.iterdir())
    drawings = np.concatenate([np.load(file) for file in files])
    assert drawings.shape == (30, 784) and drawings.dtype == np.uint8
    assert len(np.unique(drawings, axis=0)) == 30
    files[0].write_bytes(b"mine")
    at_scale.write_drawings(tmp_path, 3, 10)
    assert files[0].read_bytes() == b"mine"


def test_a_set_that_would_be_held_in_memory_is_refused_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["at_scale", "--folder", str(tmp_path), "--classes", "3", "--per-class", "1000"])
    with pytest.raises(SystemExit, match="2"):
        at_scale.main()
    assert "3 classes of 1,000 would be trained on from memory" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
