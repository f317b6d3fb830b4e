"""Networks of one class are made, given data and checked with the loss that fits."""

import textwrap

import pytest

from jaxdoodle.gradcheck.diagnosis.repairs import repair
from jaxdoodle.submissions.worker import check_file

NETWORK = """
def sigmoid(z): return 1 / (1 + np.exp(-z))

class Network:
    def __init__(self, sizes):
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(w @ a + b)
        return a

    def backprop(self, x, y):
        acts = [x]
        for b, w in zip(self.biases, self.weights):
            acts.append(sigmoid(w @ acts[-1] + b))
        delta = acts[-1] - y
        nabla_b, nabla_w = [delta], [delta @ acts[-2].T]
        for k in range(2, len(acts)):
            delta = self.weights[-k + 1].T @ delta * acts[-k] * (1 - acts[-k])
            nabla_b.insert(0, delta)
            nabla_w.insert(0, delta @ acts[-k - 1].T)
        return nabla_b, nabla_w
"""


def test_a_network_with_lists_of_weights_is_checked_against_the_cost_that_fits_its_last_layer(checked):
    assert checked(NETWORK) == {"Network": "right"}
    assert checked(NETWORK.replace("* acts[-k] * (1", "* (1")) == {
        "Network": "biases.0, biases.1, weights.0, weights.1"
    }


def test_a_network_whose_loss_returns_gradients_by_name(checked):
    text = """
        class TwoLayerNet:
            def __init__(self, input_dim=6, hidden_dim=5, num_classes=3):
                rng = np.random.default_rng(0)
                self.params = {"W1": rng.normal(size=(input_dim, hidden_dim)), "b1": np.zeros(hidden_dim),
                               "W2": rng.normal(size=(hidden_dim, num_classes)), "b2": np.zeros(num_classes)}

            def loss(self, X, y=None):
                p = self.params
                h = np.maximum(X @ p["W1"] + p["b1"], 0)
                s = h @ p["W2"] + p["b2"]
                e = np.exp(s - s.max(axis=1, keepdims=True))
                q = e / e.sum(axis=1, keepdims=True)
                n = len(X)
                loss = -np.log(q[np.arange(n), y]).mean()
                d = q.copy()
                d[np.arange(n), y] -= 1
                d /= n
                dh = d @ p["W2"].T * (h > 0)
                grads = {"W2": h.T @ d, "b2": d.sum(axis=0), "W1": X.T @ dh, "b1": dh.mean(axis=0)}
                return loss, grads
    """
    assert checked(text) == {"TwoLayerNet": "b1"}


NIELSEN = NETWORK.replace("delta = acts[-1] - y", "delta = self.cost.delta(acts[-1], y)").replace(
    "def __init__(self, sizes):", "def __init__(self, sizes):\n        self.cost = Quadratic"
)


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ("(a - y) * a * (1 - a)", "right"),
        ("(a - y)", "biases.0, biases.1, biases.2, weights.0, weights.1, weights.2"),
        ("(a - y[0, 0, 0])", "backward raises IndexError"),
    ],
)
def test_the_cost_that_a_network_declares_is_its_loss_and_a_backprop_that_raises_is_wrong(checked, delta, expected):
    cost = f"""
class Quadratic:
    @staticmethod
    def fn(a, y): return 0.5 * np.linalg.norm(a - y) ** 2
    @staticmethod
    def delta(a, y): return {delta}
"""
    call = (
        "\nif __name__ == '__main__':\n    Network([4, 3, 3, 2]).backprop(np.ones((4, 1)), np.array([[0.0], [1.0]]))\n"
    )
    assert checked(cost + NIELSEN + call) == {"Network": expected}


def test_a_backward_that_raises_for_guessed_arguments_alone_is_not_told_wrong(checked):
    found = checked("""
        class Net:
            def __init__(self): self.W = np.ones((4, 2))
            def loss(self, x, y): return np.sum((x @ self.W - y) ** 2)
            def forward(self, x): return x @ self.W
            def backward(self, x, y, mode): return {1: x.T @ (x @ self.W - y) * 2}[mode]
        if __name__ == "__main__": Net().backward(np.ones((3, 4)), np.zeros((3, 2)), 1)
    """)
    assert "no way found to make Net()" in found["Net"]


