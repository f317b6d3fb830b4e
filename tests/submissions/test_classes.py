"""Layers, networks, engines and rules of other libraries are found as they lie."""

import sys

import pytest

from jaxdoodle.submissions import classes

DENSE = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.cache = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.cache.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
LISTS = """
class Affine:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dout @ W.T
"""
SILENT = """
class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights, self.biases = 0.1 * np.random.randn(n_inputs, n_neurons), np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T
"""
LEARNS = """
class Dense:
    def __init__(self, input_size, output_size):
        self.weights, self.bias = np.random.randn(output_size, input_size), np.random.randn(output_size, 1)

    def forward(self, input):
        self.input = input
        return self.weights @ self.input + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = output_gradient @ self.input.T
        self.bias -= learning_rate * output_gradient
        dx = self.weights.T @ output_gradient
        self.weights -= learning_rate * weights_gradient
        return dx

if __name__ == "__main__":
    Dense(4, 3).forward(np.random.randn(4, 1))
"""


@pytest.mark.parametrize(
    ("text", "line", "mended", "wrong"),
    [
        (DENSE, "dout.sum(axis=0)", "dout.mean(axis=0)", "b"),
        (LISTS, "dout.sum(axis=0)", "dout.mean(axis=0)", "params_1"),
        (SILENT, "self.inputs.T @ dvalues", "self.inputs.T @ dvalues / 2", "weights"),
        (LEARNS, "output_gradient @ self.input.T", "2 * output_gradient @ self.input.T", "weights"),
        (LEARNS, "dx = self.weights.T @ output_gradient", "dx = 3 * self.weights.T @ output_gradient", "input"),
    ],
)
def test_layer_classes_of_four_styles(checked, text, line, mended, wrong):
    assert list(checked(text).values()) == ["right"]
    assert list(checked(text.replace(line, mended)).values()) == [wrong]


def test_a_loss_layer_and_one_of_two_inputs_are_checked(checked):
    text = """
        class Mul:
            def forward(self, x, y):
                self.x, self.y = x, y
                return x * y

            def backward(self, dout):
                return dout * self.y, dout * self.{second}

        class SoftmaxWithLoss:
            def forward(self, x, t):
                e = np.exp(x - x.max(axis=1, keepdims=True))
                self.y, self.t = e / e.sum(axis=1, keepdims=True), t
                return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

            def backward(self, dout=1):
                return (self.y - self.t) / len(self.t)

        class Base:
            def forward(self, x):
                raise NotImplementedError

            def backward(self, dout):
                raise NotImplementedError
    """
    assert checked(text.format(second="x")) == {"Mul": "right", "SoftmaxWithLoss": "right"}
    assert checked(text.format(second="y")) == {"Mul": "y", "SoftmaxWithLoss": "right"}


def test_a_parameter_without_a_gradient_is_a_mistake(checked):
    assert checked(DENSE.replace("self.db =", "db =")) == {"Dense": "gradient missing"}


def test_a_class_that_cannot_be_made_is_said_in_one_line(checked):
    found = checked("class Odd:\n    def __init__(self, plan): plan.go()\n    def forward(self, x): return x\n"
                    "    def backward(self, d): return d\n")  # fmt: skip
    assert "no way found to make Odd(plan)" in found["Odd"] and "\n" not in found["Odd"]


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
    assert checked(NETWORK.replace("* acts[-k] * (1", "* (1")) == {"Network": "biases.0, weights.0"}


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


ENGINE = """
class Value:
    def __init__(self, data, children=()):
        self.data, self.grad, self._prev, self._backward = data, 0.0, set(children), lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for p in v._prev:
                    visit(p)
                order.append(v)
        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v._backward()
"""


def test_an_engine_of_scalars_is_checked_operation_by_operation(checked):
    assert checked(ENGINE) == {"Value": "right"}
    assert checked(ENGINE.replace("self.grad += out.grad", "self.grad = out.grad")) == {"Value": "a"}
    assert checked(ENGINE.replace("+= self.data * out.grad", "+= other.data * out.grad")) == {"Value": "b"}


def test_overwritten_gradients_are_named_with_their_line(tmp_path, monkeypatch):
    from jaxdoodle.core.user_code import run_statements
    from jaxdoodle.submissions.functions import Finder

    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "engine.py"
    path.write_text(ENGINE.replace("self.grad += out.grad", "self.grad = out.grad"))
    (found,) = classes.of_classes(Finder(run_statements(path, 5.0)))
    (finding,) = found.run().findings
    assert (finding.name, finding.backward.text) == ("= for +=", "self.grad = out.grad")


TORCH = """
import torch

class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output * 2 * x * w, grad_output * x * x
"""


def test_a_torch_function_is_checked_or_torch_is_said_to_be_missing(checked):
    pytest.importorskip("torch")
    assert checked(TORCH) == {"Square": "right"}
    assert checked(TORCH.replace("2 * x", "x")) == {"Square": "x"}
    told = checked(TORCH.replace("torch", "torch_of_last_year"))["told"]
    assert "No module named 'torch_of_last_year'" in told[0]["note"]
    assert "torch_of_last_year is not installed" in told[1]["note"]


CUSTOM = """
import functools
import jax
import jax.numpy as jnp

@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def leaky(x, slope):
    return jnp.where(x > 0, x, slope * x)

def leaky_fwd(x, slope):
    return leaky(x, slope), x

def leaky_bwd(slope, x, dy):
    return (jnp.where(x > 0, dy, dy * slope),)

leaky.defvjp(leaky_fwd, leaky_bwd)
"""


def test_a_custom_vjp_is_checked_against_its_own_function(checked):
    assert checked(CUSTOM) == {"leaky": "right"}
    assert checked(CUSTOM.replace("dy * slope", "dy / slope")) == {"leaky": "x"}
