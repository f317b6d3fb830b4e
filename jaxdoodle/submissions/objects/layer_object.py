"""An object of a layer class as a pair of functions of its input and its parameters."""

from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters
from jaxdoodle.gradcheck.setup.leaves import bare, children, gradient_of, is_array, is_floating, named, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.by_name import kind_of

#: Attributes that hold the output, and the gradient of the input, of a layer that returns neither.
_OUTPUTS = ("output", "out", "outputs", "y", "a", "z", "activation")
_INPUT_GRADIENTS = ("dinputs", "dx", "dinput", "grad_input", "input_gradient", "dX", "d_input")
#: Names of the method that passes a gradient on.
BACKWARD = ("backward", "backprop", "backward_pass", "back_prop", "backpropagate", "bprop", "backwards", "bwd", "back")
#: Names of the one that gives the output.
FORWARD = ("forward", "fprop", "fwd", "forward_pass", "forward_prop", "__call__")
#: What people call the rate of a step.
RATES = ("lr", "learning_rate", "learn_rate", "l_rate", "eta", "alpha", "rate", "step_size", "stepsize")


class LayerObject:
    """A layer class as a pair of functions: its input and its parameters are the arguments.

    ``whole`` makes one number of the losses of the examples; then backward takes the prediction, not its gradient.
    ``only``: entries of the output that get an incoming gradient; the output is these. Several outputs, each with an
    incoming gradient of its own, are one after the other in one array.
    """

    def __init__(self, thing: Any, inputs: tuple, whole: Callable | None = None, only: np.ndarray | None = None):
        self.thing, self.inputs, self.whole, self.only = thing, inputs, whole, only
        self.input_names = [p.name for p in parameters(forward_of(thing))][: len(inputs)]
        taken = len(self._incoming())
        outputs = forward_of(copy.deepcopy(thing))(*inputs) if taken > 1 else None
        self.stacked = isinstance(outputs, tuple) and len(outputs) == taken
        done = copy.deepcopy(thing)
        self.y = self._forward(done, inputs)
        before = copy.deepcopy(done)
        self.dx = dx = self._backward(done, np.ones(np.shape(self.y)), inputs)
        old = arrays_of(before)
        self.written = {n for n, v in arrays_of(done).items() if n not in old or not np.array_equal(v, old[n])}
        held = {n: w for n, w in arrays_of(thing).items() if n not in self.input_names}
        found = {n: g for n in held if (g := self._gradient(done, before, n)) is not None}
        self.weights = {
            n: held[n]
            for n in found
            if not is_buffer(n, attributes(thing))
            and (kept_gradient(done, before, n, set()) is not None or "." not in n or self.affects_output(n))
        }
        self.names = ["_".join(map(bare, re.split("[./]", n))) for n in self.weights]  # each another one
        if len({*self.input_names, *self.names}) < len(self.input_names) + len(self.names):
            self.names = [re.sub("[./]", "_", n) for n in self.weights]
        self.weights_fit = all(np.shape(found[n]) == np.shape(w) for n, w in self.weights.items())
        self.gives_dx = dx is not None
        self.ignores_dy = whole is not None or np.ndim(self.y) == 0 and not parameters(backward_of(thing))
        if np.ndim(self.y) == 0 and dx is not None:  # a loss: its backward(dout=1) may leave dout out
            again = copy.deepcopy(thing)
            self._forward(again, inputs)
            twice = self._backward(again, np.array(2.0), inputs)
            self.ignores_dy = all(map(np.array_equal, several(twice), several(dx)))
        given = several(dx)
        self.fits = all(g is None or np.shape(g) == np.shape(a) for g, a in zip(given, inputs, strict=False))
        enough = len(given) == len(inputs) or len(given) < len(inputs) and self.fits
        self.spread = isinstance(dx, tuple | list) and enough
        alike = [i for i, a in enumerate(inputs) if is_array(dx) and np.shape(a) == np.shape(dx)]
        # of the input that a single gradient belongs to: labels have none
        self.place = min(alike, key=lambda i: kind_of(self.input_names[i]) == "y", default=0)

    def _forward(self, thing: Any, inputs: tuple) -> Any:
        y = forward_of(thing)(*inputs)
        if self.stacked:
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
        if self.stacked:
            ends = np.cumsum([math.prod(shape) for shape in thing.output_shapes])[:-1]
            parts = zip(np.split(dy, ends), thing.output_shapes, strict=True)
            waiting = [np.reshape(part, shape) for part, shape in parts][::-1]
        for p in parameters(backward_of(thing)):
            if p.name in given:
                values.append(given[p.name])
            elif p.name.lower() in RATES:
                values.append(1.0)  # what is subtracted from a parameter is then its gradient
            elif waiting and (p.default is p.empty or is_cotangent(p.name) or self.stacked):
                values.append(waiting.pop())
            elif p.default is p.empty:
                raise CheckError(f"{type(thing).__name__}'s backward takes {p.name}, which is not known")
            else:
                break
        if waiting and np.size(self.y) != 1:
            raise CheckError(f"{type(thing).__name__}'s backward takes no gradient of the output")
        dx = backward_of(thing)(*values)
        if inspect.isgenerator(dx):
            raise CheckError(f"{type(thing).__name__}'s backward yields: which gradients is not known")
        tables = [t for g in several(dx) if (t := named(g)) is not None]
        if tables and hasattr(thing, "__dict__"):  # those of the parameters, perhaps with those of the inputs
            thing.returned_grads = {k: v for table in tables for k, v in table.items()}
        if isinstance(dx, tuple) and tables and not hasattr(dx, "_fields"):
            rest = [g for g in dx if named(g) is None]
            dx = rest[0] if len(rest) == 1 else tuple(rest)
        elif isinstance(dx, tuple) and len(dx) == 2 and isinstance(dx[1], list | tuple) and len(inputs) == 1:
            dx, thing.returned_grads = dx
        elif tables:
            dx = thing.returned_grads
            of_inputs = tuple(gradient_of(n, dx) for n in self.input_names)
            dx = of_inputs if len(of_inputs) > 1 else next(iter(of_inputs), None)
        if dx is None:
            dx = next((getattr(thing, n) for n in _INPUT_GRADIENTS if getattr(thing, n, None) is not None), None)
        return dx

    def _incoming(self) -> list[str]:
        """The parameters of backward that an incoming gradient can be given to."""
        own = [p.name for p in parameters(backward_of(self.thing)) if p.name not in self.input_names]
        return [n for n in own if re.match("d|g|up|err", n) and n.lower() not in RATES]

    def _gradient(self, done: Any, before: Any, name: str) -> Any:
        """The gradient of a parameter after backward: kept beside it, returned in a list, or subtracted from it."""
        found = kept_gradient(done, before, name, self.written)
        if found is not None or "/" in name:
            return found
        value, after = get_at(before, name), get_at(done, name)
        arrays = type(after) is np.ndarray and type(value) is np.ndarray
        changed = not np.array_equal(after, value) if arrays else is_array(after) and after is not value
        return value - after if changed and self.affects_output(name) else None

    def affects_output(self, name: str) -> bool:
        """Does the output depend on it? A buffer for results is no parameter."""
        moved, w = copy.deepcopy(self.thing), np.asarray(get_at(self.thing, name))
        set_at(moved, name, w + (np.abs(w).max() or 1.0) * np.random.default_rng(0).normal(size=w.shape))
        return not np.array_equal(self._forward(moved, self.inputs), self.y)

    def forward(self, *args: Any) -> Any:
        thing = copy.deepcopy(self.thing)
        count = len(self.inputs)
        for name, w in zip(self.weights, args[count:], strict=True):
            set_at(thing, name, _copied(w))  # backward may subtract in place
        y = self._forward(thing, args[:count])
        before = copy.copy(thing)  # what the forward changes, as running averages, is no step of a parameter
        for name in self.weights:
            set_at(before, name, _copied(get_at(thing, name)))
        return y, (thing, before, args)

    def backward(self, residuals: Any, dy: Any) -> Any:
        thing, before, args = residuals
        dx = self._backward(thing, dy, args[: len(self.inputs)])
        grads = [self._gradient(thing, before, n) for n in self.weights]
        grads = [
            get_at(before, n) - get_at(thing, n) if g is None else g for n, g in zip(self.weights, grads, strict=True)
        ]
        given = several(dx) if self.spread else [*[None] * self.place, dx]
        if self.ignores_dy:
            given, grads = ([None if g is None else g * dy for g in each] for each in (given, grads))
        return (*given, *[None] * (len(self.inputs) - len(given)), *grads)


