"""A dataset without faults passes, and every planted fault is found under its name."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.data import Dataset, Splits
from jaxdoodle.data.audit import audit_splits
from jaxdoodle.data.audit.checks import TURNS, _classified
from jaxdoodle.inference import Model
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import QUICKDRAW, Preprocessing
from tests.fixtures.files import linear


@pytest.fixture(scope="module")
def model(sound):
    return Model.from_file(linear(sound.train))


def with_images(splits, split, images, labels=None):
    data = splits.sets[split]
    images = np.ascontiguousarray(images, np.uint8)
    labels = data.labels[: len(images)] if labels is None else labels
    return replace(splits, **{split: Dataset(data.name, images, labels, data.classes)})


def both(splits, change):
    for split in ("train", "test"):
        splits = with_images(splits, split, change(splits.sets[split].images))
    return splits


def scrambled(images):
    """A table with a drawing a column, read row by row."""
    return images.reshape(len(images), 784).T.reshape(images.shape)


def jpeg(image):
    stream = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stream, "JPEG", quality=85)
    return np.asarray(Image.open(stream))[..., None]


def added(splits, split, images, labels):
    data = splits.sets[split]
    return with_images(splits, split, np.concatenate([data.images, images]), np.concatenate([data.labels, labels]))


def leak(change):
    """Ten training drawings, changed, among the test drawings too."""

    def plant(splits):
        train = splits.train
        return added(splits, "test", np.stack([change(image) for image in train.images[40:50]]), train.labels[40:50])

    return plant


def exchange_labels(splits, split="test"):
    data = splits.sets[split]
    return with_images(splits, split, data.images, np.array([4, 1, 2, 3, 0], np.int32)[data.labels])


def lose_a_class(splits):
    kept = splits.train.labels != 3
    return with_images(splits, "train", splits.train.images[kept], splits.train.labels[kept])


def thin_out(splits):
    kept = (splits.train.labels != 3) | (splits.train.index_in_class < 3)
    return with_images(splits, "train", splits.train.images[kept], splits.train.labels[kept])


def fill(images, count, value):
    images = images.copy()
    images[:count] = value
    return images


def grown(images):
    """Twice as large, cut to the middle."""
    return images.repeat(2, 1).repeat(2, 2)[:, 14:42, 14:42]


def broadened(images):
    """Every line wider by a pixel in each direction."""
    x = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.max([x[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)], axis=0)


SCRIBBLES = np.zeros((2, 28, 28, 1), np.uint8)


SCRIBBLES[0, 2:26, 2:26], SCRIBBLES[1, 1:24, 3:27] = 255, 255


NEAR = "10 of {test} test drawings are near duplicates of train drawings: test[{first}] and train[40], test["


#: How to spoil it, the check that finds it, whether that is a fault, and how the text begins; in it, ``train`` and
#: ``test`` stand for their numbers of drawings, ``first`` for the row of the first that was added to test.
PLANTS = {
    "test drawings in train": (
        leak(lambda image: image), "exact duplicates", True,
        "10 of {test} test drawings are also in train: test[{first}] is train[40], test[",
    ),
    "moved copies": (leak(lambda image: np.roll(image, (1, -1), (0, 1))), "near duplicates", True, NEAR),
    "JPEG copies": (leak(jpeg), "near duplicates", True, NEAR),
    "dimmed copies": (leak(lambda image: image // 4 * 3), "near duplicates", True, NEAR),
    "a repeat": (
        lambda s: added(s, "train", s.train.images[:1], s.train.labels[:1]), "exact duplicates", False,
        "1 of {train} train drawings repeat an earlier one: ",
    ),
    "another label for the same": (
        lambda s: added(s, "train", s.train.images[:20], (s.train.labels[:20] + 1) % 5),
        "contradictory labels", True, "20 drawings have more than one label: headphones and bucket, headphones and ",
    ),
    "a label or two wrong": (
        lambda s: added(s, "train", s.train.images[:1], s.train.labels[:1] + 1),
        "contradictory labels", False, "1 drawings have more than one label: headphones and bucket",
    ),
    "a class without drawings": (lose_a_class, "class balance", True, "no train drawing of pizza"),
    "a class of few": (thin_out, "class balance", False, "train drawings are {most} but 3 of pizza"),
    "no training drawing": (
        lambda s: with_images(s, "train", s.train.images[:0]), "class balance", True, "there is no training drawing",
    ),
    "zeros and ones": (
        lambda s: both(s, lambda x: x // 128), "value scale", True,
        "train pixels reach 1 only; expected 255 for ink (multiply by 255)",
    ),
    "black on white": (
        lambda s: both(s, lambda x: 255 - x), "polarity", True,
        "{train} of {train} train drawings are dark ink on white; expected white ink (255) on black: 0, 1, 2, 3, 4,",
    ),
    "one black on white": (
        lambda s: with_images(s, "train", np.concatenate([255 - s.train.images[:1], s.train.images[1:]])),
        "polarity", False, "1 of {train} train drawings are dark ink on white; expected white ink (255) on black: 0",
    ),
    "blank drawings": (
        lambda s: both(s, lambda x: fill(x, 20, 0)), "empty drawings", True,
        "20 of {train} train drawings are empty: 0, 1, 2, 3, 4, ...",
    ),
    "one blank": (
        lambda s: with_images(s, "train", fill(s.train.images, 1, 0)), "empty drawings", False,
        "1 of {train} train drawings are empty: 0",
    ),
    "dots": (
        lambda s: both(s, lambda x: fill(x, 20, np.pad(np.full((2, 2, 1), 255), ((9, 17), (9, 17), (0, 0))))),
        "empty drawings", True, "20 of {train} train drawings are a dot of less than 8 pixels: 0, 1, 2, 3, 4, ...",
    ),
    "scribbles": (
        lambda s: with_images(s, "train", np.concatenate([SCRIBBLES, s.train.images[2:]])),
        "scribbled drawings", False, "2 of {train} train drawings are ink on more than 60 % of their pixels: 0, 1",
    ),
    "columns as drawings": (
        lambda s: both(s, scrambled), "orientation", True,
        "train pixels correlate by 0.{two} with the next and by 0.{two} with the one below; expected lines; were "
        "columns read as drawings, or rows cut at the wrong length?",
    ),
    "noise": (
        lambda s: both(s, lambda x: np.random.default_rng(0).integers(0, 256, x.shape)), "orientation", True,
        "train pixels correlate by -0.{two} with the next and by -0.{two} with the one below; expected lines; were",
    ),
    "test turned": (
        lambda s: with_images(s, "test", TURNS["turned left by 90 degrees"](s.test.images)), "orientation", True,
        "the nearest class mean of train classifies {two} of {test} drawings correctly as they are, but {two} ",
    ),
    "labels of another order": (
        exchange_labels, "label order", True,
        "the nearest class mean of train classifies {two} of {test} drawings correctly; labels and names do not fit: "
        "it takes hexagon for headphones",
    ),
    "another placement": (
        lambda s: replace(s, preprocessing=Preprocessing()), "placement", False,
        "half of the train drawings or more differ from the usual preprocessing of this kind of dataset: longest "
        "side 24.{one}, not 20.0 px",
    ),
    "broad strokes": (
        lambda s: both(s, broadened), "placement", False,
        "half of the train drawings or more differ from the usual preprocessing of this kind of dataset: strokes "
        "3.{one} px wide, not 1.1 to 2.4",
    ),
}  # fmt: skip


def begins_as_planted(text, expected, sound, spoilt):
    """Whether a text begins as a plant has it, its numbers put in; measured ones may be any of so many digits."""
    counts = spoilt.train.counts
    known = {"train": len(spoilt.train), "test": len(spoilt.test), "first": len(sound.test)}
    known |= {"most": f"{counts.max()} of {spoilt.classes[counts.argmax()]}", "one": "DIGIT", "two": "DIGITDIGIT"}
    return re.match(re.escape(expected.format(**known)).replace("DIGIT", r"\d"), text) is not None


def test_a_dataset_without_faults_passes(sound, model):
    assert [f.text for f in audit_splits(sound)] == []
    (found,) = audit_splits(sound, model)
    assert not found.fault and found.text.startswith("the model classifies ")


@pytest.mark.parametrize("plant, check, fault, text", PLANTS.values(), ids=PLANTS)
def test_a_planted_fault_is_found(plant, check, fault, text, sound):
    spoilt = plant(sound)
    found = audit_splits(spoilt)
    texts = [f.text for f in found if f.check == check and f.fault is fault]
    assert any(begins_as_planted(one, text, sound, spoilt) for one in texts), found
    assert all("\n" not in f.text for f in found)
    if not fault:
        assert not any(f.fault for f in found)


def test_the_rows_of_a_leak_are_named(sound):
    (found,) = [f for f in audit_splits(PLANTS["moved copies"][0](sound)) if f.check == "near duplicates"]
    first = len(sound.test)
    assert found.split == "test" and found.rows == tuple(range(first, first + 10))
    assert f"test[{first}] and train[40]" in found.text


MISFITS = {
    "another order of classes": (
        lambda s, f: (s, replace(f, spec=replace(f.spec, classes=f.spec.classes[::-1]))), "label order", True,
        "labels and names do not fit",
    ),
    "classes that it does not know": (
        lambda s, f: (s, replace(f, spec=replace(f.spec, classes=("cat", *f.spec.classes[1:])))), "model's classes",
        True, "does not know: headphones",
    ),
    "classes without a drawing": (
        lambda s, f: (replace(s, **{k: s.sets[k].select(s.classes[:3]) for k in ("train", "validation", "test")}), f),
        "model's classes", False, "without a drawing: pizza, hexagon",
    ),
    "another preprocessing": (
        lambda s, f: (s, replace(f, preprocessing=Preprocessing())), "placement", True, "the model's",
    ),
    "rows and columns exchanged": (
        lambda s, f: (both(s, TURNS["with rows and columns exchanged"]), f), "orientation", True,
        "rows and columns exchanged",
    ),
    "polarity": (lambda s, f: (both(s, lambda x: 255 - x), f), "orientation", True, "ink and background exchanged"),
}  # fmt: skip


@pytest.mark.parametrize("change, check, fault, text", MISFITS.values(), ids=MISFITS)
def test_a_model_that_does_not_fit_is_reported(change, check, fault, text, sound):
    splits, file = change(sound, linear(sound.train))
    found = audit_splits(splits, Model.from_file(file))
    assert any(f.check == check and f.fault is fault and text in f.text for f in found), found


def test_every_check_has_a_plant(sound, model):
    named = {check for _, check, _, _ in (*PLANTS.values(), *MISFITS.values())} | {"model's score"}
    assert named == {
        "exact duplicates", "near duplicates", "contradictory labels", "class balance", "value scale", "polarity",
        "empty drawings", "scribbled drawings", "orientation", "label order", "placement", "model's classes",
        "model's score",
    }  # fmt: skip


def test_a_model_of_larger_images_is_reported(sound):
    spec = ModelSpec((Flatten(), Dense(5)), (32, 32, 1), sound.classes)
    params = [{}, {"w": np.zeros((1024, 5), np.float32), "b": np.zeros(5, np.float32)}]
    golden = np.zeros((1, 32, 32, 1), np.uint8)
    file = ModelFile(spec, params, Preprocessing((32, 32, 1)), golden, np.zeros((1, 5), np.float32))
    assert any(f.check == "model's preprocessing" and f.fault for f in audit_splits(sound, Model.from_file(file)))


ANSWERS = {
    "o is taken for O, and O for O": ((0, 1, 0), []),
    "O and x are exchanged": ((1, 0, 2), ["O for x, x for O"]),
    "all three are": ((1, 2, 0), ["O for x, x for o, o for O"]),
}


@pytest.mark.parametrize("answers, taken", ANSWERS.values(), ids=ANSWERS)
def test_classes_that_look_alike_are_no_exchanged_names(answers, taken, sound):
    labels = np.arange(60, dtype=np.int32) % 3
    data = Dataset("letters", sound.train.images[:60], labels, ("O", "x", "o"))
    found = list(_classified("the classifier", lambda images: np.array(answers)[labels], data))
    assert [f.text.partition("it takes ")[2] for f in found if f.check == "label order" and f.fault] == taken


def test_an_empty_split_is_audited(sound):
    empty = sound.test.take(np.arange(0))
    assert isinstance(audit_splits(replace(sound, test=empty)), list)
    nothing = Splits(empty, empty, empty, QUICKDRAW)
    assert [f.text for f in audit_splits(nothing)] == ["there is no drawing"]


def test_any_classifier_with_classes_preprocessing_and_logits_is_audited(sound):
    class Constant:
        classes, preprocessing = sound.classes, QUICKDRAW

        def logits(self, images):
            return np.eye(5, dtype=np.float32)[np.zeros(len(images), int)]

    (found,) = [f for f in audit_splits(sound, Constant()) if f.check == "model's score"]
    assert found.text.startswith("the model classifies ")
