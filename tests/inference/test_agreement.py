import numpy as np

from jaxdoodle.inference import Model, agreement
from jaxdoodle.inference.agreement import compare
from jaxdoodle.preprocessing import QUICKDRAW
from jaxdoodle.preprocessing.measure import as_is
from tests.fixtures.files import linear


def test_predictions_agree_where_the_preprocessing_is_that_of_the_images(sound):
    found = compare(Model.from_file(linear(sound.train)), sound.train.images, sound.train.labels)
    assert found.agrees and found.stage == "" and found.total == len(sound.train)


def test_an_even_number_of_images_is_compared_to_the_last(sound):
    images, labels = sound.train.images[:10], sound.train.labels[:10]
    assert compare(Model.from_file(linear(sound.train)), images, labels).total == 10


def test_the_stage_is_named_where_they_do_not(sound):
    moved = np.roll(sound.train.images, 5, axis=1)
    data = type(sound.train)("moved", moved, sound.train.labels, sound.train.classes)
    wrong = compare(Model.from_file(linear(data, QUICKDRAW)), moved[::8], data.labels[::8])
    assert not wrong.agrees and wrong.by_logits > wrong.by_predict and "place" in str(wrong)
    assert compare(Model.from_file(linear(data, as_is((28, 28, 1)))), moved, data.labels).agrees


def test_the_images_that_are_compared_are_spread_over_all(sound, monkeypatch):
    monkeypatch.setattr(agreement, "COMPARED", 2)
    model, labels = Model.from_file(linear(sound.train)), sound.train.labels.copy()
    labels[-1] = (labels[-1] + 1) % len(sound.train.classes)  # the first and the last are compared; one is right
    found = compare(model, sound.train.images, labels)
    assert (found.by_logits, found.total) == (1, 2)
