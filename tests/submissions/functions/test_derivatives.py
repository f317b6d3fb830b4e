"""Gradients and derivatives beside what they are of, as functions, are found as they lie."""

import pytest

DERIVATIVES = """
def sigmoid(z): return 1 / (1 + np.exp(-z))
def sigmoid_prime(a): return a * (1 - a)
def softplus(z): return np.log1p(np.exp(z))
def softplus_derivative(z): return 1 / (1 + np.exp(-z))
def mse(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)
def mse_prime(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
def ridge_loss(w, X, y, lam): return 0.5 * np.mean((X @ w - y) ** 2) + lam * np.sum(w ** 2)
def ridge_gradient(w, X, y, lam): return X.T @ (X @ w - y) / len(y) + 2 * lam * w
def softmax(z): return np.exp(z) / np.exp(z).sum()
def softmax_prime(z): return softmax(z) * (1 - softmax(z))
def pull_loss(center, others):
    # center (4,), others (7, 4)
    s = sigmoid(others[2] @ center)
    grad_others = np.zeros(others.shape)
    grad_others[2] = (s - 1) * center
    loss = -np.log(s)
    return loss, (s - 1) * others[2], grad_others
"""


def test_derivatives_and_gradients_beside_their_functions(checked):
    found = checked(DERIVATIVES)
    part = found.pop("softmax_prime")
    assert set(found.values()) == {"right"} and len(found) == 5 and "not elementwise" in part
    wrong = checked(DERIVATIVES.replace("2 * (y_pred", "(y_pred").replace("a * (1 - a)", "a").replace("2 * lam", "lam"))
    assert (wrong["sigmoid_prime"], wrong["mse_prime"], wrong["ridge_gradient"]) == ("z", "y_pred", "w")


def test_numbers_with_a_default_reach_the_gradient_too(checked):
    text = """
        def scaled_loss(w, x, power=2.0): return np.mean(x * w ** power)
        def scaled_grad(w, x, power=2.0): return power * x * w ** (power - 1) / x.size
        if __name__ == "__main__": scaled_loss(np.arange(1.0, 5.0), np.arange(4.0), power=3.0)
    """
    assert checked(text) == {"scaled_grad": "right"}


def test_of_two_losses_the_one_that_takes_arrays_is_that_of_the_gradient(checked):
    text = """
        class Box:
            def __init__(self, x): self.x = x
        def loss(w, x): return Box((x @ w.x).sum())
        def loss_value(w, x): return np.sum((x @ w) ** 2)
        def loss_gradient(w, x): return 2 * x.T @ (x @ w)
    """
    assert checked(text)["loss_gradient"] == "right"


LOSSES = """
def mse_loss(p, y): return np.sum((p - y) ** 2) / len(p)
def cross_entropy_loss(p, y): return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) / len(p)
def loss_grad(p, y): return ((1 - y) / (1 - p) - y / p) / len(p)
def cross_entropy_grad(p, y): return loss_grad(p, y)
def mse_grad(p, y): return 2 * (p - y) / len(p)
if __name__ == "__main__":
    for loss in (mse_loss, cross_entropy_loss): loss(np.array([0.2, 0.4, 0.7]), np.array([0.0, 1.0, 1.0]))
"""


def test_a_gradient_is_of_the_loss_of_which_it_is_right_or_that_its_name_says(checked):
    assert checked(LOSSES) == dict.fromkeys(("loss_grad", "cross_entropy_grad", "mse_grad"), "right")
    wrong = checked(LOSSES.replace("- y / p)", "+ y / p)").replace("2 * (p", "3 * (p"))
    assert "right of none of mse_loss, cross_entropy_loss" in wrong["loss_grad"]
    assert (wrong["cross_entropy_grad"], wrong["mse_grad"]) == ("p", "p")


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


@pytest.mark.parametrize(("jacobian", "expected"), [
    ("np.diag(s) - np.outer(s, s)", "right"), ("np.diag(s * (1 - s))", "z"),
])  # fmt: skip
def test_a_jacobian_is_checked_as_the_backward_that_it_is_of(checked, jacobian, expected):
    found = checked(f"""
        def softmax(z):
            e = np.exp(z - z.max())
            return e / e.sum()

        def softmax_jac(z):
            s = softmax(z)
            return {jacobian}
    """)
    assert found == {"softmax_jac": expected}


@pytest.mark.parametrize(("column", "expected"), [("-a * t * e", "right"), ("-a * e", "p")])
def test_a_jacobian_in_the_first_of_several_arguments_is_checked(checked, column, expected):
    found = checked(f"""
        def decay(p, t):
            a, k = p
            return a * np.exp(-k * t)

        def decay_jac(p, t):
            a, k = p
            e = np.exp(-k * t)
            return np.column_stack([e, {column}])

        decay_jac(np.array([2.0, 0.4]), np.linspace(0, 5, 7))
    """)
    assert found == {"decay_jac": expected}


@pytest.mark.parametrize(("factor", "expected"), [("2 * ", "right"), ("", "w")])
def test_a_gradient_that_a_function_makes_beside_its_loss_is_checked_with_the_data_of_a_call(checked, factor, expected):
    text = f"""
        def make_objective(X, y, lam=0.1):
            n, d = X.shape

            def f(w):
                return np.mean((X @ w.reshape(d, 1) - y) ** 2) + lam * np.sum(w**2)

            def grad(w):
                r = X @ w.reshape(d, 1) - y
                return (2 * X.T @ r / n).ravel() + {factor}lam * w

            return f, grad
    """
    call = """
        f, grad = make_objective(np.random.normal(size=(6, 3)), np.random.normal(size=(6, 1)))
        f(np.zeros(3))
    """
    assert checked(text + call) == {"make_objective.grad": expected}
    assert checked(text)["make_objective.grad"].startswith(
        "make_objective makes a value and its gradient of data; call"
    )


