"""Where a candidate is run: generic points, other sizes, and points that hide mistakes."""

from dataclasses import replace

import numpy as np

from jaxdoodle.gradcheck.setup import test_points as points
from jaxdoodle.gradcheck.setup.problem import Problem

RNG = np.random.default_rng(0)
X, W, Y = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), np.eye(3)[[0, 1, 2, 2, 1, 0]]


def loss(w, x, y):
    return np.sum((x @ w - y) ** 2)


PROBLEM = Problem("", (W, X, Y), ("w", "x", "y"), loss, lambda a, d: None, (0,), True, (loss,))
OUTLINE = points.Outline(PROBLEM, by_jax=False)


def test_the_batch_axis_is_found_in_data_and_labels():
    assert points.batch_axes(PROBLEM, OUTLINE) == {"x": 0, "y": 0}


def test_examples_beside_labels_are_found_where_the_loss_runs_with_labels_alone():
    def loss(x, y, w):  # of as many examples as there are labels
        return np.sum((x @ w)[np.arange(len(y)), y])

    args = np.ones((4, 4)), np.array([2, 1, 0, 2]), np.ones((4, 3))
    problem = Problem("", args, ("x", "y", "w"), loss, lambda a, d: None, (0, 2), True, (loss,))
    assert points.batch_axes(problem, points.Outline(problem, by_jax=False)) == {"y": 0, "x": 0}


def test_points_vary_the_values_and_the_batch_and_leave_labels_alone():
    found = {p.name: p for p in points.test_points(PROBLEM, OUTLINE, points.batch_axes(PROBLEM, OUTLINE))}
    assert {"as given", "random values 1", "random values 2", "batch of 4", "blank input"} <= set(found)
    w, x, y = found["random values 1"].point.args
    assert not np.array_equal(w, W) and np.array_equal(x, X) and np.array_equal(y, Y)
    assert [len(a) for a in found["batch of 4"].point.args[1:]] == [4, 4]
    assert found["blank input"].special and not found["batch of 4"].special


def test_labels_are_rows_that_sum_to_one():
    assert points.is_label(Y) and points.is_label(np.full((2, 4), 0.25)) and not points.is_label(X)
    assert points.is_label(np.arange(4.0).reshape(2, 2) / 6)  # or all of them together: affinities of pairs


def test_what_shares_a_length_changes_with_it_and_integers_stay_in_range():
    args = np.ones((6, 4)), np.array([0, 3, 1, 1, 2, 3]), np.array([3, 1, 0, 2])

    def value(x, labels, order):
        return x[np.arange(len(labels)), labels][:, None] * x[:, order]

    problem = Problem("", args, ("x", "labels", "order"), value, lambda a, d: None, (0,), False, (value,))
    outline = points.Outline(problem, by_jax=False)
    assert points.batch_axes(problem, outline) == {"labels": 0, "x": 0}
    for x, labels, order in (*points.trimmed(problem, outline, args), points.enlarged(problem, outline, args)):
        assert len(labels) == len(x) and labels.max() < x.shape[1]
        assert np.array_equal(np.sort(order), np.arange(x.shape[1]))
    shapes = {x.shape for x, _, _ in points.trimmed(problem, outline, args)}
    assert shapes == {(5, 4), (6, 3)}


def test_bare_numbers_move_off_zero():
    def ridge(w, lam):
        return lam * np.sum(w**2)

    problem = Problem("", (W, 0), ("w", "lam"), ridge, lambda a, d: None, (0,), True, (ridge,))
    assert points.other_numbers(problem, (W, 0))[1] == 0.3
    assert points.other_numbers(PROBLEM, (W, X, Y)) is None


