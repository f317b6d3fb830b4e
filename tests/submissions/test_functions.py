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


def test_how_a_backward_is_called_is_no_mistake_where_nobody_knows_what_it_takes(checked):
    text = """
        TAPE = []

        def squash(x):
            s = 1 / (1 + np.exp(-x))
            TAPE.append(s)
            return x * s

        def squash_back(g, x, s):
            return g * (s + x * s * (1 - s))
    """
    told = "no way is known to call squash_back(g, x, s): squash gives nothing called s"
    assert checked(text) == {"squash": told}
    assert checked(text.replace("return x * s", "return x * s, s")) == {"squash": "right"}


def test_a_guess_of_the_wrong_kind_is_no_mistake(checked):
    found = checked("""
        GRADS = {}

        def dense(name, x, P):
            return x.dot(P[name])

        def dense_back(g, name, x, P):
            GRADS[name] = GRADS.get(name, 0) + x.T.dot(g)
            return g.dot(P[name].T)
    """)
    assert found == {"dense": "no arguments known for dense; define dense_args = (name, x, P)"}


def test_parameters_in_a_named_tuple_have_gradients_by_name(checked):
    text = """
        from typing import NamedTuple

        class Params(NamedTuple):
            W: np.ndarray
            b: np.ndarray
            v: np.ndarray

        def forward(p, x, y):
            h = np.tanh(x @ p.W + p.b)
            return ((h @ p.v - y) ** 2).sum(), (x, h, y)

        def backward(p, cache):
            x, h, y = cache
            ds = 2 * (h @ p.v - y)
            dz = np.outer(ds, p.v) * (1 - h**2)
            return Params(v=h.T @ ds, b=dz.sum(0), W=x.T @ dz)

        if __name__ == "__main__":
            r = np.random.default_rng(0)
            p = Params(r.normal(size=(3, 4)), np.zeros(4), r.normal(size=4))
            forward(p, r.normal(size=(6, 3)), r.normal(size=6))
    """
    assert checked(text) == {"backward": "right"}
    assert checked(text.replace("dz.sum(0)", "dz.mean(0)")) == {"backward": "b"}


def test_a_backward_may_take_what_was_kept_beside_an_argument_of_the_forward(checked):
    text = """
        def forward(tree, w, y):
            left, right = (w[i] for i in tree)
            err = (left * right).sum() - y
            return 0.5 * err**2, {"left": left, "right": right, "err": err, "tree": tree}

        def backward(node, w):
            grads = {"w": np.zeros_like(w)}
            np.add.at(grads["w"], node["tree"][0], node["err"] * node["right"])
            np.add.at(grads["w"], node["tree"][1], node["err"] * node["left"])
            return grads

        if __name__ == "__main__":
            forward((0, 2), np.random.default_rng(0).normal(size=(4, 3)), 1.0)
    """
    assert checked(text) == {"backward": "right"}
    assert checked(text.replace('node["err"] * node["left"]', 'node["left"]')) == {"backward": "w"}


ADDED = """
        def block(x, p, scale):
            z = np.tanh(x @ p["w"] + p["b"])
            return scale * z, (x, z)

        def block_backward(kept, p, scale, dz, grads):
            x, z = kept
            d = scale * dz * (1 - z**2)
            grads["w"] += x.T @ d
            grads["b"] += d.sum(0)
            return d @ p["w"].T

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            block(rng.normal(size=(4, 3)), {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}, 1.5)
    """


def test_gradients_that_are_added_to_a_table_are_of_the_table_that_the_forward_takes(checked):
    text = ADDED.replace("def block(", "def block_forward(").replace("            block(", "            block_forward(")
    assert checked(text) == {"block": "right"}
    assert checked(text.replace("d.sum(0)", "d.mean(0)")) == {"block": "p.b"}


def test_a_backward_that_takes_what_nobody_knows_is_asked_for(checked):
    text = """
        def upper_forward(s): return s[np.triu_indices(len(s))]
        def upper_backward(dv, d):
            out = np.zeros((d, d))
            out[np.triu_indices(d)] = dv
            return out
        if __name__ == "__main__":
            upper_forward(np.arange(9.0).reshape(3, 3))
    """
    assert "no way is known to call upper_backward(dv, d)" in checked(text)["upper"]


STEP = """
        def binarize(w): return np.where(w >= 0, 1.0, -1.0)
        def binarize_grad(w, dwb):
            # straight-through estimator
            return dwb * (np.abs(w) <= 1)
        if __name__ == "__main__":
            binarize(np.linspace(-1.5, 1.5, 8))
    """


@pytest.mark.parametrize(("said", "found"), [("straight-through", "right"), ("the", "w")])
def test_a_gradient_goes_straight_through_a_step_where_a_comment_says_so(checked, said, found):
    assert checked(STEP.replace("straight-through", said)) == {"binarize_grad": found}


def test_the_gradient_of_a_value_may_take_what_the_value_kept_and_a_dataclass_holds_parameters(checked):
    text = """
        from dataclasses import dataclass

        @dataclass
        class Hyper:
            scale: float
            slope: np.ndarray

        def energy(h: Hyper, x):
            z = x * h.slope
            return h.scale * (z**2).sum(), z

        def energy_grad(h: Hyper, kept):
            return Hyper((kept**2).sum(), 2 * h.scale * (kept**2).sum(0) / h.slope)

        if __name__ == "__main__":
            energy(Hyper(0.7, np.array([0.5, 2.0])), np.arange(6.0).reshape(3, 2))
    """
    assert checked(text) == {"energy": "right"}
    assert checked(text.replace("Hyper((kept**2)", "Hyper(2 * (kept**2)")) == {"energy": "scale"}


def test_a_number_that_is_learned_is_not_left_out_and_a_step_size_is(checked):
    text = """
        def step_forward(x, {name}): return x * {name}, (x, {name})
        def step_backward(dy, cache): return dy * cache[1]
        step_args = (np.ones((3, 2)), np.float64(0.25))
    """
    assert checked(text.format(name="h")) == {"step": "right"}
    assert checked(text.format(name="slope")) == {"step": "gradient missing"}