def kept_gradient(done: Any, before: Any, name: str, written: set[str]) -> Any:
    """The gradient that an object, or the part of it that holds the parameter, keeps after backward.

    ``written``: the arrays that backward writes; a list of these is one of gradients by any name.
    """
    part, _, rest = name.partition("/")
    if rest:
        inside = {n.removeprefix(f"{part}/") for n in written if n.startswith(f"{part}/")}
        found = kept_gradient(get_at(done, part), get_at(before, part), rest, inside)
        return _kept_beside(done, part, rest) if found is None and not _is_layer(get_at(done, part)) else found
    holder, _, key = name.partition(".")
    value = get_at(before, name)
    if key in _VALUES and hasattr(get_at(done, holder), "grad"):
        return get_at(done, holder).grad
    beside = {n: v for n, v in attributes(done).items() if n != holder}
    if key:
        tables = {
            n: v if isinstance(v, list) else named(v) for n, v in beside.items() if isinstance(v, list) or named(v)
        }
        called = [n for n in tables if re.search("grad|^d|^g$", n)]
        others = [n for n in tables if n not in called and f"{n}.{key}" in written and not _MOMENTS.search(n)]
        others = [n for n in others if name not in written and _shapes(tables[n]) == _shapes(get_at(done, holder))]
        for n in called + others * (len(others) == 1):
            grads: Any = tables[n]
            found = grads.get(key) if isinstance(grads, dict) else grads[int(key)] if key.isdigit() else None
            if found is not None and np.shape(found) == np.shape(value):
                return found
    forms = {n: v for n, v in beside.items() if is_array(v)}
    own = {k: v for n, g in beside.items() if isinstance(g, dict) for k, v in g.items()
           if is_array(v) and (k != (key or holder) or "grad" in n)}  # fmt: skip
    return gradient_of(key or holder, {**own, **{n: v for n, v in forms.items() if n != (key or holder)}})


