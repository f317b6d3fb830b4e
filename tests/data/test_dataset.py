import base64
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.data import load_dataset
from jaxdoodle.data.dataset import Dataset, Splits, choose_classes, read_names
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

IMAGES, LABELS = np.zeros((3, 28, 28, 1), np.uint8), np.array([0, 1, 1], np.int32)

INCONSISTENT = {
    "float images": ((IMAGES / 255, LABELS, "ab"), "images are float64", "expected uint8"),
    "no channel": (
        (IMAGES[..., 0], LABELS, "ab"),
        "(3, 28, 28)",
        "expected uint8 or float32 (n, height, width, channels)",
    ),
    "flat images": ((IMAGES.reshape(3, 784), LABELS, "ab"), "(3, 784)", "(n, height, width, channels)"),
    "long labels": ((IMAGES, LABELS.astype(np.int64), "ab"), "int64", "expected int32"),
    "one-hot labels": ((IMAGES, np.eye(3, dtype=np.int32), "abc"), "(3, 3)", "expected int32 (3,)"),
    "missing label": ((IMAGES, LABELS[:2], "ab"), "(2,)", "expected int32 (3,)"),
    "label too high": ((IMAGES, LABELS + 1, "ab"), "labels[1] is 2", "expected 0 to 1"),
    "label below zero": ((IMAGES, LABELS - 1, "ab"), "labels[0] is -1", "expected 0 to 1"),
    "no classes": ((IMAGES[:0], LABELS[:0], ()), "found ()", "one or more names"),
    "class twice": ((IMAGES, LABELS, "aba"), "('a', 'b', 'a')", "names that differ"),
    "nameless class": ((IMAGES, LABELS, ("a", "")), "('a', '')", "names that differ"),
}


@pytest.mark.parametrize("arguments, found, expected", INCONSISTENT.values(), ids=INCONSISTENT)
def test_parts_that_do_not_fit_together_are_refused(arguments, found, expected, refusal):
    text = refusal(Dataset, "mine", *arguments)
    assert text.startswith("mine: ") and found in text and expected in text


def test_no_drawings_at_all_are_a_dataset():
    empty = Dataset("mine", IMAGES[:0], LABELS[:0], ("a",))
    assert len(empty) == 0 and empty.counts.tolist() == [0] and len(empty.digests) == 0


def test_counts_go_by_class_and_include_classes_without_drawings():
    assert Dataset("mine", IMAGES, LABELS, ("a", "b", "c")).counts.tolist() == [1, 2, 0]


def test_the_index_in_class_counts_the_earlier_drawings_of_the_same_class():
    labels = np.array([1, 0, 1, 1, 0, 2], np.int32)
    images = np.zeros((6, 28, 28, 1), np.uint8)
    assert Dataset("mine", images, labels, ("a", "b", "c")).index_in_class.tolist() == [0, 0, 1, 2, 1, 0]


def test_digests_are_equal_exactly_where_drawings_are(random_dataset):
    data = random_dataset(20)
    twice = data.take(np.array([*range(20), 3]))
    assert len(set(data.digests)) == 20 and twice.digests[20] == data.digests[3]
    changed = data.images.copy()
    changed[5, 27, 27] ^= 1
    assert np.flatnonzero(Dataset("x", changed, data.labels, data.classes).digests != data.digests).tolist() == [5]


def test_selected_classes_are_labelled_in_the_order_asked_for(random_dataset):
    data = random_dataset(9)
    chosen = data.select(("c", "a"))
    assert chosen.classes == ("c", "a") and chosen.labels.tolist() == [1, 0, 1, 0, 1, 0]
    assert np.array_equal(chosen.images[chosen.labels == 0], data.images[data.labels == 2])


def test_duplicates_are_counted_within_and_across_splits(random_dataset):
    data = random_dataset(12)
    train, validation, test = (data.take(np.array(rows)) for rows in ([0, 1, 2, 2, 3], [4, 0], [5, 1, 1, 4, 6, 7]))
    splits = Splits(train, validation, test, QUICKDRAW)
    assert splits.overlaps == {
        ("train", "train"): 1,
        ("validation", "validation"): 0,
        ("test", "test"): 1,
        ("train", "validation"): 1,
        ("train", "test"): 2,
        ("validation", "test"): 1,
    }
    assert all(type(count) is int for count in splits.overlaps.values())
    for text in ("1 of 5 train drawings are repeats", "2 of 6 test drawings are also in train"):
        assert text in splits.overlap_text
    assert "\n" not in splits.overlap_text and splits.overlap_text in splits.summary


def test_the_summary_names_classes_that_a_side_lacks(random_dataset):
    data = random_dataset(9)
    splits = Splits(data.take(np.arange(6)), data.take(np.arange(0)), data.take(np.array([6, 7])), QUICKDRAW)
    assert splits.summary == (
        "noise: 6 train, 0 validation, 2 test drawings in 3 classes; no drawing occurs twice; no test drawing of c"
    )


def test_sets_are_the_three_splits_and_the_extra_test_sets(random_dataset):
    parts = [random_dataset(n) for n in (5, 4, 3, 2)]
    splits = Splits(*parts[:3], QUICKDRAW, {"clean": parts[3]})
    assert tuple(splits.sets) == ("train", "validation", "test", "clean")
    assert all(found.images is part.images for found, part in zip(splits.sets.values(), parts, strict=True))
    assert {found.preprocessing for found in splits.sets.values()} == {QUICKDRAW}, "each set knows its scale"


