"""Which classes of a user's file hold gradients, and what checks each."""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass, replace
from functools import partial, wraps
from types import SimpleNamespace
from typing import Any

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.nn.base import Layer, Loss
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found, names_in, run_by
from jaxdoodle.submissions.classes.layers import check_layer
from jaxdoodle.submissions.classes.methods import check_held, check_methods, loss_alike, methods_of_arguments
from jaxdoodle.submissions.classes.network_object import PREDICT, gradient_method, methods_of
from jaxdoodle.submissions.classes.networks import check_network
from jaxdoodle.submissions.engines.engine import check_engine
from jaxdoodle.submissions.engines.operators import computes
from jaxdoodle.submissions.functions.derivatives import check_derivative
from jaxdoodle.submissions.functions.pair import check_pair
from jaxdoodle.submissions.functions.rules import check_context
from jaxdoodle.submissions.functions.value_and_gradients import check_loss
from jaxdoodle.submissions.objects.carried import layer_of_arrays, network_of_arrays
from jaxdoodle.submissions.objects.instances import methods_in, objects_of, own_classes
from jaxdoodle.submissions.objects.layer_object import BACKWARD, FORWARD, attributes, forward_of
from jaxdoodle.submissions.reading.clipping import without_limits
from jaxdoodle.submissions.reading.loss_names import GRADIENT, LOSS
from jaxdoodle.submissions.reading.source import attributes_in, source_tree


def marked_classes(finder: Finder) -> list[type]:
    """The classes that ``@jaxdoodle.nn.layer`` or ``@jaxdoodle.nn.loss`` marks."""
    return [cls for cls in own_classes(finder) if issubclass(cls, Layer | Loss) and is_dataclass(cls)]


def of_classes(finder: Finder) -> Iterator[Found]:
    for cls in own_classes(finder):
        run = None if _is_abstract(cls) else _way_to_check(finder, cls)
        pairs = methods_of_arguments(cls, data=run is not None)
        if run is not None and gradient_method(cls) not in {name for _, name in pairs}:
            yield Found(cls.__name__, cls, run)
        for of, name in pairs:
            way = partial(check_methods, finder, cls, of, name, run)
            yield Found(f"{cls.__name__}.{name}", getattr(cls, name), way)


def _way_to_check(finder: Finder, cls: type) -> Callable[..., Report] | None:
    torch = sys.modules.get("torch")
    methods = {n for n in dir(cls) if callable(getattr(cls, n))}
    if issubclass(cls, Layer | Loss):
        return None
    if torch is not None and issubclass(cls, torch.autograd.Function):
        return partial(check_context, finder, cls)
    if "backward" in methods and computes(finder.names, cls):
        return partial(check_engine, finder, cls)
    if torch is not None and issubclass(cls, torch.nn.Module):
        return None
    if {"forward", "backward"} <= methods and isinstance(inspect.getattr_static(cls, "forward"), staticmethod):
        value, back = cls.forward, cls.backward  # type: ignore[attr-defined]
        if re.match("ctx|context", next((p.name for p in parameters(value)), "")):
            return partial(check_context, finder, cls)
        return partial(check_pair, finder, cls.__name__, value, back, *finder.declared(cls.__name__))
    carrying = (
        layer_of_arrays(finder, cls) if torch is not None and {"backward", *FORWARD} & methods >= {"backward"} else None
    )
    if carrying is not None:
        return partial(check_layer, finder, carrying)
    gradient = gradient_method(cls)
    takes = [] if gradient is None else parameters(getattr(cls, gradient))[1:]
    forward: Any = next((getattr(cls, n) for n in FORWARD if n in methods), None)
    own = {p.name for p in parameters(forward)}
    labels = any(kind_of(p.name) == "y" and p.name not in own and not is_cotangent(p.name) for p in takes)
    loss = not takes and not required(cls) and len(required(forward)) > 2  # backward() after forward(x, y)
    if gradient in BACKWARD and forward is not None and (takes or loss) and not labels:
        return partial(_or_held, finder, cls, check_layer)
    derivative = _derivative(finder, cls)
    if derivative is not None:
        return derivative
    whole = gradient is not None and (
        methods & set(PREDICT) or re.match("loss_(and|with)", gradient) or takes and loss_alike(cls, gradient)
    )
    if whole or _names_gradients(getattr(cls, "loss", None)):
        return partial(_or_held, finder, cls, _check_whole)
    names = _loss_and_gradient(cls)
    return None if names is None else partial(_check_methods, finder, cls, *names)