@pytest.mark.parametrize(("of", "expected"), [("h - y", "right"), ("y - h", "theta")])
def test_what_the_file_divides_by_and_has_no_value_for_is_the_number_of_examples(checked, of, expected):
    found = checked(f"""
        import sys
        data = np.loadtxt(sys.argv[1])
        m = len(data)

        def cost(theta, X, y, lam):
            h = 1 / (1 + np.exp(-X @ theta))
            return -np.mean(y * np.log(h) + (1 - y) * np.log(1 - h)) + lam / (2 * m) * np.sum(theta**2)

        def gradient(theta, X, y, lam):
            h = 1 / (1 + np.exp(-X @ theta))
            return X.T @ ({of}) / m + lam / m * theta
    """)
    assert found["gradient"] == expected


def test_a_number_that_is_missing_is_told_where_no_labels_count_it(checked):
    found = checked("""
        def energy(v):
            return np.sum(v**2) / m

        def energy_grad(v):
            return 2 * v / m
    """)
    assert found["energy_grad"] == "energy reads m, which the file gives no value; define it beside the function"


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


def test_a_lambda_may_divide_by_the_number_of_examples_too(checked):
    found = checked("""
        def bce(p, y):
            return -np.sum(y * np.log(p)) / m

        bce_prime = lambda p, y: -y / p / m
    """)
    assert found["bce_prime"] == "right"


@pytest.mark.parametrize(("forward", "jacobian", "expected"), [
    ("affine(x, W): return x @ W", "W.T", "right"),
    ("affine(x, W): return x @ W", "W", "right"),  # the value along the last axis
    ("affine(x, W): return x @ W", "2 * W.T", "x"),
    ("affine(W, x): return W @ x", "W", "right"),
    ("affine(W, x): return W @ x", "-W", "x"),
    ("affine(x, W): return x @ W", "np.ones(7)", "affine_jac has no shape of a Jacobian"),
    ("affine(x): return x**2", "np.diag(2 * x)", "right"),
    ("affine(x): return x**2", "np.diag(x)", "x"),
    ("affine(x): return x**2", "2 * x", "right"),
    ("affine(x): return np.array([x[0] * x[1], x[0] - x[1]])", "np.array([[x[1], x[0]], [1.0, -1.0]])", "right"),
])  # fmt: skip
def test_a_jacobian_is_one_in_a_vector_that_its_shape_fits(checked, forward, jacobian, expected):
    takes = forward[forward.index("(") : forward.index(")") + 1]
    assert checked(f"""
        def {forward}
        def affine_jac{takes}: return {jacobian}
    """)["affine_jac"].startswith(expected)


def test_a_diagonal_of_a_derivative_is_a_jacobian(checked):
    assert checked("""
        def relu(z): return np.maximum(z, 0)
        def d_relu(z): return np.diag((z > 0).astype(float))
    """) == {"d_relu": "right"}


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


LOGISTIC = """
def objective(theta, X, y, lam):
    return np.mean(np.log1p(np.exp(-y * (X @ theta)))) + 0.5 * lam * theta @ theta

def gradient(theta, X, y, lam):
    s = 1 / (1 + np.exp(y * (X @ theta)))
    return -X.T @ (s * y) / len(y) + lam * theta

def hessian(theta, X, y, lam):
    s = 1 / (1 + np.exp(y * (X @ theta)))
    {}
"""


@pytest.mark.parametrize(("hessian", "expected"), [
    ("return (X.T * (s * (1 - s))) @ X / len(y) + lam * np.eye(len(theta))", "right"),  # of labels -1 and 1
    ("return (X.T * (s * (1 - s) * y**2)) @ X / len(y) + lam * np.eye(len(theta))", "right"),
    ("return (X.T * (s * (1 - s))) @ X / len(y)", "theta"),
    ("return (X.T * s) @ X / len(y) + lam * np.eye(len(theta))", "theta"),
    ("return X.T @ X / len(y) + lam * np.eye(len(theta))", "hessian is not the derivative of gradient, and may be"),
    ("return s * (1 - s)", "hessian has no shape of a Jacobian"),
])  # fmt: skip
def test_a_hessian_is_the_jacobian_of_the_gradient_beside_it(checked, hessian, expected):
    found = checked(LOGISTIC.format(hessian))
    assert found["gradient"] == "right" and found["hessian"].startswith(expected)


@pytest.mark.parametrize(("names", "entry", "expected"), [
    ("residuals jacobian", "p[0] * x", "right"), ("residuals jacobian", "p[0]", "p"), ("model model_jac", "x", "p"),
])  # fmt: skip
def test_a_jacobian_in_coefficients_that_are_read_one_by_one_needs_no_data(checked, names, entry, expected):
    of, jacobian = names.split()
    assert checked(f"""
        def {of}(x, p):
            return p[0] * np.exp(p[1] * x)

        def {jacobian}(x, p):
            e = np.exp(p[1] * x)
            return np.column_stack([e, {entry} * e])
    """) == {jacobian: expected}


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


def test_a_gradient_may_be_called_grad_function(checked):
    text = """
        def costFunction(theta, X, y): return 0.5 * np.mean((X @ theta - y) ** 2)
        def gradFunction(theta, X, y): return X.T @ (X @ theta - y) / len(y)
    """
    assert checked(text) == {"gradFunction": "right"}
    assert checked(text.replace("len(y)", "2")) == {"gradFunction": "theta"}
