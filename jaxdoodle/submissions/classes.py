"""Classes of a user's file that hold gradients: layers, networks, scalar engines, ``torch.autograd.Function``, and
functions of ``jax.custom_vjp``."""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from functools import partial
from itertools import islice, product
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.api import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.compare import compare
from jaxdoodle.gradcheck.report import UNNAMED, Finding, LeafResult, PointResult, Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters, required
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.nn.base import Layer, Loss
from jaxdoodle.submissions import guess as guessing
from jaxdoodle.submissions.functions import Finder, Forward, Found

#: How many ways to make an object are tried.
_OBJECTS = 60
#: Attributes that hold the output, and the gradient of the input, of a layer that returns neither.
_OUTPUTS = ("output", "out", "outputs", "y", "a", "z", "activation")
_INPUT_GRADIENTS = ("dinputs", "dx", "dinput", "grad_input", "input_gradient", "dX", "d_input")
_RATES = ("lr", "learning_rate", "eta", "alpha", "rate")


def marked_classes(finder: Finder) -> list[type]:
    """The classes that ``@jaxdoodle.nn.layer`` or ``@jaxdoodle.nn.loss`` marks."""
    return [cls for cls in _own(finder) if issubclass(cls, Layer | Loss) and is_dataclass(cls)]


def _own(finder: Finder) -> list[type]:
    name = finder.code.module.__name__
    return [v for v in finder.names.values() if isinstance(v, type) and v.__module__ == name]


def custom_vjps(finder: Finder) -> Iterator[Found]:
    """Functions of ``jax.custom_vjp`` with their rules; ``nondiff_argnums`` come first in the backward."""
    for name, function in list(finder.names.items()):
        if isinstance(function, jax.custom_vjp) and getattr(function, "bwd", None) is not None:
            finder.taken |= {id(function), id(function.fwd), id(function.bwd)}
            yield Found(name, function.bwd, partial(_check_custom_vjp, finder, name, function))


def _check_custom_vjp(finder: Finder, name: str, function: Any, **options: Any) -> Report:
    fixed = tuple(sorted(function.nondiff_argnums or ()))
    plain, forward, backward = function.fun, function.fwd, function.bwd

    def joined(*args: Any) -> Any:
        return plain(*args), (args, forward(*args)[1])

    def by_hand(residuals: Any, dy: Any) -> Any:
        args, kept = residuals
        given = tuple(backward(*(args[i] for i in fixed), kept, dy))
        moving = [i for i in range(len(args)) if i not in fixed]
        return tuple(dict(zip(moving, given, strict=True)).get(i) for i in range(len(args)))

    _dressed(joined, plain)
    by_hand.__wrapped__ = backward  # type: ignore[attr-defined]
    by_hand.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in ("residuals", "dy")]
    )
    args = finder.names.get(f"{name}_args")
    args = args() if callable(args) else args
    if args is None:
        args = finder.recorded(plain) or guessing.guess(joined, partial(_with_ones, joined, by_hand))
    if args is None:
        raise CheckError(f"no arguments known for {name}; define {name}_args = ({', '.join(required(plain))})")
    args = tuple(float(a) if i in fixed and isinstance(a, np.floating) else a for i, a in enumerate(args))
    return check(joined, by_hand, args, title=name, **options)


def _with_ones(forward: Callable, backward: Callable, args: tuple) -> Any:
    y, residuals = forward(*args)
    return backward(residuals, jax.tree.map(lambda v: np.ones(np.shape(v)), y))


def _dressed(function: Callable, like: Callable) -> None:
    """Give a function the signature and the namespace that the checker reads from the user's."""
    function.__signature__ = inspect.signature(like)  # type: ignore[attr-defined]


def of_classes(finder: Finder) -> Iterator[Found]:
    for cls in _own(finder):
        run = None if _is_abstract(cls) else _way_to_check(finder, cls)
        if run is not None:
            yield Found(cls.__name__, cls, run)


