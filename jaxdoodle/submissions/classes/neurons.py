"""Networks that are lists or dictionaries, in which functions keep what they compute: a forward, a backward, a step."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments.arrays import NEAR, is_table, slope
from jaxdoodle.submissions.arguments.finder import Finder, Found, names_in
from jaxdoodle.submissions.classes.network_object import Network
from jaxdoodle.submissions.classes.networks import PARALLEL, costs, report_of
from jaxdoodle.submissions.functions.models import labels_like
from jaxdoodle.submissions.functions.pair import keeps_in_arguments
from jaxdoodle.submissions.objects.layer_object import RATES
from jaxdoodle.submissions.reading.source import source_text, source_tree

#: Sizes of the layers of a network that the file's own initialization makes, and inputs tried for another.
_SIZES, _INPUTS = (3, 4, 2), 9
_INITIAL = re.compile("init|create|make|build|new", re.I)


@dataclass(frozen=True)
class Functions:
    """Of a network, their first argument: what gives its output, what keeps gradients in it, and what steps by them."""

    forward: Callable
    backward: Callable
    step: Callable | None
    network: Any = None
    x: Any = None

    def run(self, function: Callable, network: Any, x: Any, y: Any) -> Any:
        names = required(self.forward)
        own = [p for p in parameters(function)[1:] if p.default is p.empty or _is_rate(p.name)]
        of_labels = [n for n in required(self.backward)[1:] if n not in names and not _is_rate(n)]
        given = {p.name: 1.0 if _is_rate(p.name) else y if p.name in of_labels else x for p in own}
        return function(network, **given)


def _is_rate(name: str) -> bool:
    return name.lower() in RATES


def networks(finder: Finder) -> Iterator[Found]:
    """Backwards that return nothing, with a forward and a step whose first argument is called as theirs is."""
    free = [f for f in finder.functions.values() if id(f) not in finder.taken and required(f)]
    for backward in (f for f in free if re.search("back|bprop|grad", f.__name__) and len(required(f)) > 1):
        beside = [f for f in free if f is not backward and required(f)[:1] == required(backward)[:1]]
        forwards = [f for f in beside if _gives(f) and keeps_in_arguments(f)]
        known = {f.__name__ for f in (backward, *forwards)}
        steps = [f for f in beside if _takes_rate(f) and not names_in(f) & known]
        own = re.search("back|bprop", backward.__name__) and _takes_rate(backward)
        if len(forwards) == 1 and (own or steps) and not _gives(backward) and keeps_in_arguments(backward):
            functions = Functions(forwards[0], backward, None if own else steps[0])
            finder.taken |= {id(backward), id(forwards[0])}
            name = backward.__name__
            yield Found(name, backward, partial(check_kept, finder, name, functions), whole=True)


def _takes_rate(function: Callable) -> bool:
    return any(_is_rate(p.name) for p in parameters(function))


def _gives(function: Callable) -> bool:
    """Does it return a value?"""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    return any(isinstance(n, ast.Return) and n.value is not None for n in nodes)


def check_kept(finder: Finder, name: str, functions: Functions, **options: Any) -> Report:
    """The step at a rate of 1 is the gradient; the loss is the one of the file, or the usual one, that fits best."""
    unknown = False
    for network, x, y in _data(finder, functions):
        try:
            with fixed_randomness(), np.errstate(all="ignore"):
                made = AsGiven(Held(replace(functions, network=network, x=x)), np.array(x, float), y, {})
                fits = _has_cost(finder, made)
        except (Exception, SystemExit):  # of the user's code: other data
            continue
        if fits:
            return report_of(made, title=name, **options)
        unknown = True
    told = f"the loss whose gradients {name} computes is not known; define it beside it: loss(output, expected)"
    taken = ", ".join(required(functions.forward))
    raise CheckError(told if unknown else f"no way found to call {functions.forward.__name__}({taken}) and {name}")


def _has_cost(finder: Finder, made: Network) -> bool:
    """Give the network the cost of which most entries of its gradients are right, or all are parallel to the right."""
    gradients = made.gradient(made.held, made.x, made.y)["parameters"]
    own = np.concatenate([np.ravel(g) for g in gradients.values()])
    best: tuple[tuple[int, float], Callable] | None = None
    for made.cost in costs(finder):

        def at(step: float, n: str, k: tuple[int, ...]) -> float:
            moved = {m: np.array(w) for m, w in made.held["parameters"].items()}
            moved[n][k] += step
            return float(made.value({"parameters": moved}, made.x, made.y))

        try:
            places = [(n, k) for n, g in gradients.items() for k in np.ndindex(np.shape(g))]
            slopes = np.array([slope(partial(at, n=n, k=k)) for n, k in places])
        except Exception:  # any exception of the user's code, or labels of another form
            continue
        right = np.count_nonzero(np.isclose(slopes, own, NEAR, 0) & (own != 0))
        merit = int(right), abs(float(slopes @ own)) / max(float(np.linalg.norm(slopes) * np.linalg.norm(own)), 1e-300)
        if best is None or merit > best[0]:
            best = merit, made.cost
    made.cost = best and best[1]
    return best is not None and (best[0][0] > 0 or best[0][1] > PARALLEL)


def _data(finder: Finder, functions: Functions) -> Iterator[tuple[Any, Any, Any]]:
    """Network, input and labels: as the file calls the functions, or of a network that it initializes."""
    forward, backward = (finder.called_with(f) for f in (functions.forward, functions.backward))
    names, rng = required(functions.forward), np.random.default_rng(0)
    of_labels = [n for n in required(functions.backward)[1:] if n not in names and not _is_rate(n)]
    labels = [backward[n] for n in of_labels if n in backward]
    if {*names} <= forward.keys() and len(labels) == 1:
        x = forward[names[1]]
        yield forward[names[0]], rng.normal(size=np.shape(x)).tolist() if isinstance(x, list) else x, labels[0]
        return
    row = (rf"\b{n}\[:-1\]" for n in names[1:2])
    others = "".join(source_text(f) for f in (functions.backward, functions.step) if f)
    labelled = any(re.search(pattern, others) for pattern in row)
    for network, length in _initial(finder, functions):
        x = rng.normal(size=length)
        with np.errstate(all="ignore"):
            y = np.asarray(functions.forward(copy.deepcopy(network), x.tolist()), float)
            moved = (functions.forward(copy.deepcopy(network), (x + e).tolist()) for e in np.eye(length))
            count = sum(not np.array_equal(y, m) for m in moved)
        for more, wanted in product((labelled, not labelled), labels_like(y, rng)):
            yield network, x[: count + more].tolist(), np.asarray(wanted).tolist()


def _initial(finder: Finder, functions: Functions) -> Iterator[tuple[Any, int]]:
    """Networks that the file's own functions make, and how many inputs the forward takes; most, where that is open."""
    makers = [f for n, f in finder.functions.items() if _INITIAL.search(n)]
    for make, length in product(makers, range(_INPUTS, 0, -1)):
        for args in ([*_SIZES],), _SIZES[: len(required(make))], ():
            try:
                with fixed_randomness():
                    network = make(*args)
                    functions.forward(copy.deepcopy(network), [0.3] * length)
            except (Exception, SystemExit):  # of the user's code: it is called otherwise
                continue
            yield network, length
            return


