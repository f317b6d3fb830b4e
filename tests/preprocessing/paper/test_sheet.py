"""A sheet on a desk is found, and seen from above."""

import numpy as np

from jaxdoodle.preprocessing.paper.readings import readings_of
from jaxdoodle.preprocessing.paper.sheet import sheet_of
from jaxdoodle.preprocessing.resample import box_of, moved


def _desk(corners, shape=(200, 240), texture=0.05):
    """A bright quadrilateral of (x, y) corners, clockwise, with a dark square in its middle, on a desk."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    inside = np.ones(shape, bool)
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        inside &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0
    picture = np.where(inside, 0.9, 0.1 + texture * np.random.default_rng(0).random(shape))
    middle = np.mean(corners, axis=0).astype(int)
    picture[middle[1] - 10 : middle[1] + 10, middle[0] - 10 : middle[0] + 10] = 0.2
    return picture.astype(np.float32)[..., None]


def test_a_sheet_in_perspective_becomes_a_rectangle_without_the_desk():
    name, sheet, whole, place = sheet_of(_desk([(60, 30), (190, 50), (200, 160), (50, 150)]))
    assert name == "sheet, seen from above" and whole
    edge = np.concatenate([sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]])
    assert edge.min() > 0.85 and 0.01 < (sheet < 0.5).mean() < 0.06
    middle = moved(box_of((sheet[..., 0] < 0.5).astype(np.float32)), place)  # on the desk it is 20 pixels wide
    assert np.abs(np.subtract(middle, (87, 115, 107, 135))).max() < 2


def test_what_is_drawn_on_a_sheet_is_where_it_is_on_the_desk():
    for reading in readings_of(_desk([(60, 30), (190, 50), (200, 160), (50, 150)])):
        assert np.abs(np.subtract(moved(reading.box, reading.place), (87, 115, 107, 135))).max() < 3  # soft edges


def test_a_bright_square_on_a_flat_canvas_may_be_the_drawing():
    name, _, whole, _ = sheet_of(_desk([(60, 30), (190, 50), (200, 160), (50, 150)], texture=0))
    assert name == "sheet, seen from above" and not whole


def test_what_is_beyond_the_edge_of_a_sheet_that_runs_off_the_picture_is_blanked():
    name, sheet, whole, place = sheet_of(_desk([(40, -10), (300, -10), (300, 300), (50, 300)]))
    assert name == "sheet, without what is beyond" and not whole and place is None
    assert sheet[:, :40].min() > 0.8 and sheet.min() < 0.3


def test_a_sheet_that_is_no_quadrilateral_lies_whole_on_a_desk_and_what_is_beyond_is_blanked():
    picture = _desk([(60, 30), (190, 50), (200, 160), (50, 150)])
    y, x = np.mgrid[:200, :240]
    torn = abs(y - 30 - 6 * np.sin(x / 5)) < 12
    taped = picture.copy()
    for column, row in ((60, 30), (190, 50), (200, 160), (50, 150)):
        taped[np.hypot(x - column, y - row) < 14] = 0.8
    to_an_edge = picture.copy()
    to_an_edge[:30, 100:110] = 0.9
    for one in (np.where(torn[..., None], picture.min(), picture), taped, to_an_edge):
        name, sheet, whole, _ = sheet_of(one)
        assert whole and name.startswith("sheet")
        assert (sheet < 0.5).mean() < 0.06


def test_even_paper_soft_shadows_and_round_shapes_are_no_sheet():
    y, x = np.mgrid[:200, :200] / 200
    disk = np.hypot(x - 0.5, y - 0.5) < 0.3
    for picture in (np.full((200, 200), 0.9), 0.9 - 0.5 * x, np.where(disk, 0.9, 0.1)):
        assert sheet_of(picture.astype(np.float32)[..., None]) is None


def test_a_drawing_that_the_edge_cuts_off_leaves_no_sheet():
    y, x = np.mgrid[:200, :240]
    for wide in (5, 15):
        stroke = (x < 80) & (abs(y - 100) < wide)
        assert sheet_of(np.where(stroke, 0.1, 0.95).astype(np.float32)[..., None]) is None


def test_a_bright_outline_on_something_dark_is_no_sheet():
    picture = _desk([(60, 30), (190, 50), (200, 160), (50, 150)])
    assert sheet_of(picture) is not None
    inner = _desk([(85, 55), (165, 70), (172, 135), (80, 128)])
    assert sheet_of(np.where(inner > 0.5, picture.min(), picture)) is None
