"""Networks of the user's that are one class: what it predicts, its loss, and the gradients of what it holds."""

from __future__ import annotations

import ast
import copy
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_residuals, parameters, required
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating, leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.source import source_tree
from jaxdoodle.submissions.arrays import lengths
from jaxdoodle.submissions.finder import Finder
from jaxdoodle.submissions.layer_object import RATES, attributes, is_buffer, output_of
from jaxdoodle.submissions.losses import LOSS, returned_names
from jaxdoodle.submissions.models import labels_like
from jaxdoodle.submissions.objects import IMAGES, objects_of
from jaxdoodle.submissions.raised import raise_if_backward_ends, raised_by, raising

#: Methods that give the output, in the order in which they are looked for; that give gradients; that give a loss.
PREDICT = ("feedforward", "feed_forward", "forward", "forward_pass", "forward_propagation", "forward_prop", "fprop",
            "predict_proba", "predict", "__call__")  # fmt: skip
GRADIENTS = re.compile(
    r"_?((calc\w*|compute|get)_)?(grads?|gradients?|back_?prop\w*|backwards?\w*|bprop|back|loss_(and|with)_grads?)"
    r"|bptt|(cost|loss)_?([fF]unction)?_?([pP]rime|[gG]rad(ient)?s?)"
)
#: What a loss calls the output that it takes.
_OUTPUT = re.compile("out|o$|a")
#: Relative distance of a slope of a right gradient from central differences of step 1e-5.
_STEP, _NEAR = 1e-5, 1e-5
#: The last layer's gradient shows a cost: a parameter at least is right, or all are parallel to the right ones.
_PARALLEL = 1 - 1e-6


def methods_of(cls: type) -> dict[str, Callable]:
    return {n: getattr(cls, n) for n in dir(cls) if callable(getattr(cls, n)) and (n in PREDICT or n[:2] != "__")}


def gradient_method(cls: type) -> str | None:
    return next((n for n in ("backward", *methods_of(cls)) if n in methods_of(cls) and GRADIENTS.fullmatch(n)), None)