def _kept_beside(done: Any, part: str, name: str) -> Any:
    """The gradient of what an object holds that is no layer, kept beside it: by name, or in a list like its arrays."""
    held = get_at(done, part)
    own = arrays_of(held)
    for n, v in attributes(done).items():
        table = attributes(v) if type(v) is type(held) and v is not held else named(v)
        listed = list(v) if isinstance(v, list | tuple) and re.search("grad|^d|^g$", n) else []
        if [np.shape(g) for g in listed] == [np.shape(w) for w in own.values()]:
            table = dict(zip(own, listed, strict=True))
        found = gradient_of(name, table or ({n: v} if n != name else {}))
        if found is not None and is_array(found) and np.shape(found) == np.shape(own[name]):
            return found
    return None


def _shapes(table: Any) -> dict[Any, tuple[int, ...]]:
    table = dict(enumerate(table)) if isinstance(table, list) else named(table)
    return {k: np.shape(v) for k, v in (table or {}).items()}


def several(dx: Any) -> list[Any]:
    return list(dx) if isinstance(dx, tuple | list) else [dx]


#: What a parameter that is an object calls its array.
_VALUES = ("data", "value", "val", "values", "array")
_BUFFER = re.compile(r"d[A-Z_]|d[wb]|grad|v_|m_|running|moving|velocity|momentum|cache|mask|last_")


_MOMENTS = re.compile(r"velocit|moment|average|cache|^[mvs]$", re.I)


def is_buffer(name: str, beside: dict[str, Any]) -> bool:
    """Is an array a gradient, a velocity or a statistic rather than a parameter, by its name and what is beside it?"""
    own: Any = beside.get(name)
    others = (n for n, v in beside.items() if n != name and is_array(own) and np.shape(v) == np.shape(own))
    return _BUFFER.match(bare(name)) is not None or any(gradient_of(n, {name: 0}) is not None for n in others)


def looks_learned(name: str) -> bool:
    """Is it called as a parameter is, itself or in a table of these?"""
    return (
        re.fullmatch(r"(params?\.)?(w|weights?|b|bias(es)?|gamma|beta|kernels?|filters?)\d*", name.lower()) is not None
    )


def arrays_of(thing: Any, seen: set[int] | None = None) -> dict[str, Any]:
    """The numbers that an object holds, by name: ``W``, ``params.W``; of a layer in it ``cell/W``, ``layers.0/W``."""
    found: dict[str, Any] = {}
    seen = set() if seen is None else seen
    seen.add(id(thing))
    for name, value in attributes(thing).items():
        entries = {name: value}
        is_layer = isinstance(value, dict) and any(hasattr(type(value), method) for method in BACKWARD)
        if not is_layer and (table := named(value)) is not None:
            entries = {f"{name}.{k}": v for k, v in table.items()}
        elif isinstance(value, list | tuple):
            entries = {f"{name}.{k}": v for k, v in enumerate(value)}
        elif hasattr(value, "grad") and not is_array(value):  # a parameter as an object with its gradient
            entries = {f"{name}.{k}": v for k, v in attributes(value).items() if k in _VALUES}
        for n, v in entries.items():
            if is_floating(v) and np.size(v) and id(v) not in seen:
                seen.add(id(v))
                found[n] = v
            elif isinstance(v, float):
                found[n] = np.float64(v)
            elif id(v) not in seen and (_is_layer(v) or type(v).__module__ == type(thing).__module__) and attributes(v):
                found |= {f"{n}/{inner}": x for inner, x in arrays_of(v, seen).items()}
    return found


