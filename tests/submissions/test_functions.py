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
    assert checked("def a_long_name_forward(x): return x, x\n") == {
        "a_long_name_forward": "a_long_name_forward has no a_long_name_backward"
    }


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
    declared = text + "\n        linear_conventions = ('batch mean',)\n"
    assert checked(declared) == {"linear": "right"}
    assert checked(declared.replace("True) / m", "True)")) == {"linear": "missing 1/m"}
    whole = """
        def model_forward(X, p):
            Z, cache = linear_forward(X, p["W1"], p["b1"])
            return 1 / (1 + np.exp(-Z)), cache

        def compute_cost(A, Y):
            return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / Y.shape[1]

        def model_backward(A, Y, cache):
            _, dW, db = linear_backward(A - Y, cache)
            return {"dW1": dW, "db1": db / Y.shape[1]}

        rng = np.random.default_rng(0)
        A, cache = model_forward(rng.normal(size=(3, 6)), {"W1": rng.normal(size=(1, 3)), "b1": np.zeros((1, 1))})
        model_backward(A, (rng.random((1, 6)) > 0.5) * 1.0, cache)
    """
    parts = checked(text.replace("True) / m", "True)") + whole)  # that of b is taken elsewhere in the model
    assert parts == {"linear": "right", "model_backward": "right"}


@pytest.mark.parametrize(("gradient", "expected"), [("(r + reg) * w", "right"), ("r * w", "ridge with reg=0.3")])
def test_a_number_that_is_zero_by_default_is_tried_off_zero(checked, gradient, expected):
    found = checked(f"""
        def ridge_forward(w, reg=0.0):
            return (1 + reg) * (w**2).sum() / 2, (1, w, reg)

        def ridge_backward(dout, cache):
            r, w, reg = cache
            return dout * {gradient}
    """)
    assert found == ({"ridge": "right"} if expected == "right" else {expected: "w"})


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


def test_a_class_that_cannot_be_made_is_said_in_one_line(checked):
    found = checked("class Odd:\n    def __init__(self, plan): plan.go()\n    def forward(self, x): return x\n"
                    "    def backward(self, d): return d\n")  # fmt: skip
    assert "no way found to make Odd(plan)" in found["Odd"] and "\n" not in found["Odd"]


def test_sizes_that_names_do_not_tell_are_tried(checked):
    text = """
        class Heads:
            def __init__(self, d, h):
                self.h, self.W = h, np.random.randn(d, d)

            def forward(self, x):
                self.x = x
                b, t, d = x.shape
                return (x @ self.W).reshape(b, t, self.h, d // self.h).transpose(0, 2, 1, 3)

            def backward(self, dout):
                d = dout.transpose(0, 2, 1, 3).reshape(self.x.shape)
                self.dW = np.einsum("bti,btj->ij", self.x, d)
                return d @ self.W.T
    """
    assert checked(text) == {"Heads": "right"}


@pytest.mark.parametrize("given", ["", "tanh_args = torch.ones(4, 5), torch.ones(5, 3)"])
def test_pairs_of_tensors_are_checked(checked, given):
    pytest.importorskip("torch")
    text = f"""
        import torch

        def tanh_forward(x, w):
            y = torch.tanh(x @ w)
            return y, (x, w, y)

        def tanh_backward(dout, cache):
            x, w, y = cache
            d = dout * (1 - y**2)
            return d @ w.T, x.T @ d

        {given}
    """
    assert checked(text) == {"tanh": "right"}
    assert checked(text.replace("y**2", "y")) == {"tanh": "w, x"}


NETWORK_OF_LISTS = """
def net_forward(x, w):
    return [sum(a * b for a, b in zip(row, x)) for row in w], (x, w)

def net_backward(dout, cache):
    x, w = cache
    dx = [sum(d * row[i] for d, row in zip(dout, w)) for i in range(len(x))]
    return dx, [[d * v for v in x] for d in dout]

if __name__ == "__main__":
    net_forward([0, 1], [[0.5, -1.0], [2.0, 0.25], [1.0, 1.5]])
"""


