"""Check networks of the user's that are one class: made, given data, and of the loss that fits their gradients."""

from __future__ import annotations

import contextlib
import copy
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice, product
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.diagnosis.catalogue import NO_PENALTY
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_floating, is_integer, leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments.arrays import NEAR, is_table, slope
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.constants import without_constants
from jaxdoodle.submissions.arguments.finder import Finder, names_in, run_by
from jaxdoodle.submissions.classes.network_object import (
    PREDICT,
    Network,
    OfPairs,
    gradient_method,
    is_number,
    methods_of,
    takes_pairs,
)
from jaxdoodle.submissions.functions.models import labels_like
from jaxdoodle.submissions.functions.penalties import may_be_penalty
from jaxdoodle.submissions.objects.instances import IMAGES, LARGEST, objects_of
from jaxdoodle.submissions.objects.layer_object import arrays_of, attributes, looks_learned, output_of, set_at
from jaxdoodle.submissions.objects.modes import in_other_modes, titled
from jaxdoodle.submissions.reading.loss_names import LOSS
from jaxdoodle.submissions.reading.raised import raise_if_backward_ends, raised_by, raising

#: The last layer's gradient shows a cost: a parameter at least is right, or all are parallel to the right ones.
PARALLEL = 1 - 1e-6
#: Objects that are tried in another mode.
_OBJECTS = 20


def check_network(finder: Finder, cls: type, **options: Any) -> Report:
    """The gradients that a network computes, of its own loss, one in the file, or the usual one that fits best."""
    things = chain(objects_of(finder, cls), _fitted(finder, cls))
    found = next(filter(None, (_made(finder, cls, thing) for thing in things)), None)
    if found is not None:
        options = {"conventions": finder.declared(cls.__name__)[1], "title": cls.__name__, **options}
        report = _with_missing(finder, cls, found, report_of(found, **options))
        for other in found.off_zero() if report.passed else ():
            with contextlib.suppress(CheckError):  # it takes no such number
                title = titled(cls.__name__, other.numbers)
                again = report_of(other, **{**options, "title": title, "explain": True})
                if {f.name for f in again.findings} == {NO_PENALTY} and _is_of_no_loss(found, other):
                    told = f"checked with {' = '.join(other.numbers)} = 0: the loss has no penalty"
                    report = replace(report, notes=(*report.notes, told))
                else:
                    report = report if again.passed else again
        methods = [f.__name__ for f in methods_of(cls).values() if isinstance(f, FunctionType)] if report.passed else []
        for name in dict.fromkeys(n for n in methods if takes_pairs(getattr(found.thing, n, None))):
            told = f"{cls.__name__}.{name}"
            reports = [
                report_of(batch, **{**options, "title": told})
                for w in (np.sum, np.mean)
                if (batch := OfPairs(found, name, w)).fits
            ]
            if reports and not any(r.passed or NO_PENALTY in [f.name for f in r.findings] for r in reports):
                return reports[0]  # a penalty is of the data as a whole

        def check_made(given: dict[str, Any], **options: Any) -> Report | None:
            things = islice(objects_of(finder, cls, **given), _OBJECTS)
            network = next(filter(None, (_made(finder, cls, thing) for thing in things)), None)
            return None if network is None else report_of(network, **options)

        return in_other_modes(finder, cls, report, check_made, **options)
    method = methods_of(cls).get(gradient_method(cls) or "")
    raised = None if method is None else raised_by(method, finder.called_with(method))
    if raised is not None:
        return raising(cls.__name__, raised)
    name = gradient_method(cls) or "loss"
    raise CheckError(f"no way found to make {cls.__name__}({', '.join(required(cls))}) and call its {name}(x, y)")


def _fitted(finder: Finder, cls: type) -> Iterator[Any]:
    """The first object after its own ``fit(X, y)``, where it has no arrays before."""
    thing = next(objects_of(finder, cls), None)
    if hasattr(cls, "fit") and required(cls.fit)[3:] == [] and thing is not None and not _arrays(thing):
        with contextlib.suppress(Exception, SystemExit), fixed_randomness(), np.errstate(all="ignore"):  # of the user's
            thing.fit(np.random.normal(size=(4, 3)), np.array([0.0, 1.0, 1.0, 0.0]))
    yield from () if thing is None or not _arrays(thing) else (thing,)