class Network:
    """A network as a loss of its parameters and data, and its gradient.

    Arguments are a dictionary of what the object holds, by attribute, then ``x`` and ``y``. ``cost``: of output and
    labels, where the class has no loss.
    """

    def __init__(self, thing: Any, x: Any, y: Any, data: dict[str, str]):
        self.thing, self.x, self.y, self.data = thing, x, y, data
        names = methods_of(type(thing))
        self.predict = next((n for n in PREDICT if n in names), None)
        self.loss = next((n for n in names if LOSS.search(n) and not re.search("grad|back|deriv|prime|plot", n)), None)
        self.gradient_name = gradient_method(type(thing))
        self.cost: Callable | None = None
        self.held = {
            n: v for n, v in attributes(thing).items()
            if n not in data and not is_buffer(n, attributes(thing)) and any(is_floating(a) for _, a in leaves(v))
        }  # fmt: skip
        found = self._gradients(self.held, x, y)
        self.held = {n: v for n, v in self.held.items() if found.get(n) is not None}
        if not self.held:
            raise CheckError(f"{type(thing).__name__}: no gradient of what it holds was found")

    def _placed(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        data = {name: x if what == "x" else y for name, what in self.data.items()}
        new = {
            n: rebuild(v, lambda _, a: np.array(a) if type(a) is np.ndarray else a) for n, v in (held | data).items()
        }
        own, given = (dict(leaves(tree)) for tree in (attributes(self.thing), new))
        # layers that hold the same arrays get the new ones, too
        thing = copy.deepcopy(self.thing, {id(own[n]): a for n, a in given.items() if is_array(own.get(n))})
        for name, value in attributes(thing).items():
            if name.lower() in RATES and isinstance(value, float):
                setattr(thing, name, 1.0)  # what is subtracted from a parameter is then its gradient
        for name, value in new.items():
            setattr(thing, name, value)
        return thing

    def _call(self, thing: Any, name: str, x: Any, y: Any, output: Any = None) -> Any:
        """A method, with what its parameters are called after."""
        function, values, labels = getattr(thing, name), [], 0
        for p in parameters(function):
            kind = kind_of(p.name)
            if p.name.lower() in RATES:
                values.append(1.0)
            elif p.default is not p.empty and not (kind == "y" and p.default is None):
                break
            elif kind == "y" or re.search("label|target|true", p.name.lower()):
                values.append(y)
                labels += 1
            elif output is not None and (kind == "p" or is_residuals(p.name) or _OUTPUT.match(p.name.lower())):
                values.append(output)
            elif not values or values[-1] is not x:
                values.append(x)
            else:
                values.append(output if labels else y)
        return function(*values)

    def _output(self, thing: Any, x: Any, y: Any = None) -> Any:
        """What it predicts; a method that takes labels, or noise, too, may give the loss."""
        more = self.predict is not None and len(required(getattr(thing, self.predict))) > 1
        given = None if self.predict is None else self._call(thing, self.predict, x, y if more else None)
        return output_of(thing, given)

    def value(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        thing = self._placed(held, x, y)
        if self.loss is None and self.cost is None:
            output = self._output(thing, x, y)
            return output if _is_number(output) else self._call(thing, self.gradient_name or "", x, y)[0]
        takes = required(getattr(thing, self.loss)) if self.loss else []
        inputs = any(kind_of(n) == "x" and not _OUTPUT.match(n.lower()) for n in takes)
        output = None if self.loss and inputs else self._output(thing, x)
        if self.cost is not None:
            return self.cost(self._output(thing, x) if output is None else output, y)
        pairs = len(takes) == 1 and _takes_pairs(getattr(thing, self.loss or ""))
        given = getattr(thing, self.loss or "")([(x, y)]) if pairs else self._call(thing, self.loss or "", x, y, output)
        return given[0] if isinstance(given, tuple) else given

    def gradient(self, held: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
        found = self._gradients(held, x, y)
        return {n: found.get(n) for n in held}

    def _gradients(self, held: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
        """By attribute: returned, kept beside what it belongs to, or subtracted from it."""
        thing = self._placed(held, x, y)
        name = self.gradient_name or self.loss or ""
        output = self._output(thing, x, y) if self.gradient_name and self.predict else None
        before = {n: copy.deepcopy(v) for n, v in attributes(thing).items()}
        returned = self._call(thing, name, x, y, output)
        if self.gradient_name is None and isinstance(returned, tuple):
            returned = returned[1]  # loss(X, y) -> (loss, grads)
        found = _by_name(returned, held, returned_names(getattr(type(self.thing), name)))
        after = attributes(thing)
        beside = {n: v for n, v in after.items() if n not in held}
        tables = {k: v for g in beside.values() if isinstance(g, dict) for k, v in g.items()}
        for n in held if not found else ():
            kept = gradient_of(n, beside)
            kept = gradient_of(n, tables) if kept is None else kept
            if kept is None and isinstance(held[n], dict):
                kept = next((v for k, v in beside.items() if "grad" in k and isinstance(v, dict) and v), None)
            if kept is None:
                kept = _subtracted(before[n], after[n])
            if kept is not None and _alike(kept, held[n]):
                found[n] = kept
        return found


class OfPairs:
    """A method that takes a list of pairs of input and labels, and returns the sum, or the mean, of gradients."""

    def __init__(self, network: Network, method: str, whole: Callable):
        self.network, self.method, self.whole = network, method, whole
        self.held, self.x, self.y = network.held, network.x, network.y
        try:
            self.fits = self.gradient(self.held, self.x, self.y).keys() == self.held.keys()
        except Exception:  # any exception of the user's code: it takes more, or gives something else
            self.fits = False

    def value(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        return self.whole([self.network.value(held, *pair) for pair in ((x, y), (-x / 2, y))])

    def gradient(self, held: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
        method = getattr(self.network._placed(held, x, y), self.method)
        return _by_name(method([(x, y), (-x / 2, y)]), held, returned_names(method))


def _takes_pairs(function: Any) -> bool:
    """Does it go through pairs ``for x, y in data``, its first argument?"""
    nodes, first = ast.walk(source_tree(function) or ast.Module([], [])), [*required(function)[:1]]
    loops = (n for n in nodes if isinstance(n, ast.For | ast.comprehension))
    return any([getattr(n.iter, "id", None)] == first and len(getattr(n.target, "elts", ())) == 2 for n in loops)


def _by_name(returned: Any, held: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Returned gradients by attribute: by their names, or by their shapes in order."""
    if isinstance(returned, dict):
        of_one = next((n for n, v in held.items() if isinstance(v, dict) and _alike(returned, v)), None)
        named = {n: gradient_of(n, returned) for n in held}
        return (
            {of_one: returned} if of_one else {n: g for n, g in named.items() if g is not None and _alike(g, held[n])}
        )
    several = list(returned) if isinstance(returned, tuple | list) else [returned]
    found: dict[str, Any] = {}
    if len(names) == len(several):
        named = dict(zip(names, several, strict=True))
        found = {n: g for n in held if (g := gradient_of(n, named)) is not None and _alike(g, held[n])}
    of_list = next((n for n, v in held.items() if isinstance(v, list) and _alike(returned, v)), None)
    if found or of_list:
        return found or {of_list or "": returned}
    for g in several:
        name = next((n for n, v in held.items() if n not in found and g is not None and _alike(g, v)), None)
        if name is None:
            return {}
        found[name] = g
    return found


def _alike(g: Any, value: Any) -> bool:
    """Do all arrays have the shapes of those they belong to? In dictionaries each has its name."""
    if isinstance(value, dict):
        of = {k: v for k, v in value.items() if any(is_floating(a) for _, a in leaves(v))}
        return isinstance(g, dict) and all(_alike(gradient_of(str(k), g), v) for k, v in of.items())
    if isinstance(value, list | tuple):
        return isinstance(g, list | tuple) and len(g) == len(value) and all(map(_alike, g, value))
    return g is not None and lengths(g) == np.shape(value) if is_floating(value) or isinstance(value, float) else True


def _subtracted(before: Any, after: Any) -> Any:
    """What was subtracted; None where nothing changed."""
    old, new = dict(leaves(before)), dict(leaves(after))
    if old.keys() != new.keys() or any(np.shape(old[n]) != np.shape(new[n]) for n in old):
        return None
    moved = any(is_floating(v) and not np.array_equal(v, new[n]) for n, v in old.items())
    return rebuild(before, lambda n, v: v - new[n] if is_floating(v) else v) if moved else None


def check_network(finder: Finder, cls: type, **options: Any) -> Report:
    """The gradients that a network computes, of its own loss, one in the file, or the usual one that fits best."""
    found = next(filter(None, (_made(finder, cls, thing) for thing in objects_of(finder, cls))), None)
    if found is not None:
        options = {"conventions": finder.names.get(f"{cls.__name__}_conventions") or (), **options}
        report = _report(found, title=cls.__name__, **options)
        methods = [f.__name__ for f in methods_of(cls).values() if isinstance(f, FunctionType)] if report.passed else []
        for name in dict.fromkeys(n for n in methods if _takes_pairs(getattr(found.thing, n))):
            titled = {"title": f"{cls.__name__}.{name}", **options}
            reports = [_report(batch, **titled) for w in (np.sum, np.mean) if (batch := OfPairs(found, name, w)).fits]
            if reports and not any(again.passed for again in reports):
                return reports[0]
        return report
    method = methods_of(cls).get(gradient_method(cls) or "")
    raised = None if method is None else raised_by(method, finder.called_with(method))
    if raised is not None:
        return raising(cls.__name__, raised)
    name = gradient_method(cls) or "loss"
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its {name}(x, y)")


def _made(finder: Finder, cls: type, thing: Any) -> Network | None:
    """With the first data that fit; labels that are guessed are those with which most of its gradients are right."""
    best: tuple[int, Network] | None = None
    for x, y, data in _data(finder, cls, thing):
        if best is not None and x is not best[1].x:
            break
        try:
            with fixed_randomness(), np.errstate(all="ignore"):
                network = Network(thing, x, y, data)
                fits = _fitting(finder, network)
                gradients = dict(leaves(network.gradient(network.held, x, y))) if fits else {}
                right = _merit(network, gradients)[0] if fits else 0
        except (Exception, SystemExit) as error:  # any exception of the user's code: other data, or another object
            raise_if_backward_ends(error)
            continue
        if fits is False and best is None:
            told = f"{cls.__name__}: the loss whose gradients it computes is not known; give the class a method loss"
            raise CheckError(told)
        if fits and (best is None or right > best[0]):
            best = right, network
    return None if best is None else best[1]


def _report(network: Network | OfPairs, **options: Any) -> Report:
    only = next(iter(network.held)) if len(network.held) == 1 else None

    def value(parameters: Any, x: Any, y: Any) -> Any:
        return network.value({only: parameters} if only else parameters, x, y)

    def gradient(parameters: Any, x: Any, y: Any) -> Any:
        return network.gradient({only: parameters}, x, y)[only] if only else network.gradient(parameters, x, y)

    held = network.held[only] if only else network.held
    return check_gradient(value, gradient, (held, network.x, network.y), **options)


def _data(finder: Finder, cls: type, thing: Any) -> Iterator[tuple[Any, Any, dict[str, str]]]:
    """(x, y, attributes that hold them): as the file calls it, or random ones of the sizes of what the object holds."""
    stored = {n: "y" if kind_of(n) == "y" else "x" for n, v in attributes(thing).items()
              if is_floating(v) and n in {p.name for p in parameters(cls)} | {"x", "y", "X", "input"}}  # fmt: skip
    given = {stored[n]: v for n, v in attributes(thing).items() if n in stored}
    if given.keys() == {"x", "y"}:
        yield np.array(given["x"], float), np.array(given["y"]), stored
        return
    methods = methods_of(cls)
    others_ = (n for n in methods if LOSS.search(n) or re.match("train|fit", n) or n in PREDICT)
    for name in (gradient_method(cls), *others_):
        call = {} if name is None else finder.called_with(methods[name])
        labels = [v for n, v in call.items() if kind_of(n) == "y" and v is not None]
        inputs = [v for n, v in call.items() if kind_of(n) != "y" and is_floating(v) and n != "self"]
        others = labels or inputs[1:]  # a network that takes no labels may take the noise that it adds
        if inputs and others:
            yield inputs[0], others[0], {}
    rng = np.random.default_rng(0)
    predict = next((n for n in PREDICT if n in methods), None)
    for shape in _input_shapes(cls, thing):
        x = rng.normal(size=shape)
        try:
            with fixed_randomness(), np.errstate(all="ignore"):
                y = None if predict is None else getattr(copy.deepcopy(thing), predict)(x)
        except (Exception, SystemExit):  # any exception of the user's code: another shape
            continue
        y = output_of(thing, y)
        if predict is None:
            yield x, rng.integers(0, 2, len(x)), {}
        elif is_floating(y):
            yield from ((x, labels, {}) for labels in labels_like(np.asarray(y, float), rng))


#: Entries of an image of guessed shape, at most.
_LARGEST_IMAGE = 3000


def _input_shapes(cls: type, thing: Any) -> Iterator[tuple[int, ...]]:
    """Of tables and vectors with a size of an array that the object holds; of images that the constructor tells of."""
    arrays = [w for _, w in leaves(dict(attributes(thing))) if is_floating(w)]
    sizes = list(dict.fromkeys(k for w in arrays for k in np.shape(w)[::-1]))
    yield from (shape for k in sizes[:6] for shape in ((4, k), (k, 4), (k, 1), (k,)))
    told = [*(p.default for p in parameters(cls)), *attributes(thing).values(), *IMAGES]
    whole = [v for v in told if isinstance(v, tuple | list) and len(v) in (2, 3) and all(type(k) is int for k in v)]
    channels = dict.fromkeys([1, 3, *(np.shape(w)[a] for w in arrays if np.ndim(w) == 4 for a in (1, 2))])
    sides = dict.fromkeys(k for v in told for _, k in leaves(v) if type(k) is int and k > 3)
    images = [shape for k in sides for c in channels for shape in ((c, k, k), (k, k, c))]
    yield from ((2, *shape) for shape in (*whole, *images) if 0 < math.prod(shape) <= _LARGEST_IMAGE)


def _fitting(finder: Finder, network: Network) -> bool | None:
    """Whether the loss is known: the class's own, else the one of which most gradients are right.

    None where the data do not fit.
    """
    declared = getattr(getattr(network.thing, "cost", None), "fn", None)
    if declared is not None:
        network.cost = declared
    thing = network._placed(network.held, network.x, network.y)
    if network.loss or declared or _is_number(network._output(thing, network.x, network.y)):
        return True if np.size(network.value(network.held, network.x, network.y)) == 1 else None
    gradients = dict(leaves(network.gradient(network.held, network.x, network.y)))
    best: tuple[tuple, Callable] | None = None
    for cost in _costs(finder):
        network.cost = cost
        try:
            merit = _merit(network, gradients)
        except Exception:  # any exception of the user's code, or labels of another form
            continue
        if best is None or merit > best[0]:
            best = merit, cost
    if best is None:
        return None
    network.cost = best[1]
    return best[0][0] > 0 or best[0][-1] > _PARALLEL


def _is_number(output: Any) -> bool:
    return output is not None and np.ndim(output) == 0


def _merit(network: Network, gradients: dict[str, Any]) -> tuple[int, int, float]:
    """How many gradients agree with differences in a random direction, which is the last; agreement up to a factor."""
    rng, x, y = np.random.default_rng(0), network.x, network.y
    right, last, slopes = 0, 0, []
    for k, (name, g) in enumerate(gradients.items()):
        if not is_floating(g) or not np.any(g):
            continue
        own = []
        for _ in range(2):
            d = rng.normal(size=np.shape(g))

            def at(step: float, name: str = name, d: Any = d) -> float:
                held = rebuild(network.held, lambda n, v: v + step * d if n == name else v)
                return float(np.squeeze(network.value(held, x, y)))

            own.append(((at(_STEP) - at(-_STEP)) / (2 * _STEP), float(np.vdot(g, d))))
        if all(abs(a - b) <= _NEAR * max(abs(a), abs(b)) for a, b in own):
            right, last = right + 1, k
        slopes += own
    if not slopes:
        return 0, 0, 0.0
    a, b = np.array(slopes).T
    return right, last, float(abs(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300))


def _costs(finder: Finder) -> Iterator[Callable[[Any, Any], Any]]:
    for name, function in finder.functions.items():
        if LOSS.search(name) and len(required(function)) == 2 and not re.search("grad|back|deriv|prime", name):
            first = kind_of(required(function)[0]) == "y"
            yield partial(_other_way, function) if first else function
    yield from (partial(_total, base, whole) for base, whole in product(_BASES, _WHOLES))


def _other_way(function: Callable, a: Any, y: Any) -> Any:
    return function(y, a)


def _total(base: Callable, whole: Callable, a: Any, y: Any) -> Any:
    return base(a, y).sum() / whole(a)


_BASES: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, y: 0.5 * (a - y) ** 2,
    lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    lambda a, y: (a - y) ** 2,
    lambda a, y: -(y * np.log(a)),
    lambda a, y: -np.log(a[np.arange(len(y)), y]),
)
#: What the sum is divided by.
_WHOLES: tuple[Callable[[Any], Any], ...] = (lambda a: 1, len, lambda a: a.shape[-1], np.size)
