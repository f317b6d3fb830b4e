import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import softmax

from jaxdoodle.metrics import (
    auroc,
    beats_chance,
    calibration_error,
    class_counts,
    confusion_counts,
    format_accuracy,
    in_top,
    mcnemar,
    mean_interval,
    mean_recall,
    mean_recall_in_top,
    most_confused,
    negative_log_likelihood,
    student_t,
    two_proportions,
    wilson_interval,
)

COUNTS = [(0, 1), (1, 1), (0, 350), (350, 350), (309, 350), (9650, 10_000), (9999, 10_000), (1, 60_000)]
LABELS = np.array([0, 0, 0, 1, 1, 2], np.int32)
PREDICTED = np.array([0, 1, 1, 1, 0, 0], np.int64)


@pytest.mark.parametrize(("correct", "total"), COUNTS)
def test_the_interval_is_scipys_wilson_interval(correct, total):
    expected = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson_interval(correct, total), (expected.low, expected.high), rtol=1e-12, atol=1e-15)


def test_the_interval_stays_within_zero_and_one():
    assert wilson_interval(0, 7)[0] == 0
    assert wilson_interval(7, 7)[1] == 1


@pytest.mark.parametrize(("correct", "total"), [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_counts_that_cannot_be_are_refused(correct, total):
    with pytest.raises(ValueError, match=f"got {correct} of {total}"):
        wilson_interval(correct, total)


def test_accuracy_is_printed_as_counts_with_its_interval():
    assert format_accuracy(9916, 10_000) == "9,916 of 10,000 right: 99.16 % (95 % interval 98.96 to 99.32)"


def test_two_models_at_96_50_and_96_85_on_ten_thousand_images_do_not_differ():
    result = two_proportions((9650, 10_000), (9685, 10_000))
    assert round(result.z, 1) == 1.4
    assert 0.15 < result.p_value < 0.18


@pytest.mark.parametrize(("first", "second"), [((9650, 10_000), (9685, 10_000)), ((300, 350), (250, 318))])
def test_the_z_test_is_scipys_chi_square_test_of_two_by_two(first, second):
    table = [[c, n - c] for c, n in (first, second)]
    expected = stats.chi2_contingency(table, correction=False)
    result = two_proportions(first, second)
    assert result.z**2 == pytest.approx(expected.statistic, rel=1e-10)
    assert result.p_value == pytest.approx(expected.pvalue, rel=1e-10)
    assert (result.z > 0) == (second[0] / second[1] > first[0] / first[1])


def test_two_models_that_are_always_right_do_not_differ():
    assert two_proportions((5, 5), (9, 9)) == two_proportions((0, 5), (0, 9))
    assert two_proportions((5, 5), (9, 9)).p_value == 1


@pytest.mark.parametrize("split", [(0, 0), (0, 1), (3, 9), (9, 3), (7, 7), (40, 75), (0, 20)])
def test_mcnemar_is_scipys_binomial_test_of_the_images_only_one_gets_right(split):
    only_first, only_second = split
    labels = np.zeros(only_first + only_second + 8, np.int32)
    first, second = labels.copy(), labels.copy()
    second[:only_first] = 1
    first[only_first : only_first + only_second] = 1
    first[-3:] = second[-3:] = 1  # both wrong: must not count
    result = mcnemar(labels, first, second)
    assert (result.only_first, result.only_second) == split
    expected = stats.binomtest(only_first, sum(split)).pvalue if sum(split) else 1.0
    assert result.p_value == pytest.approx(expected, rel=1e-10)


def test_mcnemar_counts_different_wrong_answers_as_both_wrong():
    assert mcnemar([0, 0], [1, 2], [2, 1]).p_value == 1


def test_mcnemar_sums_thousands_of_disagreements_exactly():
    labels = np.zeros(4000, int)
    first, second = np.arange(4000) < 1900, np.arange(4000) >= 1900
    expected = stats.binomtest(1900, 4000).pvalue
    assert mcnemar(labels, first.astype(int), second.astype(int)).p_value == pytest.approx(expected, rel=1e-9)


def test_mcnemar_refuses_predictions_of_other_images():
    with pytest.raises(ValueError, match=r"got \(3,\), \(3,\), \(2,\)"):
        mcnemar([0, 1, 2], [0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match=r"got \(3,\), \(2,\), \(2,\)"):
        mcnemar([0, 1, 2], [0, 1], [0, 1])


def test_rows_are_true_and_columns_predicted_classes():
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


def test_the_most_frequent_mistakes_come_first_and_correct_predictions_never():
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
def test_labels_outside_the_classes_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        class_counts(labels, 3)


def test_as_many_predictions_as_labels():
    with pytest.raises(ValueError, match="got 2 labels and 1 predictions"):
        confusion_counts([0, 1], [0], 2)


def test_the_likelihood_is_that_of_the_labels():
    logits, labels = np.random.default_rng(2).normal(size=(50, 4)), np.arange(50) % 4
    assert negative_log_likelihood(logits, labels) == pytest.approx(log_loss(softmax(logits, axis=1), labels))


def log_loss(probabilities, labels):
    return -np.mean([np.log(p[label]) for p, label in zip(probabilities, labels, strict=True)])


def test_the_calibration_error_is_how_far_confidence_is_from_accuracy():
    confident = np.full((1000, 2), (0.9, 0.1))
    labels = (np.arange(1000) % 10 == 0).astype(int)  # 900 of 1,000 are predicted
    assert calibration_error(confident, labels) == pytest.approx(0, abs=1e-9)
    assert calibration_error(confident, 1 - labels) == pytest.approx(0.8)
    both = np.concatenate([confident, np.full((1000, 2), (0.6, 0.4))])
    assert calibration_error(both, np.concatenate([labels, labels])) == pytest.approx((0 + 0.3) / 2)
    assert calibration_error(np.array([[0.0, 1.0]]), np.array([1])) == 0
    two = np.array([[0.9, 0.1], [0.6, 0.4]])  # one right, one wrong
    assert calibration_error(two, [0, 1]) == pytest.approx((0.1 + 0.6) / 2)
    assert calibration_error(two, [0, 1], bins=3) == pytest.approx((0.1 + 0.6) / 2)
    assert calibration_error(two, [0, 1], bins=1) == pytest.approx(0.75 - 0.5)


def test_auroc_is_how_often_in_distribution_scores_above_out_of_distribution():
    rng = np.random.default_rng(3)
    inside, outside = rng.integers(3, 12, 200), rng.integers(0, 9, 300)
    pairs = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    assert auroc(inside, outside) == pytest.approx(pairs.mean())
    assert auroc(inside, np.full(5, -np.inf)) == 1


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=6).filter(any), data=st.data())
def test_one_answer_to_all_never_beats_chance_and_whatever_is_right_beats_it_if_less_does(counts, data):
    total, largest = sum(counts), max(counts)
    correct = data.draw(st.integers(0, total))
    assert not beats_chance(min(correct, largest), counts)
    assert beats_chance(correct, counts) <= beats_chance(min(correct + 1, total), counts)
    assert beats_chance(correct, counts) == (wilson_interval(correct, total)[0] > largest / total)


def test_nine_of_ten_beat_chance_and_six_of_ten_do_not():
    assert beats_chance(9, [5, 5]) and not beats_chance(6, [5, 5])


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 30, 101])
def test_the_limit_of_t_is_scipys_quantile(degrees):
    assert student_t(degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-9)