def _way_to_check(finder: Finder, cls: type) -> Callable[..., Report] | None:
    torch = sys.modules.get("torch")
    methods = {n for n in dir(cls) if callable(getattr(cls, n))}
    if issubclass(cls, Layer | Loss):
        return None
    if torch is not None and issubclass(cls, torch.autograd.Function):
        return partial(_check_torch, finder, cls)
    if {"backward", "__add__", "__mul__"} <= methods:
        return partial(_check_engine, finder, cls)
    if {"forward", "backward"} <= methods and not (torch is not None and issubclass(cls, torch.nn.Module)):
        return partial(_check_layer, finder, cls)
    if methods & {"backprop", "back_prop"} and methods & {"feedforward", "forward", "predict"}:
        return partial(_check_network, finder, cls)
    if "loss" in methods and re.search(r"self\.params", _source(cls)) and "grads" in _source(cls):
        return partial(_check_loss_method, finder, cls)
    return None


def _is_abstract(cls: type) -> bool:
    """Does its forward only say that a class below it has one?"""
    tree = guessing.source_tree(getattr(cls, "forward", None))
    body = tree.body[0].body if isinstance(tree, ast.Module) and isinstance(tree.body[0], ast.FunctionDef) else []
    return bool(body) and all(isinstance(line, ast.Pass | ast.Raise | ast.Expr) for line in body)


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""


# -- layers ----------------------------------------------------------------------------------------------------------


def _objects(finder: Finder, cls: type) -> Iterator[Any]:
    """Objects of a class: made as the file makes them, without arguments, or with guessed ones."""
    init = cls.__init__  # type: ignore[misc]
    code = getattr(init, "__code__", None)
    if code is not None:
        finder.recorded(init)  # runs the examples, if need be
        for call in finder.code.calls.get(finder.code.key(code), []):
            given = {k: v for k, v in call.items() if k != "self"}
            try:
                yield cls(**given)
            except Exception:  # any exception of the user's code: the next way
                continue
    own = [p for p in parameters(cls) if p.default is p.empty]
    ways = guessing.candidates(init, own) if own else iter([[]])
    sizes = [_SIZES.get(_size_kind(p.name)) for p in own]
    if own and all(sizes):
        ways = (list(values) for values in product(*sizes))  # type: ignore[arg-type]
    elif any(sizes):
        ways = ([s[0] if s else v for s, v in zip(sizes, values, strict=True)] for values in ways)
    for values in islice(ways, _OBJECTS):
        try:
            np.random.seed(0)
            yield cls(*values)
        except Exception:  # any exception of the user's code: the next way
            continue


_SIZES: dict[str | None, list[Any]] = {
    "in": [5, 3], "out": [3, 2], "kernel": [3, 2], "small": [1, 2], "sizes": [[5, 4, 3]], "shape": [(3, 7, 6)],
    "rate": [0.3],
}  # fmt: skip


def _size_kind(name: str) -> str | None:
    name = name.lower()
    patterns = {
        "sizes": r"sizes|layers|layer_dims|dims|architecture|shape", "shape": r"input_shape|in_shape",
        "in": r"(n_?|num_?)?(in|inputs?|in_?(features|size|dim|channels?)|input_?(size|dim|units|features)|features|dim"
              r"|d|n_x|input_depth|nin|fan_in|prev\w*|num_features)",
        "out": r"(n_?|num_?)?(out|outputs?|out_?(features|size|dim|channels?)|output_?(size|dim|units)|units|neurons|h"
               r"|hidden\w*|n_units|n_neurons|depth|num_filters|nout|fan_out|filters|classes|n_y|n_h|m)",
        "kernel": r"kernel(_?size)?|filter_?size|pool(_?size)?|k|f|size|window", "small": r"stride|pad(ding)?",
        "rate": r"(drop\w*_?)?(rate|ratio|prob)|p|keep_prob|alpha|momentum|lr|learning_rate|slope",
    }  # fmt: skip
    return next((kind for kind, pattern in patterns.items() if re.fullmatch(pattern, name)), None)