@pytest.mark.parametrize(("delta", "expected"), [("out - t", "right"), ("t - out", "0, 1")])
def test_a_cost_of_the_activation_and_a_ragged_gradient_are_taken(checked, delta, expected):
    text = f"""
        class Chain:
            def __init__(self): self.w = [np.arange(6.0).reshape(3, 2) / 9, np.arange(3.0).reshape(1, 3) / 5]
            def feedforward(self, a): return self.w[1] @ np.tanh(self.w[0] @ a)
            def cost(self, a, t): return 0.5 * np.sum((a - t) ** 2)
            def backprop(self, x, t):
                h = np.tanh(self.w[0] @ x)
                out = self.w[1] @ h
                d = {delta}
                return [((self.w[1].T @ d) * (1 - h ** 2)) @ x.T, d @ h.T]
        if __name__ == "__main__": Chain().backprop(np.ones((2, 1)), np.ones((1, 1)))
    """
    assert checked(text) == {"Chain": expected}


def test_a_cost_that_is_a_class_beside_a_method_loss(checked):
    text = """
        class Quadratic:
            @staticmethod
            def fn(a, y):
                return 0.5 * np.linalg.norm(a - y) ** 2

        class Network:
            def __init__(self, sizes, cost=Quadratic):
                rng = np.random.RandomState(0)
                self.cost, self.weights = cost, [rng.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

            def feedforward(self, a):
                for w in self.weights:
                    a = np.tanh(w @ a)
                return a

            def loss(self, x, y):
                return self.cost.fn(self.feedforward(x), y)

            def backprop(self, x, y):
                outs = [x]
                for w in self.weights:
                    outs.append(np.tanh(w @ outs[-1]))
                delta, grads = (outs[-1] - y) * (1 - outs[-1]**2), []
                for k in range(len(self.weights) - 1, -1, -1):
                    grads.insert(0, delta @ outs[k].T)
                    delta = self.weights[k].T @ delta * (1 - outs[k]**2)
                return grads

        if __name__ == "__main__":
            Network([4, 3, 2]).backprop(np.ones((4, 1)), np.zeros((2, 1)))
    """
    assert checked(text) == {"Network": "right"}
    assert checked(text.replace("(outs[-1] - y)", "2 * (outs[-1] - y)")) != {"Network": "right"}


IMAGES = """
class Conv:
    def __init__(self, w): self.w = w
    def forward(self, x):
        self.x, k = x, self.w.shape[-1]
        parts = [x[:, 0, i:i + k, j:j + k].reshape(len(x), -1) @ self.w.reshape(len(self.w), -1).T
                 for i in range(x.shape[2] - k + 1) for j in range(x.shape[3] - k + 1)]
        return np.stack(parts, axis=-1)
    def backward(self, dout):
        k, n = self.w.shape[-1], self.x.shape[3] - self.w.shape[-1] + 1
        self.dw = np.zeros(self.w.shape)
        for p in range(dout.shape[2]):
            patch = self.x[:, 0, p // n:p // n + k, p % n:p % n + k].reshape(len(dout), -1)
            self.dw += (dout[:, :, p].T @ patch).reshape(self.w.shape)

class Net:
    def __init__(self, image_shape, classes=4, filters=2):
        _, h, w, n = *image_shape, filters
        self.params = {"W1": np.random.randn(n, 1, 3, 3), "W2": np.random.randn(n * (h - 2) * (w - 2), classes)}
        self.conv = Conv(self.params["W1"])
    def predict(self, x):
        self.a = np.tanh(self.conv.forward(x))
        return self.a.reshape(len(x), -1) @ self.params["W2"]
    def loss(self, x, t):
        s = self.predict(x)
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y)) / len(t)
    def gradient(self, x, t):
        self.loss(x, t)
        d = (self.y - t) / len(t)
        da = (d @ self.params["W2"].T).reshape(self.a.shape)
        self.conv.backward(da * (1 - self.a**2))
        return {"W1": self.conv.dw, "W2": self.a.reshape(len(x), -1).T @ d}
"""