def test_larger_arrays_hold_no_number_twice_and_windows_side_by_side_get_a_multiple():
    x = RNG.normal(size=(2, 2, 6, 4))

    def pooled(x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5)).sum()

    problem = Problem("", (x,), ("x",), pooled, lambda a, d: None, (0,), True, (pooled,))
    (larger,) = points.enlarged(problem, points.Outline(problem, by_jax=False), (x,))
    assert all(a > b for a, b in zip(larger.shape, x.shape, strict=True))
    groups = replace(
        problem, value=lambda x: (x.reshape(len(x), 2, x.shape[1] // 2, *x.shape[2:]).max(axis=2) ** 2).sum()
    )
    x = RNG.normal(size=(4, 4, 3, 2))  # as many examples as channels, of which an even number is needed
    (larger,) = points.enlarged(groups, points.Outline(groups, by_jax=False), (x,))
    assert larger.shape == (7, 8, 6, 5)
    rows = points.resized(PROBLEM, (W, X, Y), [("x", 0)], 20)[1]
    assert len(np.unique(rows)) == rows.size


def test_a_positive_number_stays_positive():
    problem = Problem("", (X, np.array(1.1)), ("x", "delta"), loss, lambda a, d: None, (0, 1), True, (loss,))
    moved = [points.perturbed(problem, problem.args, np.random.default_rng(seed))[1] for seed in range(20)]
    assert min(moved) > 0 and len(set(map(float, moved))) == 20


def test_indices_that_occur_once_repeat_in_a_larger_batch_unless_the_forward_writes_to_them():
    def picked(x, labels):
        return x[np.arange(len(labels)), labels]

    def written(x, rows):
        y = np.zeros((7, x.shape[1]))
        y[rows] = x
        return y

    def larger(value):
        args = np.ones((2, 5)), np.array([1, 4])
        problem = Problem("", args, ("x", "labels"), value, lambda a, d: None, (0,), False, (value,))
        x, labels = points.enlarged(problem, points.Outline(problem, by_jax=False), args)
        assert len(x) == len(labels)
        return len(x)

    assert (larger(picked) > 2, larger(written)) == (True, 2)


def test_a_list_of_numbers_is_no_loss_that_has_every_axis():
    def value(x, w):
        return [sum(a * b for a, b in zip(row, x, strict=False)) for row in w]

    problem = Problem("", (np.ones(3), np.ones((1, 3))), ("x", "w"), value, lambda a, d: None, (0, 1), False, (value,))
    assert "x" not in points.batch_axes(problem, points.Outline(problem, by_jax=False))


def test_places_that_differ_go_on_to_differ_in_a_smaller_batch():
    in_rows = np.array([[2, 0, 1], [0, 1, 2], [1, 2, 0], [2, 1, 0]])
    for order, axis in ((in_rows, 1), (in_rows.T, 0)):
        args = RNG.normal(size=order.shape), order

        def value(x, order, axis=axis):
            y = np.zeros_like(x)
            np.put_along_axis(y, order, x, axis)
            return y

        problem = Problem("", args, ("x", "order"), value, lambda a, d: None, (0,), False, (value,))
        for size in (1, 2):
            _, fewer = points.resized(problem, args, [("x", 1 - axis), ("order", 1 - axis)], size)
            assert (np.diff(np.sort(fewer, axis), axis=axis) == 1).all()
    rows = np.ones((3, 2)), np.array([3, 2, 0])
    problem = Problem("", rows, ("x", "rows"), lambda x, rows: x, lambda a, d: None, (0,), False)
    assert sorted(points.resized(problem, rows, [("x", 0), ("rows", 0)], 2)[1]) == [0, 1]


def test_a_mask_stays_as_it_is_in_a_batch_of_one():
    mask = np.array([[1, 1, 0], [1, 0, 0]])
    assert np.array_equal(points._in_range(mask, mask[:1], 2, 1, True), mask[:1])


def test_no_smaller_batch_is_tried_where_as_many_columns_may_be_classes_or_examples():
    def cost(scores, labels):
        return -(labels * (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))).sum()

    for classes, sizes in ((4, []), (3, [(1, 3), (2, 3)])):
        args = RNG.normal(size=(4, classes)), RNG.dirichlet(np.ones(classes), 4)
        problem = Problem("", args, ("scores", "labels"), cost, lambda a, d: None, (0,), True, (cost,))
        found = points.test_points(problem, points.Outline(problem, by_jax=False), {"scores": 0, "labels": 0})
        assert [p.point.args[0].shape for p in found if "batch" in p.name] == sizes


def test_ascending_places_select_rows_and_are_not_repeated():
    def picked(x, rows):
        return x[rows].sum()

    args = RNG.normal(size=(7, 3)), np.array([0, 2, 3, 6])
    problem = Problem("", args, ("x", "rows"), picked, lambda a, d: None, (0,), True, (picked,))
    larger = points.enlarged(problem, points.Outline(problem, by_jax=False), args)
    assert larger is not None and len(larger[0]) > 7 and np.array_equal(larger[1], args[1])


def test_a_symmetric_matrix_stays_symmetric_and_positive():
    def logdet(s, x):
        return np.log(np.linalg.det(s)) + (x @ s).sum()

    a = RNG.normal(size=(4, 4))
    problem = Problem("", (a @ a.T, X), ("s", "x"), logdet, lambda a, d: None, (0,), True, (logdet,), symmetric={"s"})
    found = list(points.test_points(problem, points.Outline(problem, by_jax=False), {"x": 0}))
    assert len(found) > 4
    for at in found:
        s = at.point.args[0]
        assert s.shape != (4, 4) or np.allclose(s, s.T)
        assert at.special or np.linalg.eigvalsh(s).min() > 0
        assert "random" not in at.name or not np.allclose(s, a @ a.T)
    assert not any(map(points.is_symmetric, (np.eye(3), np.ones((3, 3)), a)))


def test_the_largest_label_stays_in_a_smaller_batch_and_an_index_of_what_is_cut_stays_in_range():
    args = np.ones((3, 4)), np.ones((5, 4)), np.array([0, 1, 2, 1])
    problem = Problem("", args, ("w", "x", "y"), lambda w, x, y: x, lambda a, d: None, (0,), False)
    for size, left in (1, [2]), (2, [0, 2]), (3, [0, 1, 2]):
        assert points.resized(problem, args, [("x", 1), ("y", 0)], size)[2].tolist() == left
    assert points.resized(problem, args, [("x", 1), ("w", 1), ("w", 0)], 2)[2].max() == 1
