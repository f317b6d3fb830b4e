import pickle

import numpy as np
import pytest

from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.tables import cifar as cifar_file


def cifar(folder, meta="batches.meta", names="label_names", labels="labels", batches=("data_batch_1", "test_batch")):
    folder.mkdir(parents=True)
    (folder / meta).write_bytes(pickle.dumps({names: ["plane", "car", "bird"]}, 2))
    for index, name in enumerate(batches):
        images = np.zeros((12, 3, 32, 32), np.uint8)
        images[:, index, 4:20, 8] = 200
        (folder / name).write_bytes(pickle.dumps({"data": images.reshape(12, -1), labels: [2, 1, 0] * 4}, 2))


@pytest.mark.parametrize(
    "layout", [{}, {"meta": "meta", "names": "fine_label_names", "labels": "fine_labels", "batches": ("train", "test")}]
)
def test_cifar_is_read_from_its_pickles_without_running_them(layout, tmp_path, refusal):
    cifar(tmp_path / "cifar-batches-py", **layout)
    splits = load_dataset(tmp_path)
    assert splits.classes == ("plane", "car", "bird") and splits.train.images.shape[1:] == (32, 32, 3)
    assert splits.test.images[0, 5, 8].tolist() == [0, 200, 0] and splits.classes[splits.test.labels[0]] == "bird"
    (path,) = tmp_path.rglob(layout.get("batches", ("data_batch_1",))[0])
    path.write_bytes(pickle.dumps({"data": np.zeros((2, 3072), np.uint8), layout.get("labels", "labels"): [0, 3]}, 2))
    assert "found the label 3" in refusal(load_dataset, tmp_path)
    path.write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    assert "asks for os.system" in refusal(load_dataset, tmp_path)


def test_cifar_in_binary_has_its_labels_before_each_image_and_its_names_beside(tmp_path, refusal):
    (tmp_path / "batches.meta.txt").write_text("plane\ncar\nbird\n\n")
    for name, label in (("data_batch_1", 0), ("data_batch_2", 1), ("test_batch", 2)):
        rows = np.random.default_rng(label).integers(0, 256, (20, 1 + 3072)).astype(np.uint8)
        rows[:, 0] = label
        rows.tofile(tmp_path / f"{name}.bin")
    splits = load_dataset(tmp_path)
    assert splits.classes == ("plane", "car", "bird") and splits.test.counts.tolist() == [0, 0, 20]
    (tmp_path / "test_batch.bin").write_bytes(bytes(99))
    assert "99 bytes; expected 3,073 for each image" in refusal(load_dataset, tmp_path)


def test_stl10_is_read_column_by_column_without_the_images_of_no_class(tmp_path):
    for split, count in (("train", 20), ("test", 10)):
        images = np.zeros((count, 3, 96, 96), np.uint8)
        images[:, 1, 10:20] = 200  # which are columns
        images.tofile(tmp_path / f"{split}_X.bin")
        (np.arange(count) % 2 + 1).astype(np.uint8).tofile(tmp_path / f"{split}_y.bin")
    (tmp_path / "unlabeled_X.bin").write_bytes(bytes(3 * 96 * 96))
    (tmp_path / "class_names.txt").write_text("airplane\nbird\n")
    (tmp_path / "fold_indices.txt").write_text("0 1 2 3\n" * 9)
    found = cifar_file.arrays_of(tmp_path / "train_X.bin")[""]
    assert found.shape == (20, 3, 96, 96) and found[0, :, 50, 15].tolist() == [0, 200, 0]
    splits = load_dataset(tmp_path)
    assert splits.classes == ("airplane", "bird") and splits.test.counts.tolist() == [5, 5]
    assert len(splits.train) + len(splits.validation) == 20
