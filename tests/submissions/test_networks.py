"""Networks that are one class are checked as they lie."""

import pytest

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


XOR = """
def sigmoid(x): return 1 / (1 + np.exp(-x))

class Net:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.w1, self.w2 = np.random.rand(x.shape[1], 4), np.random.rand(4, 1)

    def feedforward(self):
        self.a1 = sigmoid(self.input @ self.w1)
        self.output = sigmoid(self.a1 @ self.w2)

    def backprop(self):
        d = 2 * (self.y - self.output) * self.output * (1 - self.output)
        d1 = d @ self.w2.T * self.a1 * (1 - self.a1)
        self.w2 += self.a1.T @ d
        self.w1 += self.input.T @ d1

if __name__ == "__main__":
    net = Net(np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1.0]]), np.array([[0], [1], [1.0]]))
    net.feedforward()
    net.backprop()
"""
REGRESSION = """
class Softmax:
    def __init__(self, n_features, n_classes):
        self.W, self.b, self.lr = np.random.randn(n_features, n_classes), np.zeros(n_classes), 0.1

    def predict_proba(self, X):
        e = np.exp(X @ self.W + self.b)
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, X, y):
        return -np.log(self.predict_proba(X)[np.arange(len(y)), y]).mean()

    def gradients(self, X, y):
        p = self.predict_proba(X)
        p[np.arange(len(y)), y] -= 1
        p /= len(y)
        return X.T @ p, p.sum(axis=0)
"""
STEPS = """
class MLP:
    def __init__(self, sizes):
        self.weights = [np.random.randn(a, b) for a, b in zip(sizes, sizes[1:])]

    def forward(self, X):
        self.acts = [X]
        for w in self.weights:
            self.acts.append(np.tanh(self.acts[-1] @ w))
        return self.acts[-1]

    def backward(self, X, y, learning_rate=0.1):
        delta = (self.acts[-1] - y) / len(X)
        for k in reversed(range(len(self.weights))):
            delta = delta * (1 - self.acts[k + 1] ** 2)
            step, delta = self.acts[k].T @ delta, delta @ self.weights[k].T
            self.weights[k] -= learning_rate * step
"""


@pytest.mark.parametrize(
    ("text", "line", "mended", "wrong"),
    [
        (XOR, "* self.a1 * (1 - self.a1)", "* self.a1", "w1"),
        (REGRESSION, "X.T @ p, p.sum(axis=0)", "X.T @ p, p.mean(axis=0)", "b"),
        (STEPS, "delta @ self.weights[k].T", "2 * delta @ self.weights[k].T", "0, 1"),
    ],
)
def test_networks_that_hold_their_data_have_a_loss_or_step_by_themselves(checked, text, line, mended, wrong):
    assert list(checked(text).values()) == ["right"]
    assert list(checked(text.replace(line, mended)).values())[-1:] == [wrong]


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


@pytest.mark.parametrize(("slope", "expected"), [("2 * z", "right"), ("z", "W")])
def test_a_network_that_takes_noise_for_labels_and_returns_both_is_found(checked, slope, expected):
    text = f"""
        class Noisy:
            def __init__(self): self.p = {{"W": np.arange(6.0).reshape(3, 2)}}
            def loss(self, x, eps):
                z = x @ self.p["W"] + eps
                return np.sum(z ** 2), {{"W": x.T @ ({slope})}}
        if __name__ == "__main__": Noisy().loss(np.ones((4, 3)), np.ones((4, 2)))
    """
    assert checked(text) == {"Noisy": expected}


NAMED = """
class Net:
    def __init__(self): self.W, self.grads = np.arange(6.0).reshape(3, 2), {}
    def loss(self, X, y):
        s = X @ self.W
        loss, dW = np.sum((s - y) ** 2), 2 * X.T @ (s - y)
        return RETURNED
if __name__ == "__main__": Net().loss(np.ones((4, 3)), np.zeros((4, 2)))
"""


@pytest.mark.parametrize("lines", ["return result", "return loss, np.mean(s > 0.5), s"])
def test_a_loss_that_names_its_gradients_is_found_however_it_returns_them(checked, lines):
    text = NAMED.replace("return RETURNED", f"result = loss, dW; self.grads['W'] = dW; {lines}")
    assert checked(text) == {"Net": "right"}
    assert checked(text.replace("2 * X.T", "X.T")) == {"Net": "parameters"}


def test_a_loss_with_an_accuracy_has_no_gradients(checked):
    text = NAMED.replace("loss, dW = np.sum((s - y) ** 2), 2 * X.T @ (s - y)", "loss = np.sum((s - y) ** 2)")
    assert "no network" in str(checked(text.replace("RETURNED", "loss, np.mean(s > 0)").replace("self.grads", "_")))


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


def test_a_loss_that_forward_gives_with_noise_and_a_backward_without_arguments(checked):
    text = """
        class Noisy:
            def __init__(self, d, beta=1.0):
                rng = np.random.default_rng(0)
                self.W, self.beta = rng.normal(size=(d, 2)), beta

            def forward(self, x, eps):
                self.x, self.eps = x, eps
                self.z = x @ self.W + eps
                return 0.5 * self.beta * np.sum(self.z**2) / len(x)

            def backward(self):
                g = {}
                g["W"] = self.x.T @ self.z * self.beta / len(self.x)
                return g

            def step(self, x, rng):
                loss = self.forward(x, rng.normal(size=(len(x), 2)))
                self.W = self.W - 0.1 * self.backward()["W"]
                return loss

        if __name__ == "__main__":
            rng = np.random.default_rng(1)
            Noisy(4, beta=0.5).step(rng.normal(size=(6, 4)), rng)
    """
    assert checked(text) == {"Noisy": "right"}
    assert checked(text.replace("self.z * self.beta", "self.z")) == {"Noisy": "parameters"}


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


def test_a_class_may_call_its_gradients_the_prime_of_its_cost(checked):
    text = """
        class Net:
            def __init__(self):
                self.W1, self.W2 = np.random.randn(2, 3), np.random.randn(3, 1)

            def forward(self, X):
                self.a2 = np.tanh(X @ self.W1)
                return self.a2 @ self.W2

            def costFunction(self, X, y):
                return 0.5 * sum((y - self.forward(X)) ** 2)

            def costFunctionPrime(self, X, y):
                delta3 = self.forward(X) - y
                dJdW2 = self.a2.T @ delta3
                return X.T @ (delta3 @ self.W2.T * (1 - self.a2**2)), dJdW2

        X, y = np.random.randn(4, 2), np.random.randn(4, 1)
        Net().costFunctionPrime(X, y)
    """
    assert checked(text) == {"Net": "right"}
    assert checked(text.replace("= self.forward(X) - y", "= y - self.forward(X)")) == {"Net": "W1, W2"}
