import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.data.readers.image_folder import read_image_folder
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess


def draw(path, wide, background=255):
    """An ellipse on a plain background."""
    image = Image.new("L", (120, 100), background)
    ImageDraw.Draw(image).ellipse((20, 20, 20 + wide, 80), outline=255 - background, width=4)
    path.parent.mkdir(exist_ok=True)
    image.save(path)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i, name in enumerate(("zebra/1.png", "zebra/2.JPG", "ant/b.gif", "ant/a.bmp", "ant/c.webp")):
        draw(folder / name, 30 + 10 * i, background=255 * (i % 2))
    return folder


def test_classes_are_the_sub_folders_and_pictures_are_prepared_by_the_contract(folder):
    for preprocessing in (QUICKDRAW, MNIST):
        data = read_image_folder(folder, preprocessing)
        assert data.name == "mine" and data.classes == ("ant", "zebra") and data.labels.tolist() == [0, 0, 0, 1, 1]
        names = ("ant/a.bmp", "ant/b.gif", "ant/c.webp", "zebra/1.png", "zebra/2.JPG")
        for image, name in zip(data.images, names, strict=True):
            assert np.array_equal(image[..., 0], preprocess(folder / name, preprocessing).bitmap)
            assert image.max() > 200 and image[0].max() == 0  # ink is white, the border black, whatever the background


def test_classes_and_a_cap_are_as_asked_for(folder):
    data = read_image_folder(folder, QUICKDRAW, ("zebra", "ant"), per_class=1)
    assert data.classes == ("zebra", "ant") and data.labels.tolist() == [0, 1]


def test_hidden_files_and_other_files_are_passed_over(folder):
    expected = read_image_folder(folder, QUICKDRAW)
    for name in (".DS_Store", ".hidden/x.png", "__MACOSX/ant/._b.gif", "ant/._b.gif", "ant/notes.txt", "README.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no picture")
    data = read_image_folder(folder, QUICKDRAW)
    assert data.classes == expected.classes and np.array_equal(data.images, expected.images)


def _png():
    file = io.BytesIO()
    Image.effect_noise((50, 50), 90).save(file, "PNG")
    return file.getvalue()


BROKEN = {"empty": b"", "a web page": b"<!DOCTYPE html>", "cut off": _png()[:200], "damaged": _png()[:60] + bytes(300)}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_picture_is_refused_by_name(content, folder, refusal):
    (folder / "zebra" / "3.png").write_bytes(content)
    assert str(folder / "zebra" / "3.png") in refusal(read_image_folder, folder, QUICKDRAW)


def test_a_blank_picture_is_refused_by_name(folder, refusal):
    Image.new("L", (90, 90), 255).save(folder / "ant" / "blank.png")
    text = refusal(read_image_folder, folder, QUICKDRAW)
    assert str(folder / "ant" / "blank.png") in text and "blank" in text


def test_a_class_without_pictures_is_refused(folder, refusal):
    (folder / "bat").mkdir()
    text = refusal(read_image_folder, folder, QUICKDRAW)
    assert text.startswith(f"{folder / 'bat'}: no pictures; expected files in .png")


def test_a_folder_without_sub_folders_is_refused(tmp_path, refusal):
    assert f"{tmp_path}: no dataset in it" in refusal(read_image_folder, tmp_path, QUICKDRAW)
    draw(tmp_path / "loose.png", 40)
    assert "expected a sub-folder of pictures for each class" in refusal(read_image_folder, tmp_path, QUICKDRAW)


def test_a_class_without_a_folder_is_refused(folder, refusal):
    text = refusal(read_image_folder, folder, QUICKDRAW, ("zebras",))
    assert text == f"{folder / 'zebras'}: no such folder; did you mean zebra?"