class LayerObject:
    """A layer class as a pair of functions: its input and its parameters are the arguments."""

    def __init__(self, thing: Any, inputs: tuple):
        self.thing, self.inputs = thing, inputs
        self.input_names = [p.name for p in parameters(thing.forward)][: len(inputs)]
        done = copy.deepcopy(thing)
        self.y = self._forward(done, inputs)
        dx = self._backward(done, np.ones(np.shape(self.y)))
        self.weights = {
            n: w
            for n, w in _arrays(thing).items()
            if self._gradient(done, thing, n) is not None and n not in _buffers(n)
        }
        self.gives_dx = dx is not None
        self.ignores_dy = False
        if np.ndim(self.y) == 0 and is_array(dx):  # a loss: its backward(dout=1) may leave dout out
            again = copy.deepcopy(thing)
            self._forward(again, inputs)
            self.ignores_dy = np.array_equal(self._backward(again, np.array(2.0)), dx)
        self.spread = isinstance(dx, tuple | list) and len(dx) == len(inputs)

    def _forward(self, thing: Any, inputs: tuple) -> Any:
        y = thing.forward(*inputs)
        if y is None:
            y = next((getattr(thing, n) for n in _OUTPUTS if is_array(getattr(thing, n, None))), None)
        return y[0] if isinstance(y, tuple) else y

    def _backward(self, thing: Any, dy: Any) -> Any:
        given = dict(zip(self.input_names, self.inputs, strict=True))
        values, waiting = [], [dy]
        for p in parameters(thing.backward):
            if p.name in given:
                values.append(given[p.name])
            elif p.name.lower() in _RATES:
                values.append(1.0)  # what is subtracted from a parameter is then its gradient
            elif waiting and (p.default is p.empty or is_cotangent(p.name)):
                values.append(waiting.pop())
            elif p.default is p.empty:
                raise CheckError(f"{type(thing).__name__}.backward takes {p.name}, which is not known")
            else:
                break
        dx = thing.backward(*values)
        if dx is None:
            dx = next((getattr(thing, n) for n in _INPUT_GRADIENTS if getattr(thing, n, None) is not None), None)
        return dx

    def _gradient(self, done: Any, before: Any, name: str) -> Any:
        """The gradient of a parameter after backward: kept beside it, returned in a list, or subtracted from it."""
        holder, _, key = name.partition(".")
        value = _get(before, name)
        beside = {n: v for n, v in vars(done).items() if n != holder}
        if key:
            for n, grads in beside.items():
                if re.search("grad|^d", n) and isinstance(grads, list | dict):
                    found = grads.get(key) if isinstance(grads, dict) else grads[int(key)] if key.isdigit() else None
                    if found is not None and np.shape(found) == np.shape(value):
                        return found
        forms = {n: v for n, v in beside.items() if is_array(v)}
        flat = {k: v for g in beside.values() if isinstance(g, dict) for k, v in g.items() if is_array(v)}
        found = gradient_of(key or holder, {k: v for k, v in {**flat, **forms}.items() if k != (key or holder)})
        if found is not None:
            return found
        after = _get(done, name)
        if type(after) is np.ndarray and type(value) is np.ndarray:
            return value - after if not np.array_equal(after, value) else None
        return value - after if is_array(after) and after is not value else None

    def forward(self, *args: Any) -> Any:
        thing = copy.deepcopy(self.thing)
        count = len(self.inputs)
        for name, w in zip(self.weights, args[count:], strict=True):
            _set(thing, name, w.copy() if type(w) is np.ndarray else w)  # backward may subtract in place
        before = copy.copy(thing)
        for name, w in zip(self.weights, args[count:], strict=True):
            _set(before, name, w)
        return self._forward(thing, args[:count]), (thing, before, args)

    def backward(self, residuals: Any, dy: Any) -> Any:
        thing, before, args = residuals
        dx = self._backward(thing, dy)
        grads = [self._gradient(thing, before, n) for n in self.weights]
        missing = [n for n, g in zip(self.weights, grads, strict=True) if g is None]
        if missing:
            raise ValueError(f"no gradient of {', '.join(missing)} was found after backward")
        if self.ignores_dy:
            return (dx * dy, *[None] * (len(self.inputs) - 1), *(g * dy for g in grads))
        if self.spread:
            return (*dx, *grads)
        return (dx, *[None] * (len(self.inputs) - 1), *grads)


