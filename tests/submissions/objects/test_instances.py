"""Objects of the classes of a file are made as the file makes them, or with guessed sizes."""

from jaxdoodle.core.user_code import run_statements
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.objects.instances import objects_of


def test_a_class_that_cannot_be_made_is_said_in_one_line(checked):
    found = checked("class Odd:\n    def __init__(self, plan): plan.go()\n    def forward(self, x): return x\n"
                    "    def backward(self, d): return d\n")  # fmt: skip
    assert "no way found to make Odd(plan)" in found["Odd"] and "\n" not in found["Odd"]


def test_sizes_that_names_do_not_tell_are_tried(checked):
    text = """
        class Heads:
            def __init__(self, d, h):
                self.h, self.W = h, np.random.randn(d, d)

            def forward(self, x):
                self.x = x
                b, t, d = x.shape
                return (x @ self.W).reshape(b, t, self.h, d // self.h).transpose(0, 2, 1, 3)

            def backward(self, dout):
                d = dout.transpose(0, 2, 1, 3).reshape(self.x.shape)
                self.dW = np.einsum("bti,btj->ij", self.x, d)
                return d @ self.W.T
    """
    assert checked(text) == {"Heads": "right"}


def test_shapes_of_images_and_lists_of_sizes_are_guessed(checked):
    text = """
        class Net:
            def __init__(self, image_shape, hidden_sizes):
                sizes = [int(np.prod(image_shape)), hidden_sizes[0], 2]
                self.weights = [np.random.randn(m, n) / m for m, n in zip(sizes, sizes[1:])]
            def forward(self, x):
                x = x.reshape(len(x), -1)
                for w in self.weights: x = x @ w
                return x
            def loss(self, x, y): return 0.5 * np.sum((self.forward(x) - y) ** 2)
            def gradients(self, x, y):
                a, b = x.reshape(len(x), -1), self.weights[1]
                d = self.forward(x) - y
                return [a.T @ (d @ b.T), (a @ self.weights[0]).T @ d]
    """
    assert checked(text) == {"Net": "right"}
    assert checked(text.replace("a.T @ (d @ b.T)", "a.T @ (2 * d @ b.T)")) == {"Net": "0"}


def test_sizes_that_divide_each_other_and_a_generator_by_its_annotation(checked):
    text = """
        class Heads:
            def __init__(self, d: int, heads: int, draw: np.random.Generator):
                assert d % heads == 0
                self.heads, self.W = heads, draw.standard_normal((d, d))

            def forward(self, x):
                self.x = x
                z = (x @ self.W).reshape(len(x), self.heads, -1)
                return z / np.sqrt(z.shape[-1])

            def backward(self, dout):
                d = dout.reshape(self.x.shape){scale}
                self.dW = self.x.T @ d
                return d @ self.W.T
    """
    assert checked(text.format(scale=" / np.sqrt(dout.shape[-1])")) == {"Heads": "right"}
    assert checked(text.format(scale="")) == {"Heads": "W, x"}


def test_what_the_forward_reads_is_no_limit_of_gradients(checked):
    """Nor is a factor of a backward whose class speaks of truncation; and none is set where it cannot be."""
    text = """
        from dataclasses import dataclass

        class HardTanh:
            "Left for later: truncated back-propagation."
            def __init__(self, clip=1.0):
                self.clip, self.scale = clip, 2
            def forward(self, x):
                self.x = x
                return 2 * np.clip(x, -self.clip, self.clip)
            def backward(self, dout):
                return self.scale * dout * (np.abs(self.x) < self.clip)

        @dataclass(frozen=True)
        class ScaledTanh:
            scale: float = 0.5
            max_norm: float = 3.0
            def forward(self, x):
                return self.scale * np.tanh(x)
            def backward(self, x, dout):
                return self.scale * dout * (1 - np.tanh(x) ** 2)
    """
    assert checked(text) == {"HardTanh": "right", "ScaledTanh": "right"}
    assert checked(text.replace(" * (np.abs(self.x) < self.clip)", ""))["HardTanh"] == "x"


def test_an_object_that_other_methods_set_up_is_taken_from_a_call_and_its_optimizer_steps_by_the_gradient(checked):
    text = """
        class Adagrad:
            def __init__(self, lr):
                self.lr, self.total = lr, 0
            def update(self, w, grad_w):
                self.total = self.total + grad_w ** 2
                {step}w - self.lr * grad_w / np.sqrt(self.total + 1e-8)

        class Dense:
            def __init__(self, n_units):
                self.n_units = n_units
            def initialize(self, n_in, optimizer):
                self.W, self.opt = np.random.randn(n_in, self.n_units), optimizer
            def forward_pass(self, X, training=True):
                self.layer_input = X
                return X @ self.W
            def backward_pass(self, accum_grad):
                grad_w, W = self.layer_input.T @ accum_grad{factor}, self.W.copy()
                {call}
                return accum_grad @ W.T

        layer = Dense(3)
        layer.initialize(4, Adagrad(0.01))
        layer.backward_pass(layer.forward_pass(np.random.randn(5, 4)))
    """
    assigned = {"step": "return ", "call": "self.W = self.opt.update(self.W, grad_w)"}
    assert checked(text.format(factor="", **assigned)) == {"Dense": "right"}
    assert checked(text.format(factor=" / 5", **assigned)) == {"Dense": "W"}
    in_place = {"step": "w[...] = ", "call": "self.opt.update(self.W, grad_w)"}
    assert checked(text.format(factor="", **in_place)) == {"Dense": "right"}