def test_the_interval_of_a_mean_is_scipys():
    values = [0.91, 0.93, 0.925, 0.9, 0.94]
    expected = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose(mean_interval(values), expected, rtol=1e-9)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match=r"^an interval takes two values or more; got 1\.$"):
        mean_interval([0.9])


def test_mean_recall_counts_each_class_alike_and_leaves_out_those_without_images():
    matrix = np.array([[90, 0, 10], [0, 0, 0], [8, 0, 2]])
    assert mean_recall(matrix) == pytest.approx((0.9 + 0.2) / 2)
    assert np.isnan(mean_recall(np.zeros((3, 3), int)))


@settings(deadline=None)
@given(st.data())
def test_the_classes_at_the_top_are_those_of_a_stable_sort(data):
    classes = data.draw(st.integers(1, 8))
    rows = data.draw(st.lists(st.lists(st.integers(-2, 2), min_size=classes, max_size=classes), min_size=1, max_size=5))
    scores = np.array(rows)
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=len(rows), max_size=len(rows))))
    k = data.draw(st.integers(1, classes))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert in_top(scores, labels, k).tolist() == [label in row for label, row in zip(labels, best, strict=True)]


def test_the_mean_recall_among_the_first_counts_each_class_that_has_an_image_alike():
    scores = np.array([[3, 2, 1, 0]] * 3 + [[0, 1, 2, 3]])
    labels = np.array([0, 1, 1, 3])
    assert [mean_recall_in_top(scores, labels, k) for k in (1, 2)] == [pytest.approx(2 / 3), 1]
    assert np.isnan(mean_recall_in_top(np.zeros((0, 3)), np.zeros(0, int), 2))


@pytest.mark.parametrize("measure", [lambda *given: in_top(*given, 1), negative_log_likelihood, calibration_error])
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0], "one label per row of scores; got 1 labels and 2 rows"),
        ([0, -1], "labels are below the 3 classes; got -1"),
    ],
)
def test_scores_without_their_labels_are_refused(measure, labels, message):
    with pytest.raises(ValueError, match=message):
        measure(np.full((2, 3), 1 / 3), labels)


@pytest.mark.parametrize("scores", [[], [1.0, np.nan]])
@pytest.mark.parametrize("order", [1, -1])
def test_auroc_takes_numbers_of_both_kinds(scores, order):
    with pytest.raises(ValueError, match="one score or more of each kind, none of them NaN"):
        auroc(*([1.0], scores)[::order])
