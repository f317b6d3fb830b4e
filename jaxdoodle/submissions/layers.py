"""Layer classes of the user's: ``forward``, ``backward``, and parameters that an object holds."""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters, required
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.functions import (
    Finder,
    Forward,
    backward_runs,
    raise_if_backward_ends,
    raised_by,
    raising,
)
from jaxdoodle.submissions.losses import LOSS
from jaxdoodle.submissions.objects import objects_of, own_classes

#: Attributes that hold the output, and the gradient of the input, of a layer that returns neither.
_OUTPUTS = ("output", "out", "outputs", "y", "a", "z", "activation")
_INPUT_GRADIENTS = ("dinputs", "dx", "dinput", "grad_input", "input_gradient", "dX", "d_input")
#: Names of the method that passes a gradient on.
BACKWARD = ("backward", "backprop", "backward_pass", "back_prop", "backpropagate", "bprop", "backwards")
#: Combinations of shapes tried for inputs that have the sizes of the parameters, and for how many objects.
_SHAPES, _RESIZED = 300, 20
#: Steps and borders of windows other than the usual defaults.
_OTHER_STEPS = {"stride": 2, "strides": 2, "pad": 1, "padding": 1}
RATES = ("lr", "learning_rate", "learn_rate", "eta", "alpha", "rate", "step_size", "stepsize")


