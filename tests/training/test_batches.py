import math
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from jaxdoodle.training import batches
from jaxdoodle.training.batches import SAMPLING, DataLoader, chunk_sizes, prefetch
from jaxdoodle.training.config import DataConfig

COUNTS = (700, 130, 900)


@pytest.fixture
def data(on_disk, monkeypatch):
    """1,730 drawings on disk, in chunks of at most 400."""
    monkeypatch.setattr(batches, "CHUNK", 400 * 784)
    return on_disk(*COUNTS)


def loader_of(data, sampling="natural", devices=1, seed=0, batch_size=128, **options):
    sizes = chunk_sizes(data, sampling, batch_size, devices)
    return DataLoader(data, DataConfig(sampling=sampling, seed=seed), sizes, **options)


def epochs(data, number, sampling="natural", devices=1, seed=0):
    """The digests of each chunk of each epoch, in the order of use; and the loader."""
    loader = loader_of(data, sampling, devices, seed)
    known = dict(zip(map(bytes, data.images[:]), data.labels.tolist(), strict=True))
    found = []
    for epoch in range(number):
        chunks = []
        for index, size in enumerate(loader.sizes):
            images, labels, order = loader.chunk(epoch, index)
            assert order.dtype == labels.dtype == np.int32 and len(order) == size
            drawings = [bytes(images[index]) for index in order]
            assert [known[one] for one in drawings] == labels[order].tolist()
            chunks.append(drawings)
        found.append(chunks)
    return found, loader


def test_what_is_in_memory_stays_where_it_was_put(random_dataset):
    data, placed = random_dataset(50), []
    loader = loader_of(data, seed=3, put=lambda chunk: placed.append(chunk) or chunk)
    draws = [loader.chunk(epoch, 0) for epoch in range(3)]
    assert loader.sizes == (50,) and len(placed) == 1
    for epoch, (images, labels, order) in enumerate(draws):
        assert images is data.images and labels is data.labels
        np.testing.assert_array_equal(order, np.random.default_rng((3, epoch)).permutation(50))


