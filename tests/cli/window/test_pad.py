import numpy as np
import pytest

from jaxdoodle.cli.window.pad import ARROW_STEP, SIDE, Pad, headline, remark
from jaxdoodle.inference.model import Prediction


def test_the_pointer_draws_strokes_that_end_at_the_edge():
    pad = Pad()
    pad.begin(10, 20)
    pad.extend(30, 40)
    pad.extend(30, 40)
    pad.begin(500, 500)
    pad.extend(-70, SIDE + 9)
    assert pad.strokes == [([10, 30], [20, 40]), ([500, 0], [500, SIDE])]


def test_the_keys_draw_where_the_cursor_goes_while_it_is_down():
    pad = Pad()
    pad.move(1, 0)
    assert pad.strokes == []
    pad.toggle()
    pad.move(0, 1)
    pad.move(0, 1)
    pad.toggle()
    pad.move(-1, 0)
    x, y = SIDE / 2 + ARROW_STEP, SIDE / 2
    assert pad.strokes == [([x, x, x], [y, y + ARROW_STEP, y + 2 * ARROW_STEP])]
    assert pad.cursor == (x - ARROW_STEP, y + 2 * ARROW_STEP)
    for _ in range(99):
        pad.move(1, -1)
    assert pad.cursor == (SIDE, 0)


def test_undo_takes_back_a_stroke_and_ends_it_and_clear_takes_all():
    pad = Pad()
    pad.begin(1, 1)
    pad.toggle()
    pad.undo()
    assert len(pad.strokes) == 1 and not pad.down
    pad.begin(2, 2)
    pad.clear()
    assert pad.strokes == []
    pad.undo()  # nothing is left to take back


def answer(reason=None, **shares):
    return Prediction(shares, reason, None)


@pytest.mark.parametrize(
    "prediction, large, small",
    [
        (None, "What is it?", "A guess appears as you draw."),
        (answer(cat=0.95, dog=0.05), "cat", "I am quite sure."),
        (answer(dog=0.3, cat=0.7), "cat", "Probably. Or dog?"),
        (answer(cat=0.4, dog=0.5, eye=0.1), "dog", "Perhaps. Or cat?"),
        (answer(cat=0.5), "cat", "I am quite sure."),
        (answer("it scores 1.00, below 2.00", cat=0.4, dog=0.6), "Unknown", "Most like dog, but not like enough."),
        (answer("a dot is no drawing"), "Unknown", "A dot is no drawing."),
    ],
)
def test_the_answer_in_words(prediction, large, small):
    assert (headline(prediction), remark(prediction)) == (large, small)


def test_what_the_pad_holds_is_a_drawing(doodle_model):
    from jaxdoodle.inference import Model

    pad = Pad()
    pad.begin(100, 100)
    pad.extend(700, 300)
    prediction = Model.from_file(doodle_model).predict(pad.strokes)
    assert prediction.preprocessed.background == "strokes" and np.ptp(prediction.preprocessed.bitmap) > 200
