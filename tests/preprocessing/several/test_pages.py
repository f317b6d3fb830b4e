import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST, Preprocessing
from jaxdoodle.preprocessing.paper.regions import parts_of
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.several import pages
from jaxdoodle.preprocessing.several.pages import divisions_of, with_parts

#: Strokes of a 5 with its bar apart, a 0, a 4 and a 1: (x, y) for a height of 60.
FIVE = [[(10, 6), (8, 26), (28, 26), (38, 42), (26, 58), (4, 56)], [(16, 0), (44, 0)]]
ZERO = [[(20, 0), (10, 5), (4, 20), (4, 40), (10, 55), (20, 60), (30, 55), (36, 40), (36, 20), (30, 5), (20, 0)]]
FOUR = [[(20, 0), (4, 36), (40, 36)], [(32, 18), (32, 60)]]
ONE = [[(14, 0), (8, 60)]]
DIGITS = (FIVE, ZERO, FOUR, ONE)
PLACES = [(30, 40), (110, 45), (190, 38), (60, 140)]  # two rows


def page(size=(280, 230), zoom=1):
    image = Image.new("L", [n * zoom for n in size], 255)
    pen = ImageDraw.Draw(image)
    for digit, (x, y) in zip(DIGITS, PLACES, strict=True):
        for stroke in digit:
            pen.line([((a + x) * zoom, (b + y) * zoom) for a, b in stroke], 60, 5 * zoom)
    return image


def boxes_of(found):
    return [tuple(round(edge) for edge in one.box) for one in found.drawings]


def expected(room=3):
    for digit, (x, y) in zip(DIGITS, PLACES, strict=True):
        xs, ys = zip(*(point for stroke in digit for point in stroke), strict=True)
        yield min(ys) + y - room, min(xs) + x - room, max(ys) + y + room, max(xs) + x + room


def ruled(image):
    pen = ImageDraw.Draw(image)
    for y in range(20, image.height, 40):
        pen.line([(0, y), (image.width, y)], 170, 1)
    return image


def framed(image):
    ImageDraw.Draw(image).rectangle((8, 8, image.width - 8, image.height - 8), None, 60, 3)
    return image


def underlined(image):
    ImageDraw.Draw(image).line((20, 113, 250, 111), 60, 4)
    return image


@pytest.mark.parametrize(
    "paper", [lambda image: image, ruled, framed, underlined, lambda image: Image.eval(image, lambda v: 255 - v)]
)
def test_a_page_is_divided_into_its_digits_in_the_order_of_reading(paper):
    _, (found, *_) = divisions_of(paper(page()), MNIST, False)
    assert found.rows == (3, 1)
    for box, goal in zip(boxes_of(found), expected(), strict=True):
        assert np.abs(np.subtract(box, goal)).max() <= 4


def test_boxes_are_in_pixels_of_the_picture_as_it_came_whatever_its_size():
    _, (found, *_) = divisions_of(page(zoom=6), MNIST, False)
    for box, goal in zip(boxes_of(found), expected(), strict=True):
        assert np.abs(np.divide(box, 6) - goal).max() <= 4


def test_each_drawing_is_preprocessed_as_if_it_were_alone():
    image = page()
    _, (found, *_) = divisions_of(image, MNIST, False)
    for one in found.drawings:
        top, left, bottom, right = one.box
        _, (alone,) = divisions_of(image.crop((left - 12, top - 12, right + 12, bottom + 12)), MNIST, False)
        assert np.abs(one.bitmap.astype(int) - alone.drawings[0].bitmap).mean() < 3


def test_strokes_are_divided_as_a_picture_is():
    strokes = [
        ([x + a for a, _ in stroke], [y + b for _, b in stroke])
        for digit, (x, y) in zip(DIGITS, PLACES, strict=True)
        for stroke in digit
    ]
    content, (found,) = divisions_of(strokes, MNIST, False)
    assert content == strokes and found.rows == (3, 1) and boxes_of(found) == list(expected(0))


def test_a_blank_page_has_no_division_and_one_drawing_one():
    assert divisions_of(np.zeros((50, 60), np.uint8), MNIST, False)[1] == []
    alone = page().crop((100, 30, 160, 120))
    _, (found,) = divisions_of(alone, MNIST, False)
    assert found.rows == (1,) and boxes_of(found)[0][0] == pytest.approx(13, abs=2)


def test_a_model_of_pictures_as_they_are_is_refused():
    with pytest.raises(InputError, match="takes pictures as they are"):
        divisions_of(page(), Preprocessing(centering="as-is"), False)


