"""What a check examines is settled from a forward, a backward and arguments."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.pairs import only_returned, pair_problem
from jaxdoodle.gradcheck.setup.problem import CheckError, NotDeterministicError

X = np.random.default_rng(0).normal(size=(4, 3))


def gradients(problem):
    given = problem.candidate(problem.args, np.ones_like(X))
    return problem.pair_up(given)[0]


@pytest.mark.parametrize("backward", [lambda left, right: 3 * left**2 * right, lambda left, right: 3 * right**2 * left])
def test_the_order_whose_gradients_are_nearest_is_taken_where_names_do_not_decide(backward):
    problem = pair_problem(lambda x: (x**3, x), backward, (X,), None, "cube")
    np.testing.assert_allclose(gradients(problem)["x"], 3 * X**2)


def test_a_forward_that_takes_jax_arrays_alone_is_run_with_them():
    problem = pair_problem(lambda x: (x.at[0].set(0.0), None), lambda r, dy: dy.at[0].set(0.0), (X,), None, "cut")
    assert problem.differentiated == ("x",)
    assert np.shape(problem.value(jnp.asarray(X))) == X.shape


def test_labels_are_left_out_where_no_gradient_of_them_came_back():
    problem = pair_problem(lambda x, y: (x * y, (x, y)), lambda r, dy: dy * r[1], (X, X), None, "scaled")
    assert only_returned(problem).differentiated == ("x",)


def test_of_two_arguments_that_may_both_be_labels_the_one_whose_gradient_came_back_is_none():
    problem = pair_problem(
        lambda y, t: (np.tanh(y - t), y - t), lambda gap, dy: dy / np.cosh(gap) ** 2, (X, -X), None, "l"
    )
    assert only_returned(problem).differentiated == ("y",)


def test_a_forward_that_draws_other_numbers_each_time_is_refused():
    def forward(x):
        return x * np.random.default_rng().normal(), None

    with pytest.raises(NotDeterministicError, match="not deterministic"):
        pair_problem(forward, lambda r, dy: dy, (X,), None, "noise")


def test_a_forward_that_refuses_every_array_is_told_in_one_line():
    def forward(x):
        raise ValueError("never")

    with pytest.raises(CheckError, match="broken: the forward gives ValueError: never; numbers were expected"):
        pair_problem(forward, lambda r, dy: dy, (X,), None, "broken")


def test_all_but_the_last_of_a_flat_tuple_are_outputs_where_the_backward_needs_it():
    def forward(x):
        return 2 * x, x**2, x

    problem = pair_problem(forward, lambda x, grads: 2 * grads[0] + 2 * x * grads[1], (X,), None, "two")
    given = problem.candidate(problem.args, (np.ones_like(X), np.ones_like(X)))
    np.testing.assert_allclose(problem.pair_up(given)[0]["x"], 2 + 2 * X)
    problem = pair_problem(forward, lambda dy, kept: 2 * dy + 0 * kept[1], (X,), None, "first")
    np.testing.assert_allclose(gradients(problem)["x"], 2 * np.ones_like(X))


def test_a_complex_argument_has_no_gradient_to_check_and_hides_none():
    def forward(x, filter_, gain):
        return np.fft.irfft(np.fft.rfft(x) * filter_ * gain, n=3), (x, filter_, gain)

    def backward(residuals, dy):
        x, filter_, gain = residuals
        twice = np.array([1.0, 2.0])  # but for the mean, a frequency counts twice
        at = np.fft.rfft(dy) * twice / 3
        dx = np.fft.irfft(at * np.conj(filter_ * gain) / twice, n=3) * 3
        products = np.conj(np.fft.rfft(x)) * at
        return dx, (products * gain).sum(0), np.real(products * np.conj(filter_)).sum(0)

    args = X, np.array([0.5 + 0j, 1 - 2j]), np.array([0.3, 1.5])
    report = check(forward, backward, args)
    assert report.passed and [leaf.name for leaf in report.leaves] == ["x", "gain"]
    assert "filter_ is complex: its gradient is not checked" in report.notes
    assert not check(forward, lambda r, dy: (*backward(r, dy)[:2], 2 * backward(r, dy)[2]), args).passed


def test_of_more_gradients_than_are_left_without_data_those_of_data_count_by_their_shapes():
    mask = np.ones((4, 1))

    def of_all_but_mask(r, dy):
        s, w, mask = r
        return (dy * mask) @ w.T, s.T @ (dy * mask)

    problem = pair_problem(
        lambda s, w, mask: ((s @ w) * mask, (s, w, mask)), of_all_but_mask, (X, X.T @ X, mask), None, "state"
    )
    assert only_returned(problem).differentiated == ("s", "w")
