"""A sound dataset passes, and every way to spoil it is found under its name."""

import gzip
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.cli import main
from jaxdoodle.data import load_dataset
from jaxdoodle.data.audit import examine
from jaxdoodle.data.audit.checks import TURNS, _reading
from jaxdoodle.data.audit.strokes import examine_strokes
from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.data.near_duplicates import describe, near_pairs
from jaxdoodle.data.readers import quickdraw
from jaxdoodle.inference import Model, model_file
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import QUICKDRAW, Preprocessing
from jaxdoodle.strokes.raster import rasterize


@pytest.fixture(scope="module")
def sound():
    return load_dataset("doodles", per_class=60, validation=0.0)


def linear(data, preprocessing=QUICKDRAW):
    """A model file: least squares on the pixels."""
    x = data.images.reshape(len(data), -1) / 255
    w = np.linalg.solve(x.T @ x + 10 * np.eye(784), x.T @ (np.eye(len(data.classes))[data.labels] - 0.2))
    spec = ModelSpec((Flatten(), Dense(len(data.classes))), (28, 28, 1), data.classes)
    params = [{}, {"w": w.astype(np.float32), "b": np.zeros(len(data.classes), np.float32)}]
    golden = data.images[:2]
    logits = (golden.reshape(2, -1) / np.float32(255)) @ params[1]["w"]
    return ModelFile(spec, params, preprocessing, golden, logits.astype(np.float32))


@pytest.fixture(scope="module")
def model(sound):
    return Model(linear(sound.train))


def with_images(splits, side, images, labels=None):
    data = splits.sets[side]
    images = np.ascontiguousarray(images, np.uint8)
    labels = data.labels[: len(images)] if labels is None else labels
    return replace(splits, **{side: Dataset(data.name, images, labels, data.classes)})


def both(splits, change):
    for side in ("train", "test"):
        splits = with_images(splits, side, change(splits.sets[side].images))
    return splits


def scrambled(images):
    """A table with a drawing a column, read row by row."""
    return images.reshape(len(images), 784).T.reshape(images.shape)


def jpeg(image):
    stream = io.BytesIO()
    Image.fromarray(image[..., 0]).save(stream, "JPEG", quality=85)
    return np.asarray(Image.open(stream))[..., None]


def added(splits, side, images, labels):
    data = splits.sets[side]
    return with_images(splits, side, np.concatenate([data.images, images]), np.concatenate([data.labels, labels]))


def leak(change):
    """Ten training drawings, changed, among the test drawings too."""

    def plant(splits):
        train = splits.train
        return added(splits, "test", np.stack([change(image) for image in train.images[40:50]]), train.labels[40:50])

    return plant


def exchange_labels(splits, side="test"):
    data = splits.sets[side]
    return with_images(splits, side, data.images, np.array([4, 1, 2, 3, 0], np.int32)[data.labels])


def lose_a_class(splits):
    kept = splits.train.labels != 3
    return with_images(splits, "train", splits.train.images[kept], splits.train.labels[kept])


def thin_out(splits):
    kept = (splits.train.labels != 3) | (splits.train.places < 3)
    return with_images(splits, "train", splits.train.images[kept], splits.train.labels[kept])


def fill(images, count, value):
    images = images.copy()
    images[:count] = value
    return images


def grown(images):
    """Twice as large, cut to the middle."""
    return images.repeat(2, 1).repeat(2, 2)[:, 14:42, 14:42]


def broadened(images):
    """Every line by a pixel to all sides."""
    x = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.max([x[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)], axis=0)


SCRIBBLES = np.zeros((2, 28, 28, 1), np.uint8)
SCRIBBLES[0, 2:26, 2:26], SCRIBBLES[1, 1:24, 3:27] = 255, 255

