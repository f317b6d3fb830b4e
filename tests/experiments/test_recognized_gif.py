"""The picture on top of README is an animation, small enough for a page, of what a network really guesses."""

from itertools import islice

import numpy as np
import pytest
from PIL import Image

import jaxdoodle as jd
from experiments import recognized_gif
from experiments.recognized_gif import CLASSES, SEEDS, SIZE
from jaxdoodle.data.synthetic import generate_drawing

STROKES = [([0, 60, 120], [0, 90, 0]), ([10, 10], [30, 31])]


def pages_of(drawing, count=None):
    spec = jd.ModelSpec((jd.nn.Flatten(), jd.nn.Dense(len(CLASSES))), (28, 28, 1), CLASSES)
    rng = np.random.default_rng(0)
    params = [{}, {"w": rng.normal(0, 0.05, (784, len(CLASSES))), "b": np.zeros(len(CLASSES))}]
    model = jd.Model(spec, params, jd.preprocessing.QUICKDRAW)
    return list(islice(recognized_gif.frames(model, [drawing]), count))


def test_a_gif_shows_its_last_page_first_and_then_every_page_in_its_time(tmp_path):
    pages = pages_of(STROKES)
    recognized_gif.write(pages, tmp_path / "new" / "out.gif")
    with Image.open(tmp_path / "new" / "out.gif") as image:
        assert (image.size, image.is_animated, image.n_frames, image.info["loop"]) == (SIZE, True, len(pages), 0)
        for index, (page, seconds) in enumerate([pages[-1], *pages[:-1]]):
            image.seek(index)
            assert image.info["duration"] == round(1000 * seconds)
            shown, drawn = (np.asarray(one.convert("RGB"), float) for one in (image, page))
            assert abs(shown - drawn).mean() < 1.5  # of 255: the palette blends each color with white in 16 steps


def test_the_strokes_end_as_they_were_drawn_and_only_get_longer():
    *before, last = recognized_gif.unfinished(STROKES)
    inked = [sum(np.hypot(*np.diff(stroke)).sum() for stroke in strokes) for strokes in (*before, last)]
    assert inked == sorted(inked) and [len(strokes) for strokes in before][0] == 1
    ends = [(stroke[:, 0], stroke[:, -1]) for stroke in last]
    for (first, end), (x, y) in zip(ends, STROKES, strict=True):
        np.testing.assert_allclose(first, [x[0] / 120, (y[0] - 45) / 120 + 0.5])
        np.testing.assert_allclose(end, [x[-1] / 120, (y[-1] - 45) / 120 + 0.5])


@pytest.mark.parametrize("points", [1, 2, 3, 9])
def test_a_curve_passes_through_the_points_of_its_stroke(points):
    stroke = np.random.default_rng(points).normal(size=(2, points))
    np.testing.assert_allclose(recognized_gif.curved(stroke, steps=4)[:, ::4], stroke)


def test_every_drawing_that_is_shown_can_be_drawn():
    assert set(SEEDS) <= set(CLASSES)
    for name, seed in SEEDS.items():
        assert len(pages_of(generate_drawing(name, np.random.default_rng(seed)), 2)) == 2


@pytest.mark.usefixtures("as_users_run")
def test_the_command_writes_the_file_that_it_is_asked_for(tmp_path, monkeypatch, capsys):
    train = recognized_gif.train
    monkeypatch.setattr(recognized_gif, "train", lambda: train(per_class=20, epochs=1))
    monkeypatch.setattr(recognized_gif, "SEEDS", {"star": 1})
    recognized_gif.main(["-o", str(tmp_path / "star.gif")])
    with Image.open(tmp_path / "star.gif") as image:
        assert image.n_frames > 10
    assert "star.gif: " in capsys.readouterr().out


def test_the_committed_picture_is_an_animation_below_400_kilobytes():
    assert recognized_gif.OUT.stat().st_size < 400_000
    with Image.open(recognized_gif.OUT) as image:
        assert image.size == SIZE and image.n_frames > 100
