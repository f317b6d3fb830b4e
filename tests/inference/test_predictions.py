from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.inference import Model, PageDrawing, PagePrediction, Prediction, Row
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing import MNIST, Preprocessed
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.several.pages import with_parts
from tests.preprocessing.several.test_pages import DIGITS, PLACES, page


def drawing(label="7", share=0.9, reason=None, box=(10.0, 20.0, 50.0, 45.0)):
    return PageDrawing(box, Prediction({label: share, "other": 1 - share}, reason, None))


def test_a_row_of_digits_is_a_number_with_the_product_of_the_probabilities():
    assert Row((drawing("1", 0.9), drawing("2", 0.8))).text == "12"
    assert Row((drawing("1", 0.9), drawing("2", 0.8))).confidence == pytest.approx(0.72)


def test_a_row_of_words_has_spaces_and_is_unknown_where_one_drawing_is():
    assert Row((drawing("cat"), drawing("dog"))).text == "cat dog"
    row = Row((drawing("1"), drawing("2", reason="it scores 1.0, below 2.0")))
    assert (row.text, row.abstained, row.confidence, str(row)) == ("1?", True, None, "1?, unknown (1 of 2)")
    assert "1?, unknown (1 of 2)" in repr(PagePrediction((row,), None))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_picture_of_a_page_has_a_frame_around_each_drawing(channels):
    found = PagePrediction((Row((drawing(), drawing(reason="unlike", box=(60.0, 20.0, 90.0, 60.0)))),),
                           (np.ones((300, 300, channels), np.float32), 1))  # fmt: skip
    pixels = np.asarray(found.picture()).astype(int)
    assert pixels.shape == (300, 300, 3) and (pixels[200:] == 255).all()
    for row, column in ((30, 19), (30, 46), (50, 30)):
        assert pixels[row - 2 : row + 3, column - 2 : column + 3].min() < 100  # the first frame
    red, blue = pixels[75, 15:25, 0], pixels[75, 15:25, 2]
    assert (red > blue).any() and not (blue > red).any()  # that of the unknown one is red


def test_the_picture_of_a_small_page_is_enlarged_and_strokes_are_drawn():
    assert min(PagePrediction((), (np.ones((40, 90, 1), np.float32), 1)).picture().size) >= 240
    strokes = [([0, 100], [0, 50]), ([200, 300], [10, 10])]
    image = PagePrediction((Row((drawing(box=(0.0, 0.0, 50.0, 100.0)),)),), strokes).picture()
    assert image.width > image.height and np.asarray(image).min() == 0


def test_a_page_of_digits_is_read_in_rows_as_picture_and_as_strokes():
    model = Model.load("digits")
    strokes = [
        ([x + a for a, _ in stroke], [y + b for _, b in stroke])
        for digit, (x, y) in zip(DIGITS, PLACES, strict=True)
        for stroke in digit
    ]
    for given in (page(), strokes):
        found = model.predict_many(given)
        assert [row.text for row in found.rows] == ["504", "1"] and found.rows[0].confidence > 0.9
        assert len(found.drawings) == 4 and "504" in repr(found) and "40 x 60" not in repr(found)
    assert model.predict_many(Image.new("L", (90, 90), 255)).rows == ()


def test_each_way_to_divide_a_page_runs_the_network_once(monkeypatch):
    model, sizes, real = Model.load("digits"), [], Network.logits
    monkeypatch.setattr(Network, "logits", lambda self, x: sizes.append(len(x)) or real(self, x))
    model.predict_many(page())
    assert sizes == [4]


def test_predict_says_that_a_page_shows_several_and_answers_a_digit_of_parts():
    model = Model.load("digits")
    found = model.predict(page())
    assert found.abstained and found.reason == "it shows 4 drawings; predict_many, or --many, answers each"
    assert model.predict_all([page()])[0].reason == found.reason
    (x, y), five = PLACES[0], model.predict(page().crop((20, 25, 90, 115)))
    assert (x, y) == (30, 40) and five.label == "5" and not five.abstained