def test_a_sample_of_what_is_on_disk_is_in_memory_and_evenly_spread(on_disk, random_dataset):
    large, small = on_disk(300, 100), random_dataset(9)
    sample = large.in_memory(40)
    assert isinstance(sample.images, np.ndarray) and sample.counts.tolist() == [30, 10]
    assert np.array_equal(large.in_memory().images, large.images[:])
    assert small.in_memory(3) is small and len(large.take(np.arange(0)).in_memory()) == 0
    splits = Splits(*(large.take(np.arange(n)) for n in (5, 6, 7)), QUICKDRAW, {"extra": large})
    found = splits.in_memory()
    assert [len(data) for data in found.sets.values()] == [5, 6, 7, 400] and list(found.extra_tests) == ["extra"]
    assert all(isinstance(data.images, np.ndarray) for data in found.sets.values())
    assert found.in_memory() is found


def test_splits_with_other_classes_are_refused(random_dataset, refusal):
    data = random_dataset(9)
    assert "same classes" in refusal(Splits, data, data, data.select(("b", "a", "c")), QUICKDRAW)
    assert "same classes" in refusal(Splits, data, data, data, QUICKDRAW, {"more": data.select(("a",))})


def test_classes_keep_the_order_asked_for_and_default_to_all():
    assert choose_classes(("pizza", "ant"), ("ant", "bat", "pizza"), str) == ("pizza", "ant")
    assert choose_classes(None, ("ant", "bat"), str) == ("ant", "bat")


def test_an_unknown_class_is_refused_with_what_comes_near(refusal):
    available = tuple("headphones megaphone telephone clock".split())
    text = refusal(choose_classes, ("clock", "headphone"), available, lambda name: f"somewhere/{name}")
    assert text.startswith("somewhere/headphone; did you mean headphones or")
    assert "expected one of headphones, megaphone" in refusal(choose_classes, ("zebra",), available, str)
    many = tuple(f"class {i}" for i in range(345))
    assert "(345 in all)" in (text := refusal(choose_classes, ("zebra",), many, str)) and len(text) < 300
    assert "'clock' is asked for twice" in refusal(choose_classes, ("clock", "clock"), available, str)


BAD_LISTS = {
    "empty": (b"", "is empty"),
    "blank line": (b"a\n\nb\n", "line 2: a blank line"),
    "name twice": (b"a\nb\na\n", "line 3: 'a' for the second time"),
    "binary": (b"\xff\xfe\x00", "no UTF-8"),
}


@pytest.mark.parametrize("content, fault", BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_list_of_names_that_is_none_is_refused(content, fault, tmp_path, refusal):
    path = tmp_path / "classes.txt"
    path.write_bytes(content)
    text = refusal(read_names, path)
    assert str(path) in text and fault in text


def test_a_list_of_names_is_read_whatever_its_line_ends(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_bytes("T-shirt\r\nculotte d'été\nBag".encode())
    assert read_names(path) == ("T-shirt", "culotte d'été", "Bag")


def of_mnist_s_size(images):
    def part(n):
        return Dataset(
            "mnist", np.resize(images, (n, 28, 28, 1)), np.arange(n, dtype=np.int32) % 10, tuple("0123456789")
        )

    return Splits(part(4800), part(1200), part(1000), MNIST, {"clean": part(20)})


def test_a_dataset_and_its_splits_print_in_one_short_line(random_dataset, on_disk):
    splits = of_mnist_s_size(random_dataset(10).images)
    assert repr(splits) == "Splits(mnist: 4,800 train, 1,200 validation, 1,000 test drawings in 10 classes)"
    assert repr(splits.train) == "Dataset(mnist: 4,800 drawings in 10 classes)"
    assert repr(on_disk(3, 2)) == "Dataset(large: 5 drawings in 2 classes on disk)"


def test_the_real_mnist_prints_fewer_than_200_characters(data_root):
    splits = load_dataset("mnist", root=data_root)
    assert len(repr(splits)) < 200 and len(repr(splits.train)) < 200
    assert len(splits._repr_html_()) < 25_000


def test_a_notebook_shows_a_table_of_sizes_and_drawings(random_dataset):
    splits = of_mnist_s_size(random_dataset(10).images)
    html = splits._repr_html_()
    table = ElementTree.fromstring(html)
    rows = [[cell.text for cell in row] for row in table.iter("tr")]
    assert table.find("caption").text == repr(splits) and len(html) < 80_000
    assert rows[0] == ["class", "train", "validation", "test", "clean", "examples"]
    assert rows[3][:5] == ["2", "480", "120", "100", "2"] and len(rows) == 11
    sources = [image.get("src").removeprefix("data:image/png;base64,") for image in table.iter("img")]
    strips = [np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("L")) for source in sources]
    assert [strip.shape for strip in strips] == [(28, 8 * 28)] * 10
    expected = 255 - np.concatenate(splits.train.images[splits.train.labels == 0][:8, ..., 0], axis=1)
    assert np.abs(strips[0].astype(int) - expected).mean() < 10


def test_a_notebook_shows_the_first_of_many_classes_and_those_without_drawings(random_dataset):
    many = random_dataset(11, tuple(f"<{n}>" for n in range(12)))
    table = ElementTree.fromstring(many._repr_html_())
    rows = [[cell.text for cell in row] for row in table.iter("tr")]
    assert rows[1][:2] == ["<0>", "1"] and rows[-1] == ["... 2 more"] and len(rows) == 12
    assert len(list(ElementTree.fromstring(many.take(np.arange(0))._repr_html_()).iter("img"))) == 0
