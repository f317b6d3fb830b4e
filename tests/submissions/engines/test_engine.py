"""Engines of scalars are checked operation by operation."""

import ast
import sys
import textwrap

import pytest

from jaxdoodle.submissions.classes.discovery import of_classes
from jaxdoodle.submissions.engines import engine
from jaxdoodle.submissions.worker import check_file

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
    tanh = ENGINE.replace(
        "    def backward(self)",
        """    def tanh(self):
        out = Value(np.tanh(self.data), (self,))
        def _backward(): self.grad = (1 - out.data ** 2) * out.grad
        out._backward = _backward
        return out

    def backward(self)""",
    )
    assert checked(tanh) == {"Value": "a"}  # right alone, and written over where a is used twice


def test_overwritten_gradients_are_named_with_their_line(tmp_path, monkeypatch):
    from jaxdoodle.core.user_code import run_statements
    from jaxdoodle.submissions.arguments.finder import Finder

    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "engine.py"
    path.write_text(ENGINE.replace("self.grad += out.grad", "self.grad = out.grad"))
    (found,) = of_classes(Finder(run_statements(path, 5.0)))
    (finding,) = found.run().findings
    assert (finding.name, finding.backward.text) == ("= for +=", "self.grad = out.grad")


def test_a_wrong_rule_is_named_with_its_line_and_mended(tmp_path, monkeypatch):
    from jaxdoodle.core.user_code import run_statements
    from jaxdoodle.submissions.arguments.finder import Finder

    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / "engine.py"
    path.write_text(ENGINE.replace("self.grad += other.data * out.grad", "self.grad += self.data * out.grad"))
    (found,) = of_classes(Finder(run_statements(path, 5.0)))
    (finding,) = found.run().findings
    assert (finding.name, finding.backward.text) == ("wrong array", "self.grad += self.data * out.grad")
    assert "should be `self.grad += other.data * out.grad`" in finding.sentence


def test_operations_on_arrays_are_checked_where_an_engine_has_them(checked):
    text = """
        class Tensor:
            def __init__(self, data, children=()):
                self.data = np.asarray(data, float)
                self.grad, self._prev, self._backward = np.zeros_like(self.data), children, lambda: None
            def __add__(self, other):
                out = Tensor(self.data + other.data, (self, other))
                def _backward():
                    self.grad += out.grad
                    other.grad += out.grad.sum(axis=0) if other.data.ndim < out.data.ndim else out.grad
                out._backward = _backward
                return out
            def __mul__(self, other):
                out = Tensor(self.data * other.data, (self, other))
                def _backward():
                    self.grad += out.grad * other.data
                    other.grad += out.grad * self.data
                out._backward = _backward
                return out
            def __matmul__(self, other):
                out = Tensor(self.data @ other.data, (self, other))
                def _backward():
                    self.grad += out.grad @ other.data.T
                    other.grad += self.data.T @ out.grad
                out._backward = _backward
                return out
            def sum(self):
                out = Tensor(self.data.sum(), (self,))
                def _backward(): self.grad += out.grad
                out._backward = _backward
                return out
            def backward(self):
                order = []
                def visit(v):
                    if v not in order:
                        for p in v._prev: visit(p)
                        order.append(v)
                visit(self)
                self.grad = np.ones_like(self.data)
                for v in reversed(order): v._backward()
    """
    broadcasts = text.replace("* self.data\n", "* self.data if other.data.ndim == self.data.ndim else "
                              "(out.grad * self.data).sum(axis=0)\n")  # fmt: skip
    assert checked(broadcasts) == {"Tensor": "right"}
    assert checked(broadcasts.replace("other.grad += self.data.T", "other.grad = self.data.T")) == {"Tensor": "b"}


TENSOR = """
class Tensor:
    def __init__(self, data, parents=()):
        self.data, self.grad, self._prev, self._backward = np.asarray(data, float), None, parents, lambda: None
    def add(self, g):
        self.grad = g if self.grad is None else self.grad + g
    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))
        def _backward(): self.add(out.grad); other.add(out.grad)
        out._backward = _backward
        return out
    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))
        def _backward(): self.add(out.grad * other.data); other.add(out.grad * self.data)
        out._backward = _backward
        return out
    def sum(self):
        out = Tensor(self.data.sum(), (self,))
        def _backward(): self.add(out.grad * np.ones_like(self.data))
        out._backward = _backward
        return out
    def backward(self):
        order = []
        def visit(v):
            if v in order: return
            for p in v._prev: visit(p)
            order.append(v)
        visit(self)
        self.grad = np.ones_like(self.data)
        for v in order[::-1]: v._backward()
    def mean(self): return self.sum()
"""


