"""What is wrong as a derivative and right by a convention."""

import numpy as np
import pytest

from jaxdoodle.gradcheck import check
from jaxdoodle.gradcheck.setup.problem import CheckError

pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def forward(x, w, b):
    return x @ w + b, (x, w)


def backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


@pytest.mark.parametrize(
    ("convention", "forward", "backward", "args"),
    [
        ("batch mean", forward, lambda r, dy: (dy @ r[1].T, r[0].T @ dy / len(dy), dy.mean(axis=0)), (X, W, B)),
        ("straight through", lambda x, w: (x @ np.sign(w), (x, w)),
         lambda r, dy: (dy @ np.sign(r[1]).T, r[0].T @ dy), (X, W)),
    ],
)  # fmt: skip
def test_a_convention_is_offered_and_may_be_declared(convention, forward, backward, args):
    report = check(forward, backward, args)
    (finding,) = report.findings  # and no repair beside it
    assert f'conventions=("{convention}",)' in finding.evidence[-1] and "should be" not in str(report)
    assert check(forward, backward, args, conventions=(convention,)).passed


def test_a_mean_of_one_parameter_alone_is_a_mistake_and_no_convention():
    report = check(forward, lambda r, dy: (*backward(r, dy)[:2], dy.mean(axis=0)), (X, W, B))
    assert not report.passed and "declare" not in str(report)


def test_the_gradient_of_the_sum_over_the_batch_may_be_declared_where_the_forward_takes_the_mean():
    def mean(x, w):
        return ((x @ w) ** 2).mean(), (x, w)

    def of_sum(factor):
        return lambda r, dy: (factor * r[0].shape[0] * dy * 2 * np.outer(r[0] @ r[1], r[1]) / len(r[0]),
                              factor * r[0].shape[0] * dy * 2 * r[0].T @ (r[0] @ r[1]) / len(r[0]))  # fmt: skip

    args = X, np.arange(1.0, X.shape[1] + 1)
    assert not check(mean, of_sum(1), args).passed
    assert check(mean, of_sum(1), args, conventions=("batch sum",)).passed
    assert not check(mean, of_sum(2), args, conventions=("batch sum",)).passed


@pytest.mark.parametrize(("power", "told"), [(2, "cannot be told"), (0, None)])
def test_what_is_said_to_pass_a_step_is_neither_right_nor_wrong_if_it_is_no_incoming_gradient(power, told):
    """A surrogate's derivative cannot be told from a wrong one; twice the incoming gradient is wrong."""

    def step(x):
        return np.sign(x), x

    def back(x, dy):
        return 2 * dy / (1 + np.abs(x)) ** power

    if told is None:
        assert not check(step, back, (X,), conventions=("passed through",)).passed
    else:
        with pytest.raises(CheckError, match=told):
            check(step, back, (X,), conventions=("passed through",))


def quantized(sign=-1, rounded=np.round):
    """Rounding to multiples of a step, whose gradient goes straight through (Esser et al. 2020)."""

    def forward(x, step):
        return rounded(x / step) * step, (x, step)

    def backward(kept, dy):
        x, step = kept
        return dy, np.array(np.sum(dy * (rounded(x / step) + sign * x / step)))

    return forward, backward, (X, np.array(0.7))


@pytest.mark.parametrize("rounded", [np.round, np.floor, np.trunc, np.fix], ids=lambda f: f.__name__)
def test_what_lies_behind_a_step_is_right_where_the_step_passes_what_comes_in(rounded):
    assert check(*quantized(rounded=rounded), conventions=("passed through",)).passed
    assert not check(*quantized()).passed
    report = check(*quantized(sign=1), conventions=("passed through",))
    assert [(f.name, f.leaves) for f in report.findings] == [("sign flipped", ("step",))]


def test_what_lies_behind_a_step_is_neither_right_nor_wrong_if_the_forward_cannot_be_traced():
    with pytest.raises(CheckError, match="gradient of step passes a step"):
        check(*quantized(sign=1), conventions=("passed through",), oracle="differences")


def test_a_mistake_beside_what_may_stand_in_place_of_a_steps_derivative_is_told_alone():
    def forward(x, w, b):
        return np.sign(x) @ w + b, (x, w)

    def backward(kept, dy):
        x, w = kept
        return dy @ w.T / (1 + np.abs(x)) ** 2, np.sign(x).T @ dy, dy.mean(axis=0)

    report = check(forward, backward, (X, W, B), conventions=("passed through",))
    assert [(f.name, f.leaves) for f in report.findings] == [("bias mean instead of sum", ("b",))]
    assert report.conventions == ("x: what is there in place of a step's derivative, which is 0, is not checked",)


def test_a_gradient_that_is_reversed_on_purpose_is_declared_and_another_one_is_no_such():
    def check_with(factor, **options):
        return check(lambda x: (x.copy(), None), lambda kept, dy: factor * dy, (X,), **options)

    assert not check_with(-0.3).passed
    assert check_with(-0.3, conventions=("reversed",)).passed
    assert not check_with(0.3, conventions=("reversed",)).passed


def test_only_what_is_passed_on_is_reversed():
    """A bias beside it, negated, is a mistake; the factor may be an argument."""

    def negated(kept, dy):
        dx, dw, db = backward(kept, dy)
        return dx, dw, -db

    assert not check(forward, negated, (X, W, B), conventions=("reversed",)).passed
    by_argument = check(lambda x, rate: (x.copy(), rate), lambda rate, dy: (-rate * dy, None), (X, 0.3),
                        conventions=("reversed",))  # fmt: skip
    assert by_argument.passed


def test_what_a_rule_gives_for_an_argument_that_it_returns_as_it_is_is_not_checked():
    def clipped(x, dy):
        return np.clip(dy, -0.1, 0.1)

    with pytest.raises(CheckError, match="clipped: x: what an identity has"):
        check(lambda x: (x + 0, x), clipped, (X,), conventions=("rule",))
    assert not check(lambda x: (x + 0, x), clipped, (X,)).passed
    assert not check(lambda x: (2 * x, x), clipped, (X,), conventions=("rule",)).passed


def test_a_rule_of_a_sum_is_checked_and_so_are_arguments_beside_one_that_is_returned():
    def check_with(gradients, forward=lambda x, b: (x + b, (x, b)), convention="rule"):
        return check(forward, lambda kept, dy: gradients(dy), (X, X[::-1]), conventions=(convention,))

    assert check_with(lambda dy: (dy, dy)).passed
    assert not check_with(lambda dy: (2 * dy, dy)).passed
    assert not check_with(lambda dy: (dy, -dy), convention="reversed").passed
    beside = check_with(lambda dy: (np.clip(dy, -0.1, 0.1), dy), lambda x, b: (x + 0 * b, (x, b)))
    assert [f.leaves for f in beside.findings] == [("b",)]
