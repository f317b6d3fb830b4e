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
    """That of a program's one class, with what of it was not checked: ``{"unchecked": [name]}``."""

    def run(text):
        (path := tmp_path / "program.py").write_text("import numpy as np\n" + text)
        messages = list(check_file(path))
        (report,) = (message["check"] for message in messages if "check" in message)
        return report | {"unchecked": [m["unchecked"]["name"] for m in messages if "unchecked" in m]}

    return run


@pytest.mark.parametrize("default", ["", "()"])
def test_a_network_is_checked_with_each_cost_of_the_file(report, default):
    text = NETWORK.format(delta="{}").replace("cost=Square", f"cost=Square{default}")
    right, wrong = (report(text.format(delta)) for delta in ("np.tanh(a - y)", "np.tan(a - y)"))
    assert right["passed"] and not right["unchecked"]
    assert wrong["title"] == "Network with cost=Logistic" and not wrong["unchecked"]
    assert [(f["name"], f["backward"]["line"]) for f in wrong["findings"]] == [("tan for tanh", 20)]


def test_a_cost_whose_gradient_no_known_mistake_gives_is_wrong_if_the_file_makes_a_network_with_it(report):
    text = NETWORK.format(delta="(a - y) ** 3 * np.exp(a)")
    told = report(text)
    assert told["passed"] and told["unchecked"] == ["Network with cost=Logistic"]
    told = report(text + "\nif __name__ == '__main__':\n    import data\n    Network([784, 30], cost=Logistic)\n")
    assert not told["passed"] and [f["name"] for f in told["findings"]] == [UNNAMED]


def test_a_layer_is_checked_with_each_activation_that_it_knows_by_name(report):
    right, wrong = (report(LAYER.format(sign=sign, forward="", backward="")) for sign in "-+")
    assert right["passed"] and not right["unchecked"]
    assert wrong["title"] == "Dense with activation=sigmoid" and wrong["findings"][0]["backward"]["line"] == 8


def test_a_softmax_may_be_that_of_a_loss(report):
    softmax = 'if self.activation == "softmax": return np.exp(self.z) / np.exp(self.z).sum(1, keepdims=True)'
    passing = 'if self.activation == "softmax": return dout @ self.w.T'
    told = report(LAYER.format(sign="-", forward=softmax, backward=passing))
    assert told["passed"] and told["unchecked"] == ["Dense with activation=softmax"]


@pytest.mark.parametrize(("slope", "title"), [("np.sign(self.w)", ""), ("self.w", " with reg=l1")])
def test_what_a_class_is_called_excuses_no_mode(report, slope, title):
    told = report(f"""
class SoftmaxClassifier:
    def __init__(self, n_in=4, n_out=3, reg="l2", scale=0.1):
        self.w = np.random.randn(n_in, n_out)
        self.reg, self.scale = reg, scale

    def probabilities(self, x):
        e = np.exp(x @ self.w)
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, y):
        penalty = np.abs(self.w).sum() if self.reg == "l1" else 0.5 * (self.w ** 2).sum()
        return -np.log(self.probabilities(x)[np.arange(len(y)), y]).mean() + self.scale * penalty

    def gradient(self, x, y):
        p = self.probabilities(x)
        p[np.arange(len(y)), y] -= 1
        return x.T @ p / len(y) + self.scale * ({slope} if self.reg == "l1" else self.w)

SoftmaxClassifier(), SoftmaxClassifier(reg="l1")
""")
    assert told["title"] == f"SoftmaxClassifier{title}" and told["passed"] == (not title) and not told["unchecked"]
