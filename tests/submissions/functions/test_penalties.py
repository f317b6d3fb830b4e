"""Penalties that a backward adds the gradients of, and its forward does not give."""

import pytest


@pytest.mark.parametrize("sign, expected", [("+", "right"), ("-", "b")])
def test_the_penalty_that_a_layer_adds_to_a_gradient_is_that_of_the_networks_loss(checked, sign, expected):
    text = f"""
        class Dense:
            def __init__(self, n_in=3, n_out=2, weight_decay=0.1):
                self.W, self.b, self.weight_decay = np.random.randn(n_in, n_out), np.zeros(n_out), weight_decay
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def penalty(self):
                return 0.5 * self.weight_decay * (self.W ** 2).sum()
            def backward(self, dy):
                self.dW, self.db = self.x.T @ dy + self.weight_decay * self.W, {sign}dy.sum(0)
                return dy @ self.W.T
    """
    assert checked(text) == {"Dense": expected}


@pytest.mark.parametrize("factor", ["0.0", "0.1"])
@pytest.mark.parametrize("scale", ["", "2 * "])
def test_the_gradient_of_a_penalty_is_compared_with_the_penalty_of_the_class(checked, factor, scale):
    text = f"""
        class Dense:
            def __init__(self, n_in=3, n_out=2, l2={factor}):
                self.W, self.b, self.l2 = np.random.randn(n_in, n_out), np.zeros(n_out), l2
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def squares(self):
                return (self.W ** 2).sum()
            def penalty(self):
                return 0.5 * self.l2 * self.squares()
            def backward(self, dy):
                self.dW, self.db = self.x.T @ dy, dy.sum(0)
                self.dW += {scale}self.l2 * self.W
                return dy @ self.W.T
    """
    assert checked(text) == {"Dense": "wrong penalty gradient" if scale else "right"}
    by_examples = text.replace("self.l2 * self.W", "self.l2 * self.W / len(dy)")
    assert scale or checked(by_examples) == {"Dense": "right"}  # the loss may divide


def test_a_factor_that_an_inherited_forward_reads_is_no_penalty_of_the_loss(checked):
    text = """
        class Base:
            def forward(self, x):
                self.x = x
                return x @ self.W + self.l2 * self.b
        class Dense(Base):
            def __init__(self, n_in=3, n_out=2, l2=0.1):
                self.W, self.b, self.l2 = np.random.randn(n_in, n_out), np.zeros(n_out), l2
            def backward(self, dy):
                self.dW, self.db = self.x.T @ dy + self.l2 * self.W, self.l2 * dy.sum(0)
                return dy @ self.W.T
    """
    assert checked(text)["Dense"] == "W"
    assert checked(text.replace("@ dy + self.l2 * self.W", "@ dy"))["Dense"] == "right"


def test_the_factor_of_a_reversed_gradient_is_no_penalty(checked):
    text = """
        class GradientReversal:
            def __init__(self, lambda_=0.7):
                self.lambda_ = lambda_
            def forward(self, x):
                return x
            def backward(self, dy):
                return -self.lambda_ * dy
    """
    assert checked(text) == {"GradientReversal": "right"}


def test_a_penalty_is_compared_with_methods_that_are_called_so(checked):
    text = """
        class Dense:
            def __init__(self, n_in=3, n_out=2, l2=0.01):
                self.W, self.l2 = np.random.randn(n_in, n_out), l2

            def forward(self, x):
                self.x = x
                return x @ self.W

            def backward(self, dy):
                self.dW = self.x.T @ dy + self.l2 * self.W
                return dy @ self.W.T

            def NAME(self, scale=0.5):
                return self.l2 * np.sqrt(np.sum(self.W ** 2))
    """
    assert checked(text.replace("NAME", "weight_norm")) == {"Dense": "right"}
    right = text.replace("NAME", "penalty").replace("np.sqrt(np.sum(self.W ** 2))", "scale * np.sum(self.W ** 2)")
    assert checked(right) == {"Dense": "right"}
    assert checked(right.replace("scale * np", "np")) != {"Dense": "right"}