def test_what_an_engine_does_not_have_is_not_wrong_in_it(checked):
    assert checked(TENSOR) == {"Tensor": "right"}  # None for zeros, no rule for rows
    assert checked(TENSOR.replace("def backward(self):", "def backward(self, grad):")) == {
        "Tensor": "no way found to make Tensor(2.0) and call backward() of a result"
    }
    raises = TENSOR.replace("out.grad * np.ones_like(self.data)", "out.grad.reshape(7)")
    assert checked(raises) == {"Tensor": "a, b"}


def test_an_engine_in_a_low_precision_is_right_as_far_as_that_rounds(checked):
    low = TENSOR.replace("np.asarray(data, float)", "np.asarray(data, np.float32)")
    assert checked(low) == {"Tensor": "right"}
    assert checked(low.replace("float32", "float16")) == {"Tensor": "right"}
    assert checked(low.replace("self.add(out.grad * other.data)", "self.add(2 * out.grad * other.data)")) == {
        "Tensor": "a"
    }


def test_a_curved_operation_is_right_in_a_low_precision_and_a_small_mistake_shows(checked):
    power = """
    def __pow__(self, k):
        out = Tensor(self.data ** k, (self,))
        def back(): self.add(FACTOR * k * self.data ** (k - 1) * out.grad)
        out._backward = back
        return out
    def __rtruediv__(self, other): return self ** -1 * other
"""
    low = TENSOR.rstrip().replace("np.asarray(data, float)", "np.asarray(data, np.float16)") + power
    assert checked(low.replace("FACTOR * ", "")) == {"Tensor": "right"}
    assert checked(low.replace("float16", "float32").replace("FACTOR", "1.0005"))["Tensor"] != "right"


def test_a_value_and_its_gradient_may_be_called_otherwise(checked):
    text = ENGINE.replace(".data", ".number").replace(".grad", ".adjoint")
    assert "self.number, self.adjoint" in text and set(checked(text).values()) == {"right"}
    assert checked(text.replace("self.number * out.adjoint", "out.adjoint")) == {"Value": "b"}


def test_an_attribute_that_only_begins_like_a_gradient_is_none(checked):
    text = ENGINE.replace("self.data, self.grad,", "self.grad_fn, self.data, self.grad,")
    text = text.replace("= data, 0.0,", "= None, data, 0.0,")
    assert "self.grad_fn" in text and set(checked(text).values()) == {"right"}


def test_rules_may_have_any_name_and_call_functions_of_the_file(checked):
    other = ENGINE.replace("def _backward()", "def _b()").replace("_backward = _backward", "_backward = _b")
    helped = other.replace("self.grad += other.data", "self.grad += twice(other.data)")
    assert checked(other) == {"Value": "right"}
    assert "right" not in checked(helped + "\ndef twice(x):\n    return x / 1.5\n").values()
    overwritten = other.replace("other.grad += self.data", "other.grad = self.data")
    assert "right" not in checked(overwritten).values()


TAPE = """
    def fit(g, shape):
        for axis, n in enumerate(shape):
            g = g.sum(axis=axis, keepdims=True) if n == 1 else g
        return g

    class Tensor:
        def __init__(self, value, parents=()):
            self.value, self.parents, self.grad = np.asarray(value, float), parents, 0.0
        def backward(self):
            order = []
            def visit(node):
                for parent, _ in node.parents if node not in order else (): visit(parent)
                order.extend([] if node in order else [node])
            visit(self)
            self.grad = np.ones_like(self.value)
            for node in reversed(order):
                for parent, vjp in node.parents: parent.grad = parent.grad + vjp(node.grad)
        def __add__(self, o):
            o = o if isinstance(o, Tensor) else Tensor(o)
            return Tensor(self.value + o.value, ((self, lambda g: fit(g, self.value.shape)),
                                                 (o, lambda g: fit(g, o.value.shape))))
        def __mul__(self, o):
            return Tensor(self.value * o.value, ((self, lambda g: fit(g * o.value, self.value.shape)),
                                                 (o, lambda g: fit(g * self.value, o.value.shape))))
        def sum(self):
            return Tensor(self.value.sum(), ((self, lambda g: g * np.ones_like(self.value)),))
        def logsumexp(self, axis):
            e = np.exp(self.value)
            s = e.sum(axis=axis, keepdims=True)
            return Tensor(np.log(s).squeeze(axis), ((self, lambda g: np.expand_dims(g, axis) * e / s),))
"""


