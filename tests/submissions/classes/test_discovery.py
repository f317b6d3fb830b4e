"""What a class of a user's file holds decides how it is checked."""

import pytest


def test_static_methods_are_a_pair_and_a_forward_that_only_raises_is_none(checked):
    text = """
        class Tanh:
            @staticmethod
            def forward(x):
                y = np.tanh(x)
                return y, y

            @staticmethod
            def backward(dout, cache):
                return dout * (1 - cache)

        class Base:
            def forward(self, x):
                raise NotImplementedError

            def backward(self, dout):
                raise NotImplementedError
    """
    assert checked(text) == {"Tanh": "x"}


def test_a_loss_whose_backward_takes_nothing_is_checked(checked):
    text = """
        class Loss:
            def forward(self, pred, target):
                self.d = pred - target
                return (self.d**2).mean()

            def backward(self):
                return 2 * self.d / self.d.size
    """
    assert checked(text) == {"Loss": "right"}
    assert checked(text.replace("2 * ", "")) == {"Loss": "pred"}


def test_a_loss_of_three_arrays_gives_their_gradients_at_once(checked):
    text = """
        class Triplet:
            def __init__(self, margin=1.0):
                self.margin = margin

            def forward(self, anchor, near, far):
                self.a, self.p, self.n = anchor, near, far
                return np.sum((anchor - near) ** 2 - anchor * far) + self.margin

            def backward(self):
                return 2 * (self.a - self.p) - self.n, 2 * (self.p - self.a), -self.a
    """
    assert checked(text) == {"Triplet": "right"}
    assert checked(text.replace("- self.n,", ",")) == {"Triplet": "anchor"}


def test_methods_with_their_derivatives_are_checked_where_the_class_holds_no_arrays(checked):
    text = """
        class Sigmoid:
            def __call__(self, z): return 1 / (1 + np.exp(-z))
            def gradient(self, z): return self(z) * (1 - self(z))
        class Square:
            def loss(self, y, p): return np.sum((y - p) ** 2)
            def grad(self, y, p): return 2 * (p - y)
    """
    assert checked(text) == {"Sigmoid": "right", "Square": "right"}
    wrong = checked(text.replace("2 * (p", "(p").replace("(1 - self(z))", "(1 - z)"))
    assert wrong == {"Sigmoid": "z", "Square": "p"}


@pytest.mark.parametrize("given", ["training=True", "state"])
def test_a_backward_of_no_arguments_belongs_to_the_loss_that_runs_before_it(checked, given):
    text = f"""
        class Net:
            def __init__(self): self.W = np.linspace(-1, 1, 6).reshape(3, 2)
            def forward(self, X, {given}):
                self.X, self.out = X, X @ self.W
                return self.out
            def compute_loss(self, Y):
                self.Y = Y
                return np.sum((self.out - Y) ** 2)
            def backward(self): self.dW = 2 * self.X.T @ (self.out - self.Y)
        if __name__ == "__main__":
            net = Net()
            net.forward(np.ones((4, 3)), 1)
            net.compute_loss(np.zeros((4, 2)))
            net.backward()
    """
    if given == "state":
        assert "no way found" in checked(text)["Net"]
    else:
        assert checked(text) == {"Net": "right"}
        assert checked(text.replace("2 * self.X.T", "self.X.T")) == {"Net": "parameters"}