def test_layers_that_hold_the_arrays_of_a_dictionary_images_and_labels_that_sum_to_1(checked):
    assert checked(IMAGES)["Net"] == "right"
    assert checked(IMAGES.replace("(1 - self.a**2)", "(1 - self.a)"))["Net"] == "W1"


PAIRS = NETWORK.replace(
    "return nabla_b, nabla_w",
    """return nabla_b, nabla_w

    def kosten(self, daten):
        outputs = [(self.feedforward(x), y) for x, y in daten]
        return -sum((y * np.log(a) + (1 - y) * np.log(1 - a)).sum() for a, y in outputs) / len(daten)

    def batch(self, data):
        sums = self.backprop(*data[0])
        for x, y in data[1:]:
            sums = [[a + b for a, b in zip(*parts)] for parts in zip(sums, self.backprop(x, y))]
        return sums

    def of_data(self, data):
        found = [self.backprop(x, y) for x, y in data]
        return [[sum(g) / len(data) for g in zip(*parts)] for parts in zip(*found)]
""",
)


def test_costs_and_gradients_of_a_list_of_pairs(checked):
    assert checked(PAIRS) == {"Network": "right"}
    assert checked(PAIRS.replace("sum(g) / len(data)", "g[-1]")) == {
        "Network.of_data": "biases.0, biases.1, biases.2, weights.0, weights.1, weights.2"
    }


def test_attributes_and_methods_may_be_private(tmp_path, checked, monkeypatch):
    text = """
        class Net:
            def __init__(self):
                self.__w, self.__b = np.random.default_rng(0).normal(size=(3, 2)), np.zeros(2)
            def __squash(self, z): return np.tanh(z)
            def forward(self, x):
                self.__a = self.__squash(x @ self.__w + self.__b)
                return self.__a
            def loss(self, x, y): return 0.5 * np.sum((self.forward(x) - y) ** 2)
            def backward(self, x, y):
                dz = (self.__a - y) * (1 - self.__a ** 2)
                self.__dw, self.__db = x.T @ dz, dz.sum(0)

        if __name__ == "__main__":
            net, x, y = Net(), np.ones((4, 3)), np.zeros((4, 2))
            net.forward(x)
            net.backward(x, y)
    """
    assert checked(text) == {"Net": "right"}
    path = tmp_path / "net.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(text.replace("dz.sum(0)", "dz.mean(0)")))
    monkeypatch.setattr(repair, "MOST_EDITS", 1000)
    (message,) = check_file(path)
    assert message["check"]["findings"][0]["mended"] == "self.__dw, self.__db = (x.T @ dz, dz.sum(0))"