@pytest.mark.parametrize(("term", "expected"), [
    ("lam * (gamma - 1)", "right"), ("lam * np.sign(gamma - 1)", "right"), ("lam * (1 - gamma)", "wrong"),
    ("lam * x.sum(0)", "wrong"), ("lam * np.abs(gamma)", "wrong"),
])  # fmt: skip
def test_a_penalty_may_be_toward_another_value_than_zero(checked, term, expected):
    found = checked(f"""
        def scale_forward(x, gamma):
            return gamma * x, (x, gamma)

        def scale_backward(dy, cache, lam):
            x, gamma = cache
            return dy * gamma, (dy * x).sum(0) + {term}

        class Scale:
            def __init__(self, n=3, lam=0.1):
                self.gamma, self.lam = np.ones(n), lam
            def forward(self, x):
                self.x = x
                return x * self.gamma
            def backward(self, dy):
                lam, gamma, x = self.lam, self.gamma, self.x
                self.dgamma = (dy * x).sum(0) + {term}
                return dy * gamma
    """)
    wrong = {"scale": "wrong penalty gradient", "Scale": "gamma" if "x" in term else "wrong penalty gradient"}
    assert found == (wrong if expected == "wrong" else dict.fromkeys(wrong, "right"))


def test_a_penalty_of_another_sign_is_right_where_the_class_gives_it(checked):
    text = """
        class Scale:
            def __init__(self, n=3, lam=0.1):
                self.gamma, self.lam = np.ones(n), lam
            def forward(self, x):
                self.x = x
                return x * self.gamma
            def penalty(self):
                return SIGN self.lam * np.log(np.abs(self.gamma)).sum()
            def backward(self, dy):
                self.dgamma = (dy * self.x).sum(0) - self.lam / self.gamma
                return dy * self.gamma
    """
    assert checked(text.replace("SIGN", "-")) == {"Scale": "right"}
    assert checked(text.replace("SIGN", "+")) == {"Scale": "wrong penalty gradient"}


DENSE = """
class Dense:
    def __init__(self, n_in=3, n_out=2, l2=FACTOR):
        self.W, self.b, self.l2 = np.random.randn(n_in, n_out), np.zeros(n_out), l2

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def penalty(self):
        return 0.5 * self.l2 * np.sum(self.W ** 2)

    def penalty_so_far(self):
        return self.total * self.l2

    def backward(self, dy):
        W, self.db = self.W, dy.sum(0)
        self.dW = GRADIENT
        return dy @ W.T

    def step(self, lr):
        self.W -= lr * (self.dW + self.l2 * self.W)
"""


@pytest.mark.parametrize("factor", ["0.0", "0.1"])
@pytest.mark.parametrize("added, expected", [
    ("self.x.T @ dy SIGN self.l2 * self.W", None), ("self.x.T @ dy SIGN np.multiply(W, self.l2)", None),
    ("[g SIGN self.l2 * w for g, w in [(self.x.T @ dy, W)]][0]", None), ("self.x.T @ dy", "right"),
])  # fmt: skip
def test_a_penalty_is_told_by_what_its_factor_changes_and_has_the_sign_of_the_class_own(
    checked, factor, added, expected
):
    text = DENSE.replace("FACTOR", factor).replace("GRADIENT", added)
    assert checked(text.replace("SIGN", "+")) == {"Dense": "right"}
    assert checked(text.replace("SIGN", "-")) == {"Dense": expected or "wrong penalty gradient"}


def test_what_depends_on_the_incoming_gradient_is_no_penalty(checked):
    text = DENSE.replace("FACTOR", "0.1").replace("GRADIENT", "(1 + self.l2) * self.x.T @ dy")
    assert checked(text) == {"Dense": "W"}


def test_a_method_that_prints_a_norm_gives_no_penalty(checked):
    text = DENSE.replace("FACTOR", "0.1").replace("GRADIENT", "self.x.T @ dy + self.l2 * W")
    text = text.replace("penalty(self)", "l2_norm(self)").replace("0.5 * self.l2 * np.sum", "self.l2 * np.sum")
    assert checked(text) == {"Dense": "right"}


