import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdoodle.data.bitmaps import IMAGE_SHAPE
from jaxdoodle.data.dataset import SPLIT_NAMES, Dataset
from jaxdoodle.data.splits import MOST_MOVES, drawers_to_test, split_by_hash, split_training, without
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW


def noise(sizes, seed):
    """Drawings that all differ, so many of each class."""
    images = np.random.default_rng(seed).integers(0, 256, (sum(sizes), *IMAGE_SHAPE), np.uint8)
    return Dataset(
        "noise", images, np.repeat(np.arange(len(sizes), dtype=np.int32), sizes), tuple("abcd"[: len(sizes)])
    )


def grey(levels):
    return np.repeat(np.array(levels, np.uint8), 784).reshape(-1, *IMAGE_SHAPE)


def _split_of_hash(digest):
    u = digest / 2**64
    return "test" if u < 0.2 else "validation" if u < 0.36 else "train"


def split_of_each(splits):
    """Digest of each drawing -> its split."""
    return {digest: split for split in SPLIT_NAMES for digest in getattr(splits, split).digests.tolist()}


def test_a_drawing_keeps_its_side_when_the_set_grows_or_is_reordered(random_dataset):
    data = random_dataset(3000)
    whole = split_of_each(split_by_hash(data, QUICKDRAW))
    order = np.random.default_rng(1).permutation(3000)
    assert split_of_each(split_by_hash(data.take(order), QUICKDRAW)) == whole
    part = split_of_each(split_by_hash(data.take(order[:500]), QUICKDRAW))
    assert len(part) == 500 and part.items() <= whole.items()


def test_the_side_of_a_drawing_is_the_same_on_every_machine():
    """Pinned: were the hash to change, old models would be tested on drawings that they were trained on."""
    images = np.repeat(np.arange(12, dtype=np.uint8), 784).reshape(12, 28, 28, 1)
    data = Dataset("grey", images, np.zeros(12, np.int32), ("a",))
    splits = split_by_hash(data, QUICKDRAW)
    greys = {split: getattr(splits, split).images[:, 0, 0, 0].tolist() for split in SPLIT_NAMES}
    assert greys == {"train": [0, 1, 2, 6, 8, 9, 10, 11], "validation": [7], "test": [3, 4, 5]}


def test_the_test_side_does_not_depend_on_the_validation_fraction(random_dataset):
    data = random_dataset(1000)
    tests = [split_by_hash(data, QUICKDRAW, validation).test.digests for validation in (0.0, 0.2, 0.9)]
    assert np.array_equal(tests[0], tests[1]) and np.array_equal(tests[0], tests[2])


@pytest.mark.parametrize("validation", (0.0, 0.2, 0.5))
def test_each_class_is_split_about_80_20_and_nothing_is_lost(validation, random_dataset):
    data = random_dataset(6000)
    splits = split_by_hash(data, QUICKDRAW, validation)
    for split, share in (("train", 0.8 * (1 - validation)), ("validation", 0.8 * validation), ("test", 0.2)):
        deviation = 4 * np.sqrt(2000 * share * (1 - share))
        assert np.all(abs(getattr(splits, split).counts - 2000 * share) <= deviation), split
    assert sorted(split_of_each(splits)) == sorted(data.digests.tolist())
    assert set(splits.overlaps.values()) == {0}


def test_identical_drawings_are_always_on_one_side_even_in_different_classes(random_dataset):
    data = random_dataset(300)
    doubled = Dataset(
        "noise", np.tile(data.images, (2, 1, 1, 1)), np.concatenate([data.labels, (data.labels + 1) % 3]), data.classes
    )
    overlaps = split_by_hash(doubled, QUICKDRAW).overlaps
    assert sum(overlaps[split, split] for split in SPLIT_NAMES) == 300
    assert not any(count for (a, b), count in overlaps.items() if a != b)


def test_images_and_labels_stay_together(random_dataset):
    data = random_dataset(300)
    label_of = dict(zip(data.digests.tolist(), data.labels.tolist(), strict=True))
    for splits in (split_by_hash(data, QUICKDRAW), split_training(data, data, MNIST)):
        for split in SPLIT_NAMES:
            part = getattr(splits, split)
            assert [label_of[digest] for digest in part.digests.tolist()] == part.labels.tolist()


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    validation=st.sampled_from([0.0, 0.2, 0.9]),
)
def test_no_class_of_three_drawings_or_more_lacks_a_split(sizes, seed, validation):
    data = noise(sizes, seed)
    splits = split_by_hash(data, QUICKDRAW, validation)
    wanted = SPLIT_NAMES if validation else ("train", "test")
    assert all((splits.sets[name].counts[np.array(sizes) >= 3] > 0).all() for name in wanted)
    assert sorted(split_of_each(splits)) == sorted(data.digests.tolist()) and set(splits.overlaps.values()) == {0}
    order = np.random.default_rng(seed).permutation(len(data))
    assert split_of_each(split_by_hash(data.take(order), QUICKDRAW, validation)) == split_of_each(splits)


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(3, 9), min_size=2, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_a_class_that_grows_tests_on_nothing_it_was_trained_on_and_tells_what_is_off_its_hash(sizes, seed):
    data = noise(sizes, seed)
    part = data.take(data.index_in_class < 3)
    hashed = {d: _split_of_hash(d) for d in data.digests.tolist()}
    before, after = (split_of_each(split_by_hash(each, QUICKDRAW)) for each in (part, data))
    for label in range(len(sizes)):
        drawings = part.digests[part.labels == label].tolist()
        kinds, now = {hashed[d] for d in drawings}, {after[d] for d in drawings if before[d] == "train"}
        assert "test" not in now or kinds == {"test"}
    off = sum(hashed[digest] != split for digest, split in after.items())
    said = re.findall(r"(\d+) of \w from (\w+) to (\w+)", split_by_hash(data, QUICKDRAW).moved)
    assert sum(int(count) for count, *_ in said) == off or len(said) == MOST_MOVES
    assert all(before != after for _, before, after in said)