FIRST, SECOND = "layers_0_weights_0", "layers_1_weights_0"
NETWORK = """
        class Dense:
            def __init__(self, w):
                self.weights, self.grads = [w], [np.zeros_like(w)]
            def __call__(self, x):
                self.x = x
                return x @ self.weights[0]
            def back(self, dy):
                self.grads[0] += self.x.T @ dy
                return dy @ self.weights[0].T

        class Model:
            def __init__(self, *layers): self.layers = layers
            def energy(self, x, noise):
                for layer in self.layers: x = layer(x)
                self.gap = x - noise
                return 0.5 * (self.gap**2).sum()
            def grad(self):
                for layer in self.layers: layer.grads[0][...] = 0
                d = self.gap
                for layer in reversed(self.layers): d = layer.back(d)
                return d

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            net = Model(Dense(rng.normal(size=(3, 4))), Dense(rng.normal(size=(4, 2))))
            net.energy(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    """


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (("", ""), {"Dense": "right", "Model": "right"}),
        (
            ("d = self.gap", "d = 2 * self.gap"),
            {"Dense": "right", "Model": f"{FIRST}, {SECOND}, x"},
        ),
    ],
)
def test_a_method_that_keeps_what_the_gradients_are_computed_of_is_the_forward(checked, change, found):
    assert checked(NETWORK.replace(*change)) == found


def test_gradients_in_a_table_are_of_the_table_that_an_object_holds(checked):
    text = """
        class Model:
            def __init__(self): self.theta = dict(a=np.arange(6.0).reshape(3, 2), b=np.ones(2))
            def elbo(self, x, noise):
                h = np.tanh(x @ self.theta["a"] + self.theta["b"])
                self.tape = x, h, noise
                return (h * noise).sum()
            def grad(self):
                x, h, noise = self.tape
                d = noise * (1 - h**2)
                return {"a": x.T @ d, "b": d.sum(0)}

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            Model().elbo(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)))
    """
    assert checked(text) == {"Model": "right"}
    assert checked(text.replace("d.sum(0)", "d.mean(0)")) == {"Model": "theta_b"}


def test_a_class_that_cannot_be_extended_hides_nothing_beside_it(checked):
    text = """
        class Base:
            def __init_subclass__(cls, *, kind): cls.kind = kind
        class Model(Base, kind="spin"):
            def __init__(self): self.w = np.ones(3)
            def energy(self, x):
                self.x = x
                return (self.w * x).sum()
            def gradient(self): return {"w": self.x}
        def tanh_forward(x): return np.tanh(x), np.tanh(x)
        def tanh_backward(dy, y): return dy * (1 - y**2)
    """
    found = checked(text)
    assert found["tanh"] == "right" and "Model" in found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("self.x = x", "self.x = x", {"Loss": "right", "Net": "right"}),
        ("2 * self.diff", "self.diff", {"Loss": "predicted", "Net": "right"}),
        ("2 * d /", "d /", {"Loss": "right", "Net": "layers.0/W, layers.1/W"}),
        ("layer in self.layers[::-1]:", "layer in self.layers[1:]:", {"Loss": "right", "Net": "gradient missing"}),
    ],
)
def test_a_network_of_layers_or_a_loss_that_holds_one_has_a_backward_of_no_arguments(checked, old, new, expected):
    text = """
        class Dense:
            def __init__(self, inputs, units): self.W = np.linspace(-1, 1, inputs * units).reshape(inputs, units)
            def forward(self, x):
                self.y = np.tanh(x @ self.W)
                self.x = x
                return self.y
            def backward(self, dy):
                self.dW = self.x.T @ (dy * (1 - self.y**2))
                return (dy * (1 - self.y**2)) @ self.W.T

        class Model:
            def __init__(self): self.layers = [Dense(3, 4), Dense(4, 2)]
            def forward(self, x):
                for layer in self.layers: x = layer.forward(x)
                return x
            def backward(self, dy):
                for layer in self.layers[::-1]: dy = layer.backward(dy)

        class Loss:
            def __init__(self, model): self.model = model
            def __call__(self, predicted, target):
                self.diff = predicted - target
                return np.sum(self.diff**2)
            def backward(self): self.model.backward(2 * self.diff)

        class Net:
            def __init__(self): self.layers = [Dense(3, 4), Dense(4, 2)]
            def forward(self, x):
                for layer in self.layers: x = layer.forward(x)
                self.out = x
                return x
            def loss(self, y):
                self.y = y
                return np.sum((self.out - y) ** 2) / len(y)
            def backward(self):
                d = self.out - self.y
                d = 2 * d / len(d)
                for layer in self.layers[::-1]: d = layer.backward(d)

        if __name__ == "__main__":
            model, net = Model(), Net()
            loss = Loss(model)
            loss(model.forward(np.ones((4, 3))), np.zeros((4, 2)))
            net.forward(np.ones((4, 3)))
            net.loss(np.zeros((4, 2)))
    """
    before, _, after = text.rpartition(old)  # in the class that is the last
    found = checked(before + new + after)
    assert {n: found[n] for n in expected} == expected


