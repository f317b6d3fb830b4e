import numpy as np
import pytest

from jaxdoodle.data import load_dataset
from jaxdoodle.data.readers.class_names import letters_of, names_beside
from tests.fixtures import layouts
from tests.fixtures.datasets import idx_of_any_name, put

#: Where labels lie, the lowest and the highest of them, and the name of the highest; ``None`` for its number.
NAMED = [
    ("/a/FashionMNIST/raw/train-labels-idx1-ubyte", 0, 9, "Ankle boot"),
    ("/a/fashion-mnist_train.csv", 0, 9, "Ankle boot"),
    ("/a/Fashion-MNIST_784.arff", 0, 9, "Ankle boot"),
    ("/a/kmnist-train-labels.npz", 0, 9, "wo"),
    ("/a/fashion-mnist/train.csv", 0, 10, None),
    ("/compare-with-fashion-mnist/train.csv", 0, 9, None),
    ("/fashion-mnist/mine/digits/train.csv", 0, 9, None),
    ("/a/no-kmnist/train.csv", 0, 9, None),
    ("/a/kmnist-or-mnist.csv", 0, 9, None),
    ("/a/EMNIST/raw/emnist-letters-train-labels-idx1-ubyte", 1, 20, "T"),
    ("/a/emnist-letters.npz", 0, 25, "Z"),
    ("/a/emnist-letters.npz", 0, 9, None),
    ("/emnist-letters/mine/digits/train.csv", 1, 9, None),
    ("/a/emnist-balanced/train.csv", 0, 46, "t"),
]


@pytest.mark.parametrize("source, lowest, highest, name", NAMED)
def test_numbers_have_the_names_of_a_dataset_by_the_file_or_its_folder_alone(source, lowest, highest, name):
    names = letters_of(lowest, highest, source)
    assert (names or {}).get(highest) == name and (names is None or lowest in names)


@pytest.mark.parametrize("name", ["FashionMNIST", "fashion-mnist", "KMNIST", "mnist"])
def test_classes_of_known_datasets_have_their_names(name, tmp_path):
    folder = tmp_path / name / "raw"
    folder.mkdir(parents=True)
    idx_of_any_name(folder, "train-", "-idx{}-ubyte")
    first = {"FashionMNIST": "T-shirt/top", "fashion-mnist": "T-shirt/top", "KMNIST": "o", "mnist": "0"}
    assert load_dataset(tmp_path / name).classes[0] == first[name]


def test_names_of_classes_from_a_file_beside_are_said(tmp_path):
    np.savez(tmp_path / "a.npz", x=layouts.IMAGES, y=layouts.LABELS)
    (tmp_path / "all_classes.txt").symlink_to("nowhere")
    put(tmp_path / "classes.txt", "\n".join(layouts.NAMES))
    assert "its classes named ant, bee, ..." in load_dataset(tmp_path / "a.npz").notes[0]


YAML = {
    "a list": "nc: 2\nnames:\n- ant\n- 'bee'\n",
    "numbers": "names:\n  0: ant\n  1: bee\nnc: 2\n",
    "inline": 'names: [ant, "bee"]',
}


@pytest.mark.parametrize("kind", YAML)
def test_yaml_lists_the_classes_as_names(kind, tmp_path):
    (tmp_path / "data.yaml").write_text(YAML[kind])
    assert names_beside([tmp_path / "data.yaml"], {"0", "1"}, []) == {"0": "ant", "1": "bee"}


def test_a_list_of_fewer_classes_than_there_are_is_said_to_be_left_out(tmp_path):
    (tmp_path / "classes.txt").write_text("ant\nbee\n")
    assert names_beside([tmp_path / "classes.txt"], {"0", "1", "2"}, notes := []) == {}
    assert notes == ["left out classes.txt, which names 2 classes; there are 3"]
