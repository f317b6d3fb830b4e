import gzip
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jaxdoodle.core.errors import DataWarning, InputError
from jaxdoodle.data import NAMES, catalog, data_root, list_datasets, load_dataset, synthetic, verify
from jaxdoodle.data.catalog import load_other_classes, load_outliers
from jaxdoodle.data.dataset import SPLIT_NAMES
from jaxdoodle.data.readers.idx import MNIST_SHA256
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from tests.fixtures.datasets import label_last

CLONE = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data folder, and no other one named by the environment."""
    monkeypatch.delenv("JAXDOODLE_DATA", raising=False)
    folder = tmp_path / "data root"
    folder.mkdir()
    return folder


@pytest.fixture
def bitmaps(root):
    """A Quick, Draw! folder with three classes, of 40, 30 and 20 drawings of noise."""
    folder = root / "quickdraw" / "full" / "numpy_bitmap"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, n in (("ant", 40), ("bat", 30), ("zebra", 20)):
        np.save(folder / f"{name}.npy", rng.integers(0, 256, (n, 784), dtype=np.uint8))
    return folder


def sizes(splits):
    return [len(getattr(splits, split)) for split in SPLIT_NAMES]


def test_the_data_root_is_the_argument_then_that_of_the_environment_then_that_of_the_clone(root, tmp_path, monkeypatch):
    assert data_root() == CLONE / "data"
    monkeypatch.setenv("JAXDOODLE_DATA", str(tmp_path))
    assert data_root() == tmp_path
    assert data_root(root) == data_root(str(root)) == root


def test_without_a_clone_the_data_root_is_the_user_s_cache(root, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "jaxdoodle" / "data" / "catalog.py"
    monkeypatch.setattr(catalog, "__file__", str(installed))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_root() == tmp_path / "cache" / "jaxdoodle"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root() == tmp_path / ".cache" / "jaxdoodle"


def test_a_named_data_root_that_does_not_exist_is_refused(tmp_path, monkeypatch, refusal):
    missing = tmp_path / "missing"
    assert f"{missing}: not found; --data-dir names it" in refusal(data_root, missing)
    monkeypatch.setenv("JAXDOODLE_DATA", str(missing))
    assert f"{missing}: not found; $JAXDOODLE_DATA names it" in refusal(data_root)


def test_doodles_need_no_data_root_and_come_from_the_seed_alone(monkeypatch):
    monkeypatch.setenv("JAXDOODLE_DATA", "/nowhere")
    first, again = (load_dataset("doodles", per_class=40, seed=3) for _ in range(2))
    assert first.classes == ("headphones", "bucket", "clock", "pizza", "hexagon") and first.preprocessing == QUICKDRAW
    assert sum(sizes(first)) == 200 and first.train.images.max() == 255
    assert all(np.array_equal(getattr(first, split).images, getattr(again, split).images) for split in SPLIT_NAMES)
    other = load_dataset("doodles", per_class=40, seed=4)
    assert not set(first.train.digests) & {digest for split in SPLIT_NAMES for digest in getattr(other, split).digests}


def test_the_doodles_of_a_class_do_not_depend_on_the_other_classes():
    pair, alone = (
        load_dataset("doodles", classes="pizza,clock", per_class=30),
        load_dataset("doodles", classes=["clock"], per_class=30),
    )
    assert pair.classes == ("pizza", "clock")
    assert np.array_equal(pair.train.select(("clock",)).images, alone.train.images)


def test_each_class_of_doodles_has_its_own_randomness(monkeypatch):
    def noise(name, count, rng):
        return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)

    monkeypatch.setattr(synthetic, "generate", noise)
    splits = load_dataset("doodles", per_class=5)
    assert sum(sizes(splits)) == 25 and set(splits.overlaps.values()) == {0}


def test_quickdraw_is_read_from_the_data_root(root, bitmaps):
    splits = load_dataset("quickdraw", root=root, classes="zebra, ant", per_class=25)
    assert splits.name == "quickdraw" and splits.classes == ("zebra", "ant") and splits.preprocessing == QUICKDRAW
    assert sum(split.counts for split in (splits.train, splits.validation, splits.test)).tolist() == [20, 25]


def test_all_classes_of_quickdraw_come_in_the_official_order(root, bitmaps):
    (root / "quickdraw" / "categories.txt").write_text("zebra\nyoga\nant\nbat\n")
    assert load_dataset("quickdraw", root=root, classes="all").classes == ("zebra", "ant", "bat")


def test_quickdraw_s_default_classes_are_the_report_s(root, bitmaps, refusal):
    assert f"{bitmaps / 'headphones.npy'}: not found" in refusal(load_dataset, "quickdraw", root=root)


def test_a_drawing_of_quickdraw_keeps_its_side_when_the_cap_grows(root, bitmaps):
    few, many = (load_dataset("quickdraw", root=root, classes="all", per_class=n) for n in (10, 40))
    for split in SPLIT_NAMES:
        assert set(getattr(few, split).digests) <= set(getattr(many, split).digests)


def test_drawings_of_other_classes_are_training_drawings_of_those_that_were_not_chosen(root, bitmaps, monkeypatch):
    chosen = {"root": root, "classes": "ant,zebra", "per_class": 20}
    splits, bat = (
        load_dataset("quickdraw", **chosen | wanted) for wanted in ({}, {"classes": "bat", "per_class": 100})
    )
    others = load_other_classes("quickdraw", splits, **chosen)
    np.testing.assert_array_equal(others, bat.train.images)
    monkeypatch.setattr(catalog, "MOST_OTHERS", 3)
    assert len(load_other_classes("quickdraw", splits, **chosen)) == 3
    assert len(load_other_classes(str(bitmaps), splits, classes="ant,zebra")) == 3
    assert load_other_classes("quickdraw", splits, **chosen | {"classes": "all"}) is None
    whole = load_dataset("quickdraw", root=root, classes="all")
    assert load_other_classes("quickdraw", whole, root=root, classes="zebra,ant,bat") is None
    assert load_other_classes(str(bitmaps), whole) is None


def test_other_classes_that_cannot_be_read_are_named_and_left_out(root, bitmaps):
    splits = load_dataset("quickdraw", root=root, classes="ant")
    (bitmaps / "bat.npy").write_bytes(b"broken")
    with pytest.warns(DataWarning, match="drawings of other classes are not taken to be refused: .*bat.npy"):
        assert load_other_classes("quickdraw", splits, root=root, classes="ant") is None


def test_drawings_of_another_dataset_are_prepared_as_those_that_the_network_learns(root, bitmaps, monkeypatch):
    digits = replace(load_dataset("quickdraw", root=root, classes="ant"), preprocessing=MNIST)
    for name in ("bat", "zebra"):
        doodles = np.zeros((20, 28, 28), np.uint8)
        for index in range(19):  # the last one is blank
            doodles[index, 1:27, 3:6] = doodles[index, 24:27, 3 : 9 + index] = 255
        np.save(bitmaps / f"{name}.npy", doodles.reshape(20, 784))
    shown = load_outliers(bitmaps, digits)
    assert shown.dtype == np.uint8 and len(shown) > 10 and shown.shape[1:] == (28, 28, 1)
    assert max(shown.any(axis=1).sum(1).max(), shown.any(axis=2).sum(1).max()) <= 21 and shown.any(axis=(1, 2, 3)).all()
    for name, (generate, _) in list(catalog.GENERATED.items()):
        monkeypatch.setitem(catalog.GENERATED, name, (generate, 6))
        assert load_outliers(name, digits).shape == (6, 28, 28, 1) and load_outliers(name, digits).any()
    with pytest.raises(InputError, match="shows no drawing of a class that"):
        load_outliers(bitmaps, with_classes(digits, ("ant", "bat", "zebra")))


def with_classes(splits, classes):
    return replace(splits, **{name: replace(each, classes=classes) for name, each in splits.sets.items()})


def test_a_folder_of_bitmaps_is_a_dataset(bitmaps):
    splits = load_dataset(str(bitmaps), classes="bat,zebra")
    assert splits.name == "numpy_bitmap" and splits.classes == ("bat", "zebra") and sum(sizes(splits)) == 50


def test_a_folder_of_idx_files_is_a_dataset(idx_folder):
    splits = load_dataset(str(idx_folder))
    assert splits.name == "garments" and sizes(splits) == [24, 6, 12] and splits.preprocessing.as_is
    chosen = load_dataset(str(idx_folder), classes="2,0", validation=0.5)
    assert chosen.classes == ("2", "0") and sizes(chosen) == [10, 10, 8]


def test_a_folder_of_the_report_s_csv_files_is_a_dataset(tmp_path, random_dataset):
    for split, n in (("train", 20), ("test", 10)):
        data = random_dataset(n, tuple("0123456789"), seed=n)
        np.savetxt(tmp_path / f"{split}_X.csv", data.images.reshape(n, 784), "%d", ",")
        np.savetxt(tmp_path / f"{split}_label.csv", np.eye(10)[data.labels], "%d", ",")
    splits = load_dataset(str(tmp_path), validation=0.0)
    assert sizes(splits) == [20, 0, 10] and splits.preprocessing.as_is


def test_a_folder_of_pictures_is_a_dataset(tmp_path):
    for name in ("ant", "bat"):
        (tmp_path / name).mkdir()
        for i in range(20):
            image = Image.new("L", (100, 100), 255)
            ImageDraw.Draw(image).line((10, 10, 40 + i, 90 - (name == "bat") * 2 * i), width=5)
            image.save(tmp_path / name / f"{i}.png")
    splits = load_dataset(str(tmp_path))
    assert splits.classes == ("ant", "bat") and sum(sizes(splits)) == 40 and splits.preprocessing == QUICKDRAW


def test_an_unknown_dataset_is_refused_with_those_that_there_are(tmp_path, refusal):
    text = refusal(load_dataset, "mnits")
    assert text.startswith("mnits: ") and "did you mean mnist?" in text and ", ".join(NAMES) in text
    assert "no such folder" in refusal(load_dataset, str(tmp_path / "missing"))
    assert "no dataset in it" in refusal(load_dataset, str(tmp_path))


@pytest.mark.parametrize("name", ("mnist", "mnist-mini", "quickdraw"))
def test_a_dataset_that_is_not_there_says_where_it_can_be_had(name, root, refusal):
    text = refusal(load_dataset, name, root=root)
    assert str(root) in text and "https://storage.googleapis.com/" in text and "$JAXDOODLE_DATA" in text


def test_arguments_out_of_range_are_refused(idx_folder, refusal):
    assert "got 0" in refusal(load_dataset, str(idx_folder), per_class=0)
    assert "got 1.0" in refusal(load_dataset, str(idx_folder), validation=1.0)
    assert (
        "no class 'seven'; its classes are numbers, which a classes.txt beside it may name; expected one of 0, 1, 2."
        in refusal(load_dataset, str(idx_folder), classes="0,seven")
    )


def test_mnist_is_split_48_000_to_12_000_to_10_000(data_root):
    splits = load_dataset("mnist", root=data_root)
    assert sizes(splits) == [48_000, 12_000, 10_000] and splits.preprocessing == MNIST
    assert set(splits.overlaps.values()) == {0}
    share = splits.validation.counts / (splits.train.counts + splits.validation.counts)
    assert np.all(abs(share - 0.2) < 0.0002)


def test_the_cap_on_mnist_leaves_the_test_set_whole(data_root):
    splits = load_dataset("mnist", root=data_root, per_class=50, classes="7,1")
    assert sum(sizes(splits)[:2]) == 100 and splits.test.counts.tolist() == [1028, 1135]


def test_mini_mnist_comes_with_its_leaks_counted_and_two_honest_test_sets(data_root):
    splits = load_dataset("mnist-mini", root=data_root, validation=0.0)
    assert sizes(splits) == [1000, 0, 350] and splits.preprocessing == MNIST
    assert splits.overlap_text == (
        "42 of 1,000 train drawings are repeats; 8 of 350 test drawings are repeats; "
        "32 of 350 test drawings are also in train"
    )
    assert {name: len(test) for name, test in splits.extra_tests.items()} == {"clean": 318, "official": 10_000}


def test_clean_mini_mnist_is_clean_of_the_validation_side_too(data_root):
    splits = load_dataset("mnist-mini", root=data_root)
    assert sizes(splits) == [800, 200, 350]
    seen = {*splits.train.digests, *splits.validation.digests}
    assert not seen & set(splits.extra_tests["clean"].digests)


def test_every_real_doodle_is_on_one_side(data_root):
    splits = load_dataset("quickdraw", root=data_root, classes="all")
    assert len(splits.classes) == 345 and sum(sizes(splits)) == 93_546
    assert set(splits.overlaps.values()) == {0}
    assert abs(len(splits.test) / 93_546 - 0.2) < 0.005


def test_data_imports_without_jax():
    block = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None)"
    subprocess.run([sys.executable, "-c", f"{block}; import jaxdoodle.data"], check=True)


def test_importing_data_does_not_import_pillow():
    subprocess.run([sys.executable, "-c", "import sys, jaxdoodle.data; sys.exit('PIL' in sys.modules)"], check=True)


def test_every_dataset_with_a_name_is_listed_present_or_not(tmp_path):
    entries = {entry.name: entry for entry in list_datasets(tmp_path)}
    assert tuple(entries) == NAMES
    assert [name for name in NAMES if entries[name].present] == ["doodles"]
    assert "hexagon" in entries["doodles"].text
    assert all(name in entries["mnist"].text for name in MNIST_SHA256)
    assert all("\n" not in entry.text for entry in entries.values())


def test_a_dataset_is_present_once_all_its_files_are(tmp_path):
    (tmp_path / "mnist").mkdir()
    for i, name in enumerate(MNIST_SHA256):
        entries = {entry.name: entry for entry in list_datasets(tmp_path)}
        assert not entries["mnist"].present and name in entries["mnist"].text
        assert not entries["mnist-mini"].present and name in entries["mnist-mini"].text
        (tmp_path / "mnist" / (name + ".gz" * (i % 2))).touch()
    entries = {entry.name: entry for entry in list_datasets(tmp_path)}
    assert entries["mnist"].present and entries["mnist-mini"].present


def test_real_data_is_listed_and_intact(data_root):
    assert all(entry.present for entry in list_datasets(data_root))
    checks = {check.path.relative_to(data_root).as_posix(): check for check in verify(data_root)}
    assert len(checks) == 4 + 2 + 345 + 1 and all(check.ok for check in checks.values())
    assert checks["mnist/train-images-idx3-ubyte.gz"].text == "60,000 images, SHA-256 as published"
    assert checks["mnist_mini/train_source_index.csv"].text == "1,000 rows, 958 distinct"
    assert checks["quickdraw/full/numpy_bitmap/clock.npy"].text == "1,963 drawings"
    assert checks["quickdraw/categories.txt"].text == "345 classes"


def test_every_fault_is_found_and_named(tmp_path, idx_bytes):
    assert verify(tmp_path) == []
    mnist, mini, bitmaps = (tmp_path / name for name in ("mnist", "mnist_mini", "quickdraw/full/numpy_bitmap"))
    for folder in (mnist, mini, bitmaps):
        folder.mkdir(parents=True)
    (mnist / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(np.zeros(60_000, np.uint8))))
    (mnist / "t10k-images-idx3-ubyte").write_bytes(b"<!DOCTYPE html>")
    (mini / "train_source_index.csv").write_text("60000\n" * 1000)
    np.save(bitmaps / "ant.npy", np.zeros((3, 784), np.uint8))
    np.save(bitmaps / "bat.npy", np.zeros((3, 784)))
    (tmp_path / "quickdraw" / "categories.txt").write_text("ant\nant\n")
    checks = {check.path.name: check for check in verify(tmp_path)}
    faults = {
        "train-images-idx3-ubyte.gz": "No such file",
        "train-labels-idx1-ubyte.gz": MNIST_SHA256["train-labels-idx1-ubyte"],
        "t10k-images-idx3-ubyte": "no IDX file",
        "t10k-labels-idx1-ubyte.gz": "No such file",
        "train_source_index.csv": "line 1",
        "bat.npy": "<f8",
        "categories.txt": "second time",
    }
    assert {name for name, check in checks.items() if not check.ok} == set(faults)
    for name, fault in faults.items():
        assert fault in checks[name].text and name in checks[name].text
    assert checks["ant.npy"].text == "3 drawings"


def test_of_mini_mnist_no_more_drawings_of_a_class_are_taken_than_asked_for(data_root):
    splits = load_dataset("mnist-mini", root=data_root, per_class=3)
    assert (splits.train.counts + splits.validation.counts).tolist() == [3] * 10


def test_a_folder_with_the_name_of_a_dataset_is_never_replaced_in_silence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doodles").mkdir()
    label_last(tmp_path / "doodles")
    with pytest.warns(DataWarning, match="the dataset of this name, not the folder; that one is ./doodles"):
        assert "clock" in load_dataset("doodles", per_class=5).classes
    assert load_dataset("./doodles").classes == ("0", "1", "2")