def _with_missing(finder: Finder, cls: type, network: Network, report: Report) -> Report:
    """With what no gradient was found of, where it is called as parameters are and the loss depends on it."""
    methods = methods_of(cls)
    used = network.gradient_name or network.loss or ""
    others = methods.keys() - run_by(methods, {used})
    elsewhere = {word for n in others if re.search("grad|back|deriv|bptt", n) for word in names_in(methods[n])}
    held, missing, unknown = {id(a) for _, a in leaves(network.held)}, list[Finding](), ""
    for n, w in arrays_of(network.thing).items():
        own = re.split("[./]", n)
        if id(w) in held or not np.ndim(w) or not looks_learned(own[-1]) or {*own} & elsewhere:
            continue
        with contextlib.suppress(Exception), fixed_randomness(), np.errstate(all="ignore"):  # of the user's code
            (other := copy.copy(network)).thing = copy.deepcopy(network.thing)
            set_at(other.thing, n, w + np.random.default_rng(0).normal(size=np.shape(w)))
            values = [each.value(network.held, network.x, network.y) for each in (network, other)]
            if not np.array_equal(*values) and n in network.replaced:
                unknown = n
            elif not np.array_equal(*values):
                missing.append(Finding("gradient missing", f"no gradient of {n} was found after {used}", (n,)))
    if unknown:
        raise CheckError(f"{cls.__name__} changes {unknown} where it computes its output")
    whole = replace(report, findings=(*report.findings, *missing))
    return without_constants(finder, cls.__name__, whole, getattr(cls, used), [*network.held]) if missing else report


def _is_of_no_loss(network: Network, other: Network) -> bool:
    """Does the number in which they differ leave the loss as it is, and add a penalty's gradients?"""

    def added(name: str, scale: float, w: Any) -> Any:
        held = rebuild(network.held, lambda n, v: w if n == name else scale * v if is_floating(v) else v)
        x = scale * network.x if is_floating(network.x) else network.x
        with fixed_randomness():
            without, whole = (dict(leaves(n.gradient(held, x, network.y)))[name] for n in (network, other))
        return whole - without

    with fixed_randomness():
        values = [n.value(n.held, n.x, n.y) for n in (network, other)]
    held = [(n, w) for n, w in leaves(network.held) if is_floating(w)]
    return bool(np.array_equal(*values)) and all(may_be_penalty(partial(added, n), w) for n, w in held)


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


def report_of(network: Network | OfPairs, **options: Any) -> Report:
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
        call = {n: np.array(v) if is_table(v, whole=True) else v for n, v in call.items()}
        labels = [v for n, v in call.items() if kind_of(n) == "y" and v is not None]
        inputs = [v for n, v in call.items() if kind_of(n) != "y" and (is_floating(v) or _is_text(v)) and n != "self"]
        alone = name is not None and len(required(methods[name])) == 2
        others = labels or inputs[1 - alone :]  # a network that takes no labels may take the noise that it adds
        if inputs and others:
            yield inputs[0], others[0], {}
    rng = np.random.default_rng(0)
    predict = next((n for n in PREDICT if n in methods), None)
    rows = min((len(w) for w in _arrays(thing) if np.ndim(w) == 2), default=0)  # of the tables that words choose from
    texts = (rng.integers(0, rows, shape) for shape in ((4, 3), (4,)) if rows)
    for x in chain((rng.normal(size=shape) for shape in _input_shapes(cls, thing)), texts):
        try:
            with fixed_randomness(), np.errstate(all="ignore"):
                y = None if predict is None else getattr(copy.deepcopy(thing), predict)(x)
        except (Exception, SystemExit):  # any exception of the user's code: another shape
            continue
        y = output_of(thing, y)
        if predict is None:
            second = [p.name for p in parameters(getattr(thing, gradient_method(cls) or "loss", cls))][1:2]
            sizes = _sizes(thing) if second and kind_of(second[0]) != "y" else []  # noise, or a state
            yield from ((x, rng.normal(size=(len(x), k)), {}) for k in sizes)
            yield x, rng.integers(0, 2, len(x)), {}
        elif is_floating(y) and np.size(y):
            yield from ((x, labels, {}) for labels in labels_like(np.asarray(y, float), rng))


def _is_text(value: Any) -> bool:
    """Words by their numbers?"""
    return is_integer(value) and np.ndim(value) > 0


def _arrays(thing: Any) -> list[Any]:
    return [w for _, w in leaves(dict(attributes(thing))) if is_floating(w)] or [*arrays_of(thing).values()]


