"""What was found becomes images of one size, and the preprocessing that makes them."""

import gzip

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers import prepare
from jaxdoodle.data.synthetic import generate_doodles
from jaxdoodle.preprocessing import preprocess
from jaxdoodle.preprocessing.measure import CHANGED_LEVELS
from tests.fixtures.datasets import IMAGES, LABELS, pairs, pairs_in


def test_drawings_of_both_polarities_are_named_and_brought_to_one(tmp_path):
    doodles = generate_doodles(("clock", "pizza"), 30, 0)
    turned = np.arange(60)[:, None, None] % 3 == 2
    np.savez(
        tmp_path / "data.npz",
        x=np.where(turned, 255 - doodles.images[..., 0], doodles.images[..., 0]),
        y=LABELS,
    )
    with pytest.warns(DataWarning, match="20 of 60 images have the background that others have as ink; they are inver"):
        splits = load_dataset(tmp_path / "data.npz")
    found = {image for image, _ in set().union(*map(pairs, splits.sets.values()))}
    assert found == {image.tobytes() for image in doodles.images}


@pytest.mark.parametrize("inks", [[0], [255], [255, 90, 0]], ids=["black", "white", "in color"])
def test_what_is_drawn_on_nothing_is_visible_and_is_what_predicting_sees(inks, tmp_path):
    for name, image in zip("ab", IMAGES, strict=False):
        (tmp_path / name).mkdir()
        pixels = np.dstack([*(np.full_like(image, ink) for ink in (inks * 3)[:3]), image])
        Image.fromarray(pixels).save(tmp_path / name / "0.png")
    splits = load_dataset(tmp_path)
    for image in (image for part in splits.sets.values() for image in part.images):
        seen = [preprocess(path, splits.preprocessing).bitmap.reshape(image.shape) for path in tmp_path.glob("*/0.png")]
        assert np.ptp(image) > 100 and min(np.abs(image.astype(int) - each).mean() for each in seen) < CHANGED_LEVELS


def test_arrays_of_large_images_are_brought_to_the_size_of_networks(tmp_path):
    large = np.kron(IMAGES[:20], np.ones((4, 4), np.uint8))
    np.savez(tmp_path / "data.npz", x=large, y=LABELS[:20])
    splits = load_dataset(tmp_path / "data.npz")
    assert max(shape := splits.preprocessing.image_shape) <= 64
    made = [preprocess(image, splits.preprocessing).bitmap.reshape(shape) for image in large]
    expected = {(image.tobytes(), str(label)) for image, label in zip(made, LABELS, strict=False)}
    assert set().union(*map(pairs, splits.sets.values())) == expected and min(map(np.ptp, made)) > 100


@pytest.mark.parametrize("held", ["column by column", "exchanged", "color by color"])
def test_a_flat_row_is_predicted_as_the_rows_of_the_file_are_read(held, tmp_path):
    images = np.kron(IMAGES, np.ones((2, 2), np.uint8))[:, :32, :32, None]
    if held == "color by color":
        images = images // np.array([1, 2, 4], np.uint8)
    rows = images.transpose((0, 3, 1, 2) if held == "color by color" else (0, 3, 2, 1)).reshape(len(images), -1)
    if held == "column by column":
        savemat(path := tmp_path / "data.mat", {"X": rows, "y": LABELS + 1})
    else:
        np.savez(path := tmp_path / "data.npz", X=rows, y=LABELS)
    splits = load_dataset(path, transpose=held == "exchanged")
    found = set().union(*map(pairs, splits.sets.values()))
    assert {image for image, _ in found} == {image.tobytes() for image in images}
    for row, image in zip(rows, images, strict=True):
        np.testing.assert_array_equal(preprocess(row, splits.preprocessing).bitmap.reshape(image.shape), image)


