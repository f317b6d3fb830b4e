"""In which styles a pair may be written."""

import threading

import numpy as np

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.problem import Problem, fixed_randomness

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def forward(x, w, b):
    return x @ w + b, (x, w)


def backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)

    def affine_backward(dout, cache):
        return backward(cache, dout)

    assert check(forward, affine_backward, (X, W, B)).passed


def test_dropout_drawn_inside_the_forward_is_the_same_each_time():
    def dropout(x):
        mask = (np.random.rand(*x.shape) < 0.5) / 0.5
        return x * mask, mask

    assert check(dropout, lambda mask, dy: dy * mask, (X,)).passed


def test_checks_in_two_threads_leave_later_ones_to_put_generators_back():
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first():
        with fixed_randomness():
            first_in.set()
            second_in.wait(60)
        first_out.set()

    def second():
        first_in.wait(60)
        with fixed_randomness():
            second_in.set()
            first_out.wait(60)

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    with fixed_randomness():
        np.random.rand()
    assert np.random.rand() == expected


def test_an_array_without_axes_stays_one_and_a_number_a_number():
    args = np.array(2.0), 2.0
    problem = Problem("", args, ("scale", "rate"), lambda *args: args, lambda *args: args, (0, 1), scalar=False)
    new = problem.with_arrays(args, {"scale": np.float64(3.0), "rate": np.array(3.0)})
    assert [type(x) for x in new] == [np.ndarray, np.float64]
