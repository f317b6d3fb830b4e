"""Find in a user's file what can be checked: pairs of functions, whole models, layers, and the rest (``classes``)."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from itertools import product
from typing import Any

import jax
import numpy as np

from jaxdoodle.core.user_code import UserCode
from jaxdoodle.gradcheck.api import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, is_residuals, parameters, required, split_output
from jaxdoodle.gradcheck.setup.discovery import MARK
from jaxdoodle.gradcheck.setup.leaves import is_floating, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions import guess as guessing
from jaxdoodle.submissions.guess import guess, kind_of

#: Words for the two directions, in the order in which they are looked for.
_DIRECTIONS = (("forward", "backward"), ("forward", "backwards"), ("fwd", "bwd"), ("fprop", "bprop"),
               ("forward", "back"), ("forwardprop", "backprop"))  # fmt: skip
#: The last line of a loss that returns its gradient, too.
_VALUE_AND_GRADIENT = re.compile(r"return\s+\(?\w*(loss|cost|data|l|j)\w*\s*,.*\b(d[a-z]\w*|\w*grad\w*)", re.I)
#: Time for the examples of a file (its tests, and what follows ``if __name__ == "__main__"``), in seconds.
EXAMPLES_SECONDS = 5.0


class Unchecked(CheckError):
    """Something that looks checkable and is not: says why in one line."""


@dataclass(frozen=True)
class Found:
    """Something to check: ``run(**options)`` gives the report, or raises ``CheckError``."""

    name: str
    function: Any  # where it begins
    run: Callable[..., Report]
    whole: bool = False  # a whole model, which tells what its parts are for

    @property
    def line(self) -> int:
        function = inspect.unwrap(getattr(self.function, "__func__", self.function))
        code = getattr(function, "__code__", None)
        try:
            return code.co_firstlineno if code is not None else inspect.getsourcelines(function)[1]
        except (OSError, TypeError):
            return 1


class Finder:
    """What can be checked in one file. Arguments are looked for when something is checked, not before."""

    def __init__(self, code: UserCode):
        self.code, self.names = code, vars(code.module)
        self.examples_ran = False
        self.taken: set[int] = set()
        files = {name for name, _ in code.parts}
        self.functions = {
            name: f for name, f in self.names.items()
            if isinstance(f, types.FunctionType) and f.__code__.co_filename in files
        }  # fmt: skip

    # -- pairs of functions ----------------------------------------------------------------------------------------

    def marked(self) -> Iterator[Found]:
        for name, backward in list(self.names.items()):
            if hasattr(backward, MARK) and id(backward) not in self.taken:
                forward, args, conventions = getattr(backward, MARK)
                self.taken |= {id(backward), id(forward)}
                args = args() if callable(args) else args
                stem = name.removesuffix("_backward")
                yield Found(stem, backward, partial(self.check_pair, stem, forward, backward, args, conventions))

    def pairs(self) -> Iterator[Found]:
        """Backwards with their forwards; a forward that is left alone is yielded as what cannot be checked.

        What a whole model is made of may take the mean over the batch: whether it should, the model's check tells.
        """
        found = list(self._pairs())
        parts = self._called_by([f.function for f in found if f.whole])
        for each in found:
            if each.name in parts and not each.whole:
                yield replace(each, run=partial(each.run, mean=True))
            else:
                yield each

    def _called_by(self, functions: list[Any]) -> set[str]:
        """The stems of the functions of the file that these call, and so on."""
        todo, seen = list(functions), set()
        while todo:
            for name in todo.pop().__code__.co_names:
                if name in self.functions and name not in seen:
                    seen.add(name)
                    todo.append(self.functions[name])
        return {_stem(name) for name in seen}

    def _pairs(self) -> Iterator[Found]:
        for name, backward in list(self.functions.items()):
            forward_name = self.forward_name(name)
            if forward_name is None or id(backward) in self.taken:
                continue
            forward = self.names[forward_name]
            self.taken |= {id(backward), id(forward)}
            if self.is_whole_model(forward, backward):
                yield Found(name, backward, partial(self.check_model, name, forward, backward), whole=True)
                continue
            stem = _stem(name)
            args, conventions = (self.names.get(f"{stem}_{what}") for what in ("args", "conventions"))
            args = args() if callable(args) else args
            yield Found(stem, backward, partial(self.check_pair, stem, forward, backward, args, conventions or ()))
        for name, forward in self.functions.items():
            if re.search(r"forward|fwd|fprop", name) and id(forward) not in self.taken:
                yield Found(name, forward, partial(self._alone, name))

    def _alone(self, name: str, **_: Any) -> Report:
        wanted = next(name.replace(f, b) for f, b in _DIRECTIONS if f in name)
        near = get_close_matches(wanted, self.functions, 1, 0.75)
        raise Forward(f"{name} has no {wanted}" + (f" ({near[0]} is near)" if near else ""))

    def forward_name(self, name: str) -> str | None:
        """The forward of a backward: ``forward`` for ``backward`` in its name, or the name without the word."""
        for forward, backward in _DIRECTIONS:
            if re.search(rf"(^|_){backward}(_|$)|^{backward}|{backward}$", name):
                candidates = [name.replace(backward, forward)]
                candidates.append(re.sub(rf"_?{backward}_?", "_", name).strip("_"))
                found = next((c for c in candidates if c != name and callable(self.names.get(c))), None)
                if found is not None:
                    return found
                near = get_close_matches(candidates[0], [n for n in self.functions if forward in n], 1, 0.9)
                if near:
                    return near[0]
        return None

    def check_pair(
        self, stem: str, forward: Callable, backward: Callable, args: Any, conventions: Sequence[str],
        mean: bool = False, **options: Any,
    ) -> Report:  # fmt: skip
        """``mean``: where the gradient of parameters is a mean over the batch, that is right in this place."""
        declared = args is not None
        args = tuple(args) if args is not None else self.arguments(stem, forward, backward)
        conventions = (*conventions, *(("batch mean",) if mean else ()))
        report = check(forward, backward, args, title=stem, conventions=conventions, **options)
        for words, other in () if declared or not report.passed else guessing.variants(forward, args):
            again = check(forward, backward, other, title=f"{stem} with {words}", conventions=conventions, **options)
            if not again.passed:
                return again
        return report

    def arguments(self, stem: str, forward: Callable, backward: Callable | None) -> tuple:
        """From calls in the file, or guessed. Raises ``CheckError`` that asks for them."""
        recorded = self.recorded(forward)
        if recorded is not None:
            return recorded
        args = guess(forward, None if backward is None else partial(_call_back, forward, backward))
        if args is None:
            names = ", ".join(required(forward))
            raise CheckError(f"no arguments known for {stem}; define {stem}_args = ({names}{',' * (',' not in names)})")
        return args

    def recorded(self, function: Callable) -> tuple | None:
        """The arguments of a call that the file makes: when it is run, in its tests, or as a program."""
        raw = inspect.unwrap(getattr(function, "__func__", function))
        code = getattr(raw, "__code__", None)
        if code is None:
            return None
        key = UserCode.key(code)
        if not self.code.calls.get(key) and not self.examples_ran:
            self.examples_ran = True
            self.code.run_examples(EXAMPLES_SECONDS)
        for call in self.code.calls.get(key, []):
            args = tuple(call[p.name] for p in parameters(function) if p.name in call)
            if any(is_floating(x) and np.size(x) for _, x in leaves(args)):
                with_floats = guessing.usable(function, args)
                if with_floats:
                    return args
        return None

    # -- whole models ----------------------------------------------------------------------------------------------

    def is_whole_model(self, forward: Callable, backward: Callable) -> bool:
        """Does the backward take labels that the forward does not? Then it differentiates a cost."""
        known = {p.name for p in parameters(forward)}
        return any(kind_of(n) == "y" and n not in known for n in required(backward)) and len(required(backward)) > 2

    def check_model(self, name: str, forward: Callable, backward: Callable, **options: Any) -> Report:
        costs = [f for n, f in self.functions.items() if re.search("cost|loss|entropy|error|objective", n)
                 and not re.search("backward|grad|deriv|prime", n) and len(required(f)) >= 2]  # fmt: skip
        if not costs:
            raise CheckError(f"{name} takes labels, and no cost function is beside it: compute_cost(output, labels)")
        for cost in costs:
            model = Model(forward, backward, cost)
            args = self._model_arguments(model)
            if args is not None:
                conventions = self.names.get(f"{_stem(name)}_conventions") or ()
                where = [i for i, n in enumerate(model.names) if model.holds_weights(n, args[i])]
                if len(where) == 1:
                    where = where[0]  # type: ignore[assignment]
                return check_gradient(
                    model.value, model.gradient, args, argnums=where, title=name, conventions=conventions, **options
                )
        raise CheckError(f"no arguments known for {name}; define {name}_args = ({', '.join(model.names)})")

    def _model_arguments(self, model: Model) -> tuple | None:
        declared = self.names.get(f"{_stem(model.backward.__name__)}_args")
        if declared is not None:
            return tuple(declared() if callable(declared) else declared)
        taken = model.parameters()
        for start in self._initial_parameters() + [None]:
            for values in guessing.candidates(model.forward, taken):
                if start is not None:
                    values = [start if guessing.is_dictionary(model.forward, p.name) else v
                              for p, v in zip(taken, values, strict=True)]  # fmt: skip
                args = model.fitting(values)
                if args is not None:
                    return args
        return None

    def _initial_parameters(self) -> list[dict]:
        """What the file's own initialization gives for networks with one and two hidden layers."""
        found = []
        for name, function in self.functions.items():
            if re.search("init", name):
                for first, last in product(((5, 4), (5, 4, 6)), (3, 1)):
                    sizes, count = (*first, last), len(required(function))
                    for args in (sizes, (list(sizes),)) if count in (1, len(sizes)) else ():
                        try:
                            given = function(*args)
                        except Exception:  # any exception of the user's code: other arguments
                            continue
                        if isinstance(given, dict) and any(is_floating(v) and np.size(v) for v in given.values()):
                            found.append(given)
        return found

    # -- losses that return their gradient ---------------------------------------------------------------------------

    def losses(self) -> Iterator[Found]:
        for name, function in self.functions.items():
            named = re.search("loss|cost|objective", name) and required(function) and id(function) not in self.taken
            if named and _VALUE_AND_GRADIENT.search(_text(function)):
                self.taken.add(id(function))
                yield Found(name, function, partial(self.check_loss, name, function))

    def check_loss(self, name: str, function: Callable, **options: Any) -> Report:
        args = self.arguments(name, function, lambda *_: None)
        returned = function(*args)
        if len(returned) > 2:
            return self._check_loss_of_globals(name, function, args, options)
        value, gradient = returned
        shapes = [np.shape(g) for g in (gradient if isinstance(gradient, tuple) else (gradient,))]
        floats = [i for i, a in enumerate(args) if is_floating(a)]
        where = [next((i for i in floats if np.shape(args[i]) == s), floats[0]) for s in shapes]
        argnums: Any = where[0] if len(where) == 1 else where

        @functools.wraps(function)
        def loss(*given: Any) -> Any:
            return function(*given)[0]

        return check_value_and_grad(loss, function, args, argnums=argnums, title=name, **options)

    def _check_loss_of_globals(self, name: str, function: Callable, args: tuple, options: dict[str, Any]) -> Report:
        """A loss that returns, after its value, gradients of arguments and of arrays that the file holds."""
        own = {p.name: i for i, p in enumerate(parameters(function))}
        held = {n: v for n, v in self.names.items() if is_floating(v) and isinstance(v, np.ndarray)}
        places = {}
        for k, returned in enumerate(_returned_names(function)):
            variable = re.sub(r"^(d|grad)_?", "", returned)
            if k and variable != returned and (variable in held or is_floating(args[own[variable]])):
                places[variable] = k
        if not places:
            raise CheckError(f"{name} returns more than a loss and its gradient")
        opened = _with_parameters(function, [n for n in places if n in held])
        every = [p.name for p in parameters(opened)]
        given = [held[n] if n in held and n not in own else args[own[n]] for n in every]

        def value_and_gradient(*now: Any) -> Any:
            returned = opened(*now)
            return returned[0], tuple(returned[k] for k in places.values())

        def loss(*now: Any) -> Any:
            return opened(*now)[0]

        for each in (loss, value_and_gradient):
            each.__signature__ = inspect.signature(opened)  # type: ignore[attr-defined]
        where = [every.index(n) for n in places]
        return check_value_and_grad(loss, value_and_gradient, given, argnums=where, title=name, **options)