FACTORIZED = """
class FactorizationMachine:
    def __init__(self, n, k=3):
        self.w0 = 0.0
        self.w = np.linspace(-1, 1, n)
        self.V = np.random.default_rng(0).normal(size=(n, k))

    def _score(self, X):
        s = X @ self.V
        return self.w0 + X @ self.w + 0.5 * (s**2 - X**2 @ self.V**2).sum(1)

    def loss(self, X, y):
        return np.mean(np.logaddexp(0, -y * self._score(X)))

    def grad(self, X, y):
        d = -y / (1 + np.exp(y * self._score(X))) / len(y)
        gw0 = {}
        gw = X.T @ d
        gV = X.T @ (d[:, None] * (X @ self.V)) - ((X**2).T @ d)[:, None] * self.V
        return gw0, gw, gV

if __name__ == "__main__":
    X = np.random.default_rng(1).normal(size=(50, 6))
    FactorizationMachine(6).grad(X, np.sign(X[:, 0]))
"""


def test_a_loss_and_a_gradient_that_take_the_same_are_those_of_what_the_object_holds(checked):
    assert checked(FACTORIZED.format("d.sum()")) == {"FactorizationMachine": "right"}
    assert checked(FACTORIZED.format("d.mean()")) == {"FactorizationMachine": "w0"}


TIED = """
class TiedAutoencoder:
    def __init__(self, d, h):
        self.W = 0.3 * np.random.randn(d, h)

    def loss(self, X):
        return 0.5 * np.sum((np.tanh(X @ self.W) @ self.W.T - X) ** 2) / len(X)

    def gradients(self, X):
        H = np.tanh(X @ self.W)
        dR = (H @ self.W.T - X) / len(X)
        dW = X.T @ ((dR @ self.W) * (1 - H**2)) + {}
        return dW

TiedAutoencoder(5, 2).gradients(np.random.randn(20, 5))
"""


def test_a_loss_of_inputs_alone_needs_no_labels(checked):
    assert checked(TIED.format("dR.T @ H")) == {"TiedAutoencoder": "right"}
    assert checked(TIED.format("0")) == {"TiedAutoencoder": "parameters"}


@pytest.mark.parametrize("start", ["np.zeros(n)", "None"])
def test_a_loss_and_a_gradient_of_the_same_data_need_no_prediction(checked, start):
    text = f"""
        class Logistic:
            def __init__(self, n=3): self.w = {start}
            def loss(self, X, y): return np.mean(np.log1p(np.exp(-y * (X @ self.w))))
            def gradient(self, X, y):
                return -X.T @ (y / (1 + np.exp(y * (X @ self.w)))) / len(y)
            def fit(self, X, y, steps=3):
                self.w = np.zeros(X.shape[1])
                for _ in range(steps): self.w -= self.gradient(X, y)
    """
    assert checked(text) == {"Logistic": "right"}
    assert checked(text.replace("-X.T", "X.T")) == {"Logistic": "parameters"}


