"""A gradient beside its function, called with arguments for both."""

import pytest


def test_numbers_with_a_default_reach_the_gradient_too(checked):
    text = """
        def scaled_loss(w, x, power=2.0): return np.mean(x * w ** power)
        def scaled_grad(w, x, power=2.0): return power * x * w ** (power - 1) / x.size
        if __name__ == "__main__": scaled_loss(np.arange(1.0, 5.0), np.arange(4.0), power=3.0)
    """
    assert checked(text) == {"scaled_grad": "right"}


@pytest.mark.parametrize(("factor", "expected"), [("1.0", "right"), ("2.0", "activation")])
def test_the_derivative_of_a_function_of_one_number_may_take_its_value(checked, factor, expected):
    found = checked(f"""
        from math import exp

        def transfer(activation): return 1.0 / (1.0 + exp(-activation))
        def transfer_derivative(output): return output * ({factor} - output)
    """)
    assert found == {"transfer_derivative": expected}


@pytest.mark.parametrize(
    ("told", "factor", "expected"),
    [("gradient of the summed loss", "", "right"), ("the gradient", "", "w"), ("gradient of the sum", "2 * ", "w")],
)
def test_the_gradient_of_the_sum_is_right_of_a_mean_where_it_says_so(checked, told, factor, expected):
    found = checked(f'''
        def loss(w, X, y): return np.mean((X @ w - y) ** 2)

        def gradient(w, X, y):
            """{told}"""
            return {factor}2 * X.T @ (X @ w - y)
    ''')
    assert found == {"gradient": expected}


@pytest.mark.parametrize("sign", ["", "-"])
def test_several_gradients_beside_their_loss_are_no_loss_with_gradients(checked, sign):
    """They are guessed together: of other arguments the loss takes sizes that do not fit the gradients."""
    text = f"""
        def triplet_loss(anchor, positive, negative, margin=0.2):
            d = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + margin
            return np.maximum(d, 0).mean()
        def triplet_loss_grad(anchor, positive, negative, margin=0.2):
            d = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + margin
            on = (d > 0)[:, None] / len(anchor)
            d_anchor = on * 2 * (negative - positive)
            d_positive = on * 2 * (positive - anchor)
            return d_anchor, d_positive, {sign}on * 2 * (anchor - negative)
    """
    assert checked(text) == {"triplet_loss_grad": "negative" if sign else "right"}


@pytest.mark.parametrize("total, expected", [("g / len(states)", "right"), ("g", "theta")])
def test_a_gradient_of_what_an_object_holds_is_known_by_its_shape(checked, total, expected):
    text = f"""
        class Policy:
            def __init__(self):
                self.theta = 0.1 * np.random.randn(3, 2)
            def probs(self, s):
                e = np.exp(s @ self.theta)
                return e / e.sum()

        def surrogate_loss(policy, states, actions):
            return -np.mean([np.log(policy.probs(s)[a]) for s, a in zip(states, actions)])

        def surrogate_loss_gradient(policy, states, actions):
            g = np.zeros((3, 2))
            for s, a in zip(states, actions):
                g += np.outer(s, policy.probs(s) - np.eye(2)[a])
            return {total}

        surrogate_loss(Policy(), np.random.randn(5, 3), np.array([0, 1, 1, 0, 1]))
    """
    assert checked(text) == {"surrogate_loss_gradient": expected}


def test_of_what_an_object_holds_the_gradient_is_of_what_the_loss_reads(checked):
    text = """
        class Policy:
            def __init__(self):
                self.velocity, self.theta = np.zeros((4, 3)), np.random.randn(4, 3)

        def policy_loss(policy, x):
            return np.sum(np.tanh(x @ policy.theta){more})

        def policy_loss_grad(policy, x):
            return {factor}x.T @ (1 - np.tanh(x @ policy.theta) ** 2)

        policy_loss(Policy(), np.random.randn(5, 4))
    """
    assert checked(text.format(factor="", more="")) == {"policy_loss_grad": "right"}
    assert checked(text.format(factor="2 * ", more="")) == {"policy_loss_grad": "theta"}
    several = checked(text.format(factor="", more=" + x @ policy.velocity"))["policy_loss_grad"]
    assert "which of velocity, theta it is the gradient of is not known" in several


@pytest.mark.parametrize("factor, verdict", [("", "right"), (" * 2", "p")])
def test_the_loss_beside_a_gradient_is_known_where_it_is_not_defined_for_larger_arguments(checked, factor, verdict):
    text = f"""
        def bce(y, p):
            assert np.all(p < 1)
            return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

        def bce_grad(y, p):
            return bce(y, p), (p - y) / (p * (1 - p)) / len(y){factor}

        y, p = np.array([1.0, 0.0, 1.0]), np.array([0.95, 0.3, 0.6])
        bce(y, p), bce_grad(y, p)
    """
    assert checked(text) == {"bce_grad": verdict}


PLAYERS = """
def d_loss(phi, real, fake):
    a, b = phi
    return np.mean(np.logaddexp(0, -(a * real + b))) + np.mean(np.logaddexp(0, a * fake + b))

def d_grad(phi, real, fake):
    a, b = phi
    er = 1 / (1 + np.exp(-(a * real + b))) - 1
    ef = 1 / (1 + np.exp(-(a * fake + b)))
    return np.array([np.mean(er * real) + np.mean(ef * fake), np.mean(er) {} np.mean(ef)])

if __name__ == "__main__":
    phi = np.array([0.1, 0.2])
    for step in range(5):
        phi = phi - 0.1 * d_grad(phi, np.random.randn(8), np.random.randn(8))
"""


