import io
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.image_folder import read_image_folder
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess
from tests.fixtures import layouts
from tests.fixtures.datasets import COUNT, encoded, pictures, put


def draw(path, wide, background=255):
    """An ellipse on a plain background."""
    image = Image.new("L", (120, 100), background)
    ImageDraw.Draw(image).ellipse((20, 20, 20 + wide, 80), outline=255 - background, width=4)
    path.parent.mkdir(exist_ok=True, parents=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    for i, name in enumerate(("zebra/1.png", "zebra/2.JPG", "ant/b.gif", "ant/a.bmp", "ant/c.webp")):
        draw(folder / name, 30 + 10 * i, background=255 * (i % 2))
    return folder


def loaded(folder, **options):
    """All images and class names, whatever their split."""
    splits = load_dataset(str(folder), validation=0.0, **options)
    parts = [splits.train, splits.test]
    return splits, np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])


def test_classes_are_the_folders_and_pictures_are_prepared_as_asked_for(folder):
    for name, preprocessing in (("measured", QUICKDRAW), ("mnist", MNIST)):
        splits, images, labels = loaded(folder, preprocessing=name)
        assert splits.classes == ("ant", "zebra") and sorted(labels) == [0, 0, 0, 1, 1]
        assert splits.preprocessing == preprocessing
        expected = {preprocess(path, preprocessing).bitmap.tobytes() for path in folder.glob("*/*")}
        assert {image.tobytes() for image in images} == expected


def test_classes_and_a_cap_are_as_asked_for(folder):
    splits, _, labels = loaded(folder, classes="zebra,ant", per_class=1)
    assert splits.classes == ("zebra", "ant") and sorted(labels) == [0, 1]


def test_hidden_files_are_passed_over_and_others_are_named(folder):
    for name in (".DS_Store", ".hidden/x.png", "__MACOSX/ant/._b.gif", "ant/._b.gif", "ant/notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no picture")
    with pytest.warns(DataWarning, match="left out 1 file that are no pictures: ant/notes.txt"):
        assert len(loaded(folder)[1]) == 5


def test_a_folder_without_pictures_is_no_class_and_named(folder):
    (folder / "cow").mkdir()
    with pytest.warns(DataWarning, match="left out the folders cow, which hold no pictures"):
        assert loaded(folder)[0].classes == ("ant", "zebra")


def test_the_splits_of_an_image_folder_are_kept(tmp_path):
    for split, count in (("train", 6), ("val", 2), ("test", 3)):
        for name in ("ant", "bat"):
            for i in range(count):
                draw(tmp_path / split / name / f"{i}.png", 20 + 5 * i + 30 * (name == "bat"))
    splits = load_dataset(tmp_path)
    assert [len(splits.sets[name]) for name in ("train", "validation", "test")] == [12, 4, 6]