@pytest.mark.parametrize(("sign", "expected"), [("-", "right"), ("+", "s")])
def test_a_call_and_its_grad_are_a_layer_and_a_grad_of_nothing_is_of_a_loss(checked, sign, expected):
    found = checked(f"""
        class Squash:
            def __call__(self, s):
                self.s, self.n2 = s, np.sum(s**2, axis=-1, keepdims=True)
                return s * np.sqrt(self.n2) / (1 + self.n2)

            def grad(self, dv):
                n = np.sqrt(self.n2)
                inner = np.sum(dv * self.s, axis=-1, keepdims=True)
                return n / (1 + self.n2) * dv + (1 {sign} self.n2) / (1 + self.n2) ** 2 * inner * self.s / n

        class Margin:
            def __call__(self, v, T):
                self.v, self.gap = v, np.maximum(0, 0.9 - T * v)
                self.T = T
                return np.sum(self.gap**2) / len(v)

            def grad(self):
                return -2 * self.T * self.gap / len(self.v)
    """)
    assert found == {"Squash": expected, "Margin": "right"}


ACTIVATED = """
class Logistic:
    def __init__(self, n=4): self.w = np.linspace(-1, 1, n)
    def sigmoid(self, z): return 1 / (1 + np.exp(-z))
    def sigmoid_prime(self, z): return self.sigmoid(z) * (1 - self.sigmoid(z))
    def predict(self, X): return self.sigmoid(X @ self.w)
    def loss(self, X, y): return np.sum((self.predict(X) - y) ** 2)
    def gradient(self, X, y): return 2 * X.T @ ((self.predict(X) - y){})
"""


@pytest.mark.parametrize(("slope", "expected"), [(" * self.sigmoid_prime(X @ self.w)", "right"), ("", "parameters")])
def test_a_gradient_is_checked_beside_an_activation_and_its_derivative(checked, slope, expected):
    assert checked(ACTIVATED.format(slope)) == {"Logistic": expected, "Logistic.sigmoid_prime": "right"}


def test_what_a_gradient_takes_and_is_not_called_a_cotangent_may_be_the_labels_of_an_unknown_loss(checked):
    text = """
        class Model:
            def __init__(self): self.W = np.linspace(-1, 1, 6).reshape(3, 2)
            def forward(self, x, state):
                self.x = x
                return x @ self.W
            def gradient(self, targets): return self.x.T @ targets
    """
    assert checked(text) == {"Model": "no way found to make Model() and call its gradient(x, y)"}


def test_each_derivative_of_a_class_is_checked_beside_one_that_is_named_after_its_function(checked):
    text = """
        class Act:
            def f(self, z): return z**2
            def f_prime(self, z): return 2 * z
            def __call__(self, z): return np.tanh(z)
            def derivative(self, z): return 1 - np.tanh(z)**2
    """
    assert checked(text) == {"Act": "right", "Act.f_prime": "right"}
    assert checked(text.replace("(z)**2", "(z)")) == {"Act": "z", "Act.f_prime": "right"}
    assert checked(text.replace("2 * z", "z")) == {"Act": "right", "Act.f_prime": "z"}


@pytest.mark.parametrize(("slope", "expected"), [(" * self.act_prime(z)", "right"), ("", "w1")])
def test_a_loss_that_gives_its_gradients_is_checked_beside_an_activation_and_its_derivative(checked, slope, expected):
    found = checked(f"""
        class Net:
            def __init__(self): self.w1, self.w2 = np.linspace(-1, 1, 6).reshape(3, 2), np.ones((2, 1))
            def act(self, z): return np.tanh(z)
            def act_prime(self, z): return 1 - np.tanh(z)**2
            def loss(self, X, y):
                z = X @ self.w1
                d = self.act(z) @ self.w2 - y
                grads = {{"w1": X.T @ (d @ self.w2.T{slope}), "w2": self.act(z).T @ d}}
                return 0.5 * np.sum(d**2), grads
        if __name__ == "__main__":
            Net().loss(np.random.randn(5, 3), np.random.randn(5, 1))
    """)
    assert found == {"Net": expected, "Net.act_prime": "right"}
