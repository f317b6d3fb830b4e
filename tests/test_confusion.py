import numpy as np
import pytest

from jaxdoodle.confusion import class_counts, confusion_counts, most_confused

LABELS = np.array([0, 0, 0, 1, 1, 2], np.int32)
PREDICTED = np.array([0, 1, 1, 1, 0, 0], np.int64)


def test_rows_are_the_truth_and_columns_the_answer():
    matrix = confusion_counts(LABELS, PREDICTED, 4)
    assert matrix.tolist() == [[1, 2, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert matrix.dtype == np.int64


def test_the_matrix_keeps_every_image_and_its_diagonal_the_right_ones():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 345, (2, 5000))
    matrix = confusion_counts(labels, predicted, 345)
    assert np.trace(matrix) == np.sum(labels == predicted)
    np.testing.assert_array_equal(matrix.sum(axis=1), class_counts(labels, 345))
    np.testing.assert_array_equal(matrix.sum(axis=0), class_counts(predicted, 345))


def test_small_label_types_do_not_overflow():
    labels = np.full(3, 200, np.uint8)
    assert confusion_counts(labels, labels, 201)[200, 200] == 3


def test_classes_without_images_count_zero():
    assert class_counts(LABELS, 5).tolist() == [3, 2, 1, 0, 0]
    assert class_counts(np.array([], np.int32), 2).tolist() == [0, 0]


def test_the_most_frequent_mistakes_come_first_and_right_answers_never():
    matrix = np.array([[50, 0, 3], [7, 40, 3], [0, 0, 9]])
    assert most_confused(matrix, 2) == [(1, 0, 7), (0, 2, 3)]
    assert most_confused(matrix, 10) == [(1, 0, 7), (0, 2, 3), (1, 2, 3)]
    assert most_confused(np.eye(3, dtype=int), 10) == []


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], "labels are below the 3 classes; got 0 to 3"),
        ([-1, 2], "got -1 to 2"),
        ([0.0, 1.0], "one integer per image; got float64"),
        ([[0, 1]], r"shape \(1, 2\)"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        class_counts(labels, 3)


def test_as_many_predictions_as_labels():
    with pytest.raises(ValueError, match="got 2 labels and 1 predictions"):
        confusion_counts([0, 1], [0], 2)
