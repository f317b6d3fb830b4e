"""Whole models of the user's: forward, cost and backward as functions, joined by the names of their parameters."""

from __future__ import annotations

import copy
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check_gradient
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, is_residuals, parameters, required, split_output
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_floating, leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import slope
from jaxdoodle.submissions.arguments.by_name import is_dictionary, kind_of
from jaxdoodle.submissions.arguments.finder import Finder, Found
from jaxdoodle.submissions.functions.discovery import directions, stem_of
from jaxdoodle.submissions.functions.initial import initial_parameters
from jaxdoodle.submissions.functions.pair import with_names
from jaxdoodle.submissions.reading.global_names import missing_numbers, putting, with_own_globals
from jaxdoodle.submissions.reading.loss_names import LOSS
from jaxdoodle.submissions.reading.returned import returned_names
from jaxdoodle.submissions.reading.source import conventions_of

#: Arguments tried for one cost of a whole model.
_TRIALS = 1500
#: Of those that fit, how many are tried for one whose gradients have their shapes.
_COMPARED = 40
#: Examples of a network whose parameters the file initializes.
_EXAMPLES = 6
#: What a number is set to in place of its default: a rate of a penalty, a share that dropout keeps.
_OFF = {0.0: 0.3, 1.0: 0.8}


def models(finder: Finder) -> Iterator[Found]:
    """Backwards that take labels, or something else of a cost, which their forward does not: they differentiate it."""
    of_cost = {n for f in _costs(finder) for n in required(f)[1:] if not is_residuals(n) and not is_cotangent(n)}
    for name, backward, forward in directions(finder):
        known = {p.name for p in parameters(forward)} | {*returned_names(forward)}
        more = [n for n in required(backward) if n not in known and (kind_of(n) == "y" or n in of_cost)]
        if len(required(backward)) > 2 and more:
            finder.taken |= {id(backward), id(forward)}
            yield Found(name, backward, partial(check_model, finder, name, forward, backward), whole=True)


def _costs(finder: Finder) -> list[Callable]:
    return [f for n, f in finder.functions.items()
            if LOSS.search(n) and not re.search("backward|grad|deriv|prime", n) and len(required(f)) >= 2]  # fmt: skip


def check_model(finder: Finder, name: str, forward: Callable, backward: Callable, **options: Any) -> Report:
    costs, scope, put = _costs(finder), finder.names, None
    if missing := missing_numbers(finder.names, forward, backward, *costs):  # of data that are not there
        scope = with_own_globals(finder.names)
        forward, backward, *costs = (scope[f.__name__] for f in (forward, backward, *costs))
        put = types.FunctionType(putting(missing, finder.code.parts[-1][0]), scope)
    numbers = {n for n in required(backward) if kind_of(n) == "number"}  # of a penalty that cost and backward share
    own = {*returned_names(forward), *required(backward)}
    costs.sort(
        key=lambda f: (len(numbers ^ {n for n in required(f) if kind_of(n) == "number"}), own.isdisjoint(required(f)))
    )
    model = Model(forward, backward, backward, put=put)
    for cost in costs:
        model = replace(model, cost=cost)
        found = _arguments(finder, model)
        if (first := next(found, None)) is not None:
            return _check_with_cost(finder, name, model, chain([first], found), **options)
    if costs:
        raise CheckError(f"no arguments known for {name}; define {stem_of(name)}_args = ({', '.join(model.names)})")
    args = next(_arguments(finder, replace(model, cost=_CrossEntropy(True))), None)
    usual = [replace(model, cost=_CrossEntropy(mean)) for mean in (True, False)] if args else []
    right = [_right(m, args) for m in usual if args]
    if args is None or not max(right):  # no softmax, or another loss of it
        raise CheckError(f"{name} takes labels, and no cost function is beside it: compute_cost(output, labels)")
    return _check_with_cost(finder, name, usual[right.index(max(right))], iter([args]), **options)


def _right(model: Model, args: tuple) -> int:
    """How many gradients agree with differences of the cost in a random direction."""
    found = 0
    for k, n, x, of in model.pairs(args):
        if is_floating(x) and np.shape(of) == np.shape(x):
            d = np.random.default_rng(0).normal(size=np.shape(x))

            def at(step: float, k: int = k, n: str = n, d: Any = d) -> float:
                moved = rebuild(args[k], lambda other, v: v + step * d if other == n else v)
                return float(model.value(*(*copy.deepcopy(args[:k]), moved, *copy.deepcopy(args[k + 1 :]))))

            found += bool(np.isclose(slope(at), np.vdot(of, d), rtol=1e-3))
    return found


