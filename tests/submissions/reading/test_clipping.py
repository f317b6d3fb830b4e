"""Losses whose gradients are cut off are checked as they are before."""

import pytest

from jaxdoodle.submissions import check_file

RECURRENT = """
    text = open("no_such_text.txt").read()
    chars = sorted(set(text))
    V, H = len(chars), 5
    index = {c: i for i, c in enumerate(chars)}
    Wx, Wh, Wy = np.random.randn(H, V), np.random.randn(H, H), np.random.randn(V, H)
    b = np.zeros((H, 1))

    def lossFun(inputs, targets, hprev):
        x, h, p, loss = {}, {-1: hprev}, {}, 0
        for t in range(len(inputs)):
            x[t] = np.zeros((V, 1))
            x[t][inputs[t]] = 1
            h[t] = np.tanh(Wx @ x[t] + Wh @ h[t - 1] + b)
            p[t] = np.exp(Wy @ h[t]) / np.sum(np.exp(Wy @ h[t]))
            loss += -np.log(p[t][targets[t], 0])
        dWx, dWh, dWy, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wy), np.zeros_like(b)
        dnext = np.zeros_like(h[0])
        for t in reversed(range(len(inputs))):
            dy = np.copy(p[t])
            dy[targets[t]] -= 1
            dWy += dy @ h[t].T
            dz = (1 - h[t] ** 2) * (Wy.T @ dy + dnext)
            dWx, dWh, db = dWx + dz @ x[t].T, dWh + dz @ h[t - 1].T, db + dz
            dnext = Wh.T @ dz
        for dparam in [dWx, dWh, dWy, db]:
            np.clip(dparam, -0.5, 0.5, out=dparam)
        return loss, dWx, dWh, dWy, db, h[len(inputs) - 1]

    h, smooth = np.zeros((H, 1)), 0.0
    for n in range(0, 60, 20):
        inputs, targets = [[index[c] for c in text[n + k : n + 20 + k]] for k in (0, 1)]
        loss, dWx, dWh, dWy, db, h = lossFun(inputs, targets, h)
        smooth_loss = 0.9 * smooth + 0.1 * loss
        for w, dw in zip([Wx, Wh, Wy, b], [dWx, dWh, dWy, db]):
            w -= 0.1 * dw
"""


@pytest.mark.parametrize(
    ("line", "wrong", "expected"),
    [
        ("", "", "right"),
        ("Wy.T @ dy + dnext", "Wy.T @ dy", "Wh, Wx, b"),
        ("h[t - 1].T, db", "h[t].T, db", "Wh"),
        ("text = open", "with open", "right"),
    ],
)
def test_a_network_of_global_variables_is_checked_without_its_text_and_its_clipping(checked, line, wrong, expected):
    program = RECURRENT.replace(line, wrong) if line else RECURRENT
    if wrong == "with open":  # what is made of the text is not known: the arguments are guessed
        program = RECURRENT.replace('text = open("no_such_text.txt").read()', "")
        program = program.replace("V, H = len(chars), 5", "V, H = 4, 5")
    found = checked(program)
    found.pop("told")
    assert found == {"lossFun": expected}


def test_what_is_cut_off_in_the_forward_stays(checked):
    program = """
    W = np.random.randn(4, 3)

    def loss_and_grad(x, y):
        z = x @ W
        h = np.clip(z, -1, 1)
        dh = 2 * (h - y)
        dW = np.clip(x.T @ (dh * (np.abs(z) < 1)), -9, 9)
        return np.sum((h - y) ** 2), dW

    loss_and_grad(np.random.randn(5, 4), np.random.randn(5, 3))
    """
    assert checked(program) == {"loss_and_grad": "right"}
    assert checked(program.replace(" * (np.abs(z) < 1)", "")) == {"loss_and_grad": "W"}


def test_what_is_cut_off_as_a_derivative_or_in_the_value_stays_by_any_name(checked):
    huber = """
    def huber_loss(pred, y, delta=1.0):
        diff = pred - y
        loss = np.sum(np.where(np.abs(diff) <= delta, 0.5 * diff ** 2, delta * (np.abs(diff) - 0.5 * delta)))
        dpred = np.clip(diff, -delta, delta)
        return loss, dpred

    huber_loss(2 * np.random.randn(5, 4), np.random.randn(5, 4))
    """
    assert checked(huber) == {"huber_loss": "right"}
    weights = (
        huber.replace("pred, y", "x, w, y")
        .replace("diff = pred - y", "diff = x @ w - y")
        .replace(
            "dpred = np.clip(diff, -delta, delta)",
            "dz = np.clip(diff, -delta, delta); dw = np.clip(x.T @ dz, -1e-3, 1e-3); p = x @ w",
        )
        .replace("dpred", "dw, np.ravel(p)")
        .replace("np.random.randn(5, 4))", "np.random.randn(4, 3), np.zeros((5, 3)))")
    )
    assert checked(weights) == {"huber_loss": "right"}
    assert checked(weights.replace("x.T @ dz", "x.T @ diff")) == {"huber_loss": "w"}
    clipped = """
    def clipped_loss(pred, y, c=1.0):
        diff = np.clip(pred - y, -c, c)
        loss = 0.5 * np.sum(diff ** 2)
        dpred = diff * (np.abs(pred - y) < c)
        return loss, dpred

    clipped_loss(2 * np.random.randn(5, 4), np.random.randn(5, 4))
    """
    assert checked(clipped) == {"clipped_loss": "right"}
    assert checked(clipped.replace(" * (np.abs(pred - y) < c)", "")) == {"clipped_loss": "pred"}