def _is_layer(thing: Any) -> bool:
    return type(thing) is dict or any(hasattr(thing, method) for method in BACKWARD)


def get_at(thing: Any, name: str) -> Any:
    """What an object, or a layer in it, holds by one of the names that ``arrays_of`` gives."""
    part, _, rest = name.partition("/")
    if rest:
        return get_at(get_at(thing, part), rest)
    holder, _, key = name.partition(".")
    value = thing[holder] if isinstance(thing, dict) and holder in thing else getattr(thing, holder)
    if key and (hasattr(value, "_fields") or not isinstance(value, list | tuple | dict)):
        return getattr(value, key)
    return value[key if isinstance(value, dict) else int(key)] if key else value


def set_at(thing: Any, name: str, value: Any) -> None:
    """Put a parameter in its place, and wherever the object holds the same (``self.params = [W, b]``).

    Where it has another shape or precision, what is held for its gradient gets it, too.
    """
    part, _, rest = name.partition("/")
    if rest:
        return set_at(get_at(thing, part), rest, value)
    old = get_at(thing, name)
    if isinstance(old, float):  # two numbers may be one object by chance
        holder, _, key = name.partition(".")
        held = copy.copy(get_at(thing, holder)) if key else value
        if isinstance(held, list | dict) and key:
            held[int(key) if isinstance(held, list) else key] = value  # type: ignore[index]
        elif key:
            setattr(held, key, value)
        return put(thing, holder, held)
    resized = np.shape(value) != np.shape(old)
    other = resized or np.asarray(value).dtype != np.asarray(old).dtype
    place, _, key = name.partition(".")
    box: Any = get_at(thing, place)
    own = copy.copy(box) if key in _VALUES and not isinstance(box, list | dict) else None

    def new(holder: str, held: Any) -> Any:
        if held is old:
            return value
        if own is not None and held is box:
            return own
        if other and is_floating(held) and np.shape(held) == np.shape(old) and is_buffer(holder, attributes(thing)):
            return np.zeros(np.shape(value)) if resized else np.asarray(held, np.asarray(value).dtype)
        return held

    for n, held in attributes(own).items():
        setattr(own, n, new(n, held))
    for holder, held in list(attributes(thing).items()):
        if isinstance(held, dict):
            put(thing, holder, {k: new(f"{holder}.{k}", v) for k, v in held.items()})
        elif children(held) is not None:
            put(thing, holder, rebuild(held, lambda _, v: new(holder, v)))  # noqa: B023
        elif new(holder, held) is not held:
            put(thing, holder, new(holder, held))


def put(thing: Any, holder: str, value: Any) -> None:
    if isinstance(thing, dict) and holder in thing:
        thing[holder] = value
    else:
        setattr(thing, holder, value)


def _copied(w: Any) -> Any:
    return w.copy() if isinstance(w, np.ndarray) else w


def forward_of(thing: Any) -> Callable:
    return next(getattr(thing, n) for n in FORWARD if hasattr(thing, n))


def output_of(thing: Any, returned: Any) -> Any:
    """What a forward gives: the first of a tuple, the last of a list of layers; kept by the object, not returned."""
    if returned is None:
        returned = next((getattr(thing, n) for n in _OUTPUTS if is_array(getattr(thing, n, None))), None)
    returned = returned[0] if isinstance(returned, tuple) else returned
    return returned[-1] if isinstance(returned, list) else returned


def backward_of(thing: Any) -> Callable:
    return next(getattr(thing, n) for n in BACKWARD if hasattr(thing, n))


def attributes(thing: Any) -> dict[str, Any]:
    """What an object holds, in a dictionary or in slots; what a layer does that is a dictionary."""
    items = thing.items() if isinstance(thing, dict) else ()
    entries = {k: v for k, v in items if isinstance(k, str) and not re.search("[./]", k)}
    slots = [n for cls in type(thing).__mro__ for n in getattr(cls, "__slots__", ()) if hasattr(thing, n)]
    return getattr(thing, "__dict__", {}) | entries | {n: getattr(thing, n) for n in slots}