@pytest.mark.parametrize("l1, l2, expected", [("", "", "right"), ("2 * ", "", None), ("", "2 * ", None)])
def test_each_of_several_factors_is_compared_with_its_own_penalty(checked, l1, l2, expected):
    found = checked(f"""
        class Dense:
            def __init__(self, n_in=4, n_out=3, l1_reg=0.01, l2_reg=0.02):
                self.W, self.b = np.random.randn(n_in, n_out), np.random.randn(n_out)
                self.l1_reg, self.l2_reg = l1_reg, l2_reg
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, dy):
                self.dW = self.x.T @ dy + {l1}self.l1_reg * np.sign(self.W)
                self.db = dy.sum(0) + {l2}self.l2_reg * self.b
                return dy @ self.W.T
            def l1_penalty(self):
                return self.l1_reg * np.abs(self.W).sum()
            def l2_penalty(self):
                return 0.5 * self.l2_reg * (self.b ** 2).sum()
    """)
    assert found == {"Dense": expected or "wrong penalty gradient"}


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "W")])
def test_a_penalty_that_the_backward_alone_has_is_left_to_the_cost(checked, factor, expected):
    found = checked(f"""
        def linear_forward(A, W, b):
            return W @ A + b, (A, W, b)

        def linear_backward(dZ, cache, lambd):
            A, W, b = cache
            return W.T @ dZ, {factor}dZ @ A.T + lambd * W, dZ.sum(axis=1, keepdims=True)
    """)
    assert found == {"linear": expected}


@pytest.mark.parametrize("handed", ["lambd", "lambd=lambd"])
@pytest.mark.parametrize(("sign", "expected"), [("+", "right"), ("-", "wrong penalty gradient")])
def test_a_penalty_of_a_function_that_the_backward_calls_is_left_to_the_cost_too(checked, handed, sign, expected):
    found = checked(f"""
        def linear_forward(A, W, b):
            return W @ A + b, (A, W, b)

        def linear_backward(dZ, cache, lambd):
            A, W, b = cache
            return W.T @ dZ, dZ @ A.T {sign} lambd * W, dZ.sum(axis=1, keepdims=True)

        def layer_forward(A, W, b):
            Z, cache = linear_forward(A, W, b)
            return np.tanh(Z), (cache, Z)

        def layer_backward(dA, cache, lambd):
            within, Z = cache
            return linear_backward(dA * (1 - np.tanh(Z) ** 2), within, {handed})
    """)
    assert found == {"linear": expected, "layer": expected}


@pytest.mark.parametrize(("dw", "db"), [
    ("dZ @ A.T + lambd * W", "dZ.sum(1) + lambd * A.sum()"), ("dZ @ A.T - lambd * W", "dZ.sum(1)"),
    ("dZ @ A.T + lambd * W", "dZ.sum(1) + lambd * dZ.sum(1)"), ("dZ @ A.T + lambd * np.abs(W)", "dZ.sum(1)"),
    ("dZ @ A.T - lambd * np.abs(W)", "dZ.sum(1)"),
])  # fmt: skip
def test_what_the_factor_of_a_penalty_adds_depends_on_the_parameter_alone_and_has_its_sign(checked, dw, db):
    text = """
        def linear_forward(A, W, b):
            return W @ A + b[:, None], (A, W, b)

        def linear_backward(dZ, cache, lambd):
            A, W, b = cache
            return W.T @ dZ, DW, DB
    """
    assert checked(text.replace("DW", dw).replace("DB", db)) == {"linear": "wrong penalty gradient"}
    right = text.replace("DW", "dZ @ A.T + lambd / A.shape[1] * W").replace("DB", "dZ.sum(1) + lambd * np.sign(b)")
    assert checked(right) == {"linear": "right"}


