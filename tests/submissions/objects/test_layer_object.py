"""What of an object is its input, its output, a parameter, and the gradient of each."""

import pytest


def test_a_buffer_that_backward_fills_is_no_parameter_and_data_may_be_whole_numbers(checked):
    text = """
        class Dense:
            def __init__(self, n, m):
                self.W, self.dW, self.room = np.ones((n, m)), np.zeros((n, m)), np.zeros((4, n))
            def forward(self, x):
                self.room[:] = x
                self.y = np.tanh(self.room @ self.W)
                return self.y
            def backward(self, dout):
                d = dout * (1 - self.y ** 2)
                self.dW = self.room.T @ d
                np.matmul(d, self.W.T, out=self.room)
                return self.room
        class Chain:
            def __init__(self, layers): self.layers = layers
            def forward(self, x):
                for layer in self.layers: x = layer.forward(x)
                return x
            def backward(self, d):
                for layer in self.layers[::-1]: d = layer.backward(d)
                return d
        if __name__ == "__main__":
            Chain([Dense(2, 3), Dense(3, 2)]).forward(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    """
    assert checked(text) == {"Dense": "right", "Chain": "right"}


def test_a_parameter_that_the_forward_centers_is_one(checked):
    text = """
        class Centered:
            def __init__(self): self.table = np.array([[-1.0, 0.5], [2.0, 0.25], [0.5, -0.25], [-1.5, 4.0]])
            def forward(self, x):
                self.x = x
                return 2 * x @ (self.table - self.table.mean(axis=0))
            def backward(self, dout, lr=0.1):
                dx = 2 * dout @ (self.table - self.table.mean(axis=0)).T
                d = 2 * self.x.T @ dout
                self.table = self.table - lr * (d - d.mean(axis=0))
                return dx
    """
    assert checked(text) == {"Centered": "right"}
    assert checked(text.replace("d = 2 * ", "d = ")) == {"Centered": "table"}


def test_a_gradient_for_each_input_may_be_none_or_of_a_wrong_shape(checked):
    text = """
        class Masked:
            def forward(self, x, mask):
                self.mask = mask
                return x * mask
            def backward(self, dout): return dout * self.mask, None
        class Merge:
            def forward(self, a, b):
                self.a, self.b = a, b
                return a @ b
            def backward(self, dout): return dout @ self.b.T, dout.T @ self.a
        if __name__ == "__main__":
            Masked().forward(np.arange(6.0).reshape(3, 2), np.array([[1, 0], [0, 1], [1, 1]]))
            Merge().forward(np.arange(12.0).reshape(4, 3), np.arange(6.0).reshape(3, 2))
    """
    assert checked(text) == {"Masked": "right", "Merge": "b"}


def test_a_parameter_may_be_an_object_with_its_gradient(checked):
    text = """
        class Parameter:
            def __init__(self, data): self.data, self.grad = data, np.zeros_like(data)
        class Scale:
            def __init__(self): self.gain = Parameter(np.ones(3))
            def forward(self, x):
                self.x = x
                return x * self.gain.data
            def backward(self, dy):
                self.gain.grad += (dy * self.x).SUM(axis=0)
                return dy * self.gain.data
    """
    assert checked(text.replace("SUM", "sum")) == {"Scale": "right"}
    assert checked(text.replace("SUM", "mean")) == {"Scale": "gain_data"}


def test_the_gradient_of_one_input_belongs_to_the_one_of_its_shape(checked):
    found = checked("""
        class Graph:
            def forward(self, adjacency, x):
                self.adjacency = adjacency
                return adjacency @ x
            def backward(self, dy): return self.adjacency.T @ dy
        if __name__ == "__main__":
            Graph().forward(np.arange(16.0).reshape(4, 4), np.arange(8.0).reshape(4, 2))
    """)
    assert found == {"Graph": "right"}


def test_parameters_that_are_objects_are_written_through_a_list_too(checked):
    text = """
        class Parameter:
            def __init__(self, data): self.data, self.grad = data, np.zeros_like(data)
        class Linear:
            def __init__(self):
                self.W, self.b = Parameter(np.ones((4, 3))), Parameter(np.zeros(3))
                self.params = [self.W, self.b]
            def forward(self, x):
                self.x = x
                return x @ self.W.data + self.b.data
            def backward(self, dy):
                W, b = self.params
                W.grad += self.x.T @ dy
                b.grad = dy.SUM(0)
                return dy @ W.data.T
    """
    for program in (text, text.replace("[self.W, self.b]", "(self.W, self.b)")):
        assert checked(program.replace("SUM", "sum")) == {"Linear": "right"}
    assert checked(text.replace("SUM", "mean")) == {"Linear": "b_data"}


def test_a_single_gradient_is_not_of_the_labels(checked):
    text = """
        class MSE:
            def forward(self, target, pred):
                self.e = pred - target
                return np.mean(self.e ** 2)
            def backward(self): return FACTOR * self.e / self.e.size
    """
    assert checked(text.replace("FACTOR", "2")) == {"MSE": "right"}
    assert checked(text.replace("FACTOR", "1")) == {"MSE": "pred"}


