"""Pairs of functions are found by their names."""

import pytest

TANH = """
def {f}(x):
    y = np.tanh(x)
    return y, y

def {b}(dout, cache):
    return dout * (1 - cache{power})
"""


@pytest.mark.parametrize(
    ("forward", "backward", "name"),
    [
        ("tanh_forward", "tanh_backward", "tanh"),
        ("tanh_fwd", "tanh_bwd", "tanh"),
        ("tanh_forward_naive", "tanh_backward_naive", "tanh_naive"),
        ("tanh_forward_fast", "tanh_backward_fast", "tanh_fast"),
        ("forward_tanh", "backward_tanh", "tanh"),
        ("tanh", "tanh_backward", "tanh"),
        ("tanh_forward", "tanh_backwards", "tanh"),
    ],
)
def test_pairs_are_found_under_every_usual_name(checked, forward, backward, name):
    assert checked(TANH.format(f=forward, b=backward, power="**2")) == {name: "right"}


def test_a_forward_alone_is_said_and_hides_nothing(checked):
    found = checked(
        TANH.format(f="tanh_forward", b="tanh_backward", power="") + "def cube_forward(x): return x**3, x\n"
    )
    assert found == {"tanh": "x", "cube_forward": "cube_forward has no cube_backward"}
    assert checked("def a_long_name_forward(x): return x, x\n") == {
        "a_long_name_forward": "a_long_name_forward has no a_long_name_backward"
    }


def test_a_mean_inside_a_part_of_a_whole_model_is_right_there(checked):
    text = """
        def sigmoid_forward(Z): return 1 / (1 + np.exp(-Z)), Z

        def linear_forward(A, W, b): return W @ A + b, (A, W, b)

        def linear_backward(dZ, cache):
            A, W, b = cache
            m = A.shape[1]
            return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m

        def model_forward(X, parameters):
            Z, cache = linear_forward(X, parameters["W1"], parameters["b1"])
            return 1 / (1 + np.exp(-Z)), cache

        def compute_cost(AL, Y): return -(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)).sum() / Y.shape[1]

        def model_backward(AL, Y, cache):
            _, dW, db = linear_backward(AL - Y, cache)
            return {"dW1": dW, "db1": db}
    """
    found = checked(text)
    assert (found["linear"], found["model_backward"]) == ("right", "right")
    assert checked(text[: text.index("        def model_forward")])["linear"] == "W, b"


def test_a_backward_may_say_more_of_the_cost_than_its_forward(checked):
    text = """
        def forward_propagation(X, parameters):
            A = np.tanh(parameters["W1"] @ X)
            return A, A
        def compute_cost(A, Y):
            return np.sum((A - Y) ** 2)
        def compute_cost_with_regularization(A, Y, parameters, lambd):
            return compute_cost(A, Y) + lambd * np.sum(parameters["W1"] ** 2)
        def backward_propagation_with_regularization(X, Y, cache, parameters, lambd):
            return {"dW1": 2 * ((cache - Y) * (1 - cache**2)) @ X.T + FACTOR * parameters["W1"]}
    """
    name = "backward_propagation_with_regularization"
    assert checked(text.replace("FACTOR", "2 * lambd"))[name] == "right"
    assert checked(text.replace("FACTOR", "lambd"))[name] != "right"


def test_a_backward_with_a_penalty_that_no_cost_has_is_said(checked):
    found = checked("""
        def linear_forward(x, w): return x @ w, (x, w)
        def linear_backward(dy, cache): return dy @ cache[1].T, cache[0].T @ dy
        def linear_backward_reg(dy, cache, lam=0.1): return dy @ cache[1].T, cache[0].T @ dy + lam * cache[1]
    """)
    assert found == {
        "linear": "right",
        "linear_backward_reg": "linear_backward_reg has no forward with the penalty, and no cost",
    }


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "W")])
def test_one_that_goes_forward_and_backward_is_a_loss_with_its_gradient(checked, factor, expected):
    text = f"""
        def forward_backward(W, b, x, t):
            error = x @ W + b - t
            total = np.sum(error ** 2) / (2 * len(x))
            grads = {{"W": {factor}x.T @ error / len(x), "b": error.sum(axis=0) / len(x)}}
            return total, grads
    """
    assert checked(text)["forward_backward"] == expected


def test_another_version_of_a_backward_has_the_same_forward(checked):
    found = checked("""
        def tanh_forward(x): return np.tanh(x), x
        def tanh_backward_alt(dout, cache): return dout * (1 - np.tanh(cache) ** 2)
    """)
    assert found == {"tanh_alt": "right"}


KEPT_IN_PLACE = """
    def forward(network, x):
        for layer in network:
            for n in layer:
                n["out"] = np.tanh(n["w"] * x)
            x = sum(n["out"] for n in layer)
        return x

    def backward(network, target):
        for k, n in enumerate(network[-1]):
            n["delta"] = (n["out"] - target) * (1 - n["out"] ** 2)

    forward([[{"w": 0.5}]], 0.3)
"""


def test_a_backward_that_keeps_gradients_in_its_arguments_is_not_called_one_that_returns_none(checked):
    found = checked(KEPT_IN_PLACE)
    assert all("missing return" not in told for told in found.values())
    kept = """
        def dense_forward(x, w):
            return x @ w, (x, w)

        def dense_backward(dout, cache):
            grads = {}
            grads["w"] = cache[0].T @ dout
    """
    assert checked(kept) == {"dense": "missing return"}
