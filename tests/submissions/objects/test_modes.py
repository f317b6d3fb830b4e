"""What a class is made with in place of its defaults: other costs and activations of the file, other modes."""

import pytest

from jaxdoodle.gradcheck.report import UNNAMED
from jaxdoodle.submissions.worker import check_file

NETWORK = """
class Square:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.sum((a - y) ** 2)

    @staticmethod
    def delta(z, a, y):
        return (a - y) * a * (1 - a)


class Logistic:
    @staticmethod
    def fn(a, y):
        return np.sum(np.log(np.cosh(a - y)))

    @staticmethod
    def delta(z, a, y):
        return {delta} * a * (1 - a)


class Network:
    def __init__(self, sizes, cost=Square):
        rng = np.random.default_rng(0)
        self.w = [rng.normal(size=(m, n)) for n, m in zip(sizes, sizes[1:])]
        self.cost = cost

    def feedforward(self, a):
        for w in self.w:
            a = 1 / (1 + np.exp(-w @ a))
        return a

    def total_cost(self, x, y):
        return self.cost.fn(self.feedforward(x), y)

    def backprop(self, x, y):
        activations = [x]
        for w in self.w:
            activations.append(1 / (1 + np.exp(-w @ activations[-1])))
        delta, grads = self.cost.delta(None, activations[-1], y), []
        for k in reversed(range(len(self.w))):
            grads.insert(0, delta @ activations[k].T)
            a = activations[k]
            delta = self.w[k].T @ delta * a * (1 - a)
        return grads
"""
LAYER = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

ACTIVATIONS = {{
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * (1 {sign} sigmoid(z))),
}}


class Dense:
    def __init__(self, n_in, n_out, activation="tanh", init="he"):
        self.w = np.random.default_rng(0).normal(size=(n_in, n_out)) * (2 if init == "he" else 1)
        self.activation = activation

    def forward(self, x):
        self.x, self.z = x, x @ self.w
        {forward}
        return ACTIVATIONS[self.activation][0](self.z)

    def backward(self, dout):
        {backward}
        dz = dout * ACTIVATIONS[self.activation][1](self.z)
        self.dw = self.x.T @ dz
        return dz @ self.w.T
"""


@pytest.fixture
def report(tmp_path):
    def run(text):
        (path := tmp_path / "program.py").write_text("import numpy as np\n" + text)
        (report,) = (message["check"] for message in check_file(path) if "check" in message)
        return report

    return run


@pytest.mark.parametrize("default", ["", "()"])
def test_a_network_is_checked_with_each_cost_of_the_file(report, default):
    text = NETWORK.format(delta="{}").replace("cost=Square", f"cost=Square{default}")
    right, wrong = (report(text.format(delta)) for delta in ("np.tanh(a - y)", "np.tan(a - y)"))
    assert right["passed"] and not right["notes"]
    assert wrong["title"] == "Network with cost=Logistic"
    assert [(f["name"], f["backward"]["line"]) for f in wrong["findings"]] == [("tan for tanh", 20)]


def test_a_cost_whose_gradient_no_known_mistake_gives_is_wrong_if_the_file_makes_a_network_with_it(report):
    text = NETWORK.format(delta="(a - y) ** 3 * np.exp(a)")
    told = report(text)
    assert told["passed"] and told["notes"] == ["Network with cost=Logistic is not checked: it may be of another loss"]
    told = report(text + "\nif __name__ == '__main__':\n    import data\n    Network([784, 30], cost=Logistic)\n")
    assert not told["passed"] and [f["name"] for f in told["findings"]] == [UNNAMED]


def test_a_layer_is_checked_with_each_activation_that_it_knows_by_name(report):
    right, wrong = (report(LAYER.format(sign=sign, forward="", backward="")) for sign in "-+")
    assert right["passed"] and not right["notes"]
    assert wrong["title"] == "Dense with activation=sigmoid" and wrong["findings"][0]["backward"]["line"] == 8


def test_a_softmax_may_be_that_of_a_loss(report):
    softmax = 'if self.activation == "softmax": return np.exp(self.z) / np.exp(self.z).sum(1, keepdims=True)'
    passing = 'if self.activation == "softmax": return dout @ self.w.T'
    told = report(LAYER.format(sign="-", forward=softmax, backward=passing))
    assert told["passed"]
    assert told["notes"] == ["Dense with activation=softmax is not checked: it may be of another loss"]