def test_several_outputs_have_an_incoming_gradient_each_and_names_that_differ_in_case_are_two(checked):
    text = """
        class Twice:
            def __init__(self):
                rng = np.random.default_rng(0)
                self.A, self.a = rng.normal(size=(4, 3)), rng.normal(size=3)

            def forward(self, x):
                self.x = x
                return x @ self.A + self.a, 0.1 * (x**2).mean()

            def backward(self, dy, daux=1.0):
                self.dA, self.da = self.x.T @ dy, dy.sum(axis=0)
                return dy @ self.A.T + 0.2 * daux * self.x / self.x.size

        if __name__ == "__main__":
            layer = Twice()
            y, penalty = layer.forward(np.ones((5, 4)))
            layer.backward(y)
    """
    assert checked(text) == {"Twice": "right"}
    assert checked(text.replace("0.2 * daux * self.x", "0.2 * self.x")) == {"Twice": "x"}
    assert checked(text.replace("dy.sum(axis=0)", "dy.mean(axis=0)")) == {"Twice": "a"}


def test_gradients_may_come_back_in_one_dictionary_with_that_of_the_input(checked):
    text = """
        class Net:
            def __init__(self, W, v):
                self.W, self.v = W, v

            def forward(self, x):
                self.x, self.h = x, np.tanh(x @ self.W)
                return self.h @ self.v

            def backward(self, dy):
                dz = np.outer(dy, self.v) * (1 - self.h**2)
                return {"v": self.h.T @ dy, "W": self.x.T @ dz, "x": dz @ self.W.T}

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            net = Net(rng.normal(size=(4, 3)), rng.normal(size=3))
            net.backward(net.forward(rng.normal(size=(6, 4))))
    """
    assert checked(text) == {"Net": "right"}
    assert checked(text.replace("(1 - self.h**2)", "(1 - self.h)")) == {"Net": "W, x"}


def test_parameters_of_the_layers_in_a_layer_and_bare_numbers_are_checked(checked):
    text = """
        class Cell:
            def __init__(self):
                self.params = {"w": np.random.default_rng(0).normal(size=(3, 3))}
                self.grads = {"w": np.zeros((3, 3))}

            def forward(self, h):
                self.stack.append(h)
                return np.tanh(h @ self.params["w"])

            def backward(self, dh, y):
                dz, h = dh * (1 - y**2), self.stack.pop()
                self.grads["w"] += h.T @ dz
                return dz @ self.params["w"].T

        class Twice:
            def __init__(self, cell):
                self.cell, self.scale = cell, 1.5

            def forward(self, x):
                self.cell.stack, self.outs = [], []
                self.cell.grads["w"] = np.zeros((3, 3))
                for _ in range(2):
                    x = self.cell.forward(x)
                    self.outs.append(x)
                return x * self.scale

            def backward(self, dy):
                grads = {"scale": (dy * self.outs[-1]).sum()}
                d = dy * self.scale
                for y in reversed(self.outs):
                    d = self.cell.backward(d, y)
                return grads | {"x": d}

        if __name__ == "__main__":
            net = Twice(Cell())
            net.backward(net.forward(np.random.default_rng(1).normal(size=(4, 3))))
    """
    assert checked(text)["Twice"] == "right"
    assert checked(text.replace('grads["w"] += h', 'grads["w"] = h'))["Twice"] == "cell_params_w"
    assert checked(text.replace("self.outs[-1]).sum()", "self.outs[-1]).mean()"))["Twice"] == "scale"


def test_a_dictionary_holds_the_gradients_of_all_inputs_and_equal_numbers_are_two(checked):
    text = """
        class Affine:
            def __init__(self):
                self.params = {"a": 1.0, "b": 1.0}

            def forward(self, x, h):
                self.x, self.h = x, h
                return self.params["a"] * x * h + self.params["b"]

            def backward(self, dout):
                a = self.params["a"]
                inputs = {"x": a * dout * self.h, "h": a * dout * self.x}
                return inputs | {"a": (dout * self.x * self.h).sum(), "b": dout.sum()}

        if __name__ == "__main__":
            layer = Affine()
            layer.backward(layer.forward(np.ones((2, 3)), np.arange(6.0).reshape(2, 3)))
    """
    assert checked(text) == {"Affine": "right"}
    assert checked(text.replace('"h": a * dout', '"h": 7 * a * dout')) == {"Affine": "h"}


def test_weights_in_a_named_tuple_get_the_gradients_that_come_back_in_one(checked):
    text = """
        from typing import NamedTuple

        class Weights(NamedTuple):
            w: np.ndarray
            b: np.ndarray

        class Layer:
            def __init__(self): self.p = Weights(np.arange(6.0).reshape(3, 2) / 5, np.ones(2))
            def __call__(self, x, rows):
                self.x, self.rows = x, rows
                return (x @ self.p.w + self.p.b)[rows]
            def backward(self, dy):
                d = np.zeros((len(self.x), 2))
                d[self.rows] = dy
                return d @ self.p.w.T, None, Weights(self.x.T @ d, d.sum(0))

        if __name__ == "__main__":
            Layer()(np.arange(12.0).reshape(4, 3), np.array([0, 1, 3]))
    """
    assert checked(text) == {"Layer": "right"}
    assert checked(text.replace("d.sum(0)", "d.mean(0)")) == {"Layer": "p_b"}


