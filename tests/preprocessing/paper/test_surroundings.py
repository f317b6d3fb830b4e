"""Frames, loops, lines to the edge and underlines are taken from around a drawing, and a drawing is left alone."""

import numpy as np
import pytest

from jaxdoodle.preprocessing.paper.surroundings import groups_of, regions_of, without_surroundings

Y, X = np.mgrid[:160, :160]
SEVEN = np.zeros((160, 160), bool)
SEVEN[55:61, 60:100] = True
SEVEN |= (abs(X - (100 - 0.5 * (Y - 55))) < 4) & (Y >= 55) & (Y < 110)
FRAME = np.maximum(abs(X - 80) - 45, abs(Y - 82) - 50).__abs__() < 2
AROUND = {
    "frame": FRAME,
    "long frame": np.maximum(abs(X - 80) - 40, abs(Y - 80) - 74).__abs__() < 2,
    "open frame": FRAME & (Y < 125),
    "corners": FRAME & (abs(X - 80) > 30) & (abs(Y - 82) > 35),
    "loop with a gap": (abs(np.hypot(X - 80, Y - 82) - 55) < 2) & (abs(np.arctan2(Y - 82, X - 80) - 0.8) > 0.12),
    "diamond": abs(abs(X - 80) + abs(Y - 82) - 70) < 3,
    "loop": abs(np.hypot(X - 80, Y - 82) - 55) < 2,
    "line to the edge": abs(X - 20) < 2,
    "cell": (abs(X - 25) < 2) | (abs(Y - 140) < 2),
    "underline": (abs(Y - 125) < 3) & (X > 50) & (X < 115),
    "lines": ((abs(Y - 125) < 3) | (abs(Y - 40) < 3)) & (X > 50) & (X < 115),
}


def _steps(mask):
    ink = mask.astype(np.float32)
    return list(without_surroundings(ink, regions_of(ink)))


def _groups(mask):
    ink = mask.astype(np.float32)
    return [ink for _, ink in groups_of(ink, regions_of(ink))]


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_is_around_a_drawing_is_removed_and_the_drawing_kept(around):
    steps = _steps(SEVEN | around)
    assert len(steps) == 1
    assert np.array_equal(steps[0][1] > 0, SEVEN)


def test_of_a_double_frame_both_lines_go_and_of_a_loop_in_a_frame_each_alone():
    double = AROUND["frame"] | (np.maximum(abs(X - 80) - 57, abs(Y - 82) - 62).__abs__() < 2)
    ((name, ink),) = _steps(SEVEN | double)
    assert name == "in the inner frame" and np.array_equal(ink > 0, SEVEN)
    loop = abs(np.hypot(X - 80, Y - 82) - 60) < 2
    frame = np.maximum(abs(X - 76) - 72, abs(Y - 82) - 70).__abs__() < 2
    assert [name for name, _ in _steps(SEVEN | loop | frame)] == ["in the frame", "in the inner frame"]


def test_the_drawing_within_a_frame_that_it_touches_is_left():
    ((name, ink),) = _steps(SEVEN | (abs(np.maximum(abs(X - 80), abs(Y - 83) - 12) - 25) < 6))
    assert name == "in the frame" and 0.7 * SEVEN.sum() < (ink > 0).sum() <= SEVEN.sum()


def test_a_drawing_with_nothing_around_it_is_left_alone():
    face = (abs(np.hypot(X - 80, Y - 80) - 40) < 3) | (np.hypot(X - 70, Y - 70) < 4) | (np.hypot(X - 90, Y - 70) < 4)
    for drawing in (SEVEN, AROUND["loop"], AROUND["frame"], face):
        assert not _steps(drawing)


def test_a_crossing_of_lines_in_a_square_of_the_paper_is_no_drawing_in_a_frame():
    square = abs(np.maximum(abs(X - 80), abs(Y - 80)) - 11) < 2
    crossing = (abs(X - 80) < 5) & (abs(Y - 80) < 1) | (abs(Y - 80) < 5) & (abs(X - 80) < 1)
    assert not _steps(square | crossing)