def test_a_net_of_words_has_the_loss_of_lists_that_fits_and_is_checked_without_its_limits(checked):
    text = """
        class Rnn:
            def __init__(self, words, bptt_truncate=1, clip=0.01):
                rng = np.random.default_rng(0)
                self.U, self.W, self.V = (rng.normal(size=s) for s in ((3, words), (3, 3), (words, 3)))
                self.bptt_truncate, self.clip = bptt_truncate, clip

            def forward(self, x):
                s, p = np.zeros((len(x) + 1, 3)), np.zeros((len(x), len(self.V)))
                for t in range(len(x)):
                    s[t] = np.tanh(self.U[:, x[t]] + self.W @ s[t - 1])
                    p[t] = np.exp(self.V @ s[t]) / np.exp(self.V @ s[t]).sum()
                return p, s

            def mean_loss(self, x, y):
                return self.total_loss(x, y) / sum(map(len, y))

            def total_loss(self, x, y):
                return -sum(np.log(self.forward(a)[0][np.arange(len(b)), b]).sum() for a, b in zip(x, y))

            def bptt(self, x, y):
                p, s = self.forward(x)
                dU, dW, dV = np.zeros_like(self.U), np.zeros_like(self.W), np.zeros_like(self.V)
                p[np.arange(len(y)), y] -= 1
                for t in range(len(y)):
                    dV += np.outer(p[t], s[t])
                    dz = self.V.T @ p[t] * (1 - s[t] ** 2)
                    for k in range(t, max(0, t - self.bptt_truncate) - 1, -1):
                        dU[:, x[k]] += dz
                        dW += np.outer(dz, s[k - 1])
                        dz = self.W.T @ dz * (1 - s[k - 1] ** 2)
                return [g if self.clip is None else np.clip(g, -self.clip, self.clip) for g in (dU, dW, dV)]

        if __name__ == "__main__":
            Rnn(4).bptt(np.array([0, 2, 1, 3]), np.array([2, 1, 3, 0]))
    """
    assert checked(text) == {"Rnn": "right"}
    assert checked(text.replace("self.W.T @ dz", "self.W @ dz")) == {"Rnn": "U, W"}
    assert checked(text.replace("p[t], s[t])", "p[t], s[t - 1])")) == {"Rnn": "V"}


@pytest.mark.parametrize(("term", "expected"), [("dz + mu / n", "right"), ("dz", "Wm")])
def test_a_loss_of_a_class_may_take_the_noise_that_it_adds(checked, term, expected):
    text = f"""
        class Autoencoder:
            def __init__(self, n_in=6, n_latent=2):
                rng = np.random.RandomState(0)
                self.params = {{"Wm": rng.randn(n_in, n_latent), "Wo": rng.randn(n_latent, n_in)}}

            def loss(self, x, eps):
                p, n = self.params, len(x)
                mu = x @ p["Wm"]
                z = mu + 0.1 * eps
                error = z @ p["Wo"] - x
                dout, dz = error / n, (error / n) @ p["Wo"].T
                dmu = {term}
                return 0.5 * (np.sum(error ** 2) + np.sum(mu ** 2)) / n, {{"Wo": z.T @ dout, "Wm": x.T @ dmu}}
    """
    assert checked(text) == {"Autoencoder": expected}


def test_the_loss_as_a_whole_is_meant_where_another_lacks_its_penalty(checked):
    text = """
        class Ridge:
            def __init__(self, d=3, reg=0.5):
                rng = np.random.default_rng(0)
                self.w, self.b, self.reg = rng.normal(size=(d, 2)), rng.normal(size=2), reg
            def predict(self, x): return x @ self.w + self.b
            def data_loss(self, x, y): return np.mean(np.sum((self.predict(x) - y) ** 2, axis=1))
            def loss(self, x, y): return self.data_loss(x, y) + 0.5 * self.reg * np.sum(self.w ** 2)
            def gradients(self, x, y):
                d = 2 * (self.predict(x) - y) / len(x)
                return {"w": x.T @ d + self.reg * self.w, "b": d.sum(axis=0)}
    """
    assert checked(text) == {"Ridge": "right"}
    assert checked(text.replace(" + self.reg * self.w,", ",")) == {"Ridge": "w"}
    unused = text.replace("reg=0.5", "reg=0.0")
    assert checked(unused) == {"Ridge": "right"}
    assert checked(unused.replace("+ self.reg * self.w", "- self.reg * self.w")) == {"Ridge with reg=0.3": "w"}