NEAR = "10 of {test} test drawings are, all but exactly, also in train: test[{first}] and train[40], test["
#: How to spoil it, the check that finds it, whether that is a fault, and how the text begins; in it, ``train`` and
#: ``test`` stand for the number of drawings there, ``first`` for the place of the first that was added to test.
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
    "blank paper": (
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
        "the nearest class mean of train has {two} of {test} drawings right as they are, but {two} ",
    ),
    "labels of another order": (
        exchange_labels, "label order", True,
        "the nearest class mean of train has {two} of {test} drawings right; labels and names do not fit: it takes "
        "hexagon for headphones",
    ),
    "another placement": (
        lambda s: replace(s, preprocessing=Preprocessing()), "placement", False,
        "half of the train drawings or more are not as what is assumed of this kind of dataset says: longest side "
        "24.{one}, not 20.0 px",
    ),
    "a broad pen": (
        lambda s: both(s, broadened), "placement", False,
        "half of the train drawings or more are not as what is assumed of this kind of dataset says: pen 3.{one} px "
        "wide, not 1.1 to 2.4",
    ),
}  # fmt: skip


def begins_as_planted(text, expected, sound, spoilt):
    """Whether a text begins as a plant has it, its numbers put in; measured ones may be any of so many digits."""
    counts = spoilt.train.counts
    known = {"train": len(spoilt.train), "test": len(spoilt.test), "first": len(sound.test)}
    known |= {"most": f"{counts.max()} of {spoilt.classes[counts.argmax()]}", "one": "DIGIT", "two": "DIGITDIGIT"}
    return re.match(re.escape(expected.format(**known)).replace("DIGIT", r"\d"), text) is not None


def test_a_sound_dataset_passes(sound, model):
    assert [f.text for f in examine(sound)] == []
    (found,) = examine(sound, model)
    assert not found.fault and found.text.startswith("the model has ")


@pytest.mark.parametrize("plant, check, fault, text", PLANTS.values(), ids=PLANTS)
def test_what_is_planted_is_found(plant, check, fault, text, sound):
    spoilt = plant(sound)
    found = examine(spoilt)
    told = [f.text for f in found if f.check == check and f.fault is fault]
    assert any(begins_as_planted(one, text, sound, spoilt) for one in told), found
    assert all("\n" not in f.text for f in found)
    if not fault:
        assert not any(f.fault for f in found)


def test_the_rows_of_a_leak_are_told(sound):
    (found,) = [f for f in examine(PLANTS["moved copies"][0](sound)) if f.check == "near duplicates"]
    first = len(sound.test)
    assert found.side == "test" and found.rows == tuple(range(first, first + 10))
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
    "another contract": (lambda s, f: (s, replace(f, preprocessing=Preprocessing())), "placement", True, "the model's"),
    "rows and columns exchanged": (
        lambda s, f: (both(s, TURNS["with rows and columns exchanged"]), f), "orientation", True,
        "rows and columns exchanged",
    ),
    "polarity": (lambda s, f: (both(s, lambda x: 255 - x), f), "orientation", True, "ink and paper exchanged"),
}  # fmt: skip


@pytest.mark.parametrize("change, check, fault, text", MISFITS.values(), ids=MISFITS)
def test_a_model_that_does_not_fit_is_told(change, check, fault, text, sound):
    splits, file = change(sound, linear(sound.train))
    found = examine(splits, Model(file))
    assert any(f.check == check and f.fault is fault and text in f.text for f in found), found


def test_every_check_has_a_plant(sound, model):
    named = {check for _, check, _, _ in (*PLANTS.values(), *MISFITS.values())} | {"model's reading"}
    assert named == {
        "exact duplicates", "near duplicates", "contradictory labels", "class balance", "value scale", "polarity",
        "empty drawings", "scribbled drawings", "orientation", "label order", "placement", "model's classes",
        "model's reading",
    }  # fmt: skip