class LayerObject:
    """A layer class as a pair of functions: its input and its parameters are the arguments.

    ``whole`` makes one number of the losses of the examples; then backward takes the prediction, not its gradient.
    ``only``: entries of the output that get an incoming gradient; the output is these. Several outputs, each with an
    incoming gradient of its own, are one after the other in one array.
    """

    def __init__(self, thing: Any, inputs: tuple, whole: Callable | None = None, only: np.ndarray | None = None):
        self.thing, self.inputs, self.whole, self.only = thing, inputs, whole, only
        self.input_names = [p.name for p in parameters(forward_of(thing))][: len(inputs)]
        given = forward_of(copy.deepcopy(thing))(*inputs)
        self.several = isinstance(given, tuple) and 1 < len(given) == len(self._incoming())
        done = copy.deepcopy(thing)
        self.y = self._forward(done, inputs)
        before = copy.deepcopy(done)
        self.dx = dx = self._backward(done, np.ones(np.shape(self.y)), inputs)
        self.weights = {
            n: w
            for n, w in _arrays(thing).items()
            if n not in self.input_names
            and self._gradient(done, before, n) is not None
            and not is_buffer(n, attributes(thing))
        }
        self.gives_dx = dx is not None
        self.ignores_dy = whole is not None
        if np.ndim(self.y) == 0 and dx is not None:  # a loss: its backward(dout=1) may leave dout out
            again = copy.deepcopy(thing)
            self._forward(again, inputs)
            twice = self._backward(again, np.array(2.0), inputs)
            self.ignores_dy = all(map(np.array_equal, _several(twice), _several(dx)))
        given = _several(dx)
        fit = all(g is None or np.shape(g) == np.shape(a) for g, a in zip(given, inputs, strict=False))
        enough = len(given) == len(inputs) or len(given) < len(inputs) and fit
        self.spread = isinstance(dx, tuple | list) and enough
        alike = [i for i, a in enumerate(inputs) if is_array(dx) and np.shape(a) == np.shape(dx)]
        # of the input that a single gradient belongs to: labels have none
        self.place = min(alike, key=lambda i: guessing.kind_of(self.input_names[i]) == "y", default=0)

    def _forward(self, thing: Any, inputs: tuple) -> Any:
        y = forward_of(thing)(*inputs)
        if self.several:
            thing.output_shapes = [np.shape(part) for part in y]
            return np.concatenate([np.ravel(part) for part in y])
        y = output_of(thing, y)
        if self.only is not None:
            return y[self.only]
        return y if self.whole is None else self.whole(y)

    def _backward(self, thing: Any, dy: Any, inputs: tuple) -> Any:
        given = dict(zip(self.input_names, inputs, strict=True))
        if self.only is not None:
            dy, part = np.zeros(self.only.shape), dy
            dy[self.only] = part
        values, waiting = [], [dy if self.whole is None else inputs[0]]
        if self.several:
            ends = np.cumsum([math.prod(shape) for shape in thing.output_shapes])[:-1]
            parts = zip(np.split(dy, ends), thing.output_shapes, strict=True)
            waiting = [np.reshape(part, shape) for part, shape in parts][::-1]
        for p in parameters(backward_of(thing)):
            if p.name in given:
                values.append(given[p.name])
            elif p.name.lower() in RATES:
                values.append(1.0)  # what is subtracted from a parameter is then its gradient
            elif waiting and (p.default is p.empty or is_cotangent(p.name) or self.several):
                values.append(waiting.pop())
            elif p.default is p.empty:
                raise CheckError(f"{type(thing).__name__}'s backward takes {p.name}, which is not known")
            else:
                break
        if waiting and np.size(self.y) != 1:
            raise CheckError(f"{type(thing).__name__}'s backward takes no gradient of the output")
        dx = backward_of(thing)(*values)
        if isinstance(dx, dict) and hasattr(thing, "__dict__"):  # with those of the parameters
            thing.returned_grads = dx
            dx = gradient_of(self.input_names[0], dx) if self.input_names else None
        if dx is None:
            dx = next((getattr(thing, n) for n in _INPUT_GRADIENTS if getattr(thing, n, None) is not None), None)
        return dx

    def _incoming(self) -> list[str]:
        """The parameters of backward that an incoming gradient can be given to."""
        own = [p.name for p in parameters(backward_of(self.thing)) if p.name not in self.input_names]
        return [n for n in own if re.match("d|g|up|err|delta", n) and n.lower() not in RATES]

    def _gradient(self, done: Any, before: Any, name: str) -> Any:
        """The gradient of a parameter after backward: kept beside it, returned in a list, or subtracted from it."""
        holder, _, key = name.partition(".")
        value = _get(before, name)
        if key in _VALUES and hasattr(getattr(done, holder), "grad"):
            return getattr(done, holder).grad
        beside = {n: v for n, v in attributes(done).items() if n != holder}
        if key:
            for n, grads in beside.items():
                if re.search("grad|^d", n) and isinstance(grads, list | dict):
                    found = grads.get(key) if isinstance(grads, dict) else grads[int(key)] if key.isdigit() else None
                    if found is not None and np.shape(found) == np.shape(value):
                        return found
        forms = {n: v for n, v in beside.items() if is_array(v)}
        own = {k: v for n, g in beside.items() if isinstance(g, dict) for k, v in g.items()
               if is_array(v) and (k != (key or holder) or "grad" in n)}  # fmt: skip
        found = gradient_of(key or holder, {**own, **{n: v for n, v in forms.items() if n != (key or holder)}})
        if found is not None:
            return found
        after = _get(done, name)
        arrays = type(after) is np.ndarray and type(value) is np.ndarray
        changed = not np.array_equal(after, value) if arrays else is_array(after) and after is not value
        return value - after if changed and self._affects_output(name) else None

    def _affects_output(self, name: str) -> bool:
        """Does the output depend on it? A buffer for results is no parameter."""
        moved, w = copy.deepcopy(self.thing), np.asarray(_get(self.thing, name))
        _set(moved, name, w + (np.abs(w).max() or 1.0) * np.random.default_rng(0).normal(size=w.shape))
        return not np.array_equal(self._forward(moved, self.inputs), self.y)

    def forward(self, *args: Any) -> Any:
        thing = copy.deepcopy(self.thing)
        count = len(self.inputs)
        for name, w in zip(self.weights, args[count:], strict=True):
            _set(thing, name, _copied(w))  # backward may subtract in place
        y = self._forward(thing, args[:count])
        before = copy.copy(thing)  # what the forward changes, as running averages, is no step of a parameter
        for name in self.weights:
            _set(before, name, _copied(_get(thing, name)))
        return y, (thing, before, args)

    def backward(self, residuals: Any, dy: Any) -> Any:
        thing, before, args = residuals
        dx = self._backward(thing, dy, args[: len(self.inputs)])
        grads = [self._gradient(thing, before, n) for n in self.weights]
        grads = [_get(before, n) - _get(thing, n) if g is None else g for n, g in zip(self.weights, grads, strict=True)]
        given = _several(dx) if self.spread else [*[None] * self.place, dx]
        if self.ignores_dy:
            given, grads = ([None if g is None else g * dy for g in each] for each in (given, grads))
        return (*given, *[None] * (len(self.inputs) - len(given)), *grads)


