"""What of a class is its output, its loss and its gradients, by the names of its methods and what they return."""

import pytest

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


@pytest.mark.parametrize("term, expected", [("+ dh_next", "right"), ("", "U, V, W")])
def test_a_loss_that_returns_the_gradients_that_its_steps_add_up_is_the_network(checked, term, expected):
    text = f"""
        class RNN:
            def __init__(self):
                self.params = dict(W=np.random.randn(4, 4), U=np.random.randn(4, 3), V=np.random.randn(3, 4))
            def loss(self, inputs, targets):
                p, h, caches, loss = self.params, np.zeros((4, 1)), [], 0.0
                for x, t in zip(inputs, targets):
                    before = h
                    h = np.tanh(p["W"] @ h + p["U"][:, [x]])
                    q = np.exp(p["V"] @ h) / np.exp(p["V"] @ h).sum()
                    loss -= np.log(q[t, 0])
                    caches.append((x, before, h, q))
                self.grads = {{k: np.zeros_like(v) for k, v in p.items()}}
                dh = np.zeros((4, 1))
                for t, cache in zip(targets[::-1], caches[::-1]):
                    dh = self.backward_step(t, dh, cache)
                return loss, self.grads
            def backward_step(self, target, dh_next, cache):
                x, before, h, q = cache
                dv = q.copy()
                dv[target] -= 1
                self.grads["V"] += dv @ h.T
                da = (self.params["V"].T @ dv {term}) * (1 - h ** 2)
                self.grads["W"] += da @ before.T
                self.grads["U"][:, [x]] += da
                return self.params["W"].T @ da

        RNN().loss([0, 2, 1, 2], [2, 1, 2, 0])
    """
    assert checked(text)["RNN"] in (expected, expected.replace(", V", ""))


def test_a_network_may_leave_its_parameters_and_their_gradients_to_its_layers(checked):
    text = """
        class Fc:
            def __init__(self, i, o):
                self.weights, self.offset = np.random.randn(i, o), np.zeros(o)
            def forward(self, inp):
                self.inp = inp
                return np.tanh(inp @ self.weights + self.offset)
            def backward(self, grad):
                grad = grad * (1 - np.tanh(self.inp @ self.weights + self.offset) ** 2)
                self.grad_weights, self.grad_offset = self.inp.T @ grad, grad.sum(axis=0)
                return grad @ self.weights.T

        class MLP:
            def __init__(self, layers):
                self.stack = layers
            def forward(self, X):
                for layer in self.stack:
                    X = layer.forward(X)
                return X
            def cost(self, X, y):
                return np.mean((self.forward(X) - y) ** 2)
            def backward(self, X, y):
                p = self.forward(X)
                g = 2 * (p - y) / p.size
                for layer in self.stack[::-1]:
                    g = layer.backward(g)

        net = MLP([Fc(3, 4), Fc(4, 2)])
        net.backward(np.random.randn(5, 3), np.random.randn(5, 2))
    """
    everything = "stack.0/offset, stack.0/weights, stack.1/offset, stack.1/weights"
    assert checked(text) == {"Fc": "right", "MLP": "right"}
    assert checked(text.replace("p.size", "len(p)"))["MLP"] == everything


@pytest.mark.parametrize(
    ("anew", "db", "expected"),
    [
        ("self.b.astype(float)", "d.sum(axis=0)", "right"),
        ("self.b.astype(float)", "2 * d.sum(axis=0)", "l1/b, l2/b"),
        ("np.maximum(self.b, 0)", "d.sum(axis=0)", "Net changes l2/b where it computes its output"),
    ],
)
def test_a_parameter_that_forward_puts_anew_with_its_values_is_one(checked, anew, db, expected):
    text = f"""
        class Dense:
            def __init__(self, n, m): self.W, self.b = np.random.randn(n, m), np.zeros(m)
            def forward(self, x):
                self.x = x
                self.b = {anew}
                return x @ self.W + self.b
            def backward(self, d):
                self.dW, self.db = self.x.T @ d, {db}
                return d @ self.W.T
        class Net:
            def __init__(self, n=4, m=5, k=3): self.l1, self.l2 = Dense(n, m), Dense(m, k)
            def forward(self, x):
                self.h = np.tanh(self.l1.forward(x))
                return self.l2.forward(self.h)
            def loss(self, x, y): return 0.5 * np.sum((self.forward(x) - y) ** 2)
            def backward(self, x, y):
                d = self.l2.backward(self.forward(x) - y) * (1 - self.h ** 2)
                return self.l1.backward(d)
    """
    assert checked(text)["Net"] == expected