def _buffers(name: str) -> tuple[str, ...]:
    """Names of arrays that are gradients, velocities and statistics rather than parameters."""
    return (name,) if re.match(r"d[A-Z_]|d[wb]|grad|v_|m_|running|moving|velocity|momentum|cache|mask", name) else ()


def _arrays(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in vars(thing).items():
        entries = {name: value}
        if isinstance(value, dict):
            entries = {f"{name}.{k}": v for k, v in value.items()}
        elif isinstance(value, list):
            entries = {f"{name}.{k}": v for k, v in enumerate(value)}
        for n, v in entries.items():
            if is_floating(v) and np.size(v) and id(v) not in seen:
                seen.add(id(v))
                found[n] = v
    return found


def _get(thing: Any, name: str) -> Any:
    holder, _, key = name.partition(".")
    value = getattr(thing, holder)
    return value[int(key) if isinstance(value, list) else key] if key else value


def _set(thing: Any, name: str, value: Any) -> None:
    """Put a parameter in its place, and wherever the object holds the same array (``self.params = [W, b]``)."""
    old = _get(thing, name)
    for holder, held in list(vars(thing).items()):
        if held is old:
            setattr(thing, holder, value)
        elif isinstance(held, dict):
            setattr(thing, holder, {k: value if v is old else v for k, v in held.items()})
        elif isinstance(held, list):
            setattr(thing, holder, [value if v is old else v for v in held])


def _check_layer(finder: Finder, cls: type, **options: Any) -> Report:
    conventions = finder.names.get(f"{cls.__name__}_conventions") or ()
    for thing in _objects(finder, cls):
        recorded = finder.recorded(cls.forward)  # type: ignore[attr-defined]
        inputs = recorded[1:] if recorded is not None and len(recorded) > 1 else None
        for given in [inputs] if inputs is not None else _inputs(thing):
            try:
                layer = LayerObject(thing, given)
            except Exception:  # any exception of the user's code: other inputs, or another object
                continue
            if not is_array(layer.y):
                continue
            return _report_of_layer(layer, cls, conventions, options)
    below = [other.__name__ for other in _own(finder) if issubclass(other, cls) and other is not cls]
    if below:
        raise Forward(f"{cls.__name__} is checked as {', '.join(below)}")
    names = ", ".join(required(cls)) or "no arguments"
    raise CheckError(f"no way found to make {cls.__name__}({names}) and call its forward and backward; call both below "
                     'if __name__ == "__main__"')  # fmt: skip


def _inputs(thing: Any) -> Iterator[tuple]:
    taken = [p for p in parameters(thing.forward) if p.default is p.empty]

    def forward(*args: Any) -> Any:
        return LayerObject(thing, args).y

    forward.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    given = guessing.guess(forward)
    if given is not None:
        yield given


def _report_of_layer(layer: LayerObject, cls: type, conventions: Any, options: dict[str, Any]) -> Report:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
    plain = [n.replace(".", "_") for n in layer.weights]

    def forward(*args: Any) -> Any:
        return layer.forward(*args)

    def backward(residuals: Any, dy: Any) -> Any:
        return layer.backward(residuals, dy)

    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kinds) for n in (*layer.input_names, *plain)]
    )
    inputs = tuple(layer.inputs)
    wrt = [i for i, a in enumerate((*inputs, *layer.weights.values())) if is_floating(a)]
    first = 0 if layer.gives_dx else len(inputs)
    wrt = [i for i in wrt if i >= len(inputs) or layer.spread or i == 0 and not first]
    report = check(
        forward,
        backward,
        (*inputs, *layer.weights.values()),
        wrt=wrt,
        title=cls.__name__,
        conventions=conventions,
        **options,
    )
    learned = [n for n in _arrays(layer.thing) if n not in layer.weights and _looks_learned(n)]
    if learned:
        told = f"no gradient of {', '.join(learned)} was found after backward"
        return replace(report, findings=(*report.findings, Finding("gradient missing", told, tuple(learned))))
    return report


def _looks_learned(name: str) -> bool:
    return (
        re.fullmatch(r"(params?\.)?(w|weights?|b|bias(es)?|gamma|beta|kernels?|filters?)\d*", name.lower()) is not None
    )


