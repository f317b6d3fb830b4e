"""Pairs of functions, whole models and losses are found as they lie."""

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


def test_what_cannot_be_called_is_asked_for_in_one_line_and_hides_nothing(checked):
    odd = "def mix_forward(ticket, who): return ticket.of(who)\ndef mix_backward(dout, cache): return None\n"
    found = checked(odd + TANH.format(f="tanh_forward", b="tanh_backward", power=""))
    assert found == {"mix": "no arguments known for mix; define mix_args = (ticket, who)", "tanh": "x"}


def test_arguments_come_from_the_program_itself(checked):
    found = checked("""
        def pick_forward(table, word):
            return table[word] * 2.0, (table, word)

        def pick_backward(dout, cache):
            table, word = cache
            d = {w: np.zeros_like(v) for w, v in table.items()}
            d[word] = 2.0 * dout
            return d, None

        if __name__ == "__main__":
            pick_forward({"cat": np.ones(3), "dog": np.arange(3.0)}, "dog")
    """)
    assert found == {"pick": "right"}


def test_a_convention_may_be_declared_for_a_pair(checked):
    text = """
        def linear_forward(A, W, b):
            return W @ A + b, (A, W, b)

        def linear_backward(dZ, cache):
            A, W, b = cache
            m = A.shape[1]
            return W.T @ dZ, dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m
    """
    assert checked(text) == {"linear": "W, b"}
    assert checked(text + "\n        linear_conventions = ('batch mean',)\n") == {"linear": "right"}


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


def test_a_model_without_a_cost_asks_for_it(checked):
    found = checked(MODEL.replace("compute_cost", "judge").replace("decay", "lambd"))
    assert "no cost function is beside it" in found["backward_propagation"]


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "x")])
def test_a_loss_that_returns_its_gradient_is_found(checked, factor, expected):
    text = f"""
        def softmax_loss(x, y):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            n = len(x)
            loss = -np.log(p[np.arange(n), y]).mean()
            dx = p.copy()
            dx[np.arange(n), y] -= 1
            return loss, {factor}dx / n
    """
    assert checked(text) == {"softmax_loss": expected}


def test_running_statistics_that_a_forward_keeps_in_its_dictionary_are_no_arguments(checked):
    text = """
        def norm_forward(x, gamma, bn_param):
            mu, std = x.mean(axis=0), np.sqrt(x.var(axis=0) + bn_param.get("eps", 1e-5))
            if bn_param["mode"] == "train":
                bn_param["running_mean"] = 0.9 * bn_param.get("running_mean", 0 * mu) + 0.1 * mu
            xh = (x - mu) / std
            return gamma * xh, (xh, std, gamma)

        def norm_backward(dout, cache):
            xh, std, gamma = cache
            d = dout * gamma
            return (d - d.mean(axis=0) - xh * (d * xh).mean(axis=0)) / std, (dout * xh).sum(axis=0)
    """
    assert checked(text) == {"norm": "right"}


def test_a_backward_without_an_incoming_gradient_gives_the_derivative(checked):
    text = "def mse_forward(p, y): return ((p - y) ** 2).mean()\ndef mse_backward(p, y): return {} * (p - y) / p.size\n"
    assert checked(text.format(2)) == {"mse": "right"}
    assert checked(text.format(1)) == {"mse": "p"}


@pytest.mark.parametrize(("mended", "expected"), [("/ k", {"pool": "right"}), ("", {"pool with mode=average": "x"})])
def test_every_mode_and_a_stride_other_than_the_guessed_are_checked(checked, mended, expected):
    text = f"""
        def pool_forward(x, hparameters, mode="max"):
            k, s = hparameters["f"], hparameters["stride"]
            windows = [x[:, i * s : i * s + k] for i in range((x.shape[1] - k) // s + 1)]
            y = np.stack([w.max(1) if mode == "max" else w.mean(1) for w in windows], 1)
            return y, (x, k, s)

        def pool_backward(dout, cache, mode="max"):
            x, k, s = cache
            dx = np.zeros_like(x)
            for i in range(dout.shape[1]):
                w, d = x[:, i * s : i * s + k], dout[:, i : i + 1]
                share = np.eye(k)[w.argmax(1)] if mode == "max" else np.ones_like(w) {mended}
                dx[:, i * s : i * s + k] += share * d
            return dx
    """
    assert checked(text) == expected


def test_a_cell_with_one_incoming_gradient_for_two_outputs_and_named_gradients(checked):
    text = """
        def cell_forward(xt, a_prev, parameters):
            a = np.tanh(parameters["Wax"] @ xt + parameters["Waa"] @ a_prev)
            return a, parameters["Wya"] @ a, (a, a_prev, xt, parameters)

        def cell_backward(da, cache):
            a, a_prev, xt, parameters = cache
            d = {d}
            return {{"dxt": parameters["Wax"].T @ d, "da_prev": parameters["Waa"].T @ d, "dWax": d @ xt.T,
                    "dWaa": d @ a_prev.T}}

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            shapes = {{"Wax": (5, 3), "Waa": (5, 5), "Wya": (2, 5)}}
            cell_forward(rng.normal(size=(3, 4)), rng.normal(size=(5, 4)),
                         {{n: rng.normal(size=s) for n, s in shapes.items()}})
    """
    assert checked(text.format(d="da * (1 - a**2)")) == {"cell": "right"}
    assert checked(text.format(d="1 - a**2"))["cell"].startswith("a_prev, parameters.Waa")


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


@pytest.mark.parametrize(("state", "expected"), [("hs[t - 1]", "right"), ("hs[t]", "Whh")])
def test_a_loss_returns_gradients_of_arrays_that_the_file_holds(checked, state, expected):
    text = f"""
        rng = np.random.default_rng(0)
        Wxh, Whh = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))

        def lossFun(inputs, hprev):
            hs = {{-1: hprev}}
            for t in range(len(inputs)):
                hs[t] = np.tanh(Wxh[:, inputs[t]] + Whh @ hs[t - 1])
            loss = sum((hs[t] ** 2).sum() for t in range(len(inputs)))
            dWxh, dWhh, dh = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(hprev)
            for t in reversed(range(len(inputs))):
                d = (2 * hs[t] + dh) * (1 - hs[t] ** 2)
                dWxh[:, inputs[t]] += d
                dWhh += np.outer(d, {state})
                dh = Whh.T @ d
            return loss, dWxh, dWhh, hs[t]

        if __name__ == "__main__":
            lossFun([0, 2, 1], np.zeros(4))
    """
    assert checked(text) == {"lossFun": expected}