def _without_limits(finder: Finder, cls: type, check: Callable[..., Report], **options: Any) -> Report:
    """With gradients as they are before they are cut off, where that is right, or nothing is right as it is.

    What its value may be of stays as it is: what that cuts off is none.
    """
    methods = methods_in(cls)
    gradients = {n for n in methods if n in (*BACKWARD, gradient_method(cls)) and not LOSS.search(n)}
    whole, others = run_by(methods, gradients), {n: f for n, f in methods.items() if n not in gradients}
    values = {n for n in others if n not in whole or n in (*FORWARD, *PREDICT) or LOSS.search(n)}
    plain, limits = without_limits(cls, {n: methods[n] for n in whole - run_by(others, values)})
    if limits:
        told = f"gradients that are cut off at {', '.join(sorted(limits))} are checked as they are before"
        quick = {**options, "explain": False}
        if check(finder, plain, **quick).passed or not check(finder, cls, **quick).passed:
            report = check(finder, plain, **options)
            return replace(report, notes=(*report.notes, told))
    return check(finder, cls, **options)


def _or_held(finder: Finder, cls: type, check: Callable[..., Report], **options: Any) -> Report:
    """As a layer or a network, or by a loss of the same arguments as its gradients."""
    try:
        return _without_limits(finder, cls, check, **options)
    except CheckError as error:
        name = gradient_method(cls) or ""
        of = loss_alike(cls, name) if name and not isinstance(error, Forward) else None
        if LOSS.search(name) and GRADIENT.search(name) and finder.called_with(getattr(cls, name)):
            with contextlib.suppress(CheckError):
                return check_loss(finder, cls.__name__, getattr(cls, name), **options)
        if of is not None:
            with contextlib.suppress(CheckError):
                return check_held(finder, cls, of, name, **options)
        raise


def _check_whole(finder: Finder, cls: type, **options: Any) -> Report:
    """As a network of ``x`` and ``y``, or by its methods alone."""
    cls = network_of_arrays(finder, cls)
    if ways := _with_its_model(finder, cls):
        report = check_network(finder, ways[0], **options)
        with contextlib.suppress(CheckError):
            alone = report if report.passed else check_layer(finder, ways[1], **options)
            report = alone if any(leaf.verdict == "wrong" for leaf in alone.leaves) else report
        return report
    try:
        return check_network(finder, cls, **options)
    except CheckError as error:
        names = _loss_and_gradient(cls)
        if names is None:
            raise
        with contextlib.suppress(CheckError):
            return _check_methods(finder, cls, *names, **options)
        raise error


def _with_its_model(finder: Finder, cls: type) -> tuple[type, type] | None:
    """A loss of predictions whose ``backward()`` goes on through a model that it holds, as one network, and alone:
    with what it hands to the model's backward."""
    value, gradient = (next((getattr(cls, n) for n in names if hasattr(cls, n)), None) for names in (FORWARD, BACKWARD))
    if value is None or gradient is None or required(gradient)[1:] or len(required(value)) != 3:
        return None
    names = attributes_in(gradient, ast.Load) - attributes_in(value, ast.Load)
    held = attributes(next(objects_of(finder, cls), None))
    models = [n for n in names & held.keys() if all(any(hasattr(held[n], m) for m in t) for t in (FORWARD, BACKWARD))]
    if len(models) != 1:
        return None

    def predict(self: Any, x: Any) -> Any:
        return forward_of(getattr(self, models[0]))(x)

    def loss(self: Any, x: Any, y: Any) -> Any:
        return value(self, predict(self, x), y)

    @wraps(gradient)
    def handed_on(self: Any) -> Any:
        handed: list[Any] = []
        setattr(self, models[0], SimpleNamespace(**dict.fromkeys(BACKWARD, handed.append)))
        gradient(self)
        return handed[0]

    joined, alone = {PREDICT[0]: predict, "loss": loss}, {FORWARD[0]: value, BACKWARD[0]: handed_on}
    network, layer = (type(cls.__name__, (cls,), {**own, "__module__": cls.__module__}) for own in (joined, alone))
    return network, layer


