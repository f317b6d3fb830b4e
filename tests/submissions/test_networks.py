"""Networks that are one class are checked as they lie."""

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
