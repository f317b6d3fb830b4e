"""From the rounds of a check to its findings and notes."""

import signal
import time
from functools import partial

import numpy as np
import pytest
from jax import lax

from jaxdoodle.core.time_limit import time_limit
from jaxdoodle.gradcheck import check, check_gradient
from jaxdoodle.gradcheck.diagnosis import explain, verdict

pytestmark = pytest.mark.usefixtures("few_edits")

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(6, 4)), RNG.normal(size=(4, 3)), RNG.normal(size=3)
NHWC = ("NHWC", "HWIO", "NHWC")


def forward(x, w, b):
    return x @ w + b, (x, w)


def test_arguments_without_a_cotangent_are_left_alone_and_reported():
    labels = np.eye(3)[[0, 1, 2, 2, 1, 0]]

    def entropy(z, y):
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return -np.mean(np.sum(y * np.log(p), axis=1)), (p, y)

    def entropy_backward(residuals, dy):
        p, y = residuals
        return dy * (p - y) / len(y), None

    report = check(entropy, entropy_backward, (X[:, :3], labels))
    assert report.passed
    assert report.notes == ("no gradient for y: None is returned",)


def test_a_backward_that_raises_is_a_finding_with_its_line():
    def broken(residuals, dy):
        return dy @ residuals[1], residuals[0].T @ dy, dy.sum(axis=0)

    report = check(forward, broken, (X, W, B))
    assert not report.passed
    assert report.findings[0].name.startswith("backward raises")
    assert "dy @ residuals[1]" in report.findings[0].backward.text


def test_a_derivation_for_one_kernel_size_is_right_and_says_so():
    """Its padding is written for 3x3, which is what it is used with."""

    def forward(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=NHWC), (x, w)

    def backward(residuals, dy):
        x, w = residuals
        turned = w[::-1, ::-1].swapaxes(2, 3)
        dx = lax.conv_general_dilated(dy, turned, (1, 1), ((1, 1), (1, 1)), dimension_numbers=NHWC)
        images, errors = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)
        dw = lax.conv_general_dilated(images, errors, (1, 1), ((1, 1), (1, 1)), dimension_numbers=NHWC)
        return dx, dw.transpose(1, 2, 0, 3)

    report = check(forward, backward, (RNG.normal(size=(2, 5, 6, 2)), RNG.normal(size=(3, 3, 2, 3))))
    assert report.passed
    assert any("checked at those given only" in note for note in report.notes)


def names(forward, backward, args):
    return [f.name for f in check(forward, backward, args).findings]


def test_what_one_probe_shows_is_a_failure():
    def cut(dout, cache):
        dx = dout * cache
        return np.where(np.abs(dx) < 1e-6, 0, dx) * 2

    assert names(lambda x: (x**2, x), cut, (X,)) == ["not linear in the incoming gradient"]
    assert names(lambda x: (np.clip(x, 0, 6), x), lambda dout, x: dout * (x > 0), (X,)) == ["wrong at large values"]

    def ridge(w, x, lam):
        return 0.5 * ((x @ w) ** 2).sum() + 0.5 * lam * (w**2).sum(), (w, x)

    def ridge_backward(dout, cache):
        w, x = cache
        return dout * (x.T @ (x @ w)), None, None

    assert names(ridge, ridge_backward, (W, X, 0)) == ["L2 penalty gradient missing"]


def test_what_is_right_at_the_given_sizes_alone_is_wrong():
    def windows(x):
        return np.stack([x[:, i : i + 2].mean(axis=1) for i in range(0, x.shape[1], 2)], axis=1), x.shape

    def windows_backward(dout, shape):
        return np.repeat(dout / 2, 2, axis=1)[:, : shape[1]]

    assert names(windows, windows_backward, (RNG.normal(size=(3, 4, 2)),))


