import pytest

from jaxdoodle.data.readers.words import label_column, pixel_columns, plain, role_of, split_column, split_of, splits_in


@pytest.mark.parametrize("name", ["Class ID", "class-id", "classId", "class_id"])
def test_a_name_is_the_same_however_its_words_are_joined(name):
    assert plain(name) == "class_id" and label_column(["file", name]) == 1


def test_the_only_name_with_a_word_of_labels_is_that_of_the_labels():
    assert label_column(["Image Path", "Class Name"]) == 1
    assert label_column(["true_label", "noisy_label"]) is None
    assert label_column(["y_min", "y_max"]) is None


@pytest.mark.parametrize("column", ["is_test", "IsTest", "split_test_train"])
def test_a_column_may_say_whether_a_row_is_of_one_split(column):
    assert split_column(["label", column]) == 1 and role_of(column)[1] == "split"
    assert splits_in(column, ["1", "no", 0.0, True]) == ["test", "train", "train", "test"]


def test_an_empty_cell_is_of_no_split_unless_only_the_other_value_is_written():
    assert splits_in("is_train", ["1", "0", "", "nan"]) == ["train", "test", None, None]
    assert splits_in("is_train", ["1", "", "1"]) == ["train", "test", "train"]
    assert splits_in("is_valid", ["False", ""]) == ["train", "validation"]
    assert splits_in("split", ["Train", "", "VAL"]) == ["train", None, "validation"]


def test_the_word_of_a_split_may_be_joined_to_others():
    names = ["fashion-mnist_test", "testSet", "Testing", "trainval", "trainimages", "y_pred", "contest", "X_va"]
    splits = ["test", "test", "test", "train", "train", None, None, "validation"]
    assert list(map(split_of, names)) == splits


def test_pixels_are_in_the_order_of_the_numbers_in_their_names():
    names = [f"pixel{n}" for n in range(16)]
    header = ["label", *names[9:], *names[:9]]
    assert [header[n] for n in pixel_columns(header)] == names
    two = [f"pixel_{x}_{y}" for y in range(4) for x in range(4)]  # which number is the row is not known
    assert pixel_columns(two) == list(range(16))
