import pickle

import numpy as np
import pytest

from jaxdoodle.data import load_dataset


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