def test_an_epsilon_against_log_of_zero_is_no_mistake():
    labels = np.eye(3)[[0, 1, 2, 2, 1, 0]]

    def entropy(z):
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return -np.sum(labels[: len(z)] * np.log(np.maximum(p, 1e-12))), p

    assert check(entropy, lambda dout, p: dout * (p - labels[: len(p)]), (X[:, :3],)).passed


def test_a_forward_that_overflows_is_told_beside_the_verdict():
    def softmax(x):
        e = np.exp(x - x.max())
        y = e / e.sum(axis=1, keepdims=True)
        return y, y

    report = check(softmax, lambda dout, y: y * (dout - (dout * y).sum(axis=1, keepdims=True)), (X,))
    assert report.passed and "overflows" in report.notes[0]


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dout, x):
    dout[x <= 0] = 0
    return dout


def affine_forward(x, w):
    return x @ w, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dw, dx = x.T @ dout, dout @ w.T
    w -= 0.1 * dw
    return dx, dw


@pytest.mark.parametrize(
    ("forward", "backward", "shapes", "name", "line"),
    [
        (relu_forward, relu_backward, [(4, 3)], "dout", "dout[x <= 0] = 0"),
        (affine_forward, affine_backward, [(4, 3), (3, 2)], "w", "w -= 0.1 * dw"),
    ],
)
def test_a_backward_that_changes_an_array_of_the_callers_fails(forward, backward, shapes, name, line):
    report = check(forward, backward, tuple(RNG.normal(size=s) for s in shapes))
    (finding,) = report.findings
    assert (finding.name, finding.backward.text) == ("argument changed in place", line)
    assert f"the caller's {name} holds" in finding.sentence


def test_a_backward_may_change_what_its_forward_made():
    def backward(dout, p):
        p *= dout * (1 - p)
        return p

    def forward(x):
        p = 1 / (1 + np.exp(-x))
        return p.copy(), p

    assert check(forward, backward, (RNG.normal(size=(4, 3)),))


def test_a_small_constant_against_log_of_zero_may_be_left_out():
    def loss(x):
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        return -np.log(p[:, 0] + 1e-7).mean()

    def gradient(x):
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        p[:, 0] -= 1
        return p / len(p)

    for seed in (0, 3):  # with the second, the constant makes a little more at random values than as given
        assert check_gradient(loss, gradient, (np.random.default_rng(seed).normal(size=(4, 5)),)).passed


def test_what_the_output_does_not_depend_on_needs_no_gradient_in_a_dictionary():
    def forward(x, parameters):
        y = x @ parameters["w"]
        return y, parameters["v"] @ y.T, (x, parameters)

    def backward(dy, cache):
        x, parameters = cache
        return {"dx": dy @ parameters["w"].T, "dw": x.T @ dy}

    rng = np.random.default_rng(0)
    args = rng.normal(size=(4, 3)), {"w": rng.normal(size=(3, 2)), "v": rng.normal(size=(5, 2))}
    assert check(forward, backward, args).passed


@pytest.mark.parametrize(("where", "search"), [(verdict, "explanations"), (explain, "repairs")])
def test_a_wrong_gradient_is_wrong_even_where_time_is_up_before_it_is_named(monkeypatch, where, search):
    """The signal comes every 0.1 s until the time is set anew, and the forward runs once more after it."""
    late = False

    def slow(x, w, b):
        time.sleep(0.15 * late)
        return forward(x, w, b)

    def searched(*_):
        nonlocal late
        late = True
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.1)
        time.sleep(5)

    monkeypatch.setattr(where, search, searched)
    with time_limit(60):
        report = check(slow, lambda res, dy: (dy @ res[1].T, 2 * res[0].T @ dy, dy.sum(axis=0)), (X, W, B))
    assert late and not report.passed
    told = [*report.notes, *(text for f in report.findings for text in f.evidence)]
    assert any(text.endswith("the time was up") for text in told)


def root(x):
    return np.sqrt(x**2 + 1e-8)