def test_reductions_and_columns_are_tried_and_rules_in_lambdas_are_mended(tmp_path, checked):
    assert checked(TAPE) == {"Tensor": "right"}
    assert checked(TAPE.replace("if n == 1 else", "if n == 1 and axis == 0 else")) == {"Tensor": "b"}
    wrong = TAPE.replace("* e / s)", "* e)")
    assert checked(wrong) == {"Tensor": "a"}
    path = tmp_path / "engine.py"
    path.write_text("import numpy as np\n" + textwrap.dedent(wrong))
    (message,) = check_file(path)
    assert "/ s" in message["check"]["findings"][0]["mended"]


def test_a_rule_that_leaves_out_the_incoming_gradient_is_wrong(checked):
    tanh = """
    def tanh(self):
        t = np.tanh(self.data)
        out = Value(t, (self,))
        def _backward(): self.grad += (1 - t**2) * out.grad
        out._backward = _backward
        return out
"""
    assert checked(ENGINE.rstrip() + "\n" + tanh) == {"Value": "right"}
    assert "right" not in checked(ENGINE.rstrip() + "\n" + tanh.replace(" * out.grad", "")).values()


TURNED = TENSOR.replace(
    "    def sum(self)",
    """    @property
    def T(self):
        out = Tensor(self.data.T, (self,))
        def _backward(): self.add(out.grad.T)
        out._backward = _backward
        return out
    def sum(self)""",
)


def test_a_rule_that_raises_is_wrong_and_an_operation_without_a_rule_is_none(tmp_path, checked):
    assert checked(TURNED) == {"Tensor": "right"}
    assert checked(TURNED.replace("self.add(out.grad.T)", "raise NotImplementedError")) == {"Tensor": "right"}
    assert checked(TURNED.replace("def _backward(): self.add(out.grad.T)", "_backward = None")) == {"Tensor": "right"}
    path = tmp_path / "engine.py"
    path.write_text("import numpy as np\n" + TURNED.replace("self.add(out.grad.T)", "self.add(out.grad.reshape(7))"))
    (message,) = check_file(path)
    (finding,) = message["check"]["findings"]
    assert finding["name"] == "backward raises ValueError" and "reshape(7)" in finding["backward"]["text"]


@pytest.mark.parametrize(("asks", "found"), [("self.data.ndim > 1", "right"), ("out.grad.ndim > 1", "a, b")])
def test_a_rule_may_refuse_what_it_is_given_but_not_what_it_computes(checked, asks, found):
    refuses = f"""def _backward():
                if {asks}: raise ValueError("of one axis only")
                self.add(out.grad.T)"""
    assert checked(TURNED.replace("def _backward(): self.add(out.grad.T)", refuses)) == {"Tensor": found}


@pytest.mark.parametrize(
    ("raises", "found"),
    [
        ('raise RuntimeError("todo")', "a, b"),
        ('raise RuntimeError("not implemented")', "right"),
        ('if self.data.ndim > 1: raise ValueError("shapes do not fit")', "a, b"),
        ("assert self.data.ndim < 2", "a, b"),
    ],
)
def test_a_rule_that_raises_without_saying_what_it_is_not_for_is_wrong(checked, raises, found):
    rule = f"_backward():\n            {raises}"
    assert checked(TURNED.replace("_backward(): self.add(out.grad.T)", rule)) == {"Tensor": found}


def test_operations_whose_rules_are_not_implemented_are_told(tmp_path):
    path = tmp_path / "engine.py"
    tanh = "    def tanh(self):\n        out = Value(np.tanh(self.data), (self,))\n"
    tanh += "        def rule(): raise NotImplementedError\n        out._backward = rule\n        return out\n"
    path.write_text("import numpy as np\n" + ENGINE.replace("    def backward", tanh + "    def backward"))
    (message,) = check_file(path)
    assert message["check"]["passed"]
    assert any("has no rule: a.tanh()" in note for note in message["check"]["notes"])