def test_a_model_of_larger_pictures_is_told(sound):
    spec = ModelSpec((Flatten(), Dense(5)), (32, 32, 1), sound.classes)
    params = [{}, {"w": np.zeros((1024, 5), np.float32), "b": np.zeros(5, np.float32)}]
    golden = np.zeros((1, 32, 32, 1), np.uint8)
    file = ModelFile(spec, params, Preprocessing((32, 32, 1)), golden, np.zeros((1, 5), np.float32))
    assert any(f.check == "model's contract" and f.fault for f in examine(sound, Model(file)))


def test_a_likeness_knows_neither_place_nor_brightness(sound):
    images = sound.train.images[:200]
    same = describe(images)
    np.testing.assert_allclose(describe(np.roll(images, (1, 1), (1, 2))), same, atol=1e-5)
    faint = (images * 0.5).round().astype(np.uint8)
    assert np.linalg.norm(describe(faint) - same, axis=1).max() < 0.1
    assert not describe(np.zeros_like(images)).any() and not len(near_pairs(describe(np.zeros_like(images))))


def test_hardly_a_near_pair_is_missed():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2000, 112)).astype(np.float32) * 0.15
    step = rng.normal(size=rows.shape).astype(np.float32)
    step *= 0.06 / np.linalg.norm(step, axis=1, keepdims=True)
    pairs = near_pairs(np.concatenate([rows, rows + step]))
    assert len(pairs) >= 0.97 * 2000 and np.all(pairs[:, 1] - pairs[:, 0] == 2000)


def test_mini_mnist_s_leaks_are_found_by_the_command(data_root, capsys):
    assert main(["data", "doctor", "mnist-mini", "--data-dir", str(data_root), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (fault,) = [one for one in found["findings"] if one["fault"]]
    assert fault["text"].startswith("32 of 350 test drawings are also in train") and len(fault["rows"]) == 32
    assert found["faults"] == 1


def test_real_doodles_are_sound_and_mnist_has_no_near_duplicates(data_root, capsys):
    assert main(["data", "doctor", "quickdraw", "--data-dir", str(data_root)]) == 0
    assert "test drawings in 5 classes; 0 faults" in capsys.readouterr().out
    assert main(["data", "doctor", "quickdraw", "--classes", "all", "--data-dir", str(data_root)]) == 1
    out = capsys.readouterr().out
    assert "placement" not in out
    faults = re.findall("fault .*", out)
    strokes = [re.match(r"fault  strokes: .*/(\w+)\.ndjson: rows 0 to \d+, all of them", line)[1] for line in faults]
    assert strokes == ["candle", "guitar", "octopus", "snowman", "umbrella"]
    splits = load_dataset("mnist", root=data_root, validation=0.0, per_class=1000)
    assert not len(near_pairs(describe(np.concatenate([splits.train.images, splits.test.images]))))


@pytest.fixture
def bitmaps(tmp_path, sound):
    folder = tmp_path / "mine"
    folder.mkdir()
    for label, name in enumerate(sound.classes):
        np.save(folder / f"{name}.npy", sound.train.images[sound.train.labels == label].reshape(-1, 784))
    return folder


FILES = {
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-5]), "truncated"),
    "columns": (lambda path: np.save(path, np.ascontiguousarray(np.load(path).T)), "save array.T."),
    "pictures": (lambda path: np.save(path, np.load(path).reshape(-1, 28, 28)), "save array.reshape(-1, 784)."),
    "fractions": (lambda path: np.save(path, np.load(path) / 255), "save np.rint(array * 255).astype(np.uint8)"),
    "floats": (lambda path: np.save(path, np.load(path) * 1.0), "float64: save np.rint(array).astype(np.uint8)"),
    "truths": (lambda path: np.save(path, np.load(path) > 9), "save np.rint(array * 255)"),
    "a page": (lambda path: path.write_text("<html>"), "expected a .npy file"),
    "nothing": (lambda path: path.write_bytes(b""), "expected a .npy file"),
}


