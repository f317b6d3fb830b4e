"""Whole models, as functions, are found as they lie."""

import pytest

from jaxdoodle.submissions.functions import models

MODEL = """
def initialize_parameters(n_x, n_h, n_y):
    rng = np.random.default_rng(1)
    return {"W1": rng.normal(size=(n_h, n_x)) * 0.01, "b1": np.zeros((n_h, 1)),
            "W2": rng.normal(size=(n_y, n_h)) * 0.01, "b2": np.zeros((n_y, 1))}

def forward_propagation(X, parameters):
    A1 = np.tanh(parameters["W1"] @ X + parameters["b1"])
    A2 = 1 / (1 + np.exp(-(parameters["W2"] @ A1 + parameters["b2"])))
    return A2, {"A1": A1, "A2": A2}

def compute_cost(A2, Y, parameters, lambd):
    m = Y.shape[1]
    fit = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return fit + lambd / (2 * m) * sum(np.sum(parameters[k] ** 2) for k in ("W1", "W2"))

def backward_propagation(parameters, cache, X, Y, lambd):
    m = X.shape[1]
    dZ2 = cache["A2"] - Y
    dZ1 = parameters["W2"].T @ dZ2 * (1 - cache["A1"] ** 2)
    return {"dW1": dZ1 @ X.T / m + decay * parameters["W1"] / m, "db1": dZ1.sum(axis=1, keepdims=True) / m,
            "dW2": dZ2 @ cache["A1"].T / m + lambd * parameters["W2"] / m,
            "db2": dZ2.sum(axis=1, keepdims=True) / m}
"""


@pytest.mark.parametrize(("decay", "expected"), [("lambd", "right"), ("2 * lambd", "W1")])
def test_a_whole_model_is_joined_by_the_names_of_its_parameters(checked, decay, expected):
    assert checked(MODEL.replace("decay", decay)) == {"backward_propagation": expected}
    without = MODEL.replace("decay", decay).partition("def forward_propagation")
    assert checked(without[1] + without[2]) == {"backward_propagation": expected}


def test_a_model_without_a_cost_asks_for_it(checked, monkeypatch):
    monkeypatch.setattr(models, "_TRIALS", 100)  # all of them take 10 s
    found = checked(MODEL.replace("compute_cost", "judge").replace("decay", "lambd"))
    assert "no cost function is beside it" in found["backward_propagation"]


DEEP = """
def initialize(dims):
    rng = np.random.default_rng(0)
    weights = {f"W{k}": rng.normal(size=(dims[k], dims[k - 1])) for k in range(1, len(dims))}
    return weights | {f"b{k}": np.zeros((dims[k], 1)) for k in range(1, len(dims))}

def model_forward(X, parameters):
    layers = [X]
    for k in range(1, len(parameters) // 2 + 1):
        layers.append(np.tanh(parameters[f"W{k}"] @ layers[-1] + parameters[f"b{k}"]))
    return layers[-1], (layers, parameters)

def compute_cost(AL, Y):
    return np.sum((AL - Y) ** 2) / 2

def model_backward(AL, Y, caches):
    layers, parameters = caches
    grads, last = {}, len(layers) - 1
    deltas = {last: (AL - Y) * (1 - AL ** 2)}
    for k in range(last, 0, -1):
        if k < last:
            deltas[k] = parameters[f"W{k + 1}"].T @ deltas[above] * (1 - layers[k] ** 2)
        grads[f"dW{k}"] = deltas[k] @ layers[k - 1].T
        grads[f"db{k}"] = deltas[k].sum(axis=1, keepdims=True)
    return grads
"""


def test_a_model_of_any_depth_is_tried_with_more_layers(checked):
    assert checked(DEEP.replace("above", "k + 1")) == {"model_backward": "right"}
    found = checked(DEEP.replace("above", "last").replace('parameters[f"W{k + 1}"].T', 'parameters[f"W{last}"].T'))
    assert "right" not in found.values()


def test_a_model_of_a_fixed_depth_is_not_tried_with_more_layers(checked):
    text = MODEL.replace("decay", "lambd").replace("(n_x, n_h, n_y)", "(dims)")
    text = text.replace("    rng =", "    n_x, n_h, n_y = dims[:3]\n    rng =")
    text = text.replace("return {", "return {f'W{k}': np.ones((2, 2)) for k in range(3, len(dims))} | {", 1)
    assert checked(text) == {"backward_propagation": "right"}