def test_an_epoch_in_memory_is_cut_at_whole_batches_never_of_one_step_and_drops_nothing(random_dataset, monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", 20 * 784)
    data = random_dataset(50)
    loader, whole = loader_of(data, batch_size=8), np.random.default_rng((0, 4)).permutation(50)
    assert loader.sizes == (24, 26)
    parts = [loader.chunk(4, index)[2] for index in (1, 0)]
    np.testing.assert_array_equal(np.concatenate(parts[::-1]), whole)


@pytest.mark.parametrize("where", ("disk", "memory"))
def test_a_chunk_is_the_same_whatever_was_asked_for_before(where, data, random_dataset):
    data = data if where == "disk" else random_dataset(50)
    places = [(epoch, 0) for epoch in (3, 0, 3, 1)]
    for found, place in zip(prefetch(loader_of(data), places), places, strict=True):
        for a, b in zip(found, loader_of(data).chunk(*place), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("devices", (1, 2, 3))
def test_an_epoch_from_disk_takes_a_drawing_once_and_leaves_out_few_and_others_each_time(data, devices):
    found, loader = epochs(data, 30, devices=devices)
    assert all(size % devices == 0 and size <= 400 for size in loader.sizes)
    absent = Counter({bytes(image): 0 for image in data.images[:]})
    for chunks in found:
        drawings = [one for chunk in chunks for one in chunk]
        assert len(set(drawings)) == len(drawings) == sum(loader.sizes)
        assert len(data) - len(drawings) < batches.RUN * (devices * len(loader.sizes) + 1)
        absent.update(absent.keys() - set(drawings))
    assert max(absent.values()) < 15, "no drawing is left out of half of the epochs"


def test_a_chunk_is_mixed_from_the_whole_set(data):
    found, _ = epochs(data, 2)
    label_of = dict(zip(map(bytes, data.images[:]), data.labels.tolist(), strict=True))
    index_of = {bytes(image): index for index, image in enumerate(data.images[:])}
    for chunk in (chunk for chunks in found for chunk in chunks):
        counts = Counter(label_of[one] for one in chunk)
        assert counts[0] > 80 and counts[2] > 100
        neighbors = sum(abs(index_of[a] - index_of[b]) == 1 for a, b in zip(chunk, chunk[1:], strict=False))
        assert neighbors < 10, "the drawings of a run are not used one after the other"
    assert {*found[0][0]} != {*found[1][0]}


def test_the_seed_is_the_order(data):
    first, again, other = (epochs(data, 2, seed=seed)[0] for seed in (5, 5, 6))
    assert first == again != other
    orders = [loader_of(data, seed=seed).chunk(0, 0)[2].tolist() for seed in (5, 6)]
    assert orders[0] != orders[1], "also that within a chunk"


@pytest.mark.parametrize("where", ("disk", "memory"))
def test_balanced_sampling_takes_every_class_equally_often_and_each_of_its_drawings(data, where):
    if where == "memory":
        order = np.random.default_rng(8).permutation(len(data))
        data = type(data)(data.name, data.images[order], data.labels[order], data.classes)
    found, loader = epochs(data, 6, "balanced")
    drawings = list(map(bytes, data.images[:]))
    total, rows_of = SAMPLING["balanced"](data.labels)
    assert total == 3 * (1730 // 3)
    taken, drawn = Counter(), Counter()
    for epoch, chunks in enumerate(found):
        turns = Counter(drawings[row] for row in rows_of(epoch, np.arange(total)))
        used = Counter(one for chunk in chunks for one in chunk)
        assert used <= turns and used.total() == sum(loader.sizes)
        taken += used
        drawn += turns
    left_out = drawn - taken
    assert left_out.total() == 6 * (total - sum(loader.sizes))
    if where == "memory":
        assert not left_out


def test_balanced_sampling_gives_every_drawing_the_same_number_of_turns():
    """In whole passes through each class: 65 epochs of 576 are 288 times 130; 175 of them, 144 times 700."""
    labels = np.random.default_rng(8).permutation(np.repeat(np.arange(3), COUNTS))
    total, rows_of = SAMPLING["balanced"](labels)
    share, turns = total // 3, np.zeros(len(labels), int)
    assert share == 576
    epochs_of = {label: math.lcm(share, count) // share for label, count in enumerate(COUNTS)}
    for epoch in range(max(epochs_of.values())):
        rows = rows_of(epoch, np.arange(total))
        assert np.bincount(labels[rows]).tolist() == [share] * 3
        turns += np.bincount(rows, minlength=len(labels))
        for label, count in enumerate(COUNTS):
            mine = turns[labels == label]
            assert mine.max() - mine.min() <= 1
            if (epoch + 1) % epochs_of[label] == 0:
                assert set(mine) == {(epoch + 1) * share // count}


def test_balanced_sampling_passes_over_classes_without_a_drawing(random_dataset):
    data = random_dataset(12, ("a", "b", "c", "d")).take(np.array([0, 2, 3, 4, 6, 7, 8]))
    _, labels, order = loader_of(data, "balanced").chunk(0, 0)
    assert np.bincount(labels[order], minlength=4).tolist() == [2, 0, 2, 2]


def test_the_next_chunk_is_read_while_one_is_used(data):
    placed = []
    loader = loader_of(data, share=lambda shape, read: placed.append(shape) or read(slice(None)))
    chunks = prefetch(loader, [(0, 0), (0, 1), (0, 2), (0, 3)])
    next(chunks)
    next(chunks)
    assert len(placed) >= 2 * 2
    chunks.close()  # waits for what is being read
    assert len(placed) == 2 * 3


@pytest.mark.parametrize("sampling", SAMPLING)
def test_a_file_that_goes_away_ends_training_with_its_name(sampling, data, refusal):
    loader = loader_of(data, sampling)
    data.images.files[2].path.unlink()
    text = refusal(lambda: list(prefetch(loader, [(0, 0), (0, 1), (0, 2)])))
    assert str(data.images.files[2].path) in text


MEMORY = r"""
import re, sys
from pathlib import Path
import numpy as np
from jaxdoodle.data.catalog import load_dataset
from jaxdoodle.data.readers import quickdraw
from jaxdoodle.training import batches as module
from jaxdoodle.training.config import DataConfig

quickdraw.IN_MEMORY, module.CHUNK = 0, 2**20
splits = load_dataset(sys.argv[1], per_class=10**6)
splits.overlaps
sizes = module.chunk_sizes(splits.train, sys.argv[2], 128)
loader = module.DataLoader(splits.train, DataConfig(sampling=sys.argv[2]), sizes)
drawings = sum(len(images) for images, _, _ in module.prefetch(loader, [(0, index) for index in range(len(sizes))]))
peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())  # ru_maxrss begins with pytest's own
print(len(splits.train), drawings, int(peak[1]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak of memory")
@pytest.mark.parametrize("sampling", SAMPLING)
def test_memory_hardly_grows_with_the_set(sampling, tmp_path):
    """From 2,000 drawings to 60,000, 47 MB, of which every one is hashed and read."""
    peaks = []
    for name, count in (("small", 1_000), ("large", 30_000)):
        (tmp_path / name).mkdir()
        for number in range(2):
            rows = np.zeros((count, 784), np.uint8)
            rows[:, :4] = (number * count + np.arange(count, dtype="<u4")).view(np.uint8).reshape(-1, 4)
            np.save(tmp_path / name / f"{number}.npy", rows)
        command = [sys.executable, "-c", MEMORY, str(tmp_path / name), sampling]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        train, drawings, peak = map(int, done.stdout.split())
        assert train > 1.2 * count and 0.9 * train < drawings <= train
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 8e6, f"{peaks}: 47 MB would show"


def test_each_share_of_a_chunk_is_read_by_itself_and_has_an_order_of_its_own(data):
    parts = []

    def share(shape, read):
        half = shape[0] // 2
        parts.append([read(slice(None, half)), read(slice(half, None))])
        return np.concatenate(parts[-1])

    whole, halves = loader_of(data, devices=2), loader_of(data, devices=2, share=share, shares=2)
    images, labels, order = halves.chunk(1, 0)
    for found, expected in zip((images, labels), whole.chunk(1, 0), strict=False):
        np.testing.assert_array_equal(found, expected)
    first, second = order.reshape(2, -1)
    assert sorted(first) == sorted(second) == list(range(len(order) // 2)) and first.tolist() != second.tolist()
