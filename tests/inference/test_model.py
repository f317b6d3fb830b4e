import dataclasses
import itertools
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.inference import Model, model_file
from jaxdoodle.inference.model import Prediction, energy
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn import ModelSpec, Softmax
from jaxdoodle.nn.architectures import mlp
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.paper.outlines import OUTLINED
from jaxdoodle.preprocessing.paper.regions import filtered
from jaxdoodle.preprocessing.pipeline import preprocess
from tests.fixtures.halve import Halve
from tests.preprocessing.paper.test_outlines import outline
from tests.preprocessing.paper.test_surroundings import SEVEN

CLASSES = ("upright", "level", "slanted")
PICTURES = {
    "upright": np.pad(np.ones((60, 9)), ((10, 30), (50, 20))),
    "level": np.pad(np.ones((9, 60)), ((50, 20), (30, 10))),
    "slanted": np.pad(np.kron(np.eye(12), np.ones((7, 7))), 5),
}


def _file(**changes):
    """A network made by hand: a hidden unit per class, whose weights are a picture of it as MNIST would have it."""
    spec = mlp(CLASSES, (3,))
    templates = np.zeros((28, 28, 3), np.float32)
    templates[4:24, 12:16, 0] = templates[12:16, 4:24, 1] = 1
    for i in range(4, 24):
        templates[i, i - 1 : i + 3, 2] = 1
    hidden = {"w": 0.1 * templates.reshape(784, 3), "b": np.zeros(3, np.float32)}
    params = [{}, hidden, {}, {"w": np.eye(3, dtype=np.float32), "b": np.zeros(3, np.float32)}]
    inputs = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    logits = Network(spec, params, MNIST.divisor).logits(inputs)
    return dataclasses.replace(ModelFile(spec, params, MNIST, inputs, logits, provenance={"seed": 7}), **changes)


MODEL = Model.from_file(_file())


def test_a_model_is_loaded_from_its_file(tmp_path):
    model_file.write(tmp_path / "model.npz", _file())
    model = Model.load(tmp_path / "model.npz")
    assert (model.spec, model.classes, model.preprocessing) == (mlp(CLASSES, (3,)), CLASSES, MNIST)
    assert model.provenance == model.file.provenance == {"seed": 7}
    images = np.random.default_rng(1).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)
    np.testing.assert_array_equal(model.logits(images), MODEL.logits(images))
    with pytest.raises(InputError, match=r"absent\.npz: No such file"):
        Model.load(tmp_path / "absent.npz")


@pytest.mark.parametrize("label", CLASSES)
def test_a_picture_is_recognized_as_array_and_as_file(tmp_path, label):
    Image.fromarray(np.uint8(255 - 255 * PICTURES[label])).save(tmp_path / "drawing.png")
    for image in (PICTURES[label], tmp_path / "drawing.png"):
        prediction = MODEL.predict(image)
        assert prediction.label == label
        assert tuple(prediction.probabilities) == CLASSES
        assert sum(prediction.probabilities.values()) == pytest.approx(1)
        assert prediction.top(1) == [(label, max(prediction.probabilities.values()))]
        assert not prediction.abstained
        np.testing.assert_array_equal(
            MODEL.logits(prediction.preprocessed.bitmap[None]).argmax(axis=1), [CLASSES.index(label)]
        )


def test_the_best_come_first_and_equal_ones_in_the_models_order():
    prediction = dataclasses.replace(MODEL.predict(PICTURES["level"]), probabilities={"a": 0.2, "b": 0.6, "c": 0.2})
    assert prediction.top(2) == [("b", 0.6), ("a", 0.2)]
    assert prediction.top(9) == [("b", 0.6), ("a", 0.2), ("c", 0.2)]


def test_a_notebook_shows_the_probabilities_in_percent():
    shown = Prediction({"cat": 0.75, "d<g": 0.25}, None, None)._repr_html_()
    assert "<td>cat</td><td>75.0 %</td>" in shown and "<td>d&lt;g</td><td>25.0 %</td>" in shown