# -- networks --------------------------------------------------------------------------------------------------------


def _check_network(finder: Finder, cls: type, **options: Any) -> Report:
    """A network with lists of weights: ``feedforward(a)`` and ``backprop(x, y)``, one column a sample."""
    for thing in _objects(finder, cls):
        backprop = getattr(thing, "backprop", None) or thing.back_prop
        predict = next(getattr(thing, n) for n in ("feedforward", "forward", "predict") if hasattr(thing, n))
        names = [n for n, v in vars(thing).items() if isinstance(v, list) and v and all(map(is_floating, v))]
        rng = np.random.default_rng(0)
        if not names:
            continue
        for rows in (np.shape(getattr(thing, n)[0])[-1] for n in reversed(names)):
            x = rng.normal(size=(rows, 1))
            try:
                y = (rng.random(np.shape(predict(x))) < 0.5).astype(float)
                returned = backprop(x, y)
            except Exception:  # any exception of the user's code: other sizes
                continue
            order = _order_of(returned, [getattr(thing, n) for n in names])
            if order is None:
                continue
            names = [names[i] for i in order]
            return _check_backprop(thing, cls, names, predict.__name__, backprop.__name__, x, y, options)
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its backprop(x, y)")


def _order_of(returned: Any, held: list[Any]) -> list[int] | None:
    """Which list of arrays each returned list belongs to, by shapes."""
    shapes = [[np.shape(a) for a in each] for each in held]
    try:
        return [shapes.index([np.shape(g) for g in each]) for each in returned]
    except (ValueError, TypeError):
        return None


def _costs(thing: Any) -> Iterator[Callable[[Any, Any], Any]]:
    cost = getattr(thing, "cost", None)
    if cost is not None and callable(getattr(cost, "fn", None)):
        yield cost.fn
    yield lambda a, y: 0.5 * ((a - y) ** 2).sum()
    yield lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum()
    yield lambda a, y: ((a - y) ** 2).sum()
    yield lambda a, y: -(y * np.log(a)).sum()


def _check_backprop(
    thing: Any, cls: type, names: list[str], predict: str, backprop: str, x: Any, y: Any, options: dict[str, Any]
) -> Report:
    def placed(lists: tuple) -> Any:
        other = copy.copy(thing)
        for name, values in zip(names, lists, strict=True):
            setattr(other, name, list(values))
        return other

    def gradient(*args: Any) -> Any:
        return getattr(placed(args[: len(names)]), backprop)(*args[len(names) :])

    reports: list[tuple[int, int, Report]] = []
    for cost in _costs(thing):

        def value(*args: Any, cost: Any = cost) -> Any:
            return cost(getattr(placed(args[: len(names)]), predict)(args[-2]), args[-1])

        value.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in (*names, "x", "y")]
        )
        args = (*(getattr(thing, n) for n in names), x, y)
        report = check_gradient(value, gradient, args, argnums=tuple(range(len(names))), title=cls.__name__, **options)
        wrong = sum(leaf.verdict == "wrong" for leaf in report.leaves)
        reports.append((wrong, len(reports), report))
        if report.passed or wrong < len(report.leaves):
            break  # the last layer is right: this is the cost
    return min(reports, key=lambda r: r[:2])[2]


def _check_loss_method(finder: Finder, cls: type, **options: Any) -> Report:
    """A network with ``self.params`` and ``loss(X, y) -> (loss, grads)``, both dictionaries."""
    for thing in _objects(finder, cls):
        params = getattr(thing, "params", None)
        if not isinstance(params, dict) or not params:
            continue

        def loss(params: Any, X: Any, y: Any, thing: Any = thing) -> Any:
            other = copy.copy(thing)
            other.params = params
            return other.loss(X, y)

        widths = dict.fromkeys(np.shape(w)[0] for w in params.values() if np.ndim(w) == 2)
        for width in widths:
            for x in (np.random.default_rng(0).normal(size=(4, width)),):
                y = np.array([0, 1, 1, 0])
                try:
                    value, grads = loss(params, x, y)
                except Exception:  # any exception of the user's code: another width
                    continue
                if np.size(value) == 1 and isinstance(grads, dict):
                    return check_value_and_grad(
                        lambda *a: loss(*a)[0], loss, (params, x, y), argnums=0, title=cls.__name__, **options
                    )
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its loss(X, y)")