@pytest.mark.parametrize("limit", [5.0, 100.0])
def test_an_epsilon_that_plays_no_part_does_not_excuse_a_limit_left_out(limit):
    def bounded(x):
        return np.minimum(x, limit) + root(x), x

    def backward(x, dy, known):
        return dy * ((x < limit if known else 1) + x / root(x))

    assert names(bounded, partial(backward, known=False), (X,)) == ["wrong case"]
    assert not names(bounded, partial(backward, known=True), (X,))


def test_an_epsilon_that_counts_at_large_values_excuses_what_leaves_it_out():
    def log_sigmoid(x):
        return np.log(1 / (1 + np.exp(-x)) + 1e-7) + np.minimum(x, 100.0), x

    assert check(log_sigmoid, lambda x, dy: dy * (1 / (1 + np.exp(x)) + (x < 100)), (X,)).passed


def test_a_clip_of_probabilities_may_be_left_out_where_they_are_above_one():
    def entropy(p):
        return -np.log(np.clip(p, 1e-7, 1)), p

    args = (RNG.uniform(0.1, 0.9, size=(4, 3)),)
    assert check(entropy, lambda p, dy: -dy / p, args).passed
    assert not check(lambda p: (np.minimum(p, 4) + root(p), p), lambda p, dy: dy * (1 + p / root(p)), args).passed


def test_gradients_that_are_clipped_where_they_are_large_are_right():
    def clipped(limit, of):
        return of(lambda x: np.clip(2 * x, -limit, limit), (X,))

    def loss(gradient, args):
        return check_gradient(lambda x: np.sum(x * x), gradient, args)

    report = clipped(8, loss)
    assert report.passed and any("cut off at 8" in told for told in report.conventions)
    assert not clipped(1, loss).passed
    layer = check(lambda x: (x * x, x), lambda dy, x: np.clip(2 * dy * x, -30, 30), (X,))
    assert layer.findings[0].name == "not linear in the incoming gradient"


def test_what_the_forward_computes_in_place_the_backward_may_too():
    def forward(x):
        np.maximum(x, 0, out=x)
        return x, x

    def backward(dy, y):
        dy[y <= 0] = 0
        return dy

    assert check(forward, backward, (RNG.normal(size=(5, 4)),)).passed

    def shifted(x):
        x -= x.max(axis=1, keepdims=True)
        return np.exp(x), np.exp(x)

    def shifted_backward(dy, y):
        d = dy * y - (x_max := (dy * y).sum(axis=1, keepdims=True)) * 0 - 0 * x_max
        dy *= 0
        return d

    found = check(shifted, shifted_backward, (RNG.normal(size=(5, 4)),)).findings
    assert "argument changed in place" in [finding.name for finding in found]


def test_beside_a_wrong_gradient_those_are_right_that_a_guard_against_log_of_zero_changes_at_large_values():
    labels = np.eye(3)[[0, 1, 2, 2, 1, 0]]

    def entropy(x, w, b):
        p = np.exp(x @ w + b - (x @ w + b).max(1, keepdims=True))
        return -np.sum(labels[: len(x)] * np.log(p / p.sum(1, keepdims=True) + 1e-12)) / len(x)

    def gradient(x, w, b):
        p = np.exp(x @ w + b - (x @ w + b).max(1, keepdims=True))
        dz = (p / p.sum(1, keepdims=True) - labels[: len(x)]) / len(x)
        return x.T @ dz, dz.mean(0)

    report = check_gradient(entropy, gradient, (X, W, B), argnums=(1, 2))
    assert {leaf.name for leaf in report.leaves if leaf.verdict == "wrong"} == {"b"}


def test_where_there_is_no_derivative_a_gradient_need_not_be_finite():
    def distances(y):
        gaps = y[:, None] - y[None]
        return np.sqrt(gaps**2 + np.eye(len(y))), y

    def backward(y, dy):
        gaps = y[:, None] - y[None]
        d = dy * gaps / np.sqrt(gaps**2 + np.eye(len(y)))
        return d.sum(axis=1) - d.sum(axis=0)

    assert check(distances, backward, (np.random.default_rng(0).normal(size=5),)).passed