BOUNDED = """
import numpy as np

def bounded_loss(w, x, y):
    z = x @ w
    d = z - y
    loss = 0.5 * np.mean(d ** 2)
    grad = x.T @ d / len(y)
    grad = np.clip(grad, -0.1, 0.1) * 2
    return loss, np.ravel(grad), np.ravel(z)

bounded_loss(np.array([0.1, 0.2, -0.3]), np.ones((6, 3)) * np.arange(6.0)[:, None], np.arange(6.0) / 5)
"""


def test_a_mistake_is_mended_in_what_is_checked_and_what_cuts_off_stays_in_the_line(tmp_path):
    (tmp_path / "program.py").write_text(BOUNDED)
    (message,) = check_file(tmp_path / "program.py")
    (finding,) = message["check"]["findings"]
    assert (finding["name"], finding["mended"]) == ("extra factor", "grad = np.clip(grad, -0.1, 0.1)")


BOUNDED_LAYER = """
class Recurrent:
    def __init__(self, n):
        self.w = np.random.randn(n, n)
        self.b = np.zeros(n)
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.w + self.b)
    def backward(self, dy, learn_rate=0.1):
        dz = dy * (1 - np.tanh(self.x @ self.w + self.b) ** 2)
        dw, db = self.x.T @ dz, dz.sum(axis=0)
        for d in [dw, db]:
            np.clip(d, -0.1, 0.1, out=d)
        self.w -= learn_rate * dw
        self.b -= learn_rate * db
"""


@pytest.mark.parametrize(("change", "expected"), [("self.x.T @", "right"), ("-self.x.T @", "w")])
def test_the_gradients_of_a_layer_are_checked_as_they_are_before_they_are_cut_off(checked, change, expected):
    assert checked(BOUNDED_LAYER.replace("self.x.T @", change)) == {"Recurrent": expected}


@pytest.mark.parametrize("static", [False, True])
def test_a_layer_of_private_names_may_cut_off_in_a_method_that_its_backward_alone_calls(checked, static):
    program = BOUNDED_LAYER.replace("self.w", "self.__w").replace("np.clip(d, -0.1, 0.1, out=d)", "self.__cut(d)")
    parts = ("@staticmethod", "d") if static else ("", "self, d")
    program += "    {}\n    def __cut({}): np.clip(d, -0.1, 0.1, out=d)\n".format(*parts)
    assert checked(program) == {"Recurrent": "right"}
    assert checked(program.replace("self.x.T @", "-self.x.T @")) == {"Recurrent": "w"}


@pytest.mark.parametrize(("mask", "expected"), [(" * (np.abs(self.d) < 1)", "right"), ("", "x")])
@pytest.mark.parametrize("method", ["forward", "bounded", "__call__"])
def test_what_a_layer_cuts_off_in_its_forward_stays_by_any_name(checked, method, mask, expected):
    called = "return self.bounded(x)" if method == "bounded" else "d = self.d = 2 * x; d = np.clip(d, -1, 1); return d"
    assert checked(f"""
        class HardTanh:
            def {method.replace("bounded", "forward")}(self, x):
                {called}
            def bounded(self, x):
                d = self.d = 2 * x
                d = np.clip(d, -1, 1)
                return d
            def backward(self, dy):
                self.y = self.bounded(self.d / 2)
                dx = np.clip(2 * dy{mask}, -50, 50)
                return dx
    """) == {"HardTanh": expected}


@pytest.mark.parametrize(("mask", "expected"), [(" * (np.abs(self.dense) < 1)", "right"), ("", "v")])
def test_what_a_network_cuts_off_in_its_forward_stays_by_any_name(checked, mask, expected):
    assert checked(f"""
        class Net:
            def __init__(self):
                self.v, self.w = np.random.randn(4, 5), np.random.randn(5, 2)
            def forward(self, x):
                self.dense = x @ self.v
                dense = np.clip(self.dense, -1, 1)
                self.h = dense
                return self.h @ self.w
            def loss(self, x, y):
                return 0.5 * np.sum((self.forward(x) - y) ** 2)
            def backward(self, x, y):
                d = self.forward(x) - y
                return x.T @ (d @ self.w.T{mask}), self.h.T @ d
    """) == {"Net": expected}