def test_a_factor_of_all_that_is_passed_on_is_no_penalty(checked):
    text = """
        def reverse_forward(x):
            return x.copy(), x

        def reverse_backward(dy, cache, lam=1.0):
            "Gradient reversal."
            return -lam * dy

        def linear_forward(x, w):
            return x @ w, (x, w)

        def linear_backward(dy, cache, lmbda):
            x, w = cache
            return dy @ w.T, x.T @ dy + lmbda * w / len(x)
    """
    assert set(checked(text).values()) == {"right"}


@pytest.mark.parametrize("given", ["dx, dW1, dW2", '{"x": dx, "W1": dW1, "W2": dW2}'])
@pytest.mark.parametrize(("W1", "W2"), [("W1", "W2"), ("W1", "W1"), ("W2", "W1")])
def test_the_penalty_of_a_parameter_is_not_that_of_another_of_its_shape(checked, given, W1, W2):
    found = checked(f"""
        def mlp_forward(x, W1, W2):
            h = np.tanh(x @ W1)
            return h @ W2, (x, W1, W2, h)

        def mlp_backward(dy, cache, reg):
            x, W1, W2, h = cache
            dz = dy @ W2.T * (1 - h**2)
            dx, dW1, dW2 = dz @ W1.T, x.T @ dz + reg * {W1}, h.T @ dy + reg * {W2}
            return {given}

        mlp_args = np.random.randn(4, 5), np.random.randn(5, 5), np.random.randn(5, 5)
    """)
    assert found == {"mlp": "right" if (W1, W2) == ("W1", "W2") else "wrong penalty gradient"}


@pytest.mark.parametrize(("dW", "expected"), [
    ("+ l1 * np.sign(W) + l2 * W", "right"), ("- l1 * np.sign(W) + l2 * W", "wrong penalty gradient"),
    ("+ l1 * (l2 * np.sign(W) + (1 - l2) * W)", "right"), ("- l1 * np.sign(W) * dy.sum()", "wrong penalty gradient"),
])  # fmt: skip
def test_each_of_several_factors_of_a_backward_adds_a_penalty_alone(checked, dW, expected):
    found = checked(f"""
        def dense_forward(x, W, b):
            return x @ W + b, (x, W)

        def dense_backward(dy, cache, l1=0.0, l2=0.0):
            x, W = cache
            return dy @ W.T, x.T @ dy {dW}, dy.sum(0)
    """)
    assert found == {"dense": expected}


def test_layers_that_a_forward_gives_are_no_factors_of_penalties(checked):
    text = """
        def net_forward(X, W1, W2):
            l1 = np.tanh(X @ W1)
            l2 = np.tanh(l1 @ W2)
            return l2, l1

        def net_backward(dout, X, W1, W2, l1, l2):
            d2 = dout * (1 - l2 ** 2)
            d1 = d2 @ W2.T * (1 - l1 ** 2)
            return d1 @ W1.T, X.T @ d1, l1.T @ d2
    """
    assert checked(text) == {"net": "right"}
    assert checked(text.replace("* (1 - l1 ** 2)", "")) == {"net": "W1, X"}


@pytest.mark.parametrize(("toward", "expected"), [("W - W0", "right"), ("W0 - W", "wrong penalty gradient")])
def test_a_penalty_may_be_toward_weights_that_are_fixed(checked, toward, expected):
    found = checked(f"""
        def dense_forward(x, W, b, W0):
            return x @ W + b, (x, W, W0)

        def dense_backward(dout, cache, reg=0.0):
            x, W, W0 = cache
            return dout @ W.T, x.T @ dout + reg * ({toward}), dout.sum(axis=0)

        class Dense:
            def __init__(self, n_in=3, n_out=2, reg=0.1):
                self.W, self.b, self.reg = np.random.default_rng(0).normal(size=(n_in, n_out)), np.zeros(n_out), reg
                self.W0 = self.W.copy()
            def forward(self, x):
                self.x = x
                return x @ self.W + self.b
            def backward(self, dout):
                W, W0 = self.W, self.W0
                self.dW, self.db = self.x.T @ dout + self.reg * ({toward}), dout.sum(axis=0)
                return dout @ W.T
    """)
    assert found == {"dense": expected, "Dense": expected}