def test_probabilities_are_the_softmax_of_the_logits_at_the_temperature():
    logits = np.array([[1.0, 2.0, 4.0], [-1e9, 0.0, 1e9]], np.float32)
    for temperature in (1.0, 2.5, 1e-300):
        with np.errstate(over="ignore"):
            found = Model.from_file(_file(temperature=temperature)).probabilities(logits)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_allclose(found[1], [0, 0, 1], atol=1e-12)
        if temperature > 1e-9:
            np.testing.assert_allclose(np.log(found[0, 1:] / found[0, :-1]), [1 / temperature, 2 / temperature])


def test_a_network_that_ends_in_softmax_gives_its_own_probabilities():
    file = _file()
    spec = ModelSpec((*file.spec.layers, Softmax()), file.spec.input_shape, CLASSES)
    params = [*file.params, {}]
    shares = Network(spec, params, MNIST.divisor).logits(file.golden_inputs)
    model = Model.from_file(_file(spec=spec, params=params, golden_logits=shares))
    expected = MODEL.predict(PICTURES["slanted"]).probabilities
    assert model.predict(PICTURES["slanted"]).probabilities == pytest.approx(expected, abs=1e-6)


def test_a_model_abstains_below_its_threshold():
    logits = np.array([[0.0, 1.0, 5.0], [0.0, 0.5, 0.5]], np.float32)
    energies = np.log(np.exp(logits).sum(axis=1))
    np.testing.assert_allclose(energy(logits + 1e4), energies + 1e4)
    assert Model.from_file(_file(abstain_below=float(energies.mean()))).abstains(logits).tolist() == [False, True]
    assert MODEL.abstains(logits).tolist() == [False, False]
    assert not Model.from_file(_file(abstain_below=float(energy(logits)[0]))).abstains(logits)[0], "at it, it answers"
    assert Model.from_file(_file(abstain_below=0.0)).abstains(logits * np.float32(np.nan)).all()


def test_it_says_why_it_abstains_and_what_it_comes_nearest_to():
    prediction = Model.from_file(_file(abstain_below=1e6)).predict(PICTURES["level"])
    assert prediction.abstained and prediction.label == "level"
    score = energy(MODEL.logits(prediction.preprocessed.bitmap[None]))[0]
    assert prediction.reason == f"it scores {score:.2f}, below 1000000.00"
    assert MODEL.predict(PICTURES["level"]).reason is None


NOTHING = {
    "white page": np.full((90, 80, 3), 255, np.uint8),
    "black page": np.zeros((28, 28), np.uint8),
    "transparent page": np.zeros((50, 50, 4), np.uint8),
}


@pytest.mark.parametrize("page", NOTHING)
def test_a_blank_page_is_answered_with_none_of_mine(page, tmp_path):
    Image.fromarray(NOTHING[page]).save(tmp_path / "blank.png")
    for image in (NOTHING[page], tmp_path / "blank.png", str(tmp_path / "blank.png")):
        prediction = MODEL.predict(image)
        assert prediction.abstained and prediction.reason.startswith("the picture is blank")
        assert (prediction.label, prediction.top(3), prediction.preprocessed) == (None, [], None)


def test_many_inputs_of_any_kinds_are_answered_together(tmp_path):
    Image.fromarray(np.uint8(255 - 255 * PICTURES["level"])).save(tmp_path / "level.png")
    (tmp_path / "slanted.json").write_text("[[[0, 50, 100], [0, 50, 100]]]")
    inputs = {
        "picture": (tmp_path / "level.png", "level"),
        "array": (PICTURES["upright"], "upright"),
        "Pillow": (Image.fromarray(np.uint8(255 * PICTURES["slanted"])), "slanted"),
        "blank": (NOTHING["white page"], None),
        "strokes": ([[[0, 50, 100], [7, 7, 7]]], "level"),
        "file of strokes": (str(tmp_path / "slanted.json"), "slanted"),
    }
    answers = MODEL.predict_all(image for image, _ in inputs.values())
    assert [one.label for one in answers] == [label for _, label in inputs.values()]
    assert [one.abstained for one in answers] == [name == "blank" for name in inputs]
    for (image, _), one in zip(inputs.values(), answers, strict=True):
        assert one.probabilities == pytest.approx(MODEL.predict(image).probabilities, abs=1e-6)
    assert MODEL.predict_all([]) == [] and MODEL.predict_all([NOTHING["black page"]])[0].abstained


