"""A pair is checked as its author means it: conventions, containers of parameters, and numbers off their defaults."""

import pytest


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


def test_keyword_only_parameters_are_guessed(checked):
    text = """
        def affine_forward(x, *, weight, bias):
            return x @ weight.T + bias, {"x": x, "weight": weight}
        def affine_backward(dout, *, cache):
            return dout @ cache["weight"], dout.T @ cache["x"], dout.SUM(0)
    """
    assert checked(text.replace("SUM", "sum")) == {"affine": "right"}
    assert checked(text.replace("SUM", "mean")) == {"affine": "bias"}


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


@pytest.mark.parametrize("taken", ["", ", scale=1.0"])
@pytest.mark.parametrize(("factor", "expected"), [("scale * ", "right"), ("", "k")])
def test_a_factor_that_is_one_by_default_counts_whatever_it_is_called(checked, taken, factor, expected):
    (found,) = checked(f"""
        def scores_forward(q, k, scale=1.0): return scale * (q @ k.T), (q, k, scale)

        def scores_backward(dy, cache{taken}):
            q, k, {"_" if taken else "scale"} = cache
            return scale * (dy @ k), {factor}(dy.T @ q)
    """).items()
    assert found == ("scores" if expected == "right" else "scores with scale=0.3", expected)


def test_the_backward_pass_of_a_dynamic_program_is_no_gradient(checked):
    found = checked("""
        def forward_alg(emit, trans):
            alpha = [emit[0]]
            for e in emit[1:]:
                alpha.append(e * (alpha[-1] @ trans))
            return np.array(alpha)

        def backward_alg(emit, trans):
            beta = [np.ones(trans.shape[0])]
            for e in emit[:0:-1]:
                beta.insert(0, trans @ (e * beta[0]))
            return np.array(beta)
    """)
    assert found == {"alg": "backward_alg(emit, trans) takes no gradient of what forward_alg gives"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", {"dense": "right", "affine": "right", "swish": "right"}),
        ("+ lam * w", "- lam * w", {"dense": "wrong penalty gradient", "affine": "right", "swish": "right"}),
        ("dout.sum(0)  #", "dout.mean(0)  #", {"dense": "right", "affine": "b", "swish": "right"}),
        ("s * (1 - s)", "(1 - s)", {"dense": "right", "affine": "right", "swish": "x"}),
    ],
)
def test_a_backward_takes_its_cache_entry_by_entry(checked, old, new, expected):
    text = """
        def dense_forward(x, w, b):
            return x @ w + b, (x, w)

        def dense_backward(dout, *cache, lam=0.1):
            x, w = cache
            return dout @ w.T, x.T @ dout + lam * w, dout.sum(axis=0)

        def affine_forward(x, w, b):
            return x @ w + b

        def affine_backward(dout, *inputs):
            x, w, b = inputs
            return dout @ w.T, x.T @ dout, dout.sum(0)  # of each

        def swish_forward(x):
            s = 1 / (1 + np.exp(-x))
            return x * s, x, s

        def swish_backward(dout, *saved):
            x, s = saved
            return dout * (s + x * s * (1 - s))
    """
    assert checked(text.replace(old, new)) == expected


@pytest.mark.parametrize(("by", "expected"), [("J.T", "right"), ("J", "W, b, x")])
def test_a_layer_that_iterates_is_checked_where_it_comes_to_rest(checked, by, expected):
    text = f"""
        def implicit_forward(W, x, b):
            z = np.zeros_like(x)
            for _ in range(300):
                new = np.tanh(z @ W.T + x + b)
                if np.linalg.norm(new - z) < 1e-13:
                    break
                z = new
            return new, (W, new)

        def implicit_backward(dz, cache):
            W, z = cache
            dW, dx = np.zeros_like(W), np.zeros_like(z)
            for i in range(len(z)):
                J = (1 - z[i] ** 2)[:, None] * W
                dx[i] = (1 - z[i] ** 2) * np.linalg.solve(np.eye(len(W)) - {by}, dz[i])
                dW += np.outer(dx[i], z[i])
            return dW, dx, dx.sum(axis=0)
    """
    assert checked(text) == {"implicit": expected}
