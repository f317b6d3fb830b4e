"""Losses that return expressions beside their value."""

import pytest

LOSS = """
def poisson_loss(log_rate, counts):
    n = len(counts)
    mu = np.exp(log_rate)
    loss = np.mean(mu - counts * log_rate)
    return loss, (mu - counts) / n
"""
PAIR = """
def nll(mean, log_var, x):
    d = x - mean
    loss = 0.5 * np.sum(log_var + d**2 * np.exp(-log_var))
    return loss, (-d * np.exp(-log_var), 0.5 * (1 - d**2 * np.exp(-log_var)))
"""


def test_a_loss_of_vectors_with_an_expression_for_its_gradient_is_checked(checked):
    assert checked(LOSS) == {"poisson_loss": "right"}
    assert checked(LOSS.replace(") / n", ") / n**2")) == {"poisson_loss": "log_rate"}
    assert checked(LOSS.replace("(mu - counts)", "(counts - mu)")) == {"poisson_loss": "log_rate"}


def test_several_gradients_may_stand_in_a_tuple(checked):
    assert checked(PAIR) == {"nll": "right"}


def test_a_wrong_one_of_several_never_passes(checked):
    assert "right" not in checked(PAIR.replace("(1 - d", "(1 + d")).values()


@pytest.mark.parametrize("beside", ["mu / mu.sum()", "np.argmax(mu)", "probs"])
def test_what_is_not_shown_to_be_a_gradient_is_not_wrong(checked, beside):
    text = LOSS.replace("(mu - counts) / n", beside).replace("    n =", "    probs = counts\n    n =")
    found = checked(text)
    assert "log_rate" not in found.values() and "right" not in found.values()


def test_what_is_beside_a_loss_is_no_gradient_because_its_text_has_the_word(checked):
    text = """
        def lasso_loss(r):
            "The loss and running means; the gradient is in another file."
            return 0.5 * (r ** 2).sum(), np.cumsum(r) / 7
    """
    assert "no gradient, or a wrong one" in checked(text)["lasso_loss"]


@pytest.mark.parametrize("told, expected", [("pred, target: of shape (N, D).", "pred"), ("Of vectors.", "right")])
def test_a_length_for_a_size_is_right_of_vectors_alone(checked, told, expected):
    text = f"""
        def mse_loss(pred, target):
            "{told}"
            return np.mean((pred - target) ** 2), 2 * (pred - target) / len(pred)
        def bce_loss(p, y):
            return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), (p - y) / (p * (1 - p)) / len(y)
    """
    assert checked(text) == {"mse_loss": expected, "bce_loss": "right"}


@pytest.mark.parametrize("p", ["p", "v"])  # a number, or an array
def test_what_is_in_another_order_than_the_parameters_or_one_of_two_mistakes_is_no_gradient(checked, p):
    text = f"""
        def energy_loss(q, {p}):
            "Of a pendulum, and its time derivatives."
            loss = 0.5 * np.sum({p} ** 2) + np.sum(1 - np.cos(q))
            return loss, +{p}, -np.sin(q)
    """
    assert "no gradient, or a wrong one" in checked(text)["energy_loss"]
    assert checked(text.replace(f"+{p}, -np.sin(q)", f"np.sin(q), -{p}")) == {"energy_loss": p}
