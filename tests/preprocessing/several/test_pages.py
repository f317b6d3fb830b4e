import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST, Preprocessing
from jaxdoodle.preprocessing.several.pages import divisions_of

#: Strokes of a 5 with its bar apart, a 0, a 4 and a 1: (x, y) for a height of 60.
FIVE = [[(10, 6), (8, 26), (28, 26), (38, 42), (26, 58), (4, 56)], [(16, 0), (44, 0)]]
ZERO = [[(20, 0), (4, 20), (4, 40), (20, 60), (36, 40), (36, 20), (20, 0)]]
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


@pytest.mark.parametrize(
    "paper", [lambda image: image, ruled, framed, lambda image: Image.eval(image, lambda v: 255 - v)]
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