def test_a_table_beside_pictures_gives_their_classes(tmp_path):
    rows = ["id,breed"]
    for i in range(20):
        draw(tmp_path / "images" / f"{i:03}.png", 20 + 3 * i)
        rows.append(f"{i:03},{'wide' if i > 9 else 'narrow'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    splits, _, labels = loaded(tmp_path)
    assert splits.classes == ("narrow", "wide") and sorted(labels) == [0] * 10 + [1] * 10


def _png():
    file = io.BytesIO()
    Image.effect_noise((50, 50), 90).save(file, "PNG")
    return file.getvalue()


NO_DATA = {
    "log.jsonl": "1\n",
    "lines.jsonl": '"a"\n',
    "quote.csv": 'x,"' + "line\n" * 300,
    "cut.idx": "\0\0\x08",
    "train.idx": "0\t0\n1\t400\n",
    "ant/0.txt": " ".join(map(str, range(21))),
}


@pytest.mark.parametrize("name", NO_DATA)
def test_files_beside_the_folders_of_classes_leave_them_as_they_are(name, folder, short_fields):
    (folder / name).write_text(NO_DATA[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        splits, images, _ = loaded(folder)
    assert splits.classes == ("ant", "zebra") and len(images) == 5


def labels_of(folder, files):
    """The labels by split and file that are found in a folder of such files, and the notes."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found = read_image_folder(folder, Wanted())
    return {
        split: {Path(item).relative_to(folder).as_posix(): label for item, label in zip(p.items, p.labels, strict=True)}
        for split, p in found.parts.items()
    }, found.left_out


def test_a_table_names_the_pictures_beside_it_or_of_its_split(tmp_path):
    pictures = {f"{split}/{i}.png": "" for split in ("train", "test") for i in range(4)}
    classes = {"train": ["a", "b", "a", "b"], "test": ["b", "c", "c", "b"]}
    expected = {split: {f"{split}/{i}.png": name for i, name in enumerate(own)} for split, own in classes.items()}
    rows = {split: "id,label\n" + "".join(f"{i},{n}\n" for i, n in enumerate(own)) for split, own in classes.items()}
    for place in ("{}/labels.csv", "{}.csv", "{}_labels/of.csv"):
        tables = {place.format(split): text for split, text in rows.items()}
        assert labels_of(tmp_path / place[-6:], pictures | tables) == (expected, [])


def test_a_name_of_several_pictures_is_left_out_and_said_to_be(tmp_path):
    files = {"train/a.png": "", "test/a.png": "", "train/b.png": "", "train/c.png": "", "labels.csv": "a,0\nb,0\nc,1"}
    labels, notes = labels_of(tmp_path, files)
    assert labels == {"train": {"train/b.png": "0", "train/c.png": "1"}} and "1 names in labels.csv" in notes[0]


def test_json_lines_are_read_by_their_keys(tmp_path):
    rows = [{"file_name": "a.png", "label": "0"}, {"source": "web", "label": "1", "file_name": "b.png"}]
    lines = "\n".join(map(json.dumps, rows))
    labels, _ = labels_of(tmp_path, {"a.png": "", "b.png": "", "metadata.jsonl": lines})
    assert labels == {"train": {"a.png": "0", "b.png": "1"}}


def test_splits_without_one_for_training_are_read_together(tmp_path):
    for i in range(12):
        draw(tmp_path / ("test", "val")[i % 2] / f"{i}.png", 20 + 5 * i)
    (tmp_path / "labels.csv").write_text("".join(f"{i}.png,{i // 6}\n" for i in range(12)))
    splits = load_dataset(tmp_path)
    assert sum(map(len, splits.sets.values())) == 12 and splits.classes == ("0", "1")


def test_the_names_of_pictures_are_listed_once_however_many_tables_there_are(tmp_path, monkeypatch):
    files = {f"train/{i}.{suffix}": "" for i in range(30) for suffix in ("png", "txt")}
    calls, relative_to = [], Path.relative_to
    monkeypatch.setattr(Path, "relative_to", lambda *args: calls.append(args) or relative_to(*args))
    with pytest.raises(AttributeError):
        labels_of(tmp_path, files)
    assert len(calls) < 4 * len(files)


@pytest.mark.parametrize("count", [5, 25])
def test_a_broken_picture_in_an_archive_is_named_in_the_archive(count, tmp_path, refusal):
    for i in range(count):
        draw(tmp_path / "data" / "ab"[i % 2] / f"{i}.png", 20 + 2 * i)
    (tmp_path / "data" / "a" / "0.png").write_bytes(b"no picture")
    path = shutil.make_archive(str(tmp_path / "data"), "zip", tmp_path / "data")
    if count < 20:
        text = refusal(load_dataset, path)
    else:
        with pytest.warns(DataWarning) as caught:
            load_dataset(path)
        text = str(caught[0].message)
    assert f"{path}/a/0.png" in text


def test_pictures_that_are_all_broken_are_refused(tmp_path, refusal):
    for name in ("ant/0.png", "bat/0.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no picture")
    assert "no training picture can be read" in refusal(load_dataset, tmp_path)


def test_many_folders_of_one_picture_are_classes(tmp_path):
    for i in range(60):
        draw(tmp_path / f"c{i}" / "0.png", 20 + i)
    assert len(loaded(tmp_path)[0].classes) == 60


BROKEN = {"empty": b"", "a web page": b"<!DOCTYPE html>", "cut off": _png()[:200], "damaged": _png()[:60] + bytes(300)}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_picture_is_refused_by_name_unless_few_are(content, folder, refusal):
    broken = folder / "zebra" / "3.png"
    broken.write_bytes(content)
    assert str(broken) in refusal(load_dataset, folder, skip_broken=False)
    assert "1 of 6 drawings cannot be read, more than 5 %" in refusal(load_dataset, folder)
    for i in range(20):
        draw(folder / "ant" / f"more{i}.png", 20 + i)
    with pytest.warns(DataWarning, match=f"left out 1 of 26 drawings that cannot be read: {broken}"):
        load_dataset(folder)


def test_a_blank_picture_is_refused_by_name(folder, refusal):
    Image.new("L", (90, 90), 255).save(folder / "ant" / "blank.png")
    text = refusal(load_dataset, folder, skip_broken=False)
    assert str(folder / "ant" / "blank.png") in text and "blank" in text


def test_small_pictures_of_one_size_are_taken_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("ant", "bat"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(tmp_path / name / f"{i}.png")
    splits, images, _ = loaded(tmp_path)
    assert images.shape == (10, 20, 20, 3) and splits.preprocessing.as_is
    first = np.asarray(Image.open(tmp_path / "ant" / "0.png"))
    assert any((image == first).all() for image in images)


def test_a_folder_without_classes_holds_none(tmp_path, refusal):
    draw(tmp_path / "loose.png", 40)
    assert read_image_folder(tmp_path, Wanted()) is None
    one = "found 1 picture of one class or of none that a name or a table tells; expected two or more folders"
    assert one in refusal(load_dataset, tmp_path)
    for i in range(3):
        put(tmp_path / "cats" / "cat" / f"{i}.png", encoded(layouts.IMAGES[0]))
    assert "cat: found 3 pictures of one class or of none" in refusal(load_dataset, tmp_path / "cats")


def test_names_with_accents_are_equal_however_they_are_written(tmp_path):
    import unicodedata

    for name in ("café", "thé"):
        for i in range(12):
            draw(tmp_path / unicodedata.normalize("NFD", name) / f"{i}.png", 20 + 5 * i)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_dataset(tmp_path, classes="café,thé").classes == ("café", "thé")


def test_a_table_in_the_folder_of_a_class_tells_no_classes(tmp_path):
    for label in "01":
        (tmp_path / label).mkdir()
        pictures(tmp_path / label, "{i}.png")
        rows = [f"{i}.png,{i % 4 + 20}" for i in range(COUNT)]
        (tmp_path / label / "sizes.csv").write_text("\n".join(["file,width", *rows]))
    with pytest.warns(DataWarning, match="left out 2 files that are no pictures"):
        assert load_dataset(tmp_path).classes == ("0", "1")


def test_folders_that_are_numbered_parts_hold_the_classes(tmp_path):
    for i, (image, label) in enumerate(zip(layouts.IMAGES, layouts.LABELS, strict=True)):
        put(tmp_path / f"writer_{i % 3}" / layouts.NAMES[label] / f"{i}.png", encoded(image))
    with pytest.warns(DataWarning, match="the classes are the folders in writer_0"):
        assert {name for _, name, _ in layouts.found_in(tmp_path)} == set(layouts.NAMES)


def test_pictures_of_one_class_are_refused_with_what_lies_beside_them(tmp_path, refusal):
    layouts.pictures(tmp_path, "images/{i}.png")
    np.save(tmp_path / "weights.npy", np.zeros(7))
    text = refusal(load_dataset, tmp_path)
    assert "all of one class, images" in text and "weights.npy: holds weights float64 (7,)" in text


@pytest.mark.parametrize("masks", ["Msk/{name}", "annotations/trimaps"])
def test_masks_of_pictures_are_no_pictures(masks, tmp_path):
    layouts.pictures(tmp_path, "Bmp/{name}/{i}.png")
    layouts.pictures(tmp_path, masks + "/{i}.png")
    with pytest.warns(DataWarning, match="left out 48 pictures in folders of masks"):
        assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


def test_pictures_in_a_folder_called_masks_alone_are_pictures(tmp_path):
    layouts.pictures(tmp_path, "masks/{name}/{i}.png")
    assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


@pytest.mark.parametrize("names", [("bus", "car", "train"), ("ka", "te", "to", "tr", "ha")])
def test_a_class_called_as_a_split_is_one_beside_others(names, tmp_path):
    for i, image in enumerate(layouts.IMAGES[:45]):
        put(tmp_path / names[i % len(names)] / f"{i}.png", encoded(image))
    assert layouts.counts_in(tmp_path) == dict.fromkeys(names, 45 // len(names))


def test_folders_of_splits_without_classes_are_no_classes(tmp_path, refusal):
    layouts.pictures(tmp_path, "{split}/{i}.png")
    put(tmp_path / "more" / "1.png", encoded(layouts.IMAGES[0]))
    assert "pictures of one class or of none" in refusal(load_dataset, tmp_path)


def test_a_link_to_nothing_is_a_broken_picture(tmp_path):
    layouts.pictures(tmp_path, "{name}/{i}.png")
    (tmp_path / "ant" / "gone.png").symlink_to("nowhere")
    with pytest.warns(DataWarning, match="gone.png"):
        assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


@pytest.mark.parametrize("above", ["images/{}", "images_{1}/{0}"])
@pytest.mark.parametrize("name", ["character0{}", "letter_{}"])
def test_folders_called_as_a_label_are_classes_within_the_folder_above(name, above, tmp_path):
    places = [f"{group}/{name.format(n)}" for group in ("Greek", "Tifinagh") for n in (1, 2)]
    for i, (image, label) in enumerate(zip(layouts.IMAGES, layouts.LABELS, strict=True)):
        layouts.put(tmp_path / above.format(places[label], "ab"[label // 2]) / f"{i}.png", layouts.encoded(image))
    assert layouts.counts_in(tmp_path) == dict.fromkeys(places, 12)


def test_names_of_several_words_and_a_number_are_classes_without_the_number(tmp_path):
    names = ("beagle", "american_bulldog", "american pit-bull", "persian")
    for i, (image, label) in enumerate(zip(layouts.IMAGES, layouts.LABELS, strict=True)):
        layouts.put(tmp_path / f"{names[label]}_{i}.png", layouts.encoded(image))
    assert layouts.counts_in(tmp_path) == dict.fromkeys(names, 12)


@pytest.mark.parametrize("place", ["{group}/images/{name}", "{group}/tx_{part}/{name}/kept", "{group}/Bmp/{name}"])
def test_groups_that_each_hold_the_classes_are_none_however_deep(place, tmp_path):
    for i, (image, label) in enumerate(zip(layouts.IMAGES, layouts.LABELS, strict=True)):
        group = ("amazon", "dslr", "webcam")[i % 3]
        where = place.format(group=group, part=i % (5 if group == "dslr" else 2), name=layouts.NAMES[label])
        put(tmp_path / where / f"{i}.png", encoded(image))
    with pytest.warns(DataWarning, match="the classes are the folders in amazon, dslr, webcam"):
        assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


@pytest.mark.parametrize("name", ["HAM10000_images_part_{}", "batch{}"])
def test_numbered_parts_are_no_classes(name, tmp_path, refusal):
    rows = ["picture,kind,color"]
    for i, image in enumerate(layouts.IMAGES):
        put(tmp_path / name.format(1 + i % 2) / f"{i}.png", encoded(image))
        rows.append(f"{i},{layouts.NAMES[i % 4]},{'red' if i % 5 else 'blue'}")
    put(tmp_path / "about.csv", "\n".join(rows))
    assert "whose columns (picture, kind, color) do not say which is the class" in refusal(load_dataset, tmp_path)


def test_a_folder_called_as_the_split_alone_is_that_split(tmp_path):
    layouts.pictures(tmp_path, "{split}/{name}/{i}.png")
    put(tmp_path / "test-several" / "0.png", encoded(layouts.IMAGES[0].T))
    with pytest.warns(DataWarning, match="left out the folders test-several"):
        assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


def test_a_table_that_names_few_of_the_pictures_in_folders_is_not_that_of_their_classes(tmp_path):
    layouts.pictures(tmp_path, "{name}/{i}.png")
    put(tmp_path / "favorites.csv", "file,label\n0.png,good\n1.png,bad\n")
    assert layouts.counts_in(tmp_path) == dict.fromkeys(layouts.NAMES, 12)


def test_as_many_pictures_of_a_class_are_read_as_asked_for_and_all_to_test_on(tmp_path):
    layouts.pictures(tmp_path, "{split}/{name}/{i}.png")
    splits = load_dataset(tmp_path, per_class=3, validation=0.0)
    assert splits.train.counts.tolist() == [3] * 4 and len(splits.test) == 16
