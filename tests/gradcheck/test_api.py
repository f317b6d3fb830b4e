"""The contracts in which a backward may come, and what is said of one that breaks them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdoodle.gradcheck import CheckError, assert_gradients_match, check, check_value_and_grad

pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)


def forward(x, w, b):
    return x @ w + b, (x, w)


def backward(residuals, dy):
    x, w = residuals
    return dy @ w.T, x.T @ dy, dy.sum(axis=0)


def test_a_right_pair_passes_in_both_precisions():
    for dtype in ("float64", "float32"):
        report = check(forward, backward, (X, W, B), dtype=dtype)
        assert report and report.passed and not report.findings


def test_the_value_is_checked_beside_the_gradient():
    def loss(w):
        return (w**2).sum()

    assert check_value_and_grad(loss, lambda w: (loss(w), 2 * w), (W,)).passed
    report = check_value_and_grad(loss, lambda w: (0.5 * loss(w), 2 * w), (W,))
    assert [f.name for f in report.findings] == ["value is not the loss"]


def test_no_reason_is_looked_for_where_none_is_asked_for():
    report = check(forward, lambda kept, dy: (2 * dy @ kept[1].T, *backward(kept, dy)[1:]), (X, W, B), explain=False)
    assert [(f.name, f.leaves) for f in report.findings] == [("cannot name it", ("x",))]


def test_the_value_is_checked_where_the_first_argument_has_no_gradient():
    rows = np.array([0, 2])

    def loss(rows, w):
        return (w[rows] ** 2).sum()

    def value_and_grad(rows, w):
        dw = np.zeros_like(w)
        np.add.at(dw, rows, 2 * w[rows])
        return loss(rows, w), dw

    assert check_value_and_grad(loss, value_and_grad, (rows, W), argnums=1).passed


def test_the_assertion_helper_shows_the_report():
    assert_gradients_match(forward, backward, (X, W, B))
    with pytest.raises(AssertionError, match="sign flipped"):
        assert_gradients_match(forward, lambda r, dy: tuple(-g for g in backward(r, dy)), (X, W, B))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check(forward, backward, (X, W)), "the forward gives TypeError"),
        (lambda: check(forward, backward, (1, 2, 3)), "no argument to differentiate"),
        (lambda: check(forward, backward, (X, W, B), oracle="magic"), "oracle is auto"),
        (lambda: check(forward, backward, (X, W, B), dtype="int8"), "dtype is float32 or float64"),
        (lambda: check(forward, backward, (X, W, B), demand={"relu": 7}), "demand takes"),
        (lambda: check(forward, backward, (X, W, B), wrt=(5,)), "there are 3 arguments"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_one_line(call, message):
    with pytest.raises(CheckError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_a_gradient_that_is_not_returned_is_a_mistake():
    report = check(forward, lambda residuals, dy: backward(residuals, dy)[0], (X, W, B))
    assert {leaf for finding in report.findings for leaf in finding.leaves} == {"w", "b"}
    assert check(forward, lambda residuals, dy: (backward(residuals, dy)[0], None, None), (X, W, B)).passed


def test_labels_need_no_gradient():
    def loss(x, labels):
        return ((x - labels) ** 2).sum(), x - labels

    assert check(loss, lambda gap, dy: 2 * dy * gap, (X, np.ones_like(X))).passed


def test_an_unknown_convention_is_refused():
    with pytest.raises(CheckError, match="conventions are batch mean"):
        check(forward, backward, (X, W, B), conventions=("whatever",))
    with pytest.raises(TypeError, match="orakle"):
        check(forward, backward, (X, W, B), orakle="vjp")


def test_the_assertion_helper_takes_tolerances_and_seeds():
    def nearly(residuals, dy):
        return tuple(1.001 * g for g in backward(residuals, dy))

    def args(rng):
        drawn.append(rng)
        return X, rng.normal(size=(4, 3)), B

    drawn = []
    assert_gradients_match(forward, nearly, (X, W, B), rtol=0.01)
    assert_gradients_match(forward, lambda r, dy: tuple(g + 1e-5 for g in backward(r, dy)), (X, W, B), atol=1e-4)
    assert_gradients_match(forward, lambda r, dy: tuple(g * 1.0001 for g in backward(r, dy)), (X, W, B), atol=0.1)
    with pytest.raises(AssertionError):
        assert_gradients_match(forward, nearly, (X, W, B))
    assert_gradients_match(forward, backward, args, seeds=(0, 1))
    assert len(drawn) == 2


def test_a_test_of_something_random_fails_as_such():
    def noisy(x):
        noise = np.random.default_rng().normal(size=x.shape)
        return x * noise, noise

    with pytest.raises(AssertionError, match="not deterministic"):
        assert_gradients_match(noisy, lambda noise, dy: dy * noise, (X,))


@jax.custom_jvp
def unwritten_square(x):
    return x**2


@unwritten_square.defjvp
def _unwritten(primals, tangents):
    raise ValueError("not written yet")


def test_an_exception_in_a_rule_of_forward_mode_is_told_in_one_line():
    def total(x):
        return unwritten_square(x).sum()

    (finding,) = check_value_and_grad(total, jax.value_and_grad(total), (X,)).findings
    assert finding.name == "backward raises ValueError"


X = np.random.default_rng(0).normal(size=(6, 4))


def test_forward_mode_and_second_order_are_checked_on_request():
    def cube(x):
        return x**3, x

    assert_gradients_match(cube, lambda x, dy: 3 * x**2 * dy, (X,), second_order=True,
                           jvp=lambda args, tangents: 3 * args[0] ** 2 * tangents[0])  # fmt: skip
    with pytest.raises(AssertionError, match="forward mode"):
        assert_gradients_match(cube, lambda x, dy: 3 * x**2 * dy, (X,), jvp=lambda args, tangents: tangents[0])
    for factor in (1 + 1e-4, np.array([1, 1, 1.001, 1])):
        with pytest.raises(AssertionError, match=r"forward mode \(jvp\) is wrong"):
            assert_gradients_match(cube, lambda x, dy: 3 * x**2 * dy, (X,),
                                   jvp=lambda args, t, by=factor: 3 * args[0] ** 2 * t[0] * by)  # fmt: skip
    stop = jax.lax.stop_gradient
    with pytest.raises(AssertionError, match="second order"):
        assert_gradients_match(cube, lambda x, dy: 3 * stop(jnp.asarray(x)) ** 2 * dy, (X,), second_order=True)


def test_an_exception_in_a_forward_mode_is_told_in_one_line():
    with pytest.raises(AssertionError, match=r"forward mode \(jvp\) raises ValueError: not written yet"):
        assert_gradients_match(lambda x: (x**2, x), lambda x, dy: 2 * x * dy, (X,),
                               jvp=lambda args, tangents: jax.jvp(unwritten_square, args, tangents)[1])  # fmt: skip