#: A face, an arrow to it, a tick and a word of four letters, in strokes of (x, y).
FACE = [
    [(60, 20), (100, 60), (60, 100), (20, 60), (60, 20)],
    [(45, 45), (45, 60)],
    [(75, 45), (75, 60)],
    [(45, 75), (75, 75)],
]
MARKS = {
    "arrow": [[(190, 60), (135, 60)], [(150, 48), (135, 60), (150, 72)]],
    "tick": [[(140, 60), (155, 85), (190, 40)]],
    "word": [[(x, 50), (x + 8, 70), (x + 14, 50), (x + 4, 60)] for x in (140, 165, 190, 215)],
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_or_a_word_beside_a_doodle_is_no_second_drawing_and_may_be_one_beside_a_digit(mark):
    image = Image.new("L", (260, 130), 255)
    for stroke in FACE + MARKS[mark]:
        ImageDraw.Draw(image).line(stroke, 40, 3)
    doodle, digit = (with_parts(preprocess(image, MNIST), MNIST, loose) for loose in (True, False))
    assert doodle.several == () and len(digit.several) > 1
    alone = [one.removed for one in doodle.alternatives if {"a mark beside it", "standing alone"} & set(one.removed)]
    assert alone == [("a mark beside it",)]


def test_marks_alone_are_drawings():
    image = Image.new("L", (330, 130), 255)
    for stroke in MARKS["arrow"] + [[(x - 120, y) for x, y in line] for line in MARKS["tick"]]:
        ImageDraw.Draw(image).line(stroke, 40, 3)
    assert len(with_parts(preprocess(image, MNIST), MNIST, True).several) == 2


def test_crossings_of_the_lines_of_squared_paper_are_no_drawings():
    image = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(image)
    pen.line([(3 * x + 100, 3 * y + 100) for x, y in ZERO[0]], 40, 20)
    for x, y in itertools.product(range(10, 400, 60), repeat=2):
        if image.getpixel((x, y)) == 255:
            pen.line([(x - 3, y), (x + 3, y)], 60, 1)
            pen.line([(x, y - 3), (x, y + 3)], 60, 1)
    pen.line([(0, 120), (399, 120)], 40, 3)  # the drawing runs off the page with it
    assert with_parts(preprocess(image, MNIST), MNIST, False).several == ()


@pytest.mark.parametrize("tone", [40, 160, 200])
def test_a_paler_drawing_beside_a_dark_one_is_a_second_one(tone):
    image = Image.new("L", (280, 130), 255)
    ImageDraw.Draw(image).line([(2 * x + 20, y + 30) for x, y in ZERO[0]], 40, 5)
    ImageDraw.Draw(image).line([(x + 180, y + 30) for x, y in FIVE[0]], tone, 5)
    assert len(with_parts(preprocess(image, MNIST), MNIST, False).several) == 2


def test_a_thin_drawing_beside_one_of_a_thick_pen_is_a_second_one():
    image = Image.new("L", (1000, 400), 255)
    ImageDraw.Draw(image).line([(6 * x + 60, 3 * y + 60) for x, y in ZERO[0]], 0, 14)
    ImageDraw.Draw(image).line([(3 * x + 640, 3 * y + 60) for x, y in FIVE[0]], 0, 1)
    assert len(with_parts(preprocess(image, MNIST), MNIST, False).several) == 2


def test_what_was_erased_beside_a_drawing_is_no_second_one():
    drawn, erased = (Image.new("L", (280, 130), 0) for _ in range(2))
    ImageDraw.Draw(drawn).line([(2 * x + 20, y + 30) for x, y in ZERO[0]], 255, 5)
    ImageDraw.Draw(erased).line([(x + 180, y + 30) for x, y in FIVE[0]], 255, 9)
    canvas = np.dstack([*[np.asarray(erased)] * 3, np.maximum(drawn, erased)])
    found = with_parts(preprocess(canvas, MNIST), MNIST, False)
    assert found.several == () and any("what was erased" in one.removed for one in found.alternatives)
    canvas[..., :3] = 0
    assert len(with_parts(preprocess(canvas, MNIST), MNIST, False).several) == 2


def _desk(image):
    ImageDraw.Draw(image).polygon([(0, 0), (16, 0), (8, 110), (0, 110)], 60)
    return image


def _margin_in_pieces(image):
    for first, last in ((0, 60), (75, 150), (190, 230)):
        ImageDraw.Draw(image).line([(12, first), (12, last)], 60, 3)
    return image


def _divider(image):
    ImageDraw.Draw(image).line([(255, 30), (250, 215)], 60, 2)
    return image


@pytest.mark.parametrize("paper", [_desk, _margin_in_pieces, _divider])
def test_what_comes_from_the_edges_of_a_page_or_is_longer_than_its_digits_and_finer_is_no_digit(paper):
    _, (found, *_) = divisions_of(paper(page()), MNIST, False)
    assert found.rows == (3, 1)


@pytest.mark.parametrize("tall", [90, 130, 180])
def test_a_tall_one_beside_smaller_digits_is_a_digit(tall):
    image = Image.new("L", (280, 230), 255)
    pen = ImageDraw.Draw(image)
    for x in (40, 240):
        pen.line([(x + 6, 200 - tall), (x, 200)], 60, 5)
    pen.line([(a + 120, b + 140) for a, b in ZERO[0]], 60, 5)
    _, (found, *_) = divisions_of(image, MNIST, False)
    assert found.rows == (3,)


def test_pieces_are_of_a_line_where_they_are_in_one_line_from_an_edge_that_is_long():
    ink = np.zeros((100, 100), np.float32)
    pieces = [(0, 20, 10), (25, 50, 11), (60, 90, 10)]
    others = [(0, 20, 40), (70, 95, 46), (0, 30, 80), (30, 95, 70)]  # two lines apart, a short one, one from no edge
    for first, last, column in (*pieces, *others):
        ink[first:last, column] = 1
    for turned in (ink, ink.T):
        parts = parts_of(turned, 100, 0)
        found = pages._of_lines(parts)[parts.number]
        assert np.array_equal((found if turned is ink else found.T).any(axis=0).nonzero()[0], [10, 11])
