"""The ink is found in any color and light, around an outline, and under spots."""

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.paper.foreground import foreground_of, full_strength, without_specks
from jaxdoodle.preprocessing.paper.readings import readings_of
from jaxdoodle.preprocessing.pipeline import preprocess
from tests.fixtures.pictures import CONFIGS, drawing, saved


def test_a_drawing_cut_to_its_outline_is_not_inverted():
    frame = np.pad(drawing(200, 120, (30, 50), 8), 8, constant_values=255)
    roomy = np.pad(frame, 60)
    for picture in (frame, 255 - frame):
        preprocessed = preprocess(picture, QUICKDRAW)
        assert np.abs(preprocessed.bitmap.astype(int) - preprocess(roomy, QUICKDRAW).bitmap).mean() < 4
    assert preprocess(255 - frame, QUICKDRAW).background == "light"


def _photographed(ink, dark=False):
    """A gradient, a shadow's edge, fine ruled lines, noise and JPEG over ink on paper, or chalk on a board."""
    y, x = np.mgrid[:400, :400] / 400
    light = (0.95 - 0.4 * x - 0.1 * y**2) * np.where(x + 0.3 * y > 0.8, 0.7, 1)
    ruled = np.where(np.arange(400)[:, None] % 40 < 2, 0.9, 1.0)
    seen = light * np.where(ink > 127, 0.25, ruled)
    seen = 1 - seen if dark else seen
    noisy = np.clip(seen + np.random.default_rng(0).normal(0, 0.015, seen.shape), 0, 1)
    return saved(Image.fromarray(np.rint(255 * noisy).astype(np.uint8)).convert("RGB"), "JPEG", quality=60)


@pytest.mark.parametrize("dark", [False, True])
def test_a_photograph_is_evened_out(dark):
    ink = drawing(stroke_width=12)
    preprocessed = preprocess(_photographed(ink, dark), QUICKDRAW)
    assert preprocessed.uneven and preprocessed.background == ("dark" if dark else "light")
    clean = preprocess(ink, QUICKDRAW)
    assert not clean.uneven
    assert np.abs(preprocessed.bitmap.astype(int) - clean.bitmap).mean() < 6


@pytest.mark.parametrize("preprocessing", CONFIGS.values(), ids=CONFIGS)
def test_a_darker_spot_does_not_take_gray_lines_with_it(preprocessing):
    page = np.full((200, 200), 255, np.uint8)
    page[40:160, 60:66] = page[154:160, 60:130] = 190
    clean = preprocess(page, preprocessing).bitmap.astype(int)
    page[100, 62] = 0
    spotted = preprocess(page, preprocessing).bitmap
    assert np.abs(spotted - clean).mean() < 6 and (spotted > 128).sum() > 0.8 * (clean > 128).sum()


def test_a_picture_in_which_nothing_is_like_its_border_is_refused():
    border = np.array([[0, 255, 0], [255, 0, 0], [0, 0, 255]], np.uint8)  # its median color, black, is none of them
    with pytest.raises(InputError, match="full|blank"):
        preprocess(border[np.arange(60 * 60) % 3].reshape(60, 60, 3), MNIST)


def _readings(page):
    return [(one.removed, one.ink > 0.5) for one in readings_of(page.astype(np.float32))]


def _is_read(page, ink):
    """Whether one of the ways to see the page shows nothing but the ink."""
    return any(np.logical_xor(found, ink).sum() < 0.15 * ink.sum() for _, found in _readings(page))


INK = drawing(140, 90, (60, 70), 8)[:240, :240] > 127


def test_what_was_erased_with_white_or_to_transparent_is_no_ink():
    black, stripe = np.zeros((*INK.shape, 3)), np.zeros_like(INK)
    stripe[10:24, 10:200] = True
    assert _is_read(np.dstack([black + (stripe & ~INK)[..., None], INK | stripe]), INK)
    assert _is_read(np.dstack([black + ~INK[..., None], ~stripe | INK]), INK)


@pytest.mark.parametrize("soft", [1, 40])
def test_a_shadow_over_a_part_of_the_page_is_no_ink(soft):
    y, x = np.mgrid[: INK.shape[0], : INK.shape[1]]
    shadow = 1 - 0.7 / (1 + np.exp(-np.clip((x + 0.6 * y - 230) / soft, -30, 30)))
    assert _is_read((np.where(INK, 0.1, 1) * shadow)[..., None], INK)