def test_a_backward_that_yields_is_asked_about(checked):
    text = """
        class Lazy:
            def __init__(self): self.w = np.ones((3, 2))
            def forward(self, x):
                self.x = x
                return x @ self.w
            def backward(self, dy):
                yield self.x.T @ dy
    """
    assert "no way found to make Lazy" in checked(text)["Lazy"]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [("self.grads", "right"), ("self.velocity", "gradient missing, gradient missing")],
)
def test_a_table_by_name_holds_gradients_of_what_is_not_used_too_and_one_of_velocities_holds_none(
    checked, kept, expected
):
    text = f"""
        class Dense:
            def __init__(self, n_in=4, n_out=3):
                rng = np.random.default_rng(0)
                self.params = {{"W": rng.normal(size=(n_in, n_out)), "b": rng.normal(size=n_out)}}
                {kept} = {{"W": np.zeros((n_in, n_out)), "b": np.zeros(n_out)}}
            def forward(self, x):
                self.x = x
                return x @ self.params["W"]
            def backward(self, dout):
                {kept}["W"] = self.x.T @ dout
                {kept}["b"] = np.zeros_like(self.params["b"])
                return dout @ self.params["W"].T
    """
    assert checked(text) == {"Dense": expected}


SINGLE = """
class Scale:
    def __init__(self, n):
        self.k = np.linspace(1, 2, n, dtype=np.float32)
        self.dk = np.zeros(n, dtype=np.float32)

    def forward(self, x):
        self.x = x
        return x * self.k

    def backward(self, dout):
        self.dk[:] = (dout * self.x).sum(axis=0) * {}
        return dout * self.k

layer = Scale(3)
layer.backward(layer.forward(np.random.randn(5, 3)))
"""


def test_an_array_for_gradients_has_the_precision_of_the_parameter(checked):
    assert checked(SINGLE.format(1)) == {"Scale": "right"}
    assert checked(SINGLE.format(2)) == {"Scale": "k"}


HELD = """
from dataclasses import dataclass


@dataclass
class Weights:
    A: np.ndarray
    B: np.ndarray


class Field:
    def __init__(self, a, b):
        self.A, self.B = a, b

    def __call__(self, z):
        return np.tanh(z @ self.A) @ self.B


class Flow:
    def __init__(self, d, h):
        rng = np.random.default_rng(0)
        self.f = {kind}(rng.normal(size=(d, h)), rng.normal(size=(h, d)))

    def forward(self, z):
        self.z, self.a = z, np.tanh(z @ self.f.A)
        return z + 0.5 * self.a @ self.f.B

    def backward(self, dout):
        d = 0.5 * dout @ self.f.B.T * (1 - self.a**2)
        gA, gB = self.z.T @ d, {factor} * self.a.T @ dout
        dz = dout + d @ self.f.A.T
        {end}
"""


@pytest.mark.parametrize(("factor", "expected"), [("0.5", "right"), ("1.0", "f_B")])
@pytest.mark.parametrize(
    ("kind", "end"),
    [
        ("Field", "return dz, [gA, gB]"),
        ("Field", "self.grads = [gA, gB]; return dz"),
        ("Field", "self.g = {'A': gA, 'B': gB}; return dz"),
        ("Field", "self.d = Field(gA, gB); return dz"),
        ("Field", "self.dA, self.dB = gA, gB; return dz"),
        ("Weights", "self.grads = Weights(gA, gB); return dz"),
    ],
)
def test_what_is_held_by_an_object_that_is_no_layer_has_its_gradients_beside_it(checked, kind, end, factor, expected):
    assert checked(HELD.format(kind=kind, end=end, factor=factor)) == {"Flow": expected}


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("3 * ", "b")])
@pytest.mark.parametrize("w", ['self["W"]', "self.W"])
@pytest.mark.parametrize("grads", ["self.grads", "self"])
def test_a_layer_that_is_a_dictionary_holds_its_entries_and_its_attributes(checked, w, grads, factor, expected):
    text = f"""
        class Dense(dict):
            def __init__(self, n=4, m=3):
                super().__init__(name="dense")
                {w}, {w.replace("W", "b")} = np.random.randn(n, m), np.zeros(m)
                self.grads = {{}}
            def forward(self, x):
                self.x = x
                return x @ {w} + {w.replace("W", "b")}
            def backward(self, dout):
                {grads}["dW"], {grads}["db"] = self.x.T @ dout, {factor}dout.sum(axis=0)
                return dout @ {w}.T
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
    of_layers = expected if expected == "right" else "l1/b, l2/b"
    assert checked(text) == {"Dense": expected, "Net": of_layers}