# -- torch.autograd.Function -----------------------------------------------------------------------------------------


def _check_torch(finder: Finder, cls: Any, **options: Any) -> Report:
    import torch

    modern = cls.setup_context is not torch.autograd.Function.setup_context
    names = [p for p in parameters(cls.forward)][0 if modern else 1 :]

    class Context:
        """What ``forward`` keeps, as torch would."""

        needs_input_grad = (True,) * len(names)
        saved_tensors: tuple = ()

        def save_for_backward(self, *tensors: Any) -> None:
            self.saved_tensors = tensors

        save_for_forward = mark_dirty = mark_non_differentiable = lambda self, *tensors: None
        set_materialize_grads = mark_shared_storage = mark_dirty

    def tensors(args: Any) -> list[Any]:
        return [torch.tensor(np.asarray(a)) if is_array(a) and np.ndim(a) else a for a in args]

    def forward(*args: Any) -> Any:
        ctx, given = Context(), tensors(args)
        if modern:
            y = cls.forward(*given)
            cls.setup_context(ctx, tuple(given), y)
        else:
            y = cls.forward(ctx, *given)
        return _numbers(y), ctx

    def backward(ctx: Any, dy: Any) -> Any:
        given = cls.backward(ctx, *tensors(dy if isinstance(dy, tuple) else (dy,)))
        found = given if isinstance(given, tuple) else (given,)
        return tuple(_numbers(g) for g in found)

    def _numbers(y: Any) -> Any:
        if isinstance(y, tuple):
            return tuple(map(_numbers, y))
        return y.detach().numpy() if isinstance(y, torch.Tensor) else y

    forward.__signature__ = inspect.Signature(names)  # type: ignore[attr-defined]
    args = finder.names.get(f"{cls.__name__}_args") or guessing.guess(forward, partial(_with_ones, forward, backward))
    if args is None:
        told = ", ".join(p.name for p in names)
        raise CheckError(f"no arguments known for {cls.__name__}; define {cls.__name__}_args = ({told})")
    args = tuple(np.asarray(a) if isinstance(a, torch.Tensor) else a for a in args)
    return check(forward, backward, args, title=cls.__name__, **options)


# -- scalar engines --------------------------------------------------------------------------------------------------

_EXPRESSIONS: dict[str, Callable[[Any, Any], Any]] = {
    "a + b": lambda a, b: a + b, "a * b": lambda a, b: a * b, "a - b": lambda a, b: a - b, "-a": lambda a, b: -a,
    "a / b": lambda a, b: a / b, "a ** 3": lambda a, b: a**3, "a + 2": lambda a, b: a + 2.0,
    "2 + a": lambda a, b: 2.0 + a, "a * 2": lambda a, b: a * 2.0, "2 * a": lambda a, b: 2.0 * a,
    "2 - a": lambda a, b: 2.0 - a, "2 / a": lambda a, b: 2.0 / a,
    "a.exp()": lambda a, b: a.exp(), "a.log()": lambda a, b: a.log(), "a.tanh()": lambda a, b: a.tanh(),
    "a.relu()": lambda a, b: a.relu(), "a.sigmoid()": lambda a, b: a.sigmoid(), "a.sqrt()": lambda a, b: a.sqrt(),
    "a.sin()": lambda a, b: a.sin(), "a.cos()": lambda a, b: a.cos(), "(-a).relu()": lambda a, b: (-a).relu(),
    "(a + b) * a": lambda a, b: (a + b) * a, "(a + b) * b": lambda a, b: (a + b) * b,
    "a + a": lambda a, b: a + a, "a * a": lambda a, b: a * a, "a - a * b": lambda a, b: a - a * b,
    "(a + b) * (a * b)": lambda a, b: (a + b) * (a * b), "a * b + a": lambda a, b: a * b + a,
    "c = a * b; c + c": lambda a, b: (lambda c: c + c)(a * b),
}  # fmt: skip