def _check_with_cost(finder: Finder, name: str, model: Model, found: Iterator[tuple], **options: Any) -> Report:
    """``found``: arguments, and then others of more layers."""
    args = next(found)
    conventions = (*finder.declared(stem_of(name))[1], *conventions_of(model.backward))
    model, where = model.differentiated(args)
    given = {"argnums": where, "conventions": conventions, **options}
    value, gradient = (with_names(f, model.names) for f in (model.value, model.gradient))
    report = check_gradient(value, gradient, args, title=name, **given)
    for other in model.variants() if report.passed else ():
        title = f"{name} with {', '.join(f'{n}={x}' for n, x in other.numbers.items())}"
        again = check_gradient(other.value, other.gradient, args, title=title, **given)
        if not again.passed:
            return again
    tried = found if report.passed and any(isinstance(a, dict) for a in args) else ()
    deeper = next((a for a in tried if model.reads_more(a, args)), None)
    if deeper is not None:
        again = check_gradient(value, gradient, deeper, title=f"{name} with more layers", **given)
        return report if again.passed else again
    return report


class _CrossEntropy:
    """The usual loss of a softmax in columns or rows, where the file has none; labels are classes or one-hot."""

    __signature__ = inspect.signature(lambda output, labels: None)

    def __init__(self, mean: bool):
        self.mean, self.axis = mean, 0

    def __call__(self, output: Any, labels: Any) -> Any:
        if type(output) is np.ndarray:  # what is traced has the axis of what it was before
            axes = [k for k in range(output.ndim) if np.allclose(output.sum(axis=k), 1)]
            self.axis = axes[0] if axes and output.ndim == 2 else output.ndim  # no probabilities: refused below
        examples = np.shape(output)[(1, 0)[self.axis]]
        place = (labels, np.arange(examples))[:: 1 if self.axis == 0 else -1]
        chosen = np.log(output[place]) if np.ndim(labels) == 1 else labels * np.log(output)
        return -chosen.sum() / (examples if self.mean else 1)


def _arguments(finder: Finder, model: Model) -> Iterator[tuple]:
    """Those declared alone; else those of calls, then of each of the file's initial parameters, or guessed."""
    declared, _ = finder.declared(stem_of(model.backward.__name__))
    if declared is not None:
        yield declared
        return
    called: dict[str, Any] = {}
    for function in (model.cost, model.backward, model.forward):
        called |= finder.called_with(function)
    names, fits = model.names, False
    if all(n in called for n in names):
        args = tuple(called[n] for n in names)
        if model.takes(args):
            fits = True
            yield args
    for start in (*initial_parameters(finder.functions), None):
        if start is None and fits:
            return
        fitted = _fitting(model, start)
        if fitted is not None:
            fits = True
            yield fitted


def _fitting(model: Model, start: dict | None) -> tuple | None:
    """Of values of these initial parameters, or guessed, the first that fit, rather with gradients of their shapes."""
    taken, first, compared = model.parameters(), None, 0
    tables = [is_dictionary(model.forward, p.name) for p in taken]
    for values in islice(guessing.candidates(model.forward, taken), _TRIALS):
        if start is not None:
            given = zip(tables, taken, values, strict=True)
            values = [start if is_table else start.get(p.name, v) for is_table, p, v in given]
        for own in (values, *_of_its_inputs(start or {}, model.names, values)):
            args = model.fitting(own)
            if args is not None and model.has_shapes(args):
                return args
            first, compared = first or args, compared + (args is not None)
        if compared >= _COMPARED:
            break
    return first


def _of_its_inputs(start: dict, names: Sequence[str], values: list[Any]) -> Iterator[list[Any]]:
    """With examples of as many features as the first weights of a start take, in columns and in rows."""
    first = next((np.shape(w) for n, w in start.items() if kind_of(n) == "w" and np.ndim(w) == 2), ())
    rng = np.random.default_rng(0)
    for n in dict.fromkeys(first):
        for shape in ((n, _EXAMPLES), (_EXAMPLES, n)):
            x = rng.normal(size=shape)
            yield [x if kind_of(name) == "x" else v for name, v in zip(names, values, strict=True)]