@pytest.mark.parametrize(
    "method",
    [
        "loss(self, X, y, reg=0.0)",
        "loss(self, X, y, reg=0)",
        "loss(self, X, y, reg)",
        "loss_and_grads(self, X, y, reg=0.0)",
    ],
)
def test_the_penalty_of_a_network_counts_where_its_factor_is_zero_by_default_or_has_none(checked, method):
    text = f"""
        class Linear:
            def __init__(self, d=4, c=3):
                self.p = dict(W=np.random.randn(d, c), b=np.zeros(c))
            def {method}:
                p, n = self.p, len(y)
                e = np.exp(X @ p["W"] + p["b"])
                q = e / e.sum(axis=1, keepdims=True)
                loss = -np.log(q[np.arange(n), y]).mean() + reg * (p["W"] ** 2).sum()
                q[np.arange(n), y] -= 1
                return loss, {{"W": X.T @ q / n + 2 * reg * p["W"], "b": q.sum(axis=0) / n}}
    """
    assert checked(text) == {"Linear": "right"}
    (wrong,) = checked(text.replace("2 * reg", "reg")).values()
    assert wrong == "W"


@pytest.mark.parametrize(("term", "expected"), [("+ self.decay * W", "right"), ("- self.decay * W", "parameters")])
def test_a_penalty_whose_factor_is_zero_by_default_need_not_be_in_the_loss_and_has_its_sign(checked, term, expected):
    (found,) = checked(f"""
        class Net:
            def __init__(self, n_in=4, n_out=3, decay=0.0):
                self.W, self.decay = np.random.randn(n_in, n_out), decay
            def forward(self, X):
                return X @ self.W
            def loss(self, X, y):
                return 0.5 * ((self.forward(X) - y) ** 2).sum()
            def backward(self, X, y):
                W = self.W
                return {{"W": X.T @ (self.forward(X) - y) {term}}}
    """).values()
    assert found == expected


WORDS = """
class Words:
    def __init__(self, vocab, dim=3):
        self.emb, self.w, self.b2 = np.random.randn(vocab, dim), np.random.randn(dim), 0.0
    def forward(self, tokens):
        self.mean = self.emb[tokens].mean(axis=1)
        return self.mean @ self.w + self.b2
    def loss(self, tokens, labels):
        return np.mean((self.forward(tokens) - labels) ** 2)
    def gradients(self, tokens, labels):
        d = 2 * (self.forward(tokens) - labels) / len(labels)
        demb = np.zeros_like(self.emb)
        np.add.at(demb, tokens, np.outer(d, self.w)[:, None] / tokens.shape[1])
        return {"emb": demb, "w": self.mean.T @ d, "b2": d.sum()}
"""


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("", "", "right"), (" / tokens.shape[1]", "", "emb"), ("d.sum()", "d.mean()", "b2"),
])  # fmt: skip
def test_words_are_tried_by_their_numbers_and_a_number_in_the_table_of_gradients_is_checked(
    checked, old, new, expected
):
    assert checked(WORDS.replace(old, new)) == {"Words": expected}


TABLES = """
class Net:
    def __init__(self, sizes=(4, 3, 2)):
        self.layers = [{"W": np.random.randn(o, i), "b": np.zeros((o, 1))} for i, o in zip(sizes, sizes[1:])]
    def forward(self, X):
        for layer in self.layers:
            layer["X"] = X
            layer["Z"] = layer["W"] @ X + layer["b"]
            X = np.tanh(layer["Z"])
        return X
    def mse(self, Y_hat, Y):
        return np.sum((Y_hat - Y) ** 2) / (2 * Y.shape[1])
    def backward(self, Y_hat, Y):
        dX = (Y_hat - Y) / Y.shape[1]
        for layer in self.layers[::-1]:
            layer["dZ"] = dX * (1 - np.tanh(layer["Z"]) ** 2)
            layer["dW"] = layer["dZ"] @ layer["X"].T
            layer["db"] = layer["dZ"].sum(axis=1, keepdims=True)
            dX = layer["W"].T @ layer["dZ"]
        return dX
"""


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("", "", {"right"}), ('["W"].T @', '["W"].T @ -', {"layers.0/W", "layers.0/b"}),
])  # fmt: skip
def test_layers_may_be_tables_that_keep_their_gradients(checked, old, new, expected):
    found = {*checked(TABLES.replace(old, new))["Net"].split(", ")}
    assert expected <= found and not found & {"layers.1/W", "layers.1/b"}