def test_arguments_of_the_gradient_alone_are_those_of_its_loss(checked):
    assert checked(PLAYERS.format("+")) == {"d_grad": "right"}
    assert checked(PLAYERS.format("-")) == {"d_grad": "phi"}


def test_guessed_arguments_that_a_gradient_refuses_are_asked_for(checked):
    found = checked("""
        def nll(theta, y):
            return sum((np.exp(theta)[0] * v) ** 2 for v in np.ravel(y))

        def nll_grad(theta, y):
            if np.ndim(y) != 1 or len(y) != 11:
                raise ValueError
            return np.array([2 * np.exp(theta[0]) ** 2 * np.sum(y**2), 0.0])
    """)
    assert found == {"nll_grad": "no arguments known for nll_grad; define nll_grad_args = (theta, y)"}


def test_a_gradient_that_is_left_over_is_not_passed(checked):
    text = """
        def mse_loss(x, y, w0, w1):
            return 0.5 * np.sum((w0 + w1 * x - y) ** 2)

        def mse_loss_grad(x, y, w0, w1):
            e = w0 + w1 * x - y
            return np.sum(e), -np.sum(e * x)
    """
    assert checked(text) == {"mse_loss_grad": "w1"}
    assert checked(text.replace("-np.sum", "np.sum")) == {"mse_loss_grad": "right"}
    odd = text + "\n        mse_loss_grad_args = (np.arange(4.0), np.ones(4), np.float64(0.3), np.array([0.7]))"
    assert checked(odd) == {"mse_loss_grad": "which arguments the 2 gradients of mse_loss_grad are of is not known"}


@pytest.mark.parametrize(("power", "expected"), [(1, {"d_leaky": "right"}), (2, {"d_leaky with slope=0.3": "x"})])
def test_a_number_that_is_one_by_default_is_given_to_both(checked, power, expected):
    found = checked(f"""
        def leaky(x, slope=1.0): return np.where(x > 0, x, slope * x)
        def d_leaky(x, slope=1.0): return np.where(x > 0, 1.0, slope**{power})
    """)
    assert found == expected


@pytest.mark.parametrize(("factor", "expected"), [("x**2", "right"), ("x", "w2")])
def test_gradients_of_numbers_may_come_in_one_array(checked, factor, expected):
    assert checked(f"""
        def cost(w0, w1, w2, x, y):
            return np.mean((w0 + w1 * x + w2 * x**2 - y) ** 2)

        def cost_grad(w0, w1, w2, x, y):
            e = 2 * (w0 + w1 * x + w2 * x**2 - y) / x.size
            return np.array([e.sum(), (e * x).sum(), (e * {factor}).sum()])
    """) == {"cost_grad": expected}


@pytest.mark.parametrize(("scale", "expected"), [("lambda_", "right"), ("2 * lambda_", "w")])
def test_a_number_that_the_loss_alone_has_a_default_for_reaches_both(checked, scale, expected):
    text = """
        def compute_cost_logistic(X, y, w, b, lambda_=1):
            cost = 0.0
            for i in range(len(X)):
                f = 1 / (1 + np.exp(-(np.dot(X[i], w) + b)))
                cost += -y[i] * np.log(f) - (1 - y[i]) * np.log(1 - f)
            return cost / len(X) + lambda_ / 2 * np.sum(w ** 2)

        def compute_gradient_logistic(X, y, w, b, lambda_):
            dw, db = np.zeros(len(w)), 0.0
            for i in range(len(X)):
                error = 1 / (1 + np.exp(-(np.dot(X[i], w) + b))) - y[i]
                dw, db = dw + error * X[i], db + error
            return db / len(X), dw / len(X) + scale * w
    """
    assert checked(text.replace("scale", scale)) == {"compute_gradient_logistic": expected}


@pytest.mark.parametrize(("change", "expected"), [
    ("", {"act_prime": "right"}), ("2 * ", {"act_prime with kind=relu": "z"}),
])  # fmt: skip
def test_each_text_that_a_derivative_is_chosen_by_is_checked(checked, change, expected):
    found = checked(f"""
        def act(kind, z):
            match kind:
                case "tanh": return np.tanh(z)
                case "relu": return np.maximum(z, 0)

        def act_prime(kind, z):
            match kind:
                case "tanh": return 1 - np.tanh(z) ** 2
                case "relu": return {change}(z > 0)
    """)
    assert found == expected


@pytest.mark.parametrize("default", ["", '="sigmoid"'])
@pytest.mark.parametrize(("power", "expected"), [(2, {"act_prime": "right"}), (1, {"act_prime with kind=tanh": "z"})])
def test_a_text_that_cannot_be_checked_does_not_hide_the_others(checked, default, power, expected):
    assert (
        checked(f"""
        def act(z, kind{default}):
            if kind == "sigmoid": return 1 / (1 + np.exp(-z))
            if kind == "softmax": return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
            if kind == "tanh": return np.tanh(z)

        def act_prime(z, kind{default}):
            if kind in ("sigmoid", "softmax"): return act(z, kind) * (1 - act(z, kind))
            if kind == "tanh": return 1 - np.tanh(z) ** {power}
    """)
        == expected
    )
