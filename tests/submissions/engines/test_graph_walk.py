"""Engines pass gradients on: added up, in the right order, each once."""

import sys

import pytest

from jaxdoodle.submissions.engines import graph_walk
from jaxdoodle.submissions.worker import check_file

NANO = """
class Context:
    saved_tensors, needs_input_grad = (), ()
    def save_for_backward(self, *tensors): self.saved_tensors = tensors

class Function:
    @classmethod
    def apply(cls, *inputs):
        ctx = Context()
        ctx.needs_input_grad = tuple(x.requires_grad for x in inputs)
        out = Tensor(cls.forward(ctx, *[x.data for x in inputs]))
        out.creator = (cls, ctx, inputs)
        return out

class Add(Function):
    @staticmethod
    def forward(ctx, a, b): return a + b
    @staticmethod
    def backward(ctx, grad): return grad, grad

class Mul(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a * b
    @staticmethod
    def backward(ctx, grad):
        a, b = ctx.saved_tensors
        return grad * b if ctx.needs_input_grad[0] else None, grad * a

class Tensor:
    def __init__(self, data, requires_grad=True):
        self.data, self.grad, self.creator = np.asarray(data, float), None, None
        self.requires_grad = requires_grad
    def add(self, other): return Add.apply(self, other)
    def mul(self, other): return Mul.apply(self, other)
    def backward(self):
        order, seen = [], set()
        def visit(t):
            if id(t) in seen:
                return
            seen.add(id(t))
            for parent in t.creator[2] if t.creator else ():
                visit(parent)
            order.append(t)
        visit(self)
        self.grad = np.ones_like(self.data)
        for t in reversed(order):
            if t.creator is None:
                continue
            cls, ctx, inputs = t.creator
            for x, g in zip(inputs, cls.backward(ctx, t.grad)):
                if g is not None:
                    x.grad = g if x.grad is None else x.grad + g
"""
RIGHT = {"Add": "right", "Mul": "right", "Tensor": "right"}
#: Name of the mistake, what was right, what is written, and the line that is told.
WRONG = [
    ("= for +=", "x.grad = g if x.grad is None else x.grad + g", "x.grad = g", "x.grad = g"),
    ("passed on too early", "in reversed(order):", "in order:", "for t in order:"),
    ("passed on twice", "if id(t) in seen:", "if False:", "def visit(t):"),
    ("passed on too early", "            order.append(t)\n", "", "order.append(t)"),
    ("added up in place", "x.grad = g if x.grad is None else x.grad + g",
     "if x.grad is None: x.grad = g\n                    else: x.grad += g", "else: x.grad += g"),
]  # fmt: skip


@pytest.fixture
def told(tmp_path, monkeypatch):
    """(name, line) of the first finding of the class of values."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def run(text):
        path = tmp_path / "engine.py"
        path.write_text("import numpy as np\n" + text)
        found = [m["check"] for m in check_file(path) if m.get("check", {}).get("title") == "Tensor"]
        return found[0]["findings"][0]["name"], (found[0]["findings"][0]["backward"] or {}).get("text")

    return run


def test_an_engine_of_functions_with_a_context_is_checked_with_what_passes_gradients_on(checked):
    assert checked(NANO) == RIGHT


@pytest.mark.parametrize(("name", "right", "wrong", "line"), WRONG)
def test_what_passes_gradients_on_wrongly_is_named_with_its_line(told, name, right, wrong, line):
    text = NANO.replace(right, wrong)
    if not wrong:  # before what it is made of
        text = text.replace("seen.add(id(t))", "seen.add(id(t))\n            order.append(t)")
        text = text.replace("reversed(order)", "order")
    assert told(text) == (name, line)


LEVEL_BY_LEVEL = """        order, seen, level = [], set(), [self]
        while level:
            for t in level:
                if id(t) not in seen:
                    seen.add(id(t))
                    order.append(t)
            level = [p for t in level if t.creator for p in t.creator[2]]
        order = order[::-1]
"""


def test_a_walk_that_no_edit_mends_is_told_where_it_begins(told, monkeypatch):
    monkeypatch.setattr(graph_walk, "_MOST_EDITS", 15)  # all of them take 20 s
    begin, end = NANO.index("        order, seen"), NANO.index("        self.grad = np.ones_like")
    assert told(NANO[:begin] + LEVEL_BY_LEVEL + NANO[end:]) == ("cannot name it", "def backward(self):")


def test_a_rule_beside_a_right_walk_is_mended(told):
    assert told(NANO.replace("None, grad * a", "None, grad * b")) == (
        "wrong array", "return grad * b if ctx.needs_input_grad[0] else None, grad * b",
    )  # fmt: skip