LIST_OF_LAYERS = """
def init(sizes):
    rng = np.random.default_rng(0)
    return [{"W": rng.normal(size=(m, n)), "b": np.ones((m, 1)), "act": "tanh"} for n, m in zip(sizes, sizes[1:])]

def full_forward(X, layers):
    A, memory = X, []
    for layer in layers:
        memory.append(A)
        A = np.tanh(layer["W"] @ A + layer["b"])
    return A, (memory, A)

def get_cost(out, Y):
    return 0.5 * np.sum((out - Y) ** 2)

def full_backward(out, Y, cache, layers):
    grads, (memory, A), dA = [], cache, out - Y
    for layer, A_prev in zip(layers[::-1], memory[::-1]):
        dZ = dA * (1 - A ** 2)
        grads.insert(0, {"dW": dZ @ A_prev.T, "db": dZ.sum(axis=1, keepdims=True)})
        A, dA = A_prev, layer["W"].T @ dZ
    return grads

if __name__ == "__main__":
    layers = init((3, 4, 2))
    out, cache = full_forward(np.ones((3, 5)), layers)
    get_cost(out, np.zeros((2, 5)))
    full_backward(out, np.zeros((2, 5)), cache, layers)
"""


def test_a_model_is_called_as_the_file_calls_it(checked):
    assert checked(LIST_OF_LAYERS) == {"full_backward": "right"}
    assert checked(LIST_OF_LAYERS.replace("@ A_prev.T", "@ A_prev.T / 5")) == {"full_backward": "0.W, 1.W"}


def test_a_number_that_the_three_share_is_tried_off_the_default_at_which_it_does_not_count(checked):
    text = """
        def model_forward(X, parameters, keep_prob=1.0):
            np.random.seed(1)
            Z = parameters["W1"] @ X + parameters["b1"]
            D = np.random.rand(*Z.shape) < keep_prob
            return Z * D / keep_prob, (X, parameters["W1"], D)

        def compute_cost(AL, Y, parameters, lambd=0.0):
            return ((AL - Y) ** 2).sum() / 2 + lambd * (parameters["W1"] ** 2).sum() / 2

        def model_backward(AL, Y, cache, keep_prob=1.0, lambd=0.0):
            X, W1, D = cache
            dZ = (AL - Y) * D / keep_prob
            return {"dW1": dZ @ X.T + lambd * W1, "db1": dZ.sum(axis=1, keepdims=True)}
    """
    assert checked(text) == {"model_backward": "right"}
    found = checked(text.replace("+ lambd * W1", "+ 2 * lambd * W1"))
    assert found == {"model_backward with lambd=0.3": "W1"}
    found = checked(text.replace("(AL - Y) * D / keep_prob", "(AL - Y) * D"))
    assert list(found) == ["model_backward with keep_prob=0.8"]


ALL_RETURNED = """
def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / np.exp(Z2).sum(axis=0)
    return Z1, A1, Z2, A2

def get_loss(A2, Y):
    return -np.mean(np.log(A2[Y, np.arange(Y.size)]))

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = Y.size
    dZ2 = A2.copy()
    dZ2[Y, np.arange(m)] -= 1
    dZ1 = W2.T.dot(dZ2) * (SIGN > 0)
    return dZ1.dot(X.T) / m, dZ1.sum(1, keepdims=True) / m, dZ2.dot(A1.T) / m, dZ2.sum(1, keepdims=True) / m

def train(X, Y, r=np.random.default_rng(0)):
    params = r.normal(size=(5, 4)), np.zeros((5, 1)), r.normal(size=(3, 5)), np.zeros((3, 1))
    backward_prop(*forward_prop(*params, X), params[0], params[2], X, Y)

train(np.random.default_rng(1).normal(size=(4, 6)), np.arange(6) % 3)
"""


def test_a_forward_may_return_all_that_it_computes_and_the_backward_take_it_by_name(checked):
    assert checked(ALL_RETURNED.replace("SIGN", "Z1")) == {"backward_prop": "right"}
    assert checked(ALL_RETURNED.replace("SIGN", "-Z1")) == {"backward_prop": "W1, b1"}