@pytest.mark.parametrize("spoil, text", FILES.values(), ids=FILES)
def test_a_file_at_fault_is_named_with_what_mends_it(spoil, text, bitmaps, capsys):
    assert main(["data", "doctor", str(bitmaps)]) == 0
    assert "0 faults" in capsys.readouterr().out
    for name in ("clock", "pizza"):
        spoil(bitmaps / f"{name}.npy")
    assert main(["data", "doctor", str(bitmaps)]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and last == f"{bitmaps}: cannot be read; 2 faults, 0 notes"
    for name, line in zip(("clock", "pizza"), lines, strict=True):
        assert line.startswith(f"fault  files: {bitmaps / name}.npy: ") and text in line


def test_tables_with_a_drawing_a_column_are_named(tmp_path, capsys, sound):
    for side, n in (("train", 20), ("test", 10)):
        np.savetxt(tmp_path / f"{side}_X.csv", sound.train.images[:n].reshape(n, 784).T, "%d", ",")
        np.savetxt(tmp_path / f"{side}_label.csv", np.eye(10, dtype=int)[np.arange(n) % 10], "%d", ",")
    assert main(["data", "doctor", str(tmp_path)]) == 1
    assert (
        "20 columns; expected 784. To mend it: its columns are the drawings: save array.T." in capsys.readouterr().out
    )


def test_idx_files_with_the_drawings_along_the_last_axis_are_named(idx_folder, idx_bytes, capsys):
    images = np.zeros((28, 28, 30), np.uint8)
    (idx_folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(images)))
    assert main(["data", "doctor", str(idx_folder)]) == 1
    assert "np.moveaxis(array, -1, 0)" in capsys.readouterr().out


def test_emnist_s_files_are_known_to_be_turned(idx_folder, capsys):
    main(["data", "doctor", str(idx_folder)])
    assert "EMNIST" not in capsys.readouterr().out
    for path in list(idx_folder.iterdir()):
        path.rename(idx_folder / f"emnist-letters-{path.name}")
    main(["data", "doctor", str(idx_folder)])
    path = idx_folder / "emnist-letters-t10k-images-idx3-ubyte.gz"
    assert f"note   orientation: {path}: EMNIST is published with rows and col" in capsys.readouterr().out


READINGS = {
    "o goes by the name of O, which reads its own": ((0, 1, 0), []),
    "O and x are exchanged": ((1, 0, 2), ["O for x, x for O"]),
    "all three are": ((1, 2, 0), ["O for x, x for o, o for O"]),
}


@pytest.mark.parametrize("answers, taken", READINGS.values(), ids=READINGS)
def test_classes_that_cannot_be_told_apart_are_no_mistaken_names(answers, taken, sound):
    labels = np.arange(60, dtype=np.int32) % 3
    data = Dataset("letters", sound.train.images[:60], labels, ("O", "x", "o"))
    found = list(_reading("the reader", lambda images: np.array(answers)[labels], data))
    assert [f.text.partition("it takes ")[2] for f in found if f.check == "label order" and f.fault] == taken


def test_what_is_not_there_is_the_caller_s_mistake(tmp_path, capsys, bitmaps):
    for words in (["nothing"], [str(bitmaps), "--classes", "clok"], ["mnist", "--data-dir", str(tmp_path)]):
        assert main(["data", "doctor", *words]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_command_takes_a_model(sound, bitmaps, tmp_path, capsys):
    model_file.write(tmp_path / "model.npz", linear(sound.train))
    assert main(["data", "doctor", str(bitmaps), "--model", str(tmp_path / "model.npz")]) == 0
    assert "model's reading: the model has" in capsys.readouterr().out


def test_an_empty_side_is_no_trouble(sound):
    empty = sound.test.take(np.arange(0))
    assert isinstance(examine(replace(sound, test=empty)), list)
    nothing = Splits(empty, empty, empty, QUICKDRAW)
    assert [f.text for f in examine(nothing)] == ["there is no drawing"]


def test_a_damaged_file_of_a_named_dataset_is_a_fault(tmp_path, capsys):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(9000))[:-20])
    for name in ("mnist", "mnist-mini"):
        assert main(["data", "doctor", name, "--data-dir", str(tmp_path)]) == 1
        *lines, last = capsys.readouterr().out.splitlines()
        assert any("t10k-labels-idx1-ubyte.gz: " in line and "no IDX file" not in line for line in lines)
        assert last == f"{name}: cannot be read; 4 faults, 0 notes"