def test_what_was_moved_is_in_the_summary():
    """Greys of which two have hashes for test and validation, and one class has none of either."""
    data = Dataset("grey", grey([0, 1, 2, 3, 7]), np.array([0, 0, 0, 1, 1], np.int32), ("a", "b"))
    found = split_by_hash(data, QUICKDRAW)
    assert found.moved == "1 of a from train to validation, 1 of a from train to test"
    assert f"; moved so that no class lacks one: {found.moved}; no train drawing of b" in found.summary
    assert found.in_memory().moved == found.moved


def test_a_drawing_of_two_classes_stays_in_one_split_where_a_class_lacks_one():
    data = Dataset("grey", grey([3, 3, 0, 1, 2, 8, 8, 8]), np.array([0, 1, 1, 1, 1, 0, 0, 1], np.int32), ("a", "b"))
    assert not any(n for (a, b), n in split_by_hash(data, QUICKDRAW).overlaps.items() if a != b)


def test_a_published_training_set_gives_exact_counts_to_validation(random_dataset):
    train, test = random_dataset(1000), random_dataset(50, seed=1)
    splits = split_training(train, test, MNIST, 0.2)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (800, 200, 50)
    assert splits.validation.counts.tolist() in ([67, 67, 66], [67, 66, 67], [66, 67, 67])
    assert np.array_equal(splits.test.images, test.images) and set(splits.overlaps.values()) == {0}


def test_neither_classes_nor_a_cap_moves_a_drawing_of_a_published_set(random_dataset):
    train, test = random_dataset(900), random_dataset(90, seed=1)
    whole = split_of_each(split_training(train, test, MNIST))
    for classes, per_class in ((("c", "a"), None), (None, 50), (("b",), 7)):
        splits = split_training(train, test, MNIST, 0.2, classes, per_class)
        assert split_of_each(splits).items() <= whole.items()
        assert len(splits.train) + len(splits.validation) == (per_class or 300) * len(classes or "abc")
        assert len(splits.test) == 30 * len(classes or "abc")
        assert splits.classes == (classes or train.classes)


def test_repeats_within_a_class_of_a_published_set_stay_on_one_side(random_dataset):
    data = random_dataset(60)
    repeated = data.take(np.repeat(np.arange(60), 2))
    splits = split_training(repeated, data, MNIST, 0.25)
    assert splits.overlaps["train", "validation"] == 0
    assert abs(len(splits.validation) - 30) <= 3


@pytest.mark.parametrize("validation", (-0.1, 1.0, 1.5, float("nan")))
def test_a_validation_fraction_out_of_range_is_refused(validation, random_dataset, refusal):
    data = random_dataset(9)
    for split in (split_by_hash, lambda *args: split_training(data, *args)):
        assert f"got {validation}" in refusal(split, data, QUICKDRAW, validation)


def test_without_leaves_out_what_occurs_elsewhere(random_dataset):
    data = random_dataset(30)
    rest = without(data, data.take(np.array([0, 7, 7, 29])))
    assert np.array_equal(rest.images, np.delete(data.images, [0, 7, 29], axis=0))


DRAWN = st.lists(st.tuples(st.sampled_from(["", "Ann", "Ben", "Cy", "Dee"]), st.sampled_from("ab")), max_size=60)


@given(DRAWN)
def test_the_people_of_the_test_split_leave_each_class_to_be_learned(drawn):
    drawers, labels = [[pair[i] for pair in drawn] for i in (0, 1)]
    chosen = drawers_to_test(drawers, labels)
    assert set(chosen) <= set(drawers) - {""} and (not drawn or set(chosen) != set(drawers))
    assert {label for drawer, label in drawn if drawer not in chosen} == set(labels)
    assert chosen == drawers_to_test(drawers[::-1], labels[::-1])


def test_one_of_five_people_is_the_test_split():
    drawers = [name for name in ("Ann", "Ben", "Cy", "Dee", "Eve") for _ in range(4)]
    assert len(drawers_to_test(drawers, ["a", "b"] * 10)) == 1