def test_preprocessing_steps_are_kept_of_one_input_and_not_of_many():
    alone, (together,) = MODEL.predict(PICTURES["level"]), MODEL.predict_all([PICTURES["level"]])
    assert [name for name, _ in alone.preprocessed.steps][-1] == "bitmap" and together.preprocessed.steps == ()
    np.testing.assert_array_equal(together.preprocessed.bitmap, alone.preprocessed.bitmap)


def test_many_inputs_are_one_call_of_the_network(monkeypatch):
    calls = []
    logits = Network.logits
    monkeypatch.setattr(Network, "logits", lambda self, x: calls.append(len(x)) or logits(self, x))
    MODEL.predict_all([PICTURES["level"], NOTHING["white page"], PICTURES["upright"]])
    assert calls == [2]


UNREADABLE = {
    "absent.png": (None, r"absent\.png: No such file"),
    "text.png": (b"no picture", r"text\.png: not a picture"),
    "two.ndjson": (
        b'{"drawing": [[[0, 4, 9], [5, 5, 5]]]}\n' * 2,
        r"two\.ndjson: holds more than one drawing; expected one\.",
    ),
    "broken.ndjson": (b"{}\n", r"broken\.ndjson, line 1: "),
    "empty.json": (b"", r"empty\.json: holds no drawing"),
    "text.npy": (b"no array", r"text\.npy: starts with b'no array'; expected a \.npy file"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_an_error_that_names_the_file(name, tmp_path):
    content, complaint = UNREADABLE[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for ask in (MODEL.predict, lambda path: MODEL.predict_all([PICTURES["level"], path])):
        with pytest.raises(InputError, match=complaint) as caught:
            ask(tmp_path / name)
        assert not isinstance(caught.value, NoDrawingError) and "\n" not in str(caught.value)


def test_strokes_go_in_and_guesses_come_out_as_they_arrive():
    drawing = [[[0, 0, 0], [0, 50, 100]], [[0, 300], [50, 50]]]
    at_hand = []

    def hand():
        for stroke in drawing:
            at_hand.append(stroke)
            yield stroke

    guesses = MODEL.watch(hand())
    assert next(guesses).label == "upright" and len(at_hand) == 1
    second = next(guesses)
    assert second.probabilities == MODEL.predict(drawing).probabilities and len(at_hand) == 2
    assert next(guesses, None) is None


def test_bitmaps_may_come_without_their_channel():
    images = np.random.default_rng(1).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    np.testing.assert_array_equal(MODEL.logits(images), MODEL.logits(images[..., None]))


@pytest.mark.parametrize(
    "images", [np.zeros((28, 28), np.uint8), np.zeros((1, 28, 28)), np.zeros((1, 32, 32), np.uint8), np.uint8(3)]
)
def test_what_is_no_bitmap_is_refused(images):
    with pytest.raises(ValueError, match=r"logits takes uint8 images \(n, 28, 28\); got "):
        MODEL.logits(images)


def test_one_model_answers_many_threads():
    drawing = [[[0, 0, 0], [0, 50, 100]], [[0, 300], [50, 50]]]
    ways = {
        "one": lambda model: [model.predict(picture) for picture in PICTURES.values()],
        "all": lambda model: model.predict_all([*PICTURES.values()] * 3),
        "strokes": lambda model: list(model.watch(drawing)),
    }
    alone = {way: [one.probabilities for one in ask(MODEL)] for way, ask in ways.items()}
    shared, wrong, start = Model.from_file(_file()), [], threading.Barrier(6)

    def work(way):
        start.wait()  # the first plans of all threads are made at once
        for _ in range(4):
            if [one.probabilities for one in ways[way](shared)] != alone[way]:
                wrong.append(way)

    threads = [threading.Thread(target=work, args=(way,)) for way in ways for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_a_model_predicts_where_there_is_neither_jax_nor_pillow(tmp_path):
    model_file.write(tmp_path / "model.npz", _file())
    np.save(tmp_path / "level.npy", PICTURES["level"])
    code = (
        "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None, PIL=None); import numpy as np\n"
        "from jaxdoodle.inference import Model\n"
        "model = Model.load(sys.argv[1] + '/model.npz')\n"
        "assert model.predict(np.load(sys.argv[1] + '/level.npy')).label == 'level'"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)


def test_reading_a_spec_does_not_import_numpy():
    code = "import sys, jaxdoodle.nn.spec; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ImportError):
        from jaxdoodle.inference import Nothing  # noqa: F401


def _two_ways(a, b):
    """A picture of which one way to see it looks like class ``a``, and another, with less ink, like class ``b``."""
    prepared = [preprocess(PICTURES[name], MNIST) for name in (a, b)]
    return dataclasses.replace(prepared[0], alternatives=(dataclasses.replace(prepared[1], removed=("a frame",)),))


def test_two_ways_to_see_a_picture_that_agree_are_as_sure_as_one_and_two_that_differ_are_less_sure():
    one = MODEL.predict(PICTURES["level"]).probabilities["level"]
    agreed, differing = (MODEL._answer([_two_ways(name, "level")])[0][0] for name in ("level", "upright"))
    assert not agreed.abstained and agreed.label == "level" and agreed.probabilities["level"] == pytest.approx(one)
    assert differing.top(1)[0][1] < 0.9 * one and sum(differing.probabilities.values()) == pytest.approx(1)
    assert differing.preprocessed.bitmap.shape == (28, 28)


def test_no_class_is_answered_where_too_few_ways_lead_to_it(monkeypatch):
    monkeypatch.setattr("jaxdoodle.inference.model.AGREED", 0.99)
    found = MODEL._answer([_two_ways("upright", "level")])[0][0]
    assert found.abstained and "a frame" in found.reason


def test_a_way_that_leaves_something_out_counts_more_whatever_that_is():
    found = _two_ways("upright", "level")
    shares = []
    for removed in ((), ("in the frame",), ("in the frame", "pale ink")):
        (other,) = found.alternatives
        way = dataclasses.replace(found, alternatives=(dataclasses.replace(other, removed=removed),))
        shares.append(MODEL._answer([way])[0][0].probabilities["level"])
    assert shares[0] < shares[1] == shares[2]


def test_characters_in_a_frame_are_seen_without_it_more_than_doodles():
    letters = Model.from_file(dataclasses.replace(MODEL.file, spec=mlp(tuple("abc"), (3,))))
    shares = {}
    for model, removed in itertools.product((MODEL, letters), ("on the sheet", "lines from edge to edge", "pale ink")):
        found = _two_ways("upright", "level")
        (other,) = found.alternatives
        way = dataclasses.replace(found, alternatives=(dataclasses.replace(other, removed=(removed,)),))
        shares[model, removed] = list(model._answer([way])[0][0].probabilities.values())[1]
    doodle, _, pale, framed, lined, faint = shares.values()
    assert doodle == pale == faint < framed == lined


def test_what_a_model_is_made_with_is_saved_and_copied_with_its_own_layers(tmp_path):
    file = _file()
    spec = ModelSpec((Halve(), *file.spec.layers), file.spec.input_shape, CLASSES)
    images = np.full((1, 28, 28, 1), 7, np.uint8)
    settings = {"temperature": 2.0, "abstain_below": 0.5, "reference_images": images, "provenance": {"seed": 3}}
    model = Model(spec, [{}, *file.params], MNIST, **settings)
    model.save(tmp_path / "model.npz")
    for one in (model, Model.load(tmp_path / "model.npz", [Halve]), pickle.loads(pickle.dumps(model))):
        assert (one.spec, one.temperature, one.file.abstain_below, one.provenance) == (spec, 2.0, 0.5, {"seed": 3})
        np.testing.assert_array_equal(one.file.golden_inputs, images)


@pytest.mark.parametrize("name", ["digits", "sketches"])
def test_a_character_of_which_the_outline_is_drawn_is_filled_and_a_doodle_is_not(name, monkeypatch):
    model, seen = Model.load(name), []
    logits = model.logits
    monkeypatch.setattr(Model, "logits", lambda _, images: seen.append(len(images)) or logits(images))
    drawn = outline(filtered(np.logical_or, SEVEN, 9)).astype(np.float32)
    found = preprocess(drawn, model.preprocessing)
    assert sum(OUTLINED in one.removed for one in found.alternatives) == 1
    model.predict(drawn)
    assert seen[0] == 1 + len(found.alternatives) - (name == "sketches")
