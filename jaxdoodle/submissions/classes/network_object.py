"""A network of the user's that is one class, as a loss of what it holds, and its gradient."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import is_residuals, parameters, required
from jaxdoodle.gradcheck.setup.leaves import bare, gradient_of, is_array, is_floating, leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.arrays import lengths
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.finder import names_in
from jaxdoodle.submissions.arguments.guess import OFF_ZERO, is_off
from jaxdoodle.submissions.functions.losses import gives_both
from jaxdoodle.submissions.objects.instances import with_values
from jaxdoodle.submissions.objects.layer_object import (
    RATES,
    arrays_of,
    attributes,
    get_at,
    is_buffer,
    kept_gradient,
    output_of,
    put,
    set_at,
)  # fmt: skip
from jaxdoodle.submissions.reading.loss_names import LOSS
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import source_tree
from jaxdoodle.submissions.reading.words import PENALTY

#: Methods that give the output, in the order in which they are looked for; that give gradients; that give a loss.
PREDICT = ("feedforward", "feed_forward", "forward", "forward_pass", "forward_propagation", "forward_prop", "fprop",
            "predict_proba", "predict", "__call__")  # fmt: skip
GRADIENTS = re.compile(
    r"_?((calc\w*|compute|get)_)?(grads?|gradients?|back_?prop\w*|backwards?\w*|bprop|back|loss_(and|with)_grads?)"
    r"|bptt|(cost|loss)_?([fF]unction)?_?([pP]rime|[gG]rad(ient)?s?)"
)
#: What a loss calls the output that it takes.
_OUTPUT = re.compile("out|o$|a")


def methods_of(cls: type) -> dict[str, Callable]:
    return {n: getattr(cls, n) for n in dir(cls) if callable(getattr(cls, n)) and (n in PREDICT or n[:2] != "__")}


def gradient_method(cls: type) -> str | None:
    """The one that gives gradients, but for a step of it that a loss with all gradients takes."""
    methods = methods_of(cls)
    for n in ("backward", *methods):
        if n in methods and GRADIENTS.fullmatch(bare(n)) and not _is_step(n, methods):
            return n
    return None


def _is_step(name: str, methods: dict[str, Callable]) -> bool:
    whole = (f for n, f in methods.items() if LOSS.search(n) and hasattr(f, "__code__") and gives_both(f))
    return any(name in names_in(f) for f in whole)


class Network:
    """A network as a loss of its parameters and data, and its gradient.

    Arguments are a dictionary of what the object holds, by attribute, then ``x`` and ``y``. ``cost``: of output and
    labels, where the class has no loss; ``listed``: its loss is one of lists of inputs and of labels.
    """

    def __init__(self, thing: Any, x: Any, y: Any, data: dict[str, str]):
        self.thing, self.x, self.y, self.data = thing, x, y, data
        names = methods_of(type(thing))
        self.predict = next((n for n in PREDICT if n in names), None)
        self.losses = [n for n in names if LOSS.search(n) and not re.search("grad|back|deriv|prime|plot", n)]
        self.loss, self.listed = next(iter(self.losses), None), False
        self.gradient_name = gradient_method(type(thing))
        if (name := self.gradient_name) is not None and re.match("loss_(and|with)", name):
            self.losses, self.loss, self.gradient_name = [name], name, None
        self.cost: Callable | None = None
        self.numbers = dict[str, float]()  # in place of defaults
        self.replaced = set[str]()  # what a forward puts anew, with other values
        self.held = {
            n: v for n, v in attributes(thing).items()
            if n not in data and not is_buffer(n, attributes(thing)) and any(is_floating(a) for _, a in leaves(v))
        }  # fmt: skip
        self.returned = {n: returned_names(names[n]) for n in (self.gradient_name, *self.losses) if n}
        nodes = ast.walk(source_tree(names.get(self.gradient_name or "")) or ast.Module([], []))
        keys = (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))  # of a table
        told = dict.fromkeys((*self.returned.get(self.gradient_name or "", ()), *keys), 0)
        self.held |= {n: np.float64(v) for n, v in attributes(thing).items()
                      if type(v) is float and gradient_of(n, told) is not None}  # fmt: skip
        found = self.gradients(self.held, x, y)
        self.held = {n: v for n, v in self.held.items() if found.get(n) is not None}
        if not self.held:  # of the layers in it
            self.held = {n: w for n, w in arrays_of(thing).items() if "/" in n and not self._is_buffer(n)}
            draw = np.random.default_rng(0)  # what was kept at the same inputs is another value, too
            moved = {n: w + 1e-3 * draw.normal(size=w.shape) if isinstance(w, np.ndarray | np.floating) else w
                     for n, w in self.held.items()}  # fmt: skip
            own = self.placed(moved, x, y)
            before = {n: get_at(own, n) for n in self.held}
            self.output(own, x, y)  # which replaces what layers keep for their gradients
            self.replaced = {n for n, w in before.items() if not _same(w, get_at(own, n))}
            self.held = {n: w for n, w in self.held.items() if n not in self.replaced}
            found = self.gradients(self.held, x, y)
            self.held = {n: v for n, v in self.held.items() if found.get(n) is not None}
        if not self.held:
            raise CheckError(f"{type(thing).__name__}: no gradient of what it holds was found")

    def _is_buffer(self, name: str) -> bool:
        part, _, own = name.rpartition("/")
        return is_buffer(own, attributes(get_at(self.thing, part)))

    def placed(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        data = {name: x if what == "x" else y for name, what in self.data.items()}
        new = {
            n: rebuild(v, lambda _, a: np.array(a) if type(a) is np.ndarray else a) for n, v in (held | data).items()
        }
        own, given = (dict(leaves(tree)) for tree in (attributes(self.thing), new))
        # layers that hold the same arrays get the new ones, too
        thing = copy.deepcopy(self.thing, {id(own[n]): a for n, a in given.items() if is_array(own.get(n))})
        for name, value in attributes(thing).items():
            if name.lower() in RATES and isinstance(value, float):
                put(thing, name, 1.0)  # what is subtracted from a parameter is then its gradient
        for name, value in new.items():
            set_at(thing, name, value) if "/" in name else put(thing, name, value)
        return thing

    def _call(self, thing: Any, name: str, x: Any, y: Any, output: Any = None) -> Any:
        """A method, with what its parameters are called after."""
        function, values, labels = getattr(thing, name), [], 0
        for p in parameters(function):
            kind = kind_of(p.name)
            if p.name.lower() in RATES:
                values.append(1.0)
            elif p.default is p.empty and PENALTY.fullmatch(p.name):
                values.append(OFF_ZERO)
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
        return function(*values, **{p.name: n for p in parameters(function) if (n := self.numbers.get(p.name))})

    def off_zero(self) -> Iterator[Network]:
        """With a number of the loss and of the gradient, or the factor of a penalty that the object holds, off zero."""
        methods = [getattr(self.thing, n) for n in (self.loss, self.gradient_name) if n]
        zeros = [{p.name for p in parameters(f) if is_off(p) and p.default == 0} for f in methods]
        own = {n for n, v in attributes(self.thing).items() if type(v) in (int, float) and v == 0}
        shared = {n: [self.thing] for n in (set.intersection(*zeros) if zeros else ())}
        shared |= {n: with_values(self.thing, {n: OFF_ZERO}) for n in filter(PENALTY.fullmatch, own)}
        for name, things in sorted(shared.items()):
            for thing in things:
                other = copy.copy(self)
                other.thing, other.numbers = thing, {name: OFF_ZERO}
                yield other

    def output(self, thing: Any, x: Any, y: Any = None) -> Any:
        """What it predicts; a method that takes labels, or noise, too, may give the loss."""
        more = self.predict is not None and len(required(getattr(thing, self.predict))) > 1
        given = None if self.predict is None else self._call(thing, self.predict, x, y if more else None)
        return output_of(thing, given)

    def value(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        thing = self.placed(held, x, y)
        if self.loss is None and self.cost is None:
            output = self.output(thing, x, y)
            return output if is_number(output) else self._call(thing, self.gradient_name or "", x, y)[0]
        if self.cost is not None:
            return self.cost(self.output(thing, x), y)
        given = self._own_loss(thing, x, y)
        return given[0] if isinstance(given, tuple) else given

    def _own_loss(self, thing: Any, x: Any, y: Any) -> Any:
        method = getattr(thing, self.loss or "")
        takes = required(method)
        inputs = any(kind_of(n) == "x" and not _OUTPUT.match(n.lower()) for n in takes)
        output = None if inputs else self.output(thing, x)
        pairs = len(takes) == 1 and takes_pairs(method)
        x, y = ([x], [y]) if self.listed else (x, y)
        return method([(x, y)]) if pairs else self._call(thing, self.loss or "", x, y, output)

    def gradient(self, held: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
        found = self.gradients(held, x, y)
        return {n: found.get(n) for n in held}

    def gradients(self, held: dict[str, Any], x: Any, y: Any) -> dict[str, Any]:
        """By attribute: returned, kept beside what it belongs to, or subtracted from it."""
        thing = self.placed(held, x, y)
        name = self.gradient_name or self.loss or ""
        output = self.output(thing, x, y) if self.gradient_name and self.predict else None
        alone = self.gradient_name is not None and not required(getattr(thing, name))
        if alone and self.loss and required(getattr(thing, self.loss)):
            self._own_loss(thing, x, y)  # which keeps what it starts from
        whole = copy.deepcopy(thing)
        before = attributes(whole)
        returned = self._call(thing, name, x, y, output)
        if self.gradient_name is None and isinstance(returned, tuple):
            returned = returned[1]  # loss(X, y) -> (loss, grads)
        of_inputs = any("/" in n for n in held) and np.shape(returned) == np.shape(x)
        returned = None if of_inputs else returned
        found = _by_name(returned, held, self.returned[name])
        after = attributes(thing)
        beside = {n: v for n, v in after.items() if n not in held}
        tables = {k: v for g in beside.values() if isinstance(g, dict) for k, v in g.items()}
        for n in held if not found else ():
            if "/" in n:
                kept = kept_gradient(thing, whole, n, set())
                kept = _subtracted(get_at(whole, n), get_at(thing, n)) if kept is None else kept
                found |= {} if kept is None else {n: kept}
                continue
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
        method = getattr(self.network.placed(held, x, y), self.method)
        return _by_name(method([(x, y), (-x / 2, y)]), held, returned_names(method))


def takes_pairs(function: Any) -> bool:
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
    if of_list and not found:
        return {of_list: returned}
    rest = [g for g, n in zip(several, names, strict=True) if not n] if found else several  # without a name of its own
    for g in rest:
        name = next((n for n, v in held.items() if n not in found and g is not None and _alike(g, v)), None)
        if name is None:
            return found if rest is not several else {}
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


def _same(before: Any, after: Any) -> bool:
    """One array, or arrays of the same values."""
    return after is before or isinstance(after, np.ndarray | float) and np.array_equal(before, after)


def _subtracted(before: Any, after: Any) -> Any:
    """What was subtracted; None where nothing changed."""
    old, new = dict(leaves(before)), dict(leaves(after))
    if old.keys() != new.keys() or any(np.shape(old[n]) != np.shape(new[n]) for n in old):
        return None
    moved = any(is_floating(v) and not np.array_equal(v, new[n]) for n, v in old.items())
    return rebuild(before, lambda n, v: v - new[n] if is_floating(v) else v) if moved else None


def is_number(output: Any) -> bool:
    return output is not None and np.ndim(output) == 0