def test_many_dots_go_and_a_few_only_beside_the_drawing():
    grid = (X % 16 == 8) & (Y % 16 == 8)
    (step,) = _steps(SEVEN | grid)
    assert step[0] == "without dots" and (step[1] > 0).sum() < 1.1 * SEVEN.sum()
    within, beside = (np.hypot(X - x, Y - 80) < 3 for x in (65, 150))
    assert not _steps(SEVEN | within)
    assert len(_steps(SEVEN | beside)) == 1


def test_each_of_several_groups_is_given_alone():
    other = np.roll(SEVEN, -58, axis=1)
    found = _groups(SEVEN | other)
    assert {(ink > 0).tobytes() for ink in found} == {SEVEN.tobytes(), other.tobytes()}
    assert _groups(SEVEN) == []


def test_of_a_group_that_stands_around_another_that_is_given():
    bubble = (abs(np.hypot(X - 80, Y - 82) - 75) < 2) | (abs(Y + 2 * X - 60) < 4) & (Y > 150)
    ((name, ink),) = groups_of((SEVEN | bubble).astype(np.float32), regions_of((SEVEN | bubble).astype(np.float32)))
    assert name == "in the frame" and np.array_equal(ink > 0, SEVEN)


@pytest.mark.parametrize("strength", [0.2, 0.4, 0.7])
def test_a_group_paler_than_another_may_be_the_drawing(strength):
    ink = np.maximum(SEVEN, strength * np.roll(SEVEN, -58, axis=1)).astype(np.float32)
    assert [name for name, _ in groups_of(ink, regions_of(ink))] == ["standing alone"] * 2


def test_many_words_go_as_dots_do():
    text = (Y % 12 < 4) & (Y > 6) & (X % 16 < 10) & (X > 12) & (X < 54)
    assert ("without dots", SEVEN.tobytes()) in [(name, (ink > 0).tobytes()) for name, ink in _steps(SEVEN | text)]


def test_pieces_that_one_edge_of_the_picture_cuts_off_are_one_group_and_of_two_edges_two():
    arch = abs(np.hypot(X - 80, Y - 80) - 60) < 3
    assert _groups(arch & (Y < 70)) == []
    assert _groups((arch & (Y < 70))[40:]) == []
    assert len(_groups(np.pad((arch & (Y < 70))[40:], ((4, 0), (0, 0))))) == 2


def test_what_is_close_beside_a_drawing_is_a_group_where_nothing_is_far():
    arrow = (abs(Y - 80) < 3) & (X > 40) & (X < 72)
    assert (_groups(SEVEN | arrow)[0] > 0).sum() == SEVEN.sum()
    assert _groups(SEVEN | np.roll(arrow, 10, axis=1)) == []


def test_nothing_is_left_of_less_ink_than_a_cell_or_of_the_soft_rim_of_an_empty_frame():
    for place in (slice(300, 301), slice(300, 300)):
        dot = np.zeros((600, 600), bool)
        dot[place, 300] = True
        assert _steps(dot) == []
    distance = abs(np.maximum(abs(X - 80), abs(Y - 80)) - 50)
    for width in np.linspace(1, 6, 11):
        for tone in (0.15, 0.3, 0.6, 1):
            ink = (tone * np.exp(-((distance / width) ** 2))).astype(np.float32)
            ink[ink < 0.1] = 0
            assert all(len(regions_of(left).areas) > 1 for _, left in without_surroundings(ink, regions_of(ink)))


def test_four_tall_pieces_in_a_row_are_no_corners_of_a_frame():
    row = (abs(Y - 80) < 12) & (X % 40 < 6) & (X < 130)
    assert not any(name == "within dashes" for name, _ in _steps(row))