def test_two_ways_to_smooth_a_picture_that_lead_to_different_answers_lead_to_none():
    """One class each, so sure that neither way prevails."""
    spec = ModelSpec((Flatten(), Dense(3)), (28, 28, 1), ("a", "b", "c"))
    w = np.zeros((28, 28, 3), np.float32)
    w[0, 0, 0] = w[0, 1, 1] = w[0, 2, 2] = 10
    model = Model(spec, [{}, {"w": w.reshape(784, 3), "b": np.zeros(3, np.float32)}], MNIST)
    ways = []
    for column in range(3):
        bitmap = np.zeros((28, 28), np.uint8)
        bitmap[0, column] = 255
        ways.append(Preprocessed(bitmap, "light", False, (0, 0, 1, 1), 1.0, 1.0, 0.0, 0, ()))
    assert model._choose(ways, model.logits(np.stack([one.bitmap for one in ways])))[0].abstained


def test_what_comes_from_beyond_the_page_is_no_drawing_and_a_line_through_a_row_joins_no_digits():
    model = Model.load("digits")
    beyond, ruled = page(), page()
    ImageDraw.Draw(beyond).rectangle((120, 190, 180, 240), 60)
    ImageDraw.Draw(ruled).line([(0, 70), (280, 70)], 60, 2)
    for given in (beyond, ruled):
        assert [row.text for row in model.predict_many(given).rows] == ["504", "1"]


def test_a_margin_from_edge_to_edge_does_not_hide_that_there_are_several():
    model, margin = Model.load("digits"), page()
    ImageDraw.Draw(margin).line([(15, 0), (17, 230)], 60, 4)
    assert "shows 4 drawings" in str(model.predict(margin).reason)
    assert [row.text for row in model.predict_many(margin).rows] == ["504", "1"]


def test_a_part_of_a_way_to_see_a_page_that_shows_several_is_no_answer():
    model = Model.load("digits")
    page_of_four = with_parts(preprocess(page(), MNIST), MNIST, False)
    alone = preprocess(page().crop((20, 25, 90, 115)), MNIST)
    found = replace(alone, alternatives=(replace(page_of_four, removed=("inside the page",), alternatives=()),))
    ways = {("inside the page", "standing alone"): True, ("fine lines", "standing alone"): True, ("shadow",): False}
    for removed, is_part in ways.items():
        answer = model._of_one(found, Prediction({"5": 1.0}, None, replace(alone, removed=removed)))
        assert answer.abstained == is_part


def test_one_of_several_is_no_answer_however_much_all_of_them_look_like_one(monkeypatch):
    model = Model.load("digits")
    found = with_parts(preprocess(page(), MNIST), MNIST, False)
    alone = next(one for one in found.alternatives if one.removed == ("standing alone",))
    monkeypatch.setattr(
        Network, "logits", lambda self, x: np.float32([[30] + [0] * 9, *[[12] + [0] * 9] * (len(x) - 1)])
    )
    answer = model._of_one(found, Prediction({"5": 1.0}, None, alone))
    assert "shows 4 drawings" in str(answer.reason)
    assert model._of_one(found, Prediction({"5": 1.0}, None, found)).reason is None


def test_what_is_far_wider_than_high_is_no_one_character():
    model, alone = Model.load("digits"), preprocess(page().crop((20, 25, 90, 115)), MNIST)
    wide = replace(alone, box=(10.0, 10.0, 50.0, 100.0))
    answers = {shape: model._of_one(shape, Prediction({"2": 1.0}, None, shape)) for shape in (alone, wide)}
    assert not answers[alone].abstained and "too wide for one character" in str(answers[wide].reason)
    assert not model._of_one(wide, Prediction({"-": 1.0}, None, wide)).abstained