def _check_engine(finder: Finder, cls: Any, **options: Any) -> Report:
    """A class of numbers that know their gradient: each operation, alone and with a value used twice."""
    wrong: dict[str, Report] = {}
    right: list[Report] = []
    for words, expression in _EXPRESSIONS.items():
        report = _check_expression(cls, words, expression)
        if report is not None and report.passed:
            right.append(report)
        elif report is not None:
            wrong[words] = report
    if not right and not wrong:
        raise CheckError(f"no way found to make {cls.__name__}(2.0) and call backward() of a result")
    if not wrong:
        return replace(right[0], title=cls.__name__, notes=(f"{len(right)} expressions of its operations are right",))
    first = next(iter(wrong.values()))
    overwritten = _overwrites(finder, cls)
    findings: tuple[Finding, ...] = ()
    twice = re.compile(r"\b([abc])\b.*\b\1\b")  # a value that is used twice
    single = [w for w in wrong if not twice.search(w)]
    if overwritten and not single:
        findings = tuple(
            Finding("= for +=", f"the gradient is written over, not added up: wrong for a value used twice ({words})",
                    tuple(leaf.name for leaf in first.leaves if leaf.verdict == "wrong"), backward=where)
            for where in overwritten for words in [", ".join(wrong)]
        )  # fmt: skip
    told = f"wrong: {', '.join(wrong)}" + (f"; right: {', '.join(r.title for r in right)}" if right else "")
    leaves = tuple(leaf.name for leaf in first.leaves if leaf.verdict == "wrong")
    unnamed = (Finding(UNNAMED, f"the derivatives of {', '.join(wrong)} are wrong", leaves),)
    return replace(first, title=cls.__name__, findings=findings or unnamed, notes=(*first.notes, told))


#: Where operations are tried: what is not defined there (the logarithm of -0.4) is left out.
_VALUES = ((0.7, 1.3), (-0.4, 0.9), (1.6, -0.8))
#: Step of central differences and relative distance of a right derivative, in float64.
_STEP, _RIGHT = 1e-5, 1e-7


def _check_expression(cls: Any, words: str, expression: Callable) -> Report | None:
    """At a few values, by central differences; ``None`` where the class does not have the operation."""
    points = []
    for k, (a, b) in enumerate(_VALUES):

        def value(a: float, b: float) -> float:
            return float(expression(cls(a), cls(b)).data)

        try:
            x, y = cls(a), cls(b)
            expression(x, y).backward()
            got = np.array([float(x.grad), float(y.grad)])
            steps = [
                (value(a + da, b + db) - value(a - da, b - db)) / (2 * _STEP) for da, db in ((_STEP, 0), (0, _STEP))
            ]
        except Exception:  # any exception of the user's code
            continue
        want, leaves = np.array(steps), []
        for name, g, w in zip("ab", got, want, strict=True):
            figures = compare(np.array(g), np.array(w), float(np.abs(want).max()))
            leaves.append(LeafResult(name, (), figures, "exact" if figures.rel_l2 <= _RIGHT else "wrong"))
        points.append(PointResult(f"values {k + 1}", tuple(leaves)))
    if not points:
        return None
    return Report(words, "central differences of the plain forward, float64", "float64", tuple(points), (), (), (), 0.0)


def _overwrites(finder: Finder, cls: Any) -> list[Where]:
    """The lines of the class that write ``x.grad = ...`` of another value, where they should add."""
    found = []
    for (file, _), tree in zip(finder.code.parts, finder.code.trees, strict=False):
        for node in ast.walk(tree):
            if not (isinstance(node, ast.ClassDef) and node.name == cls.__name__):
                continue
            rules = [f for f in ast.walk(node) if isinstance(f, ast.FunctionDef) and "backward" in f.name]
            inner = [f for f in rules if f not in node.body]
            assigned = [a for f in inner for a in ast.walk(f) if isinstance(a, ast.Assign)]
            lines = {a.lineno for a in assigned for t in a.targets if getattr(t, "attr", "") == "grad"}
            found += [Where.at(file, line) for line in sorted(lines)]
    return found