def _sizes(thing: Any) -> list[int]:
    """Of the arrays that an object holds."""
    return list(dict.fromkeys(k for w in _arrays(thing) for k in np.shape(w)[::-1]))[:6]


def _input_shapes(cls: type, thing: Any) -> Iterator[tuple[int, ...]]:
    """Of tables and vectors with a size of an array that the object holds; of images that the constructor tells of."""
    yield from (shape for k in _sizes(thing) for shape in ((4, k), (k, 4), (k, 1), (k,)))
    told = [*(p.default for p in parameters(cls)), *attributes(thing).values(), *IMAGES]
    whole = [v for v in told if isinstance(v, tuple | list) and len(v) in (2, 3) and all(type(k) is int for k in v)]
    channels = dict.fromkeys([1, 3, *(np.shape(w)[a] for w in _arrays(thing) if np.ndim(w) == 4 for a in (1, 2))])
    sides = dict.fromkeys(k for v in told for _, k in leaves(v) if type(k) is int and k > 3)
    images = [shape for k in sides for c in channels for shape in ((c, k, k), (k, k, c))]
    yield from ((2, *shape) for shape in (*whole, *images) if 0 < math.prod(shape) <= LARGEST)


def _fitting(finder: Finder, network: Network) -> bool | None:
    """Whether the loss is known: the class's own, else the one of which most gradients are right.

    None where the data do not fit.
    """
    declared = getattr(getattr(network.thing, "cost", None), "fn", None)
    if declared is not None:
        network.cost = declared
    thing = network.placed(network.held, network.x, network.y)
    gradients = dict(leaves(network.gradient(network.held, network.x, network.y)))
    if network.loss and not declared:
        return _choose_loss(network, gradients)
    if declared or is_number(network.output(thing, network.x, network.y)):
        return True if np.size(network.value(network.held, network.x, network.y)) == 1 else None
    best: tuple[tuple, Callable] | None = None
    for cost in costs(finder):
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
    return best[0][0] > 0 or best[0][-1] > PARALLEL


#: What the loss as a whole is called, where there are others.
_WHOLE = ("loss", "cost", "total_loss", "total_cost", "objective")


def _choose_loss(network: Network, gradients: dict[str, Any]) -> bool | None:
    """Of several that the class has, that of which most gradients are right; also of lists of inputs and labels."""
    best: tuple[tuple, str, bool] | None = None
    for listed, name in product((False, True), sorted(network.losses, key=lambda n: n not in _WHOLE)):
        network.loss, network.listed = name, listed
        try:
            fits = np.size(network.value(network.held, network.x, network.y)) == 1
            merit: tuple[Any, ...] = _merit(network, gradients) if fits and len(network.losses) > 1 else ()
        except (Exception, SystemExit) as error:  # of the user's code: it takes another form of the data
            raise_if_backward_ends(error)
            continue
        if fits and (best is None or merit > best[0]):
            best = merit, name, listed
        if fits and (len(network.losses) == 1 or name in _WHOLE and merit[0]):  # not the one without its penalty
            return True
    if best is None:
        return None
    _, network.loss, network.listed = best
    return True


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

            own.append((slope(at), float(np.vdot(g, d))))
        if all(abs(a - b) <= NEAR * max(abs(a), abs(b)) for a, b in own):
            right, last = right + 1, k
        slopes += own
    if not slopes:
        return 0, 0, 0.0
    a, b = np.array(slopes).T
    return right, last, float(abs(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-300))


def costs(finder: Finder) -> Iterator[Callable[[Any, Any], Any]]:
    for name, function in finder.functions.items():
        if LOSS.search(name) and len(required(function)) == 2 and not re.search("grad|back|deriv|prime", name):
            first = kind_of(required(function)[0]) == "y"
            yield partial(_other_way, function) if first else function
    yield from (partial(_total, base, whole) for base, whole in product(_BASES, _WHOLES))


def _other_way(function: Callable, a: Any, y: Any) -> Any:
    return function(y, a)


def _total(base: Callable, whole: Callable, a: Any, y: Any) -> Any:
    return base(a, np.asarray(y)).sum() / whole(a)


_BASES: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, y: 0.5 * (a - y) ** 2,
    lambda a, y: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
    lambda a, y: (a - y) ** 2,
    lambda a, y: -(y * np.log(a)),
    lambda a, y: -np.log(a[np.arange(len(y)), y]),
)
#: What the sum is divided by.
_WHOLES: tuple[Callable[[Any], Any], ...] = (lambda a: 1, len, lambda a: a.shape[-1], np.size)