@pytest.fixture
def drawn(tmp_path):
    """Files of 30 drawings of one class, as strokes and as bitmaps; told which strokes to write, in which order."""
    rng = np.random.default_rng(2)
    drawings = [[np.cumsum(rng.integers(1, 25, (2, 9)), axis=1).tolist()] for _ in range(30)]
    bitmaps, strokes = tmp_path / "quickdraw/full/numpy_bitmap", tmp_path / "quickdraw/full/simplified"
    bitmaps.mkdir(parents=True)
    strokes.mkdir()
    np.save(bitmaps / "clock.npy", rasterize(drawings).reshape(30, 784))

    def write(order):
        lines = [json.dumps({"drawing": drawings[place]}) for place in order]
        (strokes / "clock.ndjson").write_text("\n".join(lines) + "\n")
        return examine_strokes(tmp_path, ("clock", "pizza"))

    return write


ORDERS = {
    "as they should be": (range(30), None),
    "fewer strokes": (range(7), None),
    "others altogether": (range(29, -1, -1), "rows 0 to 29, all of them, are other drawings than those of clock.npy"),
    "one left out": ([*range(12), *range(13, 30)], "rows 12 to 28 of 29 are other"),
    "two exchanged": ([0, 1, 3, 2, *range(4, 30)], "rows 2 to 3 of 30 are other"),
}


@pytest.mark.parametrize("order, text", ORDERS.values(), ids=ORDERS)
def test_strokes_that_do_not_draw_the_bitmaps_are_told_by_row(order, text, drawn):
    found = drawn(order)
    if text is None:
        assert not found
    else:
        (finding,) = found
        assert finding.fault and text in finding.text and "\n" not in finding.text
        wrong = [row for row, place in enumerate(order) if row != place]
        assert set(wrong) >= set(finding.rows) and len(finding.rows) >= len(wrong) - 1


def test_a_broken_line_of_strokes_is_a_fault_of_its_file(drawn, tmp_path):
    drawn(range(30))
    path = tmp_path / "quickdraw/full/simplified/clock.ndjson"
    path.write_text(path.read_text()[:-30])
    (finding,) = examine_strokes(tmp_path, ("clock",))
    assert finding.fault and f"{path}, line 30: expected JSON" in finding.text


def test_the_real_files_whose_strokes_are_other_drawings_are_found(data_root):
    aligned = ("clock", "pizza", "headphones", "airplane")
    found = examine_strokes(data_root, ("candle", "guitar", "octopus", "snowman", "umbrella", *aligned))
    assert [finding.rows for finding in found] == [tuple(range(count)) for count in (19, 100, 22, 21, 18)]


def test_of_a_set_too_large_for_memory_a_sample_is_examined_and_duplicates_are_counted_among_all(
    tmp_path, capsys, monkeypatch, sound
):
    monkeypatch.setattr(quickdraw, "RESIDENT", 100_000)
    monkeypatch.setattr(Dataset.in_memory, "__defaults__", (40,))
    images = np.concatenate([sound.test.images[:45], sound.train.images[:155]]).reshape(-1, 784)
    for name, rows in (("few", images[::2]), ("more", images[1::2][[*range(100), 70, 70]])):
        np.save(tmp_path / f"{name}.npy", rows)
    main(["data", "doctor", str(tmp_path)])
    out = capsys.readouterr().out
    assert re.search(r"note   size: 40 of 157 train drawings, 40 of 45 test drawings were examined, evenly", out)
    assert re.search(r"among all of them 2 of 157 train drawings are repeats", out)