OF_STEPS = """
def forward(xs, h0, P):
    h, hs, caches = h0, [], []
    for x in xs:
        caches.append((x, h))
        h = np.tanh(P["W"] @ x + P["U"] @ h)
        hs.append(h)
    return hs, caches

def cost(hs, goals, P):
    return sum(np.sum((P["V"] @ h - g) ** 2) for h, g in zip(hs, goals))

def backward(hs, goals, caches, P):
    grads, carry, dxs = {k: np.zeros_like(v) for k, v in P.items()}, 0, [None] * len(hs)
    for t in reversed(range(len(hs))):
        e = 2 * (P["V"] @ hs[t] - goals[t])
        grads["V"] += e @ hs[t].T
        d = (P["V"].T @ e + carry) * (1 - hs[t] ** 2)
        grads["W"] += d @ caches[t][0].T
        grads["U"] += d @ caches[t][1].T
        dxs[t], carry = P["W"].T @ d, P["U"].T @ d
    return grads, dxs, carry

r = np.random.default_rng(0)
P = {"W": r.normal(size=(3, 2)), "U": r.normal(size=(3, 3)), "V": r.normal(size=(1, 3))}
xs = [r.normal(size=(2, 4)) for _ in range(3)]
hs, caches = forward(xs, np.zeros((3, 4)), P)
cost(hs, [np.ones((1, 4))] * 3, P), backward(hs, [np.ones((1, 4))] * 3, caches, P)
"""


def test_what_backward_and_cost_take_is_of_the_cost_and_gradients_may_come_beside_the_table(checked):
    assert checked(OF_STEPS) == {"backward": "right"}
    assert checked(OF_STEPS.replace("= 2 * (P", "= (P")) == {"backward": "P.U, P.V, P.W, xs.0, xs.1, xs.2"}


NOTEBOOK = """
data = np.loadtxt("no_such_table.csv", delimiter=",")
m, n = data.shape
X_train, Y_train = data[:, 1:].T / 255.0, data[:, 0].astype(int)

def init_params():
    return np.random.randn(6, 784), np.zeros((6, 1)), np.random.randn(10, 6), np.zeros((10, 1))

def init_parameters():
    W1, b1, W2, b2 = init_params()
    return W1, b1, W2, b2

def one_hot(Y):
    out = np.zeros((10, Y.size))
    out[Y, np.arange(Y.size)] = 1
    return out

def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1.dot(X) + b1
    A1 = np.tanh(Z1)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / np.exp(Z2).sum(axis=0)
    return Z1, A1, Z2, A2

def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    dZ2 = A2 - one_hot(Y)
    dZ1 = W2.T.dot(dZ2) * (1 - A1 ** 2)
    return dZ1.dot(X.T) / m, dZ1.sum(1, keepdims=True) / m, dZ2.dot(A1.T) / m, dZ2.sum(1, keepdims=True) / m

backward_prop(*forward_prop(*init_params(), X_train), X_train, Y_train)
"""


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("", "", "right"),
        ("dZ2.dot(A1.T) / m", "dZ2.dot(A1.T)", "W2"),
        (" * (1 - A1 ** 2)", "", "W1, b1"),
        (" / m", "", "right"),  # of the sum
        ("A2 - one_hot(Y)", "(A2 - one_hot(Y)) * A2 * (1 - A2)", "no cost function is beside it"),
    ],
)
def test_a_network_whose_data_and_loss_are_not_there_is_checked_with_examples_of_its_sizes(
    checked, line, wrong, expected
):
    found = checked(NOTEBOOK.replace(line, wrong) if line else NOTEBOOK)["backward_prop"]
    assert found == expected or expected in found and expected[:2] == "no"


OTHER_LOSS = """
def softmax_loss(x, w, y):
    e = np.exp(x @ w)
    p = e / e.sum(1, keepdims=True)
    dz = (p - np.eye(p.shape[1])[y]) / len(y)
    return -np.log(p[np.arange(len(y)), y]).mean(), dz @ w.T, x.T @ dz
"""
BESIDE = """
def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2
    return Z1, A1, Z2, np.exp(Z2) / np.exp(Z2).sum(0)

def one_hot(Y):
    table = np.zeros((Y.max() + 1, Y.size))
    table[Y, np.arange(Y.size)] = 1
    return table

def compute_cost(A2, Y):
    return -(one_hot(Y) * np.log(A2)).sum() / Y.size

def back_prop(Z1, A1, Z2, A2, W1, W2, X, Y):
    m = Y.size
    dZ2 = A2 - one_hot(Y)
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    return dZ1 @ X.T / m, dZ1.sum(1, keepdims=True) / m, dZ2 @ A1.T / m, dZ2.sum(1, keepdims=True) / m
"""


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [("", "", "right"), ("dZ2 @ A1.T / m", "dZ2 @ A1.T", "W2"), (" * (Z1 > 0)", " * (A1 + 1 > 0)", "W1, b1")],
)
def test_of_several_losses_the_one_that_takes_what_the_forward_gives_is_the_cost(checked, line, wrong, expected):
    """And biases are columns where their gradients are, and the largest label stays in every batch."""
    model = BESIDE.replace(line, wrong) if line else BESIDE
    assert checked(OTHER_LOSS + model)["back_prop"] == expected