def test_a_highlighter_and_a_faint_drawing_behind_are_left_out_of_a_reading():
    page = np.where(INK[..., None], 0.1, np.ones((*INK.shape, 3)))
    yellow = page.copy()
    yellow[80:150] *= (1, 0.95, 0.3)
    assert _is_read(yellow, INK)
    assert _is_read(np.where(INK[..., None], page, 1 - 0.2 * INK[:, ::-1, None]), INK)


def test_the_largest_region_is_no_speck_however_faint():
    faint = np.zeros((40, 40), np.float32)
    faint[5:12, 5:12], faint[30, 30] = 0.101, 0.101
    faint[6:11, 6:11] = 0.1005
    ink, specks = without_specks(faint)
    assert ink.max() > 0 and specks <= 1


def test_ink_as_bright_as_the_paper_is_found_by_its_color():
    page = np.where(INK[..., None], (0.9, 0.3, 0.3), (0.3, 0.9, 0.3))
    assert _is_read(page, INK)
    assert _is_read(np.dstack([page, np.ones(INK.shape)]), INK)


def test_a_drawing_on_a_card_of_another_shade_is_found():
    ink = np.pad(INK, 20)
    card = np.full(ink.shape, 0.6)
    card[10:-10, 10:-10] = 1
    assert _is_read(np.where(ink, 0.1, card)[..., None], ink)


def test_a_drawing_on_a_dark_card_may_be_as_bright_as_the_paper_around_it():
    ink = np.pad(INK, 60)
    page = np.ones(ink.shape)
    page[30:-30, 30:-30] = 0.1
    assert _is_read(np.where(ink, 1, page)[..., None], ink)


@pytest.mark.parametrize("fades", [True, False])
def test_a_stroke_that_fades_is_one_stroke_and_one_of_another_pen_none(fades):
    y, x = np.mgrid[:200, :200]
    line = (abs(x - 100) < 6) & (y > 30) & (y < 170)
    strength = np.clip(1.3 - (y - 30) / 140, 0.25, 1) if fades else np.where(y < 100, 1, 0.4)
    names = {name: ink for removed, ink in _readings(1 - (line * strength)[..., None]) for name in removed}
    assert ("fading of the ink" in names) == fades and ("pale ink" in names) == (not fades)
    if fades:
        assert np.count_nonzero(names["fading of the ink"] ^ line) < 0.05 * line.sum()


def test_holes_in_a_wide_stroke_are_no_drawing_on_a_card():
    wide = 1 - drawing(140, 110, (60, 60), 40)[:260, :220, None] / 255.0
    assert not any("card" in name for removed, _ in _readings(wide) for name in removed)


def test_pale_lines_with_a_dark_spot_are_brought_to_full_strength():
    ink = np.zeros((20, 20), np.float32)
    ink[5:15, 8:11], ink[5, 8] = 0.7, 1.0
    assert np.array_equal(full_strength(ink), (ink > 0).astype(np.float32))
    strong = ink / np.float32(0.8)
    assert full_strength(strong) is strong


def test_the_shadow_of_a_hand_is_no_ink_and_a_broad_stroke_is():
    y, x = np.mgrid[:200, :200]
    light = 0.95 - 0.3 * x / 200 - 0.1 * y / 200
    hand = np.hypot(x - 120, y - 60) < 25
    line, stroke = (abs(abs(x - 60) + y - 120) < wide for wide in (5, 25))
    for drawn, shade in ((line, 0.5 * hand), (stroke & (y > 80), 0)):
        found = foreground_of((light * (1 - shade) * np.where(drawn, 0.2, 1)).astype(np.float32)[..., None])
        assert found.uneven and np.mean((found.ink > 0.5) != drawn) < 0.01


def test_a_dark_block_at_the_edge_alone_is_ink_in_even_light_and_in_uneven_light():
    y, x = np.mgrid[:160, :160]
    for ink in (0.3, 0.6):
        block = np.where((x < 45) & (abs(y - 80) < 22), ink, 1.0).astype(np.float32)[..., None]
        assert np.array_equal(readings_of(block)[0].ink > 0.5, block[..., 0] < 1)