def _returned_names(function: Callable) -> list[str]:
    """The names in the tuple that a function returns last."""
    tree = guessing.source_tree(function)
    tuples = [n.value for n in ast.walk(tree or ast.Module([], [])) if isinstance(n, ast.Return)]
    return [getattr(e, "id", "") for e in getattr(tuples[-1], "elts", ())] if tuples else []


def _with_parameters(function: Any, names: list[str]) -> Callable:
    """The function with these names, which it finds in its module, as its first parameters."""
    tree: Any = guessing.source_tree(function)
    tree.body[0].decorator_list = []
    tree.body[0].args.args[:0] = [ast.arg(n) for n in names]
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    module = compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec")
    code = next(c for c in module.co_consts if isinstance(c, types.CodeType) and c.co_name == function.__name__)
    return types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__)


class Forward(Unchecked):
    """A forward without a backward: said, and no failure."""


@dataclass(frozen=True)
class Model:
    """Forward, cost and backward of a whole network, joined by the names of their parameters."""

    forward: Callable
    backward: Callable
    cost: Callable

    @property
    def names(self) -> list[str]:
        return [p.name for p in self.parameters()]

    def parameters(self) -> list[inspect.Parameter]:
        """The forward's, then the labels and what else the others take that is none of cache and output."""
        taken = {p.name: p for p in parameters(self.forward) if p.default is p.empty}
        later = [p for f in (self.cost, self.backward) for p in parameters(f) if p.default is p.empty]
        for p in later:
            derived = is_residuals(p.name) or (kind_of(p.name) != "y" and kind_of(p.name) != "number")
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

    def _run(self, args: Sequence[Any]) -> tuple[dict[str, Any], Any, Any]:
        given = dict(zip(self.names, args, strict=True))
        result = self.forward(*(given[p.name] for p in parameters(self.forward) if p.name in given))
        if isinstance(result, dict):
            return given, result, result
        out = split_output(result, 2)
        return given, out.y, out.residuals if out.kept else out.y

    def _call(self, function: Callable, given: dict[str, Any], y: Any, cache: Any) -> Any:
        labels = next((v for n, v in given.items() if kind_of(n) == "y"), None)

        def value(name: str) -> Any:
            if name in given:
                return given[name]
            if is_residuals(name):
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
        return function(*values)

    def value(self, *args: Any) -> Any:
        given, y, cache = self._run(args)
        result = self._call(self.cost, given, y, cache)
        return result[0] if isinstance(result, tuple) else result

    def gradient(self, *args: Any) -> Any:
        given, y, cache = self._run(args)
        return self._call(self.backward, given, y, cache)

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
                for labels in _labels_like(out, rng):
                    final = [labels if kind_of(n) == "y" else v for n, v in zip(names, filled, strict=True)]
                    final = [dict(getattr(v, "asked", v)) if isinstance(v, dict) else v for v in final]
                    value = np.asarray(self.value(*final), float)
                    if value.size == 1 and np.isfinite(value).all():
                        self.gradient(*final)
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


