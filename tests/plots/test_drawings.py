import tracemalloc
import weakref
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import getdata

from jaxdoodle.core.errors import InputError
from jaxdoodle.plots import drawings
from jaxdoodle.plots.drawings import FRAME, MOST_FRAMES, REST, WRITERS, write_gif, write_png, write_svg
from jaxdoodle.strokes.readers import read_drawings

CROSS = [([0, 255], [0, 100]), ([0, 255], [100, 0])]
DOT = [([7], [9])]
RAW = [([300.5, 900], [40, 40], [20, 1020]), ([300, 900], [340, 340], [3020, 4020])]
DRAWINGS = {"cross": CROSS, "dot": DOT, "raw": RAW, "tiny": [([0, 1e-3], [0, 0])], "far": [([9e5, 9.1e5], [8e5, 8e5])]}


def gray(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def frames(path):
    with Image.open(path) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            found.append((np.asarray(image.convert("L")), image.info["duration"] / 1000))
        return found, image.info.get("loop")


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_png_shows_dark_ink_in_the_middle_of_a_white_page(name, tmp_path):
    write_png(DRAWINGS[name], tmp_path / "p.png", 100)
    page = gray(tmp_path / "p.png")
    assert page.shape == (100, 100) and page.min() <= 40
    rows, columns = (np.flatnonzero((page < 128).any(axis=axis)) for axis in (1, 0))
    for drawn in (rows, columns):
        assert drawn[0] + drawn[-1] == pytest.approx(99, abs=1)
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longest <= 4 if name == "dot" else 88 <= longest <= 93


@pytest.mark.parametrize("name", DRAWINGS)
def test_an_svg_reads_back_as_the_same_drawing_and_frames_all_of_it(name, tmp_path):
    path = tmp_path / "p.svg"
    write_svg(DRAWINGS[name], path, 100)
    (found,) = read_drawings(path)
    expected = [
        (list(x) * (2 if len(x) == 1 else 1), list(y) * (2 if len(y) == 1 else 1)) for x, y, *_ in DRAWINGS[name]
    ]
    assert found == expected
    left, top, width, height = map(float, ElementTree.parse(path).getroot().get("viewBox").split())
    xs, ys = (np.concatenate([stroke[axis] for stroke in found]) for axis in (0, 1))
    assert left + width / 2 == pytest.approx((xs.min() + xs.max()) / 2, rel=1e-4, abs=1e-3)
    assert top + height / 2 == pytest.approx((ys.min() + ys.max()) / 2, rel=1e-4, abs=1e-3)
    assert left < xs.min() and xs.max() < left + width and width == height


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_gif_ends_with_the_whole_drawing_and_only_ever_adds_ink(name, tmp_path):
    write_gif(DRAWINGS[name], tmp_path / "p.gif", 64)
    write_png(DRAWINGS[name], tmp_path / "p.png", 64)
    found, loop = frames(tmp_path / "p.gif")
    assert loop == 0
    for (earlier, _), (later, _) in zip(found, found[1:], strict=False):
        assert (later <= earlier).all()
    assert np.abs(found[-1][0].astype(int) - gray(tmp_path / "p.png")).max() <= 9  # 16 grays


def test_a_raw_drawing_is_drawn_in_the_time_that_it_took(tmp_path):
    write_gif(RAW, tmp_path / "p.gif", 64)
    found, _ = frames(tmp_path / "p.gif")
    assert sum(seconds for _, seconds in found) == pytest.approx(4.0 + REST)
    at, ink = 0.0, {}
    for page, seconds in found:
        at += seconds
        ink[round(at, 2)] = (page < 128).sum()
    first, second = ink[1.0] if 1.0 in ink else ink[3.0], max(ink.values())
    assert ink[0.5] == pytest.approx(first / 2, rel=0.15)  # half of the first stroke, then a pause of two seconds
    assert max(seconds for page, seconds in found[:-1]) == pytest.approx(2.0, abs=2 * FRAME)
    assert second == pytest.approx(2 * first, rel=0.05)


def test_strokes_appear_in_their_order(tmp_path):
    write_gif(CROSS, tmp_path / "p.gif", 64)
    found, _ = frames(tmp_path / "p.gif")
    half = found[len(found) // 2 - 3][0] < 128
    assert half[:32, :32].any() and half[32:, 32:].any()  # the first goes down
    assert not half[:25, 40:].any()  # the end of the second


def test_a_stroke_bends_where_it_was_bent(tmp_path):
    write_gif([([0, 100, 100], [0, 0, 100], [0, 1000, 2000])], tmp_path / "p.gif", 64)
    found, _ = frames(tmp_path / "p.gif")
    page = found[len(found) * 3 // 4][0] < 128
    assert page[:10, 10:55].any(axis=0).all() and not page[20:30, :40].any()  # no short cut to the tip


def test_a_clock_that_was_set_back_stands_still_until_it_has_caught_up(tmp_path):
    write_gif([([0, 100], [0, 0], [0, 1000]), ([0, 100], [50, 50], [500, 1500])], tmp_path / "p.gif", 64)
    found, _ = frames(tmp_path / "p.gif")
    assert sum(seconds for _, seconds in found) == pytest.approx(1.5 + REST)
    second = next(page for page, _ in found if (page[36:] < 128).any())
    assert not (second[36:, 32:] < 128).any()  # it begins at its beginning


@pytest.mark.parametrize("times", [[5, 3, 9], [0, 0, 0], "abc", [1, 2], [None] * 3, [float("nan")] * 3, 7])
def test_times_that_cannot_be_meant_do_no_harm(times, tmp_path):
    write_gif([([0, 50, 100], [0, 60, 0], times)], tmp_path / "p.gif", 32)
    assert frames(tmp_path / "p.gif")[0]


def test_a_drawing_of_hours_is_sped_up(tmp_path):
    write_gif([([0, 100], [0, 0], [0, 9e5])], tmp_path / "p.gif", 32)
    found, _ = frames(tmp_path / "p.gif")
    assert sum(seconds for _, seconds in found) == pytest.approx(MOST_FRAMES * FRAME + REST)


def test_a_gif_takes_the_memory_of_a_few_frames(tmp_path, monkeypatch):
    size, encoded = 200, []

    def encode(image, *args, **kwargs):
        encoded.append(weakref.ref(image))
        assert sum(one() is not None for one in encoded) <= 2
        return getdata(image, *args, **kwargs)

    monkeypatch.setattr(drawings, "getdata", encode)
    tracemalloc.start()
    write_gif([([0, 100, 0], [0, 50, 100], [0, 1e4, 2e4])], tmp_path / "p.gif", size)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(encoded) > 300 and peak < 100 * size**2


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_is_no_drawing_is_refused(suffix, tmp_path):
    with pytest.raises(InputError):
        WRITERS[suffix]([([1, 2], [1])], tmp_path / f"p{suffix}")
    assert not list(tmp_path.iterdir())
