import json

import numpy as np
import pytest

from jaxdoodle.data.audit import audit_strokes
from jaxdoodle.strokes.raster import rasterize


@pytest.fixture
def drawn(tmp_path):
    """Files of 30 drawings of one class, as strokes and as bitmaps; it writes the strokes in a given order."""
    rng = np.random.default_rng(2)
    drawings = [[np.cumsum(rng.integers(1, 25, (2, 9)), axis=1).tolist()] for _ in range(30)]
    bitmaps, strokes = tmp_path / "quickdraw/full/numpy_bitmap", tmp_path / "quickdraw/full/simplified"
    bitmaps.mkdir(parents=True)
    strokes.mkdir()
    np.save(bitmaps / "clock.npy", rasterize(drawings).reshape(30, 784))

    def write(order):
        lines = [json.dumps({"drawing": drawings[row]}) for row in order]
        (strokes / "clock.ndjson").write_text("\n".join(lines) + "\n")
        return audit_strokes(tmp_path, ("clock", "pizza"))

    return write


ORDERS = {
    "as they should be": (range(30), None),
    "fewer strokes": (range(7), None),
    "others altogether": (range(29, -1, -1), "rows 0 to 29, all of them, are other drawings than those of clock.npy"),
    "one left out": ([*range(12), *range(13, 30)], "rows 12 to 28 of 29 are other"),
    "two exchanged": ([0, 1, 3, 2, *range(4, 30)], "rows 2 to 3 of 30 are other"),
}


@pytest.mark.parametrize("order, text", ORDERS.values(), ids=ORDERS)
def test_strokes_that_do_not_render_as_the_bitmaps_are_reported_by_row(order, text, drawn):
    found = drawn(order)
    if text is None:
        assert not found
    else:
        (finding,) = found
        assert finding.fault and text in finding.text and "\n" not in finding.text
        wrong = [row for row, line in enumerate(order) if row != line]
        assert set(wrong) >= set(finding.rows) and len(finding.rows) >= len(wrong) - 1


def test_a_broken_line_of_strokes_is_a_fault_of_its_file(drawn, tmp_path):
    drawn(range(30))
    path = tmp_path / "quickdraw/full/simplified/clock.ndjson"
    path.write_text(path.read_text()[:-30])
    (finding,) = audit_strokes(tmp_path, ("clock",))
    assert finding.fault and f"{path}, line 30: expected JSON" in finding.text


def test_the_real_files_whose_strokes_are_other_drawings_are_found(data_root):
    aligned = ("clock", "pizza", "headphones", "airplane")
    found = audit_strokes(data_root, ("candle", "guitar", "octopus", "snowman", "umbrella", *aligned))
    assert [finding.rows for finding in found] == [tuple(range(count)) for count in (19, 100, 22, 21, 18)]
