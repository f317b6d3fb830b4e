import numpy as np
import pytest

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.found import Wanted
from jaxdoodle.data.readers.tables.arrays import dataset_in, read_arrays
from tests.fixtures import datasets, layouts
from tests.fixtures.datasets import PAIRS

LABELS = np.arange(24) % 3
IMAGES = np.tile((LABELS * 80).astype(np.uint8)[:, None, None], (1, 8, 8))


def right(arrays):
    part = dataset_in(arrays, "a.npz", Wanted()).parts["train"]
    return sum(int(image[0, 0, 0]) == 80 * int(label) for image, label in zip(part.items, part.labels, strict=True))


def test_numbered_arrays_are_joined_by_their_number(refusal):
    arrays = {"x_10": IMAGES[:5], "x_9": IMAGES[5:], "y_9": LABELS[5:], "y_10": LABELS[:5]}
    assert right(arrays) == 24
    arrays["y_8"] = arrays.pop("y_10")
    assert "x_9, x_10 and y_8, y_9; expected labels of the number" in refusal(dataset_in, arrays, "a.npz", Wanted())


def test_rows_of_labels_are_one_hot_or_refused(refusal):
    one_hot = np.eye(3)[LABELS]
    assert right({"x": IMAGES, "y": one_hot}) == right({"x": IMAGES, "y": 2 * one_hot - 1}) == 24
    for rows in (np.c_[LABELS, np.arange(24)], np.c_[LABELS, LABELS], one_hot * 0.9, one_hot * 0):
        assert "expected one for each image, or one-hot rows" in refusal(
            dataset_in, {"x": IMAGES, "y": rows}, "a.npz", Wanted()
        )


def test_the_names_of_arrays_count_more_than_that_of_their_file(tmp_path):
    np.savez(
        tmp_path / "train_x.npz",
        train_x=datasets.IMAGES[:40],
        train_y=datasets.LABELS[:40],
        test_x=datasets.IMAGES[40:],
        test_y=datasets.LABELS[40:],
    )
    splits = load_dataset(tmp_path / "train_x.npz")
    tested = {
        (image.tobytes(), str(label)) for image, label in zip(datasets.IMAGES[40:], datasets.LABELS[40:], strict=True)
    }
    assert (
        datasets.pairs(splits.test) == tested
        and datasets.pairs(splits.train) | datasets.pairs(splits.validation) == datasets.PAIRS - tested
    )


def test_arrays_of_numbers_about_the_images_are_no_labels(tmp_path):
    about = {
        "image_masks": datasets.IMAGES > 9,
        "image_source": np.arange(datasets.COUNT) % 2,
        "image_size": np.array([28, 28]),
    }
    np.savez(
        tmp_path / "data.npz", **about, images=datasets.IMAGES, label_ages=datasets.LABELS + 9, labels=datasets.LABELS
    )
    with pytest.warns(DataWarning, match="left out the arrays image_size, label_ages, image_masks, image_source"):
        splits = load_dataset(tmp_path / "data.npz")
    assert set().union(*map(datasets.pairs, splits.sets.values())) == PAIRS


def test_images_of_another_size_are_no_part_of_the_others(tmp_path):
    np.savez(
        tmp_path / "data.npz",
        images_1=datasets.IMAGES,
        images_2=np.zeros((9, 14, 14), np.uint8),
        labels=datasets.LABELS,
    )
    with pytest.warns(DataWarning, match="left out the arrays images_2"):
        assert datasets.pairs_in(tmp_path / "data.npz") == datasets.PAIRS


def test_an_array_named_x_is_a_class_beside_others(tmp_path):
    np.savez(tmp_path / "data.npz", x=datasets.IMAGES[datasets.LABELS == 0], o=datasets.IMAGES[datasets.LABELS == 1])
    found = set().union(*map(datasets.pairs, load_dataset(tmp_path / "data.npz").sets.values()))
    assert found == {(image, "xo"[int(name)]) for image, name in datasets.PAIRS if name != "2"}


def test_labels_that_number_the_images_and_images_without_labels_are_refused(tmp_path, refusal):
    np.savez(tmp_path / "data.npz", x=np.tile(datasets.IMAGES, (2, 1, 1)), y=np.arange(2 * datasets.COUNT) * 7)
    assert "classes in" in refusal(load_dataset, tmp_path / "data.npz")
    np.savez(tmp_path / "data.npz", images=datasets.IMAGES)
    assert "holds images and no labels" in refusal(load_dataset, tmp_path / "data.npz")


def test_labels_that_the_listed_classes_do_not_have_are_refused(tmp_path, refusal):
    np.savez(tmp_path / "a.npz", images=layouts.IMAGES, labels=layouts.LABELS, classes=np.array(layouts.NAMES[:3]))
    assert "names 3 classes; found the label 3" in refusal(load_dataset, tmp_path)


