"""Operations called with objects that hold arrays are checked as layers of arrays."""

import pytest

ENGINE = """
import weakref

class Variable:
    def __init__(self, data):
        if not isinstance(data, np.ndarray): raise TypeError
        self.data, self.grad, self.creator = data, None, None
    def backward(self, g=None):
        g = {seed} if g is None else g
        self.grad = g if self.grad is None else self.grad + g
        for x, gx in zip(self.creator.inputs, self.creator.backward(g)) if self.creator else ():
            x.backward(gx)
    def __add__(self, other): return Add()(self, other)
    def __mul__(self, other): return Mul()(self, other)
    def __neg__(self): return Mul()(self, Variable(np.array(-1.0)))

class Function:
    def __call__(self, *inputs):
        ys = self.forward(*[x.data for x in inputs])
        outputs = [Variable(np.asarray(y)) for y in (ys if isinstance(ys, tuple) else (ys,))]
        for y in outputs: y.creator = self
        self.inputs, self.outputs = inputs, [weakref.ref(y) for y in outputs]
        return outputs if len(outputs) > 1 else outputs[0]

class Add(Function):
    def forward(self, a, b): return a + b
    def backward(self, gy): return gy, gy
"""
OF_ARRAYS = """
class Mul(Function):
    def forward(self, a, b): return a * b
    def backward(self, gy):
        a, b = self.inputs
        return gy * b.data, gy * {second}.data

class Tanh(Function):
    def forward(self, x): return np.tanh(x)
    def backward(self, gy): return gy * (1 - self.outputs[0]().data ** 2)

class Moments(Function):
    def forward(self, x): return x.mean(axis=0), x.std(axis=0)
    def backward(self, gm, gs):
        x, s = self.inputs[0].data, self.outputs[1]().data
        return gm / len(x) + gs * (x - x.mean(axis=0)) / (len(x) * s)
"""
OF_VARIABLES = """
class Mul(Function):
    def forward(self, a, b): return a * b
    def backward(self, gy):
        a, b = self.inputs
        return gy * b, gy * {second}

class Tanh(Function):
    def forward(self, x): return np.tanh(x)
    def backward(self, gy):
        y, one = self.outputs[0](), Variable(np.array(1.0))
        return gy * (one + -(y * y))
"""


@pytest.mark.parametrize(
    ("seed", "functions"),
    [("np.ones_like(self.data)", OF_ARRAYS), ("Variable(np.ones_like(self.data))", OF_VARIABLES)],
)
def test_functions_of_variables_whose_backward_takes_arrays_or_variables(checked, seed, functions):
    text = ENGINE.replace("{seed}", seed) + functions
    assert {*checked(text.format(second="a")).values()} == {"right"}
    wrong = checked(text.format(second="b"))
    assert (wrong.pop("Mul"), wrong.pop("Variable")) == ("b", "b")
    assert {*wrong.values()} == {"right"}


def test_an_operation_that_keeps_nodes_and_gives_a_list(checked):
    text = """
        class Node:
            def __init__(self, value): self.value = np.asarray(value, dtype=float)
        class Dense:
            def __call__(self, *parents):
                self.parents = parents
                return Node(self.forward(*(p.value for p in parents)))
            def forward(self, x, w): return x @ w
            def backward(self, grad):
                x, w = self.parents
                return [grad @ w.value.T, {x}.value.T @ grad]
    """
    assert checked(text.format(x="x")) == {"Dense": "right"}
    assert checked(text.format(x="2 * x")) == {"Dense": "w"}