def test_a_lambda_of_the_class_is_no_rule(checked):
    lifts = TURNED.replace("    def sum(self)", "    lift = staticmethod(lambda v: Tensor(v))\n    def sum(self)")
    assert checked(lifts) == {"Tensor": "right"}
    assert checked(lifts.replace("out.grad.T)", "2 * out.grad.T)")) == {"Tensor": "a"}


def test_the_rule_that_runs_where_it_is_wrong_alone_is_mended_first(checked, monkeypatch):
    tried = []
    edits = engine.edits
    monkeypatch.setattr(engine, "edits", lambda rule, scope: tried.append(ast.unparse(rule)) or edits(rule, scope))
    wrong = ENGINE.replace("other.grad += self.data *", "other.grad += other.data *")
    assert checked(wrong, explain=True) == {"Value": "b"}
    assert "other.data * out.grad" in tried[0]


def test_functions_on_the_same_line_are_told_apart_by_their_names_and_files():
    space = {}
    for file in ("cell 1", "cell 2"):
        text = f"def {'add' if file == 'cell 1' else 'rule'}(a, b): return (lambda c: c)(a)"
        exec(compile(text, file, "exec"), space)
    made = {"__init__": lambda self, data: vars(self).update(data=data, grad=0.0), "backward": lambda self: None}
    cls = type("Value", (), {"__add__": space["add"], "__mul__": lambda a, b: space["rule"](a, b), **made})
    runs = engine._runs_of(cls, ["a + b", "a * b"])
    assert runs["add", 1, "cell 1"] == runs["<lambda>", 1, "cell 1"] == runs["rule", 1, "cell 2"] == 1


def test_a_free_function_of_two_values_is_an_operation(checked):
    larger = """
def maximum(a, b):
    out = Value(max(a.data, b.data), (a, b))
    def _backward():
        a.grad += (a.data >= b.data) * out.grad
        b.grad += (a.data < b.data) * out.grad
    out._backward = _backward
    return out
"""
    assert checked(ENGINE + larger) == {"Value": "right"}
    assert checked(ENGINE + larger.replace("(a.data < b.data) * ", "")) == {"Value": "b"}


def test_a_gradient_that_begins_at_zero_is_none_that_is_written_over(tmp_path):
    path = tmp_path / "engine.py"
    path.write_text("import numpy as np\n" + TURNED.replace("self.add(out.grad.T)", "self.add(2 * out.grad.T)"))
    (message,) = check_file(path)
    assert message["check"]["findings"][0]["name"] != "= for +="


@pytest.mark.parametrize(("sign", "expected"), [("<", "right"), (">=", "b")])
def test_the_larger_of_two_values_passes_its_gradient_to_one(checked, sign, expected):
    larger = f"""    def max(self, other):
        out = Value(max(self.data, other.data), (self, other))
        def _backward():
            self.grad += (self.data >= other.data) * out.grad
            other.grad += (self.data {sign} other.data) * out.grad
        out._backward = _backward
        return out

    def backward(self)"""
    assert checked(ENGINE.replace("    def backward(self)", larger)) == {"Value": expected}


ENGINE_WITH_A_MEAN = """
def sum_to(grad, shape):
    grad = grad.sum(axis=tuple(range(grad.ndim - len(shape))))
    return grad.sum(axis=tuple(k for k, n in enumerate(shape) if n == 1), keepdims=True)

class Tensor:
    def __init__(self, data, parents=()):
        self.data = np.array(data, float)
        self.grad, self.parents, self.rule = np.zeros_like(self.data), parents, lambda: None

    def __add__(self, other):
        out = Tensor(self.data + other.data, (self, other))
        def rule():
            self.grad += sum_to(out.grad, self.data.shape)
            other.grad = other.grad + sum_to(out.grad, other.data.shape)
        out.rule = rule
        return out

    def __mul__(self, other):
        out = Tensor(self.data * other.data, (self, other))
        def rule():
            self.grad += sum_to(out.grad * other.data, self.data.shape)
            other.grad += sum_to(out.grad * self.data, other.data.shape)
        out.rule = rule
        return out

    def __matmul__(self, other):
        out = Tensor(self.data @ other.data, (self, other))
        def rule():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad
        out.rule = rule
        return out

    def mean(self):
        out = Tensor(self.data.mean(), (self,))
        def rule(): self.grad += out.grad / self.data.size * np.ones_like(self.data)
        out.rule = rule
        return out

    def backward(self):
        order = []
        def visit(v):
            if all(v is not o for o in order):
                for p in v.parents: visit(p)
                order.append(v)
        visit(self)
        self.grad = np.ones_like(self.data)
        for v in reversed(order): v.rule()
"""