def _several(dx: Any) -> list[Any]:
    return list(dx) if isinstance(dx, tuple | list) else [dx]


#: What a parameter that is an object calls its array.
_VALUES = ("data", "value", "val", "values", "array")
_BUFFER = re.compile(r"d[A-Z_]|d[wb]|grad|v_|m_|running|moving|velocity|momentum|cache|mask|last_")


def is_buffer(name: str, beside: dict[str, Any]) -> bool:
    """Is an array a gradient, a velocity or a statistic rather than a parameter, by its name and what is beside it?"""
    own: Any = beside.get(name)
    others = (n for n, v in beside.items() if n != name and is_array(own) and np.shape(v) == np.shape(own))
    return _BUFFER.match(name) is not None or any(gradient_of(n, {name: 0}) is not None for n in others)


def _arrays(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, value in attributes(thing).items():
        entries = {name: value}
        if isinstance(value, dict):
            entries = {f"{name}.{k}": v for k, v in value.items()}
        elif isinstance(value, list):
            entries = {f"{name}.{k}": v for k, v in enumerate(value)}
        elif hasattr(value, "grad") and not is_array(value):  # a parameter as an object with its gradient
            entries = {f"{name}.{k}": v for k, v in attributes(value).items() if k in _VALUES}
        for n, v in entries.items():
            if is_floating(v) and np.size(v) and id(v) not in seen:
                seen.add(id(v))
                found[n] = v
    return found


def _get(thing: Any, name: str) -> Any:
    holder, _, key = name.partition(".")
    value = getattr(thing, holder)
    if key and not isinstance(value, list | dict):
        return getattr(value, key)
    return value[int(key) if isinstance(value, list) else key] if key else value


def _set(thing: Any, name: str, value: Any) -> None:
    """Put a parameter in its place, and wherever the object holds the same (``self.params = [W, b]``).

    Where it has another shape, what is held for its gradient gets it, too.
    """
    old = _get(thing, name)
    resized = np.shape(value) != np.shape(old)
    place, _, key = name.partition(".")
    box: Any = getattr(thing, place)
    own = copy.copy(box) if key in _VALUES and not isinstance(box, list | dict) else None

    def new(holder: str, held: Any) -> Any:
        if held is old:
            return value
        if own is not None and held is box:
            return own
        if resized and is_floating(held) and np.shape(held) == np.shape(old) and is_buffer(holder, attributes(thing)):
            return np.zeros(np.shape(value))
        return held

    for n, held in attributes(own).items():
        setattr(own, n, new(n, held))
    for holder, held in list(attributes(thing).items()):
        if isinstance(held, dict):
            setattr(thing, holder, {k: new(f"{holder}.{k}", v) for k, v in held.items()})
        elif isinstance(held, list) or type(held) is tuple:
            setattr(thing, holder, (list if isinstance(held, list) else tuple)(new(holder, v) for v in held))
        elif new(holder, held) is not held:
            setattr(thing, holder, new(holder, held))


def _copied(w: Any) -> Any:
    return w.copy() if type(w) is np.ndarray else w


def forward_of(thing: Any) -> Callable:
    return thing.forward if hasattr(thing, "forward") else thing.__call__


def output_of(thing: Any, returned: Any) -> Any:
    """What a forward gives: the first of a tuple, the last of a list of layers; kept by the object, not returned."""
    if returned is None:
        returned = next((getattr(thing, n) for n in _OUTPUTS if is_array(getattr(thing, n, None))), None)
    returned = returned[0] if isinstance(returned, tuple) else returned
    return returned[-1] if isinstance(returned, list) else returned


def backward_of(thing: Any) -> Callable:
    return next(getattr(thing, n) for n in BACKWARD if hasattr(thing, n))


def attributes(thing: Any) -> dict[str, Any]:
    """What an object holds, in a dictionary or in slots."""
    slots = [n for cls in type(thing).__mro__ for n in getattr(cls, "__slots__", ()) if hasattr(thing, n)]
    return getattr(thing, "__dict__", {}) | {n: getattr(thing, n) for n in slots}


def check_layer(finder: Finder, cls: type, **options: Any) -> Report:
    report, place = _report(finder, cls, options)
    steps = {p.name: n for p in parameters(cls) for n in [_OTHER_STEPS.get(p.name)] if n and p.default is not p.empty}
    if report is not None and report.passed and steps:  # at a stride of 1, without padding, a mistake may not show
        other, _ = _report(finder, cls, {**options, "title": _titled(cls.__name__, steps)}, place, **steps)
        report = report if other is None or other.passed else other
    if report is not None:
        return report
    below = [other.__name__ for other in own_classes(finder) if issubclass(other, cls) and other is not cls]
    if below:
        raise Forward(f"{cls.__name__} is checked as {', '.join(below)}")
    names = ", ".join(required(cls)) or "no arguments"
    raise CheckError(f"no way found to make {cls.__name__}({names}) and call its forward and backward; call both below "
                     'if __name__ == "__main__"')  # fmt: skip


def _titled(name: str, given: dict[str, Any]) -> str:
    return f"{name} with {', '.join(f'{k}={v}' for k, v in given.items())}"


def _report(
    finder: Finder, cls: type, options: dict[str, Any], only: int | None = None, **more: Any
) -> tuple[Report | None, int]:
    """Of the first object that takes inputs, and which it is; ``more``: keyword arguments of its constructor.

    ``only``: the one object that is tried.
    """
    conventions = finder.names.get(f"{cls.__name__}_conventions") or ()
    first, end = (0, None) if only is None else (only, only + 1)
    objects = list(enumerate(islice(objects_of(finder, cls, **more), first, end), first))
    tries = [(*each, False) for each in objects] + [(*each, True) for each in objects[:_RESIZED]]
    for place, thing, resized in tries:
        recorded = finder.recorded(getattr(cls, "forward", cls.__call__))
        inputs = recorded[1:] if recorded is not None and len(recorded) > 1 else None
        for given in [inputs] if inputs is not None else _inputs(thing, resized):
            try:
                layer = _layer(thing, given)
            except (
                Exception,
                SystemExit,
            ) as error:  # any exception of the user's code: other inputs, or another object
                raise_if_backward_ends(error)
                if inputs is not None and backward_runs(error) and _is_told(finder, cls, error):
                    return raising(options.get("title", cls.__name__), error), place
                continue
            if not is_array(layer.y):
                continue
            report = _report_of_layer(layer, cls, conventions, options)
            if not report.passed and len(given) == 2 and guessing.kind_of(layer.input_names[1]) == "y":
                report = _as_loss(layer, report, cls, conventions, options)
            dy = None if report.passed else _one_entry(finder.called_with(backward_of(thing)), np.shape(layer.y))
            if dy is not None:
                again = _report_of_layer(LayerObject(thing, given, only=dy), cls, conventions, options)
                told = "checked for what the file gives it: an incoming gradient of one entry"
                report = replace(again, notes=(*again.notes, told))
            return report, place
    return None, 0


def _is_told(finder: Finder, cls: type, error: BaseException) -> bool:
    """Is an error of backward, after a forward as the file calls it, the file's own? Other calls may set attributes."""
    call = finder.called_with(backward_of(cls))
    if call:
        return raised_by(backward_of(cls), call) is not None
    return not isinstance(error, AttributeError | KeyError | TypeError)


def _one_entry(called: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """Where the incoming gradient that the file gives a backward is not zero, if that is one entry of many."""
    given = next((v for n, v in called.items() if n != "self" and np.shape(v) == shape and np.size(v) > 1), None)
    return None if given is None or np.count_nonzero(given) != 1 else np.asarray(given) != 0


def _as_loss(layer: LayerObject, report: Report, cls: type, conventions: Any, options: dict[str, Any]) -> Report:
    """Of a loss that gives one number an example, with a backward that takes the prediction: of the mean or the sum."""
    reports = [report]
    for whole in _wholes(layer):
        with contextlib.suppress(Exception):  # any exception of the user's code: not so
            reports.append(_report_of_layer(LayerObject(layer.thing, layer.inputs, whole), cls, conventions, options))

    def nearness(report: Report) -> tuple[bool, float]:
        return report.passed, max((abs(leaf.figures.cosine) for leaf in report.leaves), default=0.0)

    return max(reports, key=nearness)


def _wholes(layer: LayerObject) -> list[Callable]:
    """The mean or the sum of the losses of the examples: the one that another method gives, where there is one."""
    methods = (n for n in dir(layer.thing) if LOSS.search(n) or re.search("calc|compute|call|total", n))
    given = []
    for method in (getattr(copy.deepcopy(layer.thing), n) for n in methods):
        with contextlib.suppress(Exception):  # any exception of the user's code: it is none
            given.append(float(method(*layer.inputs)))
    kinds: list[Callable] = [np.mean, np.sum]
    each = output_of(thing := copy.deepcopy(layer.thing), forward_of(thing)(*layer.inputs))
    return [k for k in kinds if any(np.isclose(k(each), g) for g in given)] or kinds


def _inputs(thing: Any, resized: bool) -> Iterator[tuple]:
    """Guessed ones; ``resized``: of the sizes that the parameters have."""
    taken = [p for p in parameters(forward_of(thing)) if p.default is p.empty]

    ended: list[SystemExit] = []

    def forward(*args: Any) -> Any:
        try:
            return _layer(thing, args).y
        except SystemExit as error:
            ended.extend([error] if backward_runs(error) else [])
            raise

    forward.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    forward.__wrapped__ = forward_of(thing)  # type: ignore[attr-defined]
    if not resized:
        given = guessing.guess(forward, lambda args: _layer(thing, args).dx)
        if given is None and ended:
            raise ended[0]
        yield from () if given is None else (given,)
        return
    rng, sizes = np.random.default_rng(0), dict.fromkeys(k for w in _arrays(thing).values() for k in np.shape(w))
    shapes = [shape for k in sizes for shape in ((4, k), (2, 3, k), (k, 4), (2, k, 7, 6))]
    for chosen in islice(product(shapes, repeat=len(taken)), _SHAPES):
        yield tuple(rng.normal(size=shape) for shape in chosen)


def _layer(thing: Any, inputs: tuple) -> LayerObject:
    """As a layer, or else as a loss whose backward takes the prediction. Raises what the user's code raises."""
    try:
        return LayerObject(thing, inputs)
    except Exception:  # any exception of the user's code
        if len(inputs) != 2:
            raise
        return LayerObject(thing, inputs, np.mean)


def _report_of_layer(layer: LayerObject, cls: type, conventions: Any, options: dict[str, Any]) -> Report:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
    plain = [n.replace(".", "_") for n in layer.weights]

    def forward(*args: Any) -> Any:
        return layer.forward(*args)

    def backward(residuals: Any, dy: Any) -> Any:
        return layer.backward(residuals, dy)

    backward.__signature__ = inspect.signature(backward)  # type: ignore[attr-defined]
    # so that what the methods draw from and count is put back at each call
    forward.__wrapped__, backward.__wrapped__ = forward_of(layer.thing), backward_of(layer.thing)  # type: ignore[attr-defined]
    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kinds) for n in (*layer.input_names, *plain)]
    )
    inputs = tuple(layer.inputs)
    wrt = [i for i, a in enumerate((*inputs, *layer.weights.values())) if is_floating(a)]
    first = 0 if layer.gives_dx else len(inputs)
    wrt = [i for i in wrt if i >= len(inputs) or layer.spread or i == layer.place and not first]
    report = check(
        forward,
        backward,
        (*inputs, *layer.weights.values()),
        wrt=wrt,
        conventions=conventions,
        **{"title": cls.__name__, **options},
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