@pytest.mark.parametrize("apart", [True, False])
def test_arrays_of_the_letters_x_and_y_are_classes(apart, tmp_path):
    arrays = {letter: layouts.IMAGES[n * 12 : n * 12 + 12] for n, letter in enumerate("axyz")}
    if apart:
        for letter, array in arrays.items():
            np.save(tmp_path / f"{letter}.npy", array)
    else:
        np.savez(tmp_path / "a.npz", **arrays)
    assert layouts.counts_in(tmp_path) == dict.fromkeys("axyz", 12)


@pytest.mark.parametrize("names", [("x_train", "x_test"), ("train", "test")])
def test_flat_bitmaps_of_splits_are_no_classes(names, tmp_path, refusal):
    for name in names:
        np.save(tmp_path / f"{name}.npy", layouts.RNG.integers(0, 256, (30, 784), dtype=np.uint8))
    assert "no labels" in refusal(load_dataset, tmp_path)


@pytest.mark.parametrize("none", [None, float("nan")])
def test_rows_of_arrays_without_a_label_are_counted(none, tmp_path):
    labels = [none if i < 4 else label for i, label in enumerate(layouts.LABELS.tolist())]
    np.savez(tmp_path / "a.npz", x=layouts.IMAGES, y=np.array(labels, object if none is None else float))
    with pytest.warns(DataWarning, match="left out 4 images that have no label"):
        assert layouts.counts_in(tmp_path) == dict.fromkeys("0123", 11)


@pytest.mark.parametrize("label", [2**63, float("inf")])
def test_labels_of_any_size_are_told_or_refused(label, tmp_path, refusal):
    labels = np.array([label, *layouts.LABELS[1:]], np.uint64 if isinstance(label, int) else float)
    np.savez(tmp_path / "a.npz", x=layouts.IMAGES, y=labels)
    if isinstance(label, int):
        assert set(layouts.counts_in(tmp_path)) == {*"0123", str(label)}
    else:
        assert "a.npz: labels are whole numbers or names; found inf" in refusal(load_dataset, tmp_path)


def test_rows_of_no_split_and_of_no_label_are_left_out_and_counted():
    splits = np.array([("train", "test", "")[n // 8] for n in range(24)], object)
    labels = np.where(np.arange(24) % 8 == 0, np.nan, LABELS)
    found = dataset_in({"x": IMAGES, "y": labels, "split": splits}, "a.npz", Wanted())
    assert {split: len(part.labels) for split, part in found.parts.items()} == {"train": 7, "test": 7}
    for part in found.parts.values():
        assert all(image[0, 0, 0] == 80 * int(name) for image, name in zip(part.items, part.labels, strict=True))
    assert found.left_out == [
        "left out 7 images of which the column of splits says none", "left out 3 images that have no label"
    ]  # fmt: skip


def test_labels_that_all_differ_in_a_small_split_are_no_list_of_classes():
    names = np.array([*"abc"], object)
    arrays = {"train x": IMAGES, "train labels": names[LABELS], "test x": IMAGES[:3], "test labels": names[LABELS[:3]]}
    found = dataset_in(arrays, "a.npz", Wanted())
    assert {split: len(part.labels) for split, part in found.parts.items()} == {"train": 24, "test": 3}


@pytest.mark.parametrize("again", ["X_train.npy", "train-images-of-me.npy"])
def test_an_array_that_is_there_twice_is_read_once_and_named(again, tmp_path, refusal):
    for name, array in (("train_images.npy", IMAGES), (again, IMAGES), ("train_labels.npy", LABELS)):
        np.save(tmp_path / name, array)
    with pytest.warns(DataWarning, match="left out .*, which is .* again"):
        assert sum(map(len, load_dataset(tmp_path).sets.values())) == len(IMAGES)
    np.save(tmp_path / again, IMAGES[::-1])
    assert "are both train images; expected one" in refusal(load_dataset, tmp_path)


@pytest.mark.parametrize(
    "train, prefix, more", [("train.npz", "", "b.npz"), ("a.npz", "train_", "b.npz"), ("train/a.npz", "", "b/a.npz")]
)
def test_a_file_of_no_split_beside_that_of_train_is_left_out_by_its_name(train, prefix, more, tmp_path):
    for name, own, count in ((train, prefix, 24), (more, "", 9)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        np.savez(tmp_path / name, **{f"{own}x": IMAGES[:count], f"{own}y": LABELS[:count]})
    found = read_arrays([tmp_path / train, tmp_path / more], Wanted())
    assert len(found.parts["train"].labels) == 24
    assert found.left_out == [f"left out {more}, whose name says neither train nor test"]