def test_an_engine_without_a_sum_is_checked_with_its_mean_and_a_broadcast_that_is_not_summed_is_named(
    checked, tmp_path
):
    assert checked(ENGINE_WITH_A_MEAN) == {"Tensor": "right"}
    assert checked(ENGINE_WITH_A_MEAN.replace("self.grad += out.grad @", "self.grad = out.grad @")) == {"Tensor": "a"}
    file = tmp_path / "broadcast.py"
    wrong = ENGINE_WITH_A_MEAN.replace("= other.grad + sum_to(out.grad, other.data.shape)", "= other.grad + out.grad")
    file.write_text("import numpy as np\n" + wrong)
    ((finding,),) = [m["check"]["findings"] for m in check_file(file) if "check" in m]
    assert finding["name"] == "function left out" and finding["mended"].endswith("sum_to(out.grad, other.data.shape)")


MEAN_OVER_AN_AXIS = ENGINE_WITH_A_MEAN.replace("mean(self)", "mean(self, axis=None)").replace(
    "self.data.mean()", "self.data.mean(axis, keepdims=axis is not None)"
).replace("/ self.data.size", "* out.data.size / self.data.size")  # fmt: skip


@pytest.mark.parametrize("engine", [ENGINE_WITH_A_MEAN, MEAN_OVER_AN_AXIS])
def test_a_mean_that_writes_over_a_gradient_is_found(checked, engine):
    assert checked(engine) == {"Tensor": "right"}
    assert checked(engine.replace("self.grad += out.grad *", "self.grad = out.grad *")
                   .replace("self.grad += out.grad /", "self.grad = out.grad /")) == {"Tensor": "a"}  # fmt: skip


ON_REQUEST = """
class Tensor:
    def __init__(self, data, autograd=False, creators=(), op=""):
        self.data, self.autograd, self.creators, self.op, self.grad = np.array(data), autograd, creators, op, None

    def backward(self, grad=None):
        if not self.autograd:
            return
        grad = Tensor(np.ones_like(self.data)) if grad is None else grad
        self.grad = grad if self.grad is None else Tensor(self.grad.data + grad.data)
        if self.op == "add":
            for creator in self.creators:
                creator.backward(grad)
        if self.op == "mul":
            self.creators[0].backward(Tensor(grad.data * self.creators[1].data))
            self.creators[1].backward(Tensor(grad.data * self.creators[{0}].data))
        if self.op.startswith("sum"):
            axis = int(self.op[-1])
            self.creators[0].backward(Tensor(np.expand_dims(grad.data, axis) * np.ones(self.creators[0].data.shape)))

    def __add__(self, other):
        return Tensor(self.data + other.data, self.autograd, (self, other), "add")

    def __mul__(self, other):
        return Tensor(self.data * other.data, self.autograd, (self, other), "mul")

    def sum(self, dim):
        return Tensor(self.data.sum(dim), self.autograd, (self,), f"sum_{{dim}}")
"""


@pytest.mark.parametrize(("factor", "expected"), [(0, "right"), (1, "b")])
def test_gradients_that_an_engine_keeps_on_request_are_asked_for(checked, factor, expected):
    assert checked(ON_REQUEST.format(factor)) == {"Tensor": expected}


def test_what_sums_over_one_axis_is_summed_over_each(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "tensor.py").write_text("import numpy as np\n" + ON_REQUEST.format(0))
    (message,) = check_file(tmp_path / "tensor.py")
    (note,) = message["check"]["notes"]
    without = ON_REQUEST.format(0).replace("def sum(", "def total(")
    (tmp_path / "tensor.py").write_text("import numpy as np\n" + without)
    (message,) = check_file(tmp_path / "tensor.py")
    assert int(note.split()[0]) > int(message["check"]["notes"][0].split()[0])


def test_methods_that_no_expression_calls_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    more = '\n    def pick(self, labels):\n        return Tensor(self.data[labels], self.autograd, (self,), "pick")\n'
    (tmp_path / "tensor.py").write_text("import numpy as np\n" + ON_REQUEST.format(0) + more)
    (message,) = check_file(tmp_path / "tensor.py")
    assert message["check"]["notes"][1:] == ["not checked, for how they are called is not known: pick"]
