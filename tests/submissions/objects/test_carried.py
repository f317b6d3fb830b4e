"""A backward that sets gradients as an attribute of tensors is checked as functions and layers of arrays."""

import pytest

pytest.importorskip("torch", reason="needs PyTorch")

PAIRS = """
import torch

def lin(x, w, b): return x @ w + b
def mse(output, targ): return (output[:, 0] - targ).pow(2).mean()

def mse_grad(inp, targ):
    inp.g = 2. * (inp[:, 0] - targ)[:, None] / inp.shape[0]

def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.t()
    w.g = inp.t() @ {out}
    b.g = out.g.sum(0)

if __name__ == "__main__":
    x, w, b, t = torch.randn(4, 3), torch.randn(3, 1), torch.zeros(1), torch.randn(4)
    mse(lin(x, w, b), t)
"""


def test_pairs_that_set_the_gradients_of_what_they_are_given(checked):
    assert checked(PAIRS.format(out="out.g")) == {"lin": "right", "mse": "right"}
    assert checked(PAIRS.format(out="(2 * out.g)")) == {"lin": "w", "mse": "right"}


LAYERS = """
import torch

class Module:
    def __call__(self, *args):
        self.args = args
        self.out = self.forward(*args)
        return self.out
    def backward(self): self.bwd(self.out, *self.args)

class Tanh(Module):
    def forward(self, inp): return torch.tanh(inp)
    def bwd(self, out, inp): inp.delta = out.delta * (1 - {inside} ** 2)

class Lin(Module):
    def __init__(self, w): self.w = w
    def forward(self, inp): return inp @ self.w
    def bwd(self, out, inp):
        inp.delta = out.delta @ self.w.t()
        self.w.delta = inp.t() @ out.delta

class Mse(Module):
    def forward(self, inp, targ): return (inp[:, 0] - targ).pow(2).mean()
    def bwd(self, out, inp, targ): inp.delta = 2 * (inp[:, 0] - targ)[:, None] / targ.shape[0]

class Model:
    def __init__(self, v, w):
        self.layers, self.loss = [Lin(v), Tanh(), Lin(w)], Mse()
    def __call__(self, x, targ):
        for layer in self.layers: x = layer(x)
        return self.loss(x, targ)
    def backward(self):
        self.loss.backward()
        for layer in reversed(self.layers): layer.backward()

if __name__ == "__main__":
    model = Model(torch.randn(3, 2), torch.randn(2, 1))
    model(torch.randn(4, 3), torch.randn(4))
    model.backward()
"""


def test_layers_and_models_that_set_the_gradients_of_what_they_hold(checked):
    assert {*checked(LAYERS.format(inside="out")).values()} == {"right"}
    wrong = checked(LAYERS.format(inside="inp"))
    assert wrong.pop("Model") == "params_layers_0_w, x" and wrong.pop("Tanh") == "inp"
    assert {*wrong.values()} == {"right"}