@dataclass(frozen=True)
class Model:
    """Forward, cost and backward of a whole network, joined by the names of their parameters.

    ``numbers``: in place of defaults, in each of the three that has a parameter of the name. ``places``: which of the
    backward's results are gradients of weights, where it gives others beside them. ``put``: of the number of examples,
    where functions find that in their module.
    """

    forward: Callable
    backward: Callable
    cost: Callable
    numbers: Mapping[str, float] = field(default_factory=dict)
    places: Sequence[int] | None = None
    put: Callable | None = None

    def variants(self) -> Iterator[Model]:
        """With a number off the default at which a term or a mask does not count, one after another."""
        functions = (self.forward, self.cost, self.backward)
        defaults = [{p.name: p.default for p in parameters(f) if isinstance(p.default, float)} for f in functions]
        for n, default in defaults[2].items():
            if default in _OFF and any(n in others for others in defaults[:2]):
                yield replace(self, numbers={n: _OFF[default]})

    def _numbers(self, function: Callable) -> dict[str, float]:
        own = parameters(function) if self.numbers else ()
        return {p.name: self.numbers[p.name] for p in own if p.name in self.numbers}

    @functools.cached_property
    def names(self) -> list[str]:
        return [p.name for p in self.parameters()]

    @functools.cached_property
    def told(self) -> list[str]:
        """Names of the forward's results; of one that is written as an expression, that which the backward takes."""
        told, own = returned_names(self.forward), {p.name for p in parameters(self.forward)}
        left = [n for n in required(self.backward) if n not in told and n not in own and kind_of(n) != "y"]
        return [n or left[0] for n in told] if len(left) == told.count("") == 1 else told

    def parameters(self) -> list[inspect.Parameter]:
        """The forward's, then the labels and what else the others take that is none of cache and output."""
        taken = {p.name: p for p in parameters(self.forward) if p.default is p.empty}
        of_cost, of_backward = ([p for p in parameters(f) if p.default is p.empty] for f in (self.cost, self.backward))
        both = {p.name for p in of_cost[1:]} & {p.name for p in of_backward} - {*returned_names(self.forward)}
        for p in (*of_cost, *of_backward):
            derived = is_residuals(p.name) or kind_of(p.name) not in ("y", "number") and p.name not in both
            if p.name not in taken and not derived:
                same = [n for n in taken if kind_of(n) == "y"]
                if not (kind_of(p.name) == "y" and same):
                    taken[p.name] = p
        return list(taken.values())

    def holds_weights(self, name: str, value: Any) -> bool:
        if isinstance(value, dict | list):
            return True
        return (
            is_floating(value)
            and kind_of(name) in ("w", "b", "gamma")
            and name in {p.name for p in parameters(self.forward)}
        )

    def differentiated(self, args: Sequence[Any]) -> tuple[Model, int | list[int]]:
        """The model with the gradients that are of weights, and the places of these among the arguments."""
        where = [i for i, n in enumerate(self.names) if self.holds_weights(n, args[i])]
        given, own = self.gradient(*copy.deepcopy(tuple(args))), returned_names(self.backward)
        tables = [k for k, g in enumerate(given) if isinstance(g, dict)] if isinstance(given, tuple) else []
        dicts = [i for i in where if isinstance(args[i], dict)]
        if len(tables) == len(dicts) == 1 and len(given) > 1:  # beside them, gradients of what a step takes
            named = {n: k for k, n in enumerate(own) if n and k not in tables}
            others = {i: gradient_of(self.names[i], named) for i in range(len(args)) if i not in dicts}
            found = {dicts[0]: tables[0], **{i: k for i, k in others.items() if k is not None}}
            return replace(self, places=list(found.values())), list(found)
        return self, where[0] if len(where) == 1 else where

    def _run(self, args: Sequence[Any]) -> tuple[dict[str, Any], Any, Any]:
        given = dict(zip(self.names, args, strict=True))
        own = (given[p.name] for p in parameters(self.forward) if p.name in given)
        result = self.forward(*own, **self._numbers(self.forward))
        if isinstance(result, dict):
            return given, result, result
        if isinstance(result, tuple) and len(result) == len(self.told) > 2 and all(self.told):
            kept = dict(zip(self.told, result, strict=True))
            return given, next((r for n, r in kept.items() if n in required(self.cost)), result[-1]), kept
        out = split_output(result, 2)
        return given, out.y, out.residuals if out.kept else out.y

    def _call(self, function: Callable, given: dict[str, Any], y: Any, cache: Any) -> Any:
        labels = next((v for n, v in given.items() if kind_of(n) == "y"), None)

        def value(name: str) -> Any:
            if name in given:
                return given[name]
            if is_residuals(name) and not (isinstance(cache, dict) and name in cache):
                return cache
            if isinstance(cache, dict):
                plain = {str(k).lower(): v for k, v in cache.items()}
                if name.lower() in plain:
                    return plain[name.lower()]
            return labels if kind_of(name) == "y" else y

        order = required(function)
        values = [value(name) for name in order]
        if function is self.cost and not isinstance(y, dict) and not any(v is y for v in values) and len(order) == 2:
            values = [y, labels]
        return function(*values, **self._numbers(function))

    def _count(self, args: Sequence[Any]) -> None:
        """The number of examples: the length that inputs and labels share at their first or last axis."""
        shapes = [np.shape(a) for n, a in zip(self.names, args, strict=True) if kind_of(n) in ("x", "y")]
        if self.put is not None:
            ends = [{s[k] for s in shapes if s} for k in (-1, 0)]
            count = next((n for same in ends if len(same) == 1 for n in same), 1)
            self.put(*[count] * self.put.__code__.co_argcount)

    def value(self, *args: Any) -> Any:
        self._count(args)
        given, y, cache = self._run(args)
        result = self._call(self.cost, given, y, cache)
        return result[0] if isinstance(result, tuple) else result

    def gradient(self, *args: Any) -> Any:
        self._count(args)
        given, y, cache = self._run(args)
        result = self._call(self.backward, given, y, cache)
        return result if self.places is None else tuple(result[k] for k in self.places)

    def reads_more(self, args: tuple, others: tuple) -> bool:
        """Have dictionaries of weights more entries than in the others, and does the cost depend on each entry?"""
        tables = [k for k, a in enumerate(args) if isinstance(a, dict)]
        if not any(isinstance(others[k], dict) and len(args[k]) > len(others[k]) for k in tables):
            return False
        base = self.value(*copy.deepcopy(args))
        for k, entry in [(i, n) for i in tables for n, v in args[i].items() if is_floating(v)]:
            moved = copy.deepcopy(args)
            moved[k][entry] = moved[k][entry] + 0.3
            if self.value(*moved) == base:
                return False
        return True

    def pairs(self, args: tuple) -> Iterator[tuple[int, str, Any, Any]]:
        """Place among the arguments, name in it, weights and their gradient."""
        model, where = self.differentiated(args)
        given, places = model.gradient(*copy.deepcopy(args)), [where] if isinstance(where, int) else where
        for k, g in zip(places, given if isinstance(given, tuple | list) else (given,), strict=False):
            for n, x in leaves(args[k]):
                yield k, n, x, gradient_of(n, g) if isinstance(g, dict) else g

    def has_shapes(self, args: tuple) -> bool:
        """Is each gradient as large as its weights?"""
        return all(np.shape(of) == np.shape(x) for *_, x, of in self.pairs(args) if is_floating(x) and is_floating(of))

    def takes(self, args: tuple) -> bool:
        """Do forward, cost and backward take these arguments?"""
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(self.value(*copy.deepcopy(args)), float)
                self.gradient(*copy.deepcopy(args))
        except Exception:  # any exception of the user's code is a refusal
            return False
        return value.size == 1 and bool(np.isfinite(value).all())

    def fitting(self, values: list[Any]) -> tuple | None:
        """These values with labels that fit the output; ``None`` where forward, cost or backward refuses them."""
        rng, names = np.random.default_rng(0), self.names
        own = len([p for p in parameters(self.forward) if p.name in names])
        try:
            filled = [*values, *[None] * (len(names) - len(values))]
            for i in range(own, len(names)):
                filled[i] = 0.3 if kind_of(names[i]) == "number" else filled[i]
            with np.errstate(all="ignore"):
                given, y, cache = self._run(filled)
                out = self._output(y, given)
                for labels in labels_like(out, rng):
                    final = [labels if kind_of(n) == "y" else v for n, v in zip(names, filled, strict=True)]
                    final = [dict(getattr(v, "asked", v)) if isinstance(v, dict) else v for v in final]
                    if self.takes(tuple(final)):
                        return tuple(final)
        except Exception:  # any exception of the user's code is a refusal
            return None
        return None

    def _output(self, y: Any, given: dict[str, Any]) -> np.ndarray:
        if isinstance(y, dict):
            plain = {str(k).lower(): v for k, v in y.items()}
            wanted = [plain[n.lower()] for n in required(self.cost) if n.lower() in plain]
            return np.asarray(wanted[0] if wanted else list(y.values())[-1], float)
        return np.asarray(y, float)


def labels_like(y: np.ndarray, rng: np.random.Generator) -> Iterator[Any]:
    """Labels for an output: one-hot where it sums to 1 along an axis, else zeros and ones; class numbers; one-hot."""
    for axis in range(y.ndim):
        if y.shape[axis] > 1 and np.allclose(y.sum(axis=axis), 1):
            chosen = rng.integers(0, y.shape[axis], tuple(np.delete(y.shape, axis)))
            chosen.flat[0] = y.shape[axis] - 1  # ``Y.max() + 1`` is the number of classes
            hot = np.eye(y.shape[axis])[chosen]
            yield np.moveaxis(hot, -1, axis)
            yield chosen
    yield (rng.random(y.shape) < 0.5).astype(float)
    if y.ndim == 2:
        yield rng.integers(0, y.shape[1], y.shape[0])
        yield np.eye(y.shape[1])[rng.integers(0, y.shape[1], y.shape[0])]
        yield np.eye(y.shape[0])[:, rng.integers(0, y.shape[0], y.shape[1])]