def test_what_an_optimizer_does_with_copies_tells_how_it_steps(checked):
    """It may give the step alone, return early, change lists in place; any other is not checked."""
    text = """
        class Momentum:
            def __init__(self, lr=0.01):
                self.lr, self.v = lr, np.zeros(3)
            def {head}:
                if grad is None: return
                self.v = 0.9 * self.v + 0.1 * np.asarray(grad)
                {end}

        class Dense:
            def __init__(self, n_in, n_out, opt=None):
                self.W, self.opt = np.random.randn(n_in, n_out), opt or Momentum()
            def forward(self, X):
                self.X = X
                return X @ self.W
            def backward(self, dout):
                dW, W = self.X.T @ dout{factor}, self.W.copy()
                {call}
                return dout @ W.T

        layer = Dense(4, 3)
        layer.backward(layer.forward(np.random.randn(5, 4)))
    """
    kinds = {
        "get_update(self, grad)": ("return self.lr * self.v", "self.W -= self.opt.get_update(dW)"),
        "get_update(self, w, grad)": (
            "return -self.lr * (self.v + 0.1 * w)",
            "self.W += self.opt.get_update(self.W, dW)",
        ),
        "step(self, w, grad)": ("w -= self.lr * self.v", "self.opt.step(self.W, grad=dW)"),
        "update(self, w, grad)": ("w -= self.lr * self.v; return w", "self.W = self.opt.update(self.W, dW)"),
        "update_all(self, w, grad)": ("for p, v in zip(w, self.v): p -= v", "self.opt.update_all([self.W], [dW])"),
    }
    for head, (end, call) in kinds.items():
        for factor, verdict in ("", "right"), (" / 5", "W"):
            program = text.format(head=head, end=end, call=call, factor=factor)
            assert checked(program) == {"Dense": verdict}, program
    unknown = {"head": "step(self, w, grad)", "end": "w += self.lr * w", "call": "self.opt.step(self.W, dW)"}
    assert checked(text.format(factor="", **unknown))["Dense"].startswith("no way found")


def test_a_gate_of_two_inputs_is_no_optimizer_nor_is_a_factor_of_a_gradient(checked):
    text = """
        class Gate:
            def __init__(self, alpha): self.alpha = alpha
            def __call__(self, x, g): return {gate}
            def apply(self, grad): return self.alpha * grad

        class Gated:
            def __init__(self, n_in, n_out):
                self.W, self.V, self.gate = np.random.randn(n_in, n_out), np.random.randn(n_in, n_out), Gate(0.5)
                self.scale = Gate(0.5)
            def forward(self, x):
                self.x = x
                return self.gate(x @ self.W, x @ self.V)
            def backward(self, dout):
                x, u, v = self.x, self.x @ self.W, self.x @ self.V
                du, dv = {du}, {dv}
                self.dW, self.dV = x.T @ du, x.T @ dv
                return du @ self.W.T + dv @ self.V.T
    """
    gates = [
        (
            "x * np.tanh(self.alpha * g)",
            "dout * np.tanh(0.5 * v)",
            "self.scale.apply(dout * u / np.cosh(0.5 * v) ** 2)",
        ),
        ("x - self.alpha * g", "dout", "-self.scale.apply(dout)"),
    ]
    for gate, du, dv in gates:
        assert checked(text.format(gate=gate, du=du, dv=dv)) == {"Gated": "right"}
        assert checked(text.format(gate=gate, du=f"2 * {du}", dv=dv)) == {"Gated": "W, x"}


def test_large_sizes_by_default_are_small_in_a_check(tmp_path):
    (path := tmp_path / "nets.py").write_text("""
class Net:
    def __init__(self, input_dim=784, hidden_dim=100, num_classes=10, steps=100):
        self.sizes = input_dim, hidden_dim, num_classes, steps

class Small:
    def __init__(self, n_in=3, n_out=2):
        self.sizes = n_in, n_out

class Images:
    def __init__(self, in_channels=1, hidden=64):
        self.sizes = in_channels, {64: 4}[hidden]
""")
    finder = Finder(run_statements(path, 1.0))
    first = {n: next(objects_of(finder, finder.names[n])).sizes for n in ("Net", "Small", "Images")}
    assert first == {"Net": (5, 4, 3, 100), "Small": (3, 2), "Images": (1, 4)}
