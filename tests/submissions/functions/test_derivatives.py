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


def test_a_lambda_may_divide_by_the_number_of_examples_too(checked):
    found = checked("""
        def bce(p, y):
            return -np.sum(y * np.log(p)) / m

        bce_prime = lambda p, y: -y / p / m
    """)
    assert found["bce_prime"] == "right"


def test_a_gradient_may_be_called_grad_function(checked):
    text = """
        def costFunction(theta, X, y): return 0.5 * np.mean((X @ theta - y) ** 2)
        def gradFunction(theta, X, y): return X.T @ (X @ theta - y) / len(y)
    """
    assert checked(text) == {"gradFunction": "right"}
    assert checked(text.replace("len(y)", "2")) == {"gradFunction": "theta"}