def _loss_and_gradient(cls: type) -> tuple[str, str] | None:
    """The method that gives the gradients of the last call of another one, which is called a loss, or keeps what it
    reads."""
    gradient = gradient_method(cls)
    if gradient is None:
        return None
    forward = next((n for n in FORWARD if callable(getattr(cls, n, None)) and required(getattr(cls, n))[1:]), None)
    if takes := required(getattr(cls, gradient))[1:]:
        return (forward, gradient) if forward and all(map(is_cotangent, takes)) else None
    reads = attributes_in(getattr(cls, gradient), ast.Load)
    others = {n: f for n, f in methods_of(cls).items() if n != gradient and required(f)[1:]}
    loss = next((n for n in others if LOSS.search(n)), None)
    loss = loss or next((n for n, f in others.items() if n[0] != "_" and reads & attributes_in(f, ast.Store)), None)
    loss = loss or forward
    return None if loss is None else (loss, gradient)


def _check_methods(finder: Finder, cls: type, loss: str, gradient: str, **options: Any) -> Report:
    """As a layer with these methods; what only may be a loss, and cannot be checked as one, is no failure."""
    methods = {"forward": getattr(cls, loss), "backward": getattr(cls, gradient), "__module__": cls.__module__}
    try:
        return check_layer(finder, type(cls.__name__, (cls,), methods), **options)
    except CheckError as error:
        raise (error if LOSS.search(loss) else Forward(str(error))) from None


_VALUE = re.compile("__call__|loss|cost|fn|f|func|function|forward|value|activate|activation")


def _derivative(finder: Finder, cls: type) -> Callable[..., Report] | None:
    """Of a method with another of the same parameters for its derivative, ``loss(y, p)`` and ``gradient(y, p)``, in a
    class that holds no arrays."""
    paired = {n for pair in methods_of_arguments(cls, data=True) for n in pair}
    own = {n: f for n, f in vars(cls).items() if callable(getattr(cls, n)) and n not in paired}
    for name in (n for n in own if GRADIENT.search(n)):
        of = next((n for n in own if _VALUE.fullmatch(n) and required(own[n]) == required(own[name])), None)
        thing = next(objects_of(finder, cls), None) if of is not None else None
        empty = of is not None and {n for n, v in attributes(thing).items() if v is None} & names_in(own[of])
        if of is None or thing is None or empty:  # it may get its arrays later
            continue
        if not any(is_floating(v) for _, v in leaves(attributes(thing))):
            return partial(check_derivative, finder, cls.__name__, [getattr(thing, of)], getattr(thing, name))
    return None


def _is_abstract(cls: type) -> bool:
    """Does its forward only say that a class below it has one? Is there none that its ``__call__`` could call?"""
    if not hasattr(cls, "forward") and "forward" in attributes_in(cls.__call__, ast.Load):
        return True
    tree = source_tree(getattr(cls, "forward", None))
    body = tree.body[0].body if isinstance(tree, ast.Module) and isinstance(tree.body[0], ast.FunctionDef) else []
    return bool(body) and all(isinstance(line, ast.Pass | ast.Raise | ast.Expr) for line in body)


_GRADIENT_NAME = re.compile(r".*grad.*|d[A-Z_]\w*|d[wb]\d*")


def _names_gradients(function: Any) -> bool:
    """Does a loss compute gradients, too: ``grads["W"] = ...``, ``return loss, dW``, ``return loss, {"W": ...}``?"""
    nodes = list(ast.walk(source_tree(function) or ast.Module([], [])))
    names = (str(getattr(n, "id", None) or getattr(n, "attr", "")) for n in nodes)
    return any(isinstance(n, ast.Dict) for n in nodes) or any(_GRADIENT_NAME.fullmatch(name) for name in names)