def _labels_like(y: np.ndarray, rng: np.random.Generator) -> Iterator[Any]:
    """Labels for an output: one-hot where it sums to 1 along an axis, else zeros and ones; class numbers."""
    for axis in range(y.ndim):
        if y.shape[axis] > 1 and np.allclose(y.sum(axis=axis), 1):
            chosen = rng.integers(0, y.shape[axis], tuple(np.delete(y.shape, axis)))
            hot = np.eye(y.shape[axis])[chosen]
            yield np.moveaxis(hot, -1, axis)
            yield chosen
    yield (rng.random(y.shape) < 0.5).astype(float)
    if y.ndim == 2:
        yield rng.integers(0, y.shape[1], y.shape[0])


def _stem(name: str) -> str:
    for backward in sorted({b for _, b in _DIRECTIONS}, key=len, reverse=True):
        if backward in name:
            return re.sub(rf"_?{backward}_?", "_", name).strip("_") or name
    return name


def _call_back(forward: Callable, backward: Callable, args: tuple) -> Any:
    """The backward's result, if it is called in the usual order, for its shapes alone."""
    names = required(backward)
    out = split_output(forward(*args), len(names))
    dy = jax.tree.map(lambda y: np.ones(np.shape(y)), out.y)
    if len(names) == 2 and out.kept:
        flip = is_residuals(names[0]) or (is_cotangent(names[1]) and not is_cotangent(names[0]))
        return backward(out.residuals, dy) if flip else backward(dy, out.residuals)
    known = dict(zip((p.name for p in parameters(forward)), args, strict=False))
    values = [known[n] if n in known else out.residuals if is_residuals(n) and out.kept else dy if is_cotangent(n)
              else out.y for n in names]  # fmt: skip
    return backward(*values)


def _text(function: Callable) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return ""
