import numpy as np
from PIL import Image

from jaxdoodle.plots.preprocessing_steps import GAP, HEADING, SIDE, draw_steps
from jaxdoodle.preprocessing.config import QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess


def test_every_step_has_its_place_in_the_strip(tmp_path):
    picture = np.zeros((120, 100, 4), np.uint8)
    picture[20:100, 30:40, 3] = 255
    steps = preprocess(picture, QUICKDRAW).steps
    draw_steps(steps, tmp_path / "strip.png")
    strip = np.asarray(Image.open(tmp_path / "strip.png").convert("L"))
    assert strip.shape == (HEADING + SIDE + GAP, GAP + len(steps) * (SIDE + GAP))
    for index in range(len(steps)):
        left = GAP + index * (SIDE + GAP)
        assert strip[HEADING : HEADING + SIDE, left : left + SIDE].min() < 60, steps[index][0]
        assert strip[4:HEADING, left : left + SIDE].min() < 120