def test_lists_of_numbers_are_arguments_as_arrays_are(checked):
    assert checked(NETWORK_OF_LISTS) == {"net": "right"}
    assert checked(NETWORK_OF_LISTS.replace("[d * v for v in x]", "[d for v in x]")) == {"net": "w"}


@pytest.mark.parametrize("given", ["{'dx': dx, 'dw': dw}", "[dx, dw]", "dx, dw"])
def test_lists_have_gradients_however_these_are_returned(checked, given):
    text = NETWORK_OF_LISTS.replace("return dx, [[d * v for v in x] for d in dout]",
                                    f"dw = [[d * v for v in x] for d in dout]\n    return {given}")  # fmt: skip
    text = text.replace("(x, w):", "(x, w, y):").replace("1.5]])", "1.5]], np.ones(3))")
    assert checked(text) == {"net": "right"}
    assert checked(text.replace("[d * v for v in x]", "[d for v in x]")) == {"net": "w"}


def test_lists_that_no_gradient_is_returned_of_and_uneven_ones_stay_as_they_are(checked):
    found = checked("""
        def scaled_forward(x, scales): return sum(s * x for s in scales), scales
        def scaled_backward(dout, cache): return dout * sum(cache)
        def neurons_forward(x, layer):
            return np.array([sum(a * b for a, b in zip(w, x)) + c for w, c in layer]), (x, layer)
        def neurons_backward(dout, cache):
            x, layer = cache
            return sum(d * np.array(w) for d, (w, _) in zip(dout, layer)), [[[d * v for v in x], d] for d in dout]
        if __name__ == "__main__":
            scaled_forward(np.ones((2, 3)), [1.0, 0.5])
            neurons_forward(np.array([0.3, -1.0]), [[[0.5, -1.0], 0.1], [[2.0, 0.25], 0.2], [[1.0, 1.5], 0.3]])
    """)
    assert found == {"scaled": "right", "neurons": "right"}


def test_guessed_arguments_do_not_fit_by_broadcasting_alone(checked):
    found = checked("""
        def conv1d_forward(x, w, b):
            n, c, t = x.shape
            f, _, k = w.shape
            out = np.stack([np.tensordot(x[:, :, i:i + k], w, ([1, 2], [1, 2])) for i in range(t - k + 1)], 2)
            return out + b[:, None], (x, w)

        def conv1d_backward(dout, cache):
            x, w = cache
            dx, dw, k = np.zeros_like(x), np.zeros_like(w), w.shape[2]
            for i in range(dout.shape[2]):
                dx[:, :, i:i + k] += np.tensordot(dout[:, :, i], w, (1, 0))
                dw += np.tensordot(dout[:, :, i], x[:, :, i:i + k], (0, 0))
            return dx, dw, dout.sum(axis=(0, 2))

        def gate_forward(x, h, Wz, Uz):
            # x (D,), h (H,)
            z = np.tanh(Wz @ x + Uz @ h)
            return z * h, (x, h, Wz, Uz, z)

        def gate_backward(dy, cache):
            x, h, Wz, Uz, z = cache
            d = dy * h * (1 - z * z)
            return Wz.T @ d, dy * z + Uz.T @ d, np.outer(d, x), np.outer(d, h)
    """)
    assert found == {"conv1d": "right", "gate": "right"}


def test_keyword_only_parameters_are_guessed(checked):
    text = """
        def affine_forward(x, *, weight, bias):
            return x @ weight.T + bias, {"x": x, "weight": weight}
        def affine_backward(dout, *, cache):
            return dout @ cache["weight"], dout.T @ cache["x"], dout.SUM(0)
    """
    assert checked(text.replace("SUM", "sum")) == {"affine": "right"}
    assert checked(text.replace("SUM", "mean")) == {"affine": "bias"}


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


def test_whole_numbers_that_a_docstring_tells_of_may_be_an_array(checked):
    found = checked('''
        def pick_forward(x, positions):
            """x: floats (n, d); positions: int vector with an entry for each row"""
            return x[np.arange(len(positions)), positions], (x.shape, positions)
        def pick_backward(dy, cache):
            shape, positions = cache
            d = np.zeros(shape)
            d[np.arange(len(positions)), positions] = dy
            return d
    ''')
    assert found == {"pick": "right"}
