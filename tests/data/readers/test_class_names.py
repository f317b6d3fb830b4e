import pytest

from jaxdoodle.data.readers.class_names import letters_of

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
