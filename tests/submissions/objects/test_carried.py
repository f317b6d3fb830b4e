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


NETWORK = """
import torch

class TwoLayerNet:
    def __init__(self, input_dim=784, hidden_dim=100, num_classes=10, reg=0.0, dtype=torch.float32):
        self.reg, self.params = reg, {{}}
        self.params["W1"] = torch.randn(input_dim, hidden_dim, dtype=dtype)
        self.params["W2"] = torch.randn(hidden_dim, num_classes, dtype=dtype)

    def loss(self, X, y=None):
        W1, W2 = self.params["W1"], self.params["W2"]
        h = X.mm(W1).clamp(min=0)
        scores = self.scores(h)
        if y is None:
            return scores
        p = scores.softmax(dim=1)
        n = torch.arange(len(y))
        loss = -p[n, y].log().mean() + self.reg * ((W1 * W1).sum() + (W2 * W2).sum())
        d = p.clone()
        d[n, y] -= 1
        d /= len(y)
        dh = d.mm(W2.t())
        dh[h <= 0] = 0
        return loss, {{"W1": X.t().mm(dh) + 2 * self.reg * W1, "W2": h.t().mm(d) + {} * self.reg * W2}}

    def scores(self, h):
        return h.mm(self.params["W2"])
"""


@pytest.mark.parametrize(("factor", "expected"), [
    (2, {"TwoLayerNet": "right"}), (1, {"TwoLayerNet with reg=0.3": "W2"}),
])  # fmt: skip
def test_a_network_of_tensors_is_checked_as_one_of_arrays(checked, factor, expected):
    assert checked(NETWORK.format(factor)) == expected


@pytest.mark.parametrize(("mask", "expected"), [("dout * mask", "right"), ("dout * (mask > 0)", "x")])
def test_a_pair_of_tensors_may_take_and_keep_a_dictionary(checked, mask, expected):
    assert checked(f"""
        import torch

        class Dropout:
            @staticmethod
            def forward(x, dropout_param):
                if "seed" in dropout_param:
                    torch.manual_seed(dropout_param["seed"])
                mask = (torch.rand(x.shape) > dropout_param["p"]) / (1 - dropout_param["p"])
                return x * mask, (dropout_param, mask)

            @staticmethod
            def backward(dout, cache):
                dropout_param, mask = cache
                return {mask}
    """) == {"Dropout": expected}