@pytest.mark.parametrize("side", [8, 20, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_gray_or_rgb_are_a_dataset(side, channels, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, side, side, channels), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3)
    splits = load_dataset(tmp_path / "a.npz")
    assert splits.train.images.shape[1:] == splits.preprocessing.image_shape == (side, side, channels)
    assert splits.preprocessing.as_is


@pytest.mark.parametrize(("chroma", "channels"), [(3, 1), (40, 3)])
def test_images_are_gray_where_their_channels_differ_by_no_more_than_lossy_formats_make_them(
    chroma, channels, tmp_path
):
    gray = np.random.default_rng(0).integers(0, 200, (30, 20, 20, 1), dtype=np.uint8)
    images = np.repeat(gray, 3, axis=3)
    images[0, 0, 0, 2] += chroma
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(30) % 3)
    assert load_dataset(tmp_path / "a.npz").preprocessing.image_shape == (20, 20, channels)


def test_a_folder_like_torchvision_s_is_read_and_emnist_s_is_noticed_and_mended(tmp_path, idx_bytes):
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    for split, rows in (("train", slice(40)), ("test", slice(40, None))):
        content = {
            "images-idx3": IMAGES[rows].swapaxes(1, 2).copy(),
            "labels-idx1": (LABELS[rows] + 1).astype(np.uint8),
        }
        for kind, array in content.items():
            (raw / f"emnist-letters-{split}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx_bytes(array)))
    as_published = load_dataset(tmp_path)
    mended = load_dataset(tmp_path, transpose=True)
    assert as_published.classes == mended.classes == ("A", "B", "C")
    np.testing.assert_array_equal(mended.test.images[..., 0], IMAGES[40:])


def test_of_arrays_as_many_images_of_a_class_are_read_as_asked_for(tmp_path):
    np.savez(tmp_path / "data.npz", x=IMAGES, y=LABELS)
    splits = load_dataset(tmp_path / "data.npz", per_class=4)
    assert sum(data.counts for data in splits.sets.values()).tolist() == [4, 4, 4]


def test_a_class_without_a_training_picture_is_refused_alone(tmp_path, refusal):
    for i, place in enumerate(("train/a", "train/b", "test/a", "test/b", "test/c")):
        (tmp_path / place).mkdir(parents=True)
        Image.fromarray(IMAGES[i]).save(tmp_path / place / "0.png")
    assert "no training picture of c" in refusal(load_dataset, tmp_path, classes="c")


def test_photographs_with_numbers_as_classes_are_not_said_to_be_transposed(tmp_path):
    rng = np.random.default_rng(0)
    photographs = np.zeros((60, 32, 32, 3), np.uint8)
    photographs[:, 10:22] = rng.integers(40, 256, (60, 12, 32, 3))  # a band: wider than tall
    np.savez(tmp_path / "data.npz", x=photographs, y=LABELS)
    assert load_dataset(tmp_path / "data.npz").preprocessing.as_is


@pytest.mark.parametrize("lined", [False, True])
def test_of_many_pictures_all_are_searched_for_lines_where_some_have_them(lined, tmp_path, monkeypatch):
    pictures = 255 - generate_doodles(("clock", "pizza"), 5, 0).images[..., 0].repeat(3, axis=1).repeat(3, axis=2)
    if lined:
        pictures[:, 6::18] = 90
    for row, picture in enumerate(pictures):
        (tmp_path / "ab"[row // 5]).mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "ab"[row // 5] / f"{row}.png")
    found, searched = pairs_in(tmp_path), []

    def counted(image, preprocessing, paper=True):
        searched.append(paper)
        return preprocess(image, preprocessing, paper=paper)

    monkeypatch.setattr(prepare, "MANY", 8)
    monkeypatch.setattr(prepare, "LOOKED_AT", 4)
    monkeypatch.setattr(prepare, "preprocess", counted)
    assert pairs_in(tmp_path) == found
    assert all(searched[-len(pictures) :]) == lined


def test_a_name_among_numbers_is_refused_with_where_names_may_be_listed(tmp_path, refusal):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    text = "no class 'ki'; its classes are numbers, which a classes.txt beside it may name; expected one of 0, 1"
    assert text in refusal(load_dataset, tmp_path / "a.npz", classes="ki")
    (tmp_path / "classes.txt").write_text("o\nki\nsu")
    assert load_dataset(tmp_path / "a.npz", classes="ki").classes == ("ki",)