def test_beside_a_desk_a_short_stroke_is_no_speck():
    ink = np.zeros((160, 160), np.float32)
    ink[:, :20] = 1
    ink[60:80, 100:104] = 1
    kept, specks = without_specks(ink)
    assert specks == 0 and kept is not ink and np.array_equal(kept, ink)


def test_a_desk_in_uneven_light_is_no_ink_though_it_is_most_of_it():
    y, x = np.mgrid[:200, :200]
    light = 0.95 - 0.3 * x / 200 - 0.1 * y / 200
    line = (abs(abs(x - 80) + y - 120) < 4) & (y > 70)
    found = foreground_of((light * np.where(line | (y > 180 - 0.05 * x), 0.2, 1)).astype(np.float32)[..., None])
    assert found.uneven and np.mean((found.ink > 0.5) != line) < 0.01


def test_lines_of_large_pixels_are_not_seen_without_their_pale_ones():
    y, x = np.mgrid[:160, :160] // 10
    line = (y == 8) & (x > 1) & (x < 14)
    pixels = np.where(line, np.where(x % 3 > 0, 0.1, 0.6), 1.0).astype(np.float32)[..., None]
    assert [reading.removed for reading in readings_of(pixels)] == [()]
    ruled = np.where((y == 8) & ~line, 0.6, pixels[..., 0])[..., None]
    assert any("pale ink" in reading.removed for reading in readings_of(ruled))
    stain = np.where((y > 1) & (y < 15) & (x > 0) & (x < 15), np.where(line, 0.1, 0.6), 1.0).astype(np.float32)[
        ..., None
    ]
    assert any("pale ink" in reading.removed for reading in readings_of(stain))


def test_the_shadow_beside_a_card_is_not_drawn_on_it():
    y, x = np.mgrid[:200, :200]
    drawn = (abs(x - 100) < 4) & (abs(y - 100) < 30)
    card = (abs(x - 100) < 70) & (abs(y - 100) < 70)
    shadow = (abs(x - 106) < 70) & (abs(y - 106) < 70)
    page = np.where(drawn, 0.1, np.where(card, 0.8, np.where(shadow, 0.35, 0.95))).astype(np.float32)[..., None]
    found = [reading for reading in readings_of(page) if reading.removed == ("what is beyond the card",)]
    assert len(found) == 1 and np.array_equal(found[0].ink > 0.5, drawn)


def test_squares_of_paper_that_reach_every_edge_are_no_desk():
    y, x = np.mgrid[:200, :200]
    light = 0.95 - 0.3 * x / 200 - 0.1 * y / 200
    line = (abs(abs(x - 100) + y - 130) < 4) & (y > 80) | (abs(x - 180) < 3) & (abs(y - 40) < 13)
    squares = (x % 40 < 2) | (y % 40 == 20) & (x < 170)
    found = foreground_of((light * np.where(line, 0.2, np.where(squares, 0.4, 1))).astype(np.float32)[..., None])
    assert found.uneven and (found.ink > 0.5)[line].mean() > 0.95


def _seven_cut_to_its_box(height=160, width=120):
    y, x = np.mgrid[:height, :width]
    return (y < 18) | (abs(x - (width - 12 - 0.5 * y)) < 12)


def test_specks_are_measured_by_a_drawing_that_was_cut_to_its_box():
    ink = _seven_cut_to_its_box()
    dusty = ink.copy()
    dusty[60:140:20, 10:13] = dusty[61:141:20, 10:13] = dusty[100:102, 100:103] = True
    kept, specks = without_specks(dusty.astype(np.float32))
    assert specks == 5 and np.array_equal(kept > 0, ink)


def test_in_uneven_light_a_drawing_that_was_cut_to_its_box_is_no_desk():
    y, x = np.mgrid[:160, :160]
    light = 0.95 - 0.3 * x / 160 - 0.1 * y / 160
    bowl = abs(np.hypot((x - 79.5) / 80, (y - 96) / 64) - 0.93) < 0.07
    for drawn in (bowl | (y < 24), (bowl | (y < 24)).T, bowl[::-1] | (y > 148) & (x > 60)):
        found = foreground_of((light * np.where(drawn, 0.2, 1)).astype(np.float32)[..., None])
        assert found.uneven and np.mean((found.ink > 0.5) != drawn) < 0.01