class AsGiven(Network):
    """Of the given sizes: where a loop ends with the shorter of two lists, a forward takes others, too."""

    def value(self, held: dict[str, Any], x: Any, y: Any) -> Any:
        before, after = ({n: np.shape(a) for n, a in leaves(each)} for each in ((self.held, self.x), (held, x)))
        if before != after:
            raise ValueError("other sizes")
        return super().value(held, x, y)


class Held:
    """The parameters of a network, each list of numbers as an array, with methods as a class of networks has."""

    def __init__(self, functions: Functions):
        self.functions, self.parameters = functions, dict[str, Any]()
        x = np.array(functions.x, float)
        output = self.feedforward(x)
        for path, old in _numbers(functions.network):
            value, name = np.array(old, float), ".".join(map(str, path))
            self.parameters = {**self.parameters, name: value + np.random.default_rng(0).normal(size=np.shape(value))}
            if np.array_equal(self.feedforward(x), output):  # it is kept there
                del self.parameters[name]
            else:
                self.parameters[name] = value

    def _filled(self) -> Any:
        whole = copy.deepcopy(self.functions.network)
        for path, old in _numbers(self.functions.network):
            if (name := ".".join(map(str, path))) in self.parameters:
                _put(whole, path, _as_lists(self.parameters[name], old))
        return whole

    def feedforward(self, x: Any) -> Any:
        f = self.functions
        return np.array(f.run(f.forward, self._filled(), _as_lists(x, f.x), None), float)

    def backprop(self, x: Any, y: Any) -> None:
        """Steps."""
        f, whole = self.functions, self._filled()
        for function in filter(None, (f.forward, f.backward, f.step)):
            f.run(function, whole, _as_lists(x, f.x), y)
        after = {".".join(map(str, path)): v for path, v in _numbers(whole)}
        self.parameters = {n: np.array(after[n], float) for n in self.parameters}


def _numbers(tree: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Where numbers are, and lists and arrays of them."""
    if isinstance(tree, float) or is_floating(tree) or is_table(tree) and _is_plain(tree):
        yield path, tree
    elif isinstance(tree, dict | list | tuple):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from _numbers(value, (*path, key))


def _is_plain(tree: Any) -> bool:
    return isinstance(tree, float) or isinstance(tree, list) and all(map(_is_plain, tree))


def _put(tree: Any, path: tuple, value: Any) -> None:
    for key in path[:-1]:
        tree = tree[key]
    tree[path[-1]] = value


def _as_lists(value: Any, like: Any) -> Any:
    """An array as lists, where it was one of these."""
    if isinstance(like, list) and np.ndim(value):
        return [_as_lists(value[k], like[0]) for k in range(len(value))]
    return value
