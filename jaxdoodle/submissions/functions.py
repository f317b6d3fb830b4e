"""Find in a user's file what can be checked: pairs of functions, whole models, layers, and the rest (``classes``)."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import re
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle.core.user_code import UserCode
from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.autograd.tape import LIBRARIES
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, is_residuals, parameters, required, split_output, unknown
from jaxdoodle.gradcheck.setup.candidate import raised_at
from jaxdoodle.gradcheck.setup.discovery import MARK
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_floating, is_integer, is_real, leaves, named, rebuild
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.guess import guess
from jaxdoodle.submissions.arguments.source import source_text
from jaxdoodle.submissions.arrays import (
    as_numbers,
    in_torch,
    is_table,
    is_tensor,
    lengths,
    shapes_of,
    taking_lists,
    taking_tensors,
)
from jaxdoodle.submissions.words import english

#: Words for the two directions, in the order in which they are looked for.
_DIRECTIONS = (("forward", "backward"), ("forward", "backwards"), ("fwd", "bwd"), ("fprop", "bprop"),
               ("forward", "back"), ("forwardprop", "backprop"))  # fmt: skip
#: What the name of a backward may add to that of its forward: the cost may have a term more.
_VARIANT = re.compile(r"_(with_\w+|[^_]*regulari[^_]*|reg|l2|vectori[^_]*)$")
_PENALTY = re.compile(r"_([^_]*regulari[^_]*|reg|l2)$")
#: What the name of a function's gradient adds to its own.
_GRADIENT_OF = re.compile(r"_(grads?|gradients?|vjp|pullback|adjoint)$")
#: What is said of an array where a name, a table or an object is meant.
_OF_ANOTHER_KIND = re.compile(r"unhashable type|object has no attribute '(keys|items|values|get)'")
#: How a backward says that it passes a gradient through a step on purpose.
_PASSES_STEPS = re.compile(r"straight.?through|\bSTE\b")
#: What cuts gradients off, on request.
_CLIPS = re.compile("clip|max_norm", re.I)
#: Processor time, in seconds, for the examples of a file: tests, and what is below ``if __name__ == "__main__"``.
EXAMPLES_SECONDS = 5.0


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
        for cls in [v for v in self.names.values() if isinstance(v, type) and v.__module__ == code.module.__name__]:
            _translate(vars(cls), partial(setattr, cls))
        _translate(self.names, self.names.__setitem__)
        self.functions = {
            name: f for name, f in self.names.items()
            if isinstance(f, types.FunctionType) and f.__code__.co_filename in files
            and (english(name) == name or self.names.get(english(name)) is not f)
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

    def pairs(self, models: Sequence[Found] = ()) -> Iterator[Found]:
        """Backwards with their forwards; a forward that is left alone is yielded as what cannot be checked.

        What a whole model is made of may take the mean over the batch: whether it should, the model's check tells.
        """
        parts = self._called_by([model.function for model in models])
        for name, backward, forward in self.directions():
            if _PENALTY.search(name) and not _PENALTY.search(forward.__name__):
                yield Found(name, backward, partial(self._penalized, name))
                continue
            stem = stem_of(name)
            self.taken |= {id(backward), id(forward)}
            check_it = partial(self.check_pair, stem, forward, backward, *self.declared(stem), stem in parts)
            yield Found(stem, backward, check_it)
        for name, forward in self.functions.items():
            if re.search(r"forward|fwd|fprop", name) and id(forward) not in self.taken:
                yield Found(name, forward, partial(self._alone, name))

    def declared(self, name: str) -> tuple[Any, Sequence[str]]:
        """The arguments (``None``: none) and the conventions that the file names for something."""
        args, conventions = (self.names.get(f"{name}_{what}") for what in ("args", "conventions"))
        return args() if callable(args) else args, conventions or ()

    def directions(self) -> Iterator[tuple[str, Callable, Callable]]:
        """(name, backward, forward) of what is not taken yet."""
        for name, backward in list(self.functions.items()):
            forward = None if id(backward) in self.taken else self.forward_name(name)
            if forward is not None:
                yield name, backward, self.names[forward]

    def _called_by(self, functions: list[Any]) -> set[str]:
        """The stems of the functions of the file that these call, and so on."""
        todo, seen = list(functions), set()
        while todo:
            for name in todo.pop().__code__.co_names:
                if name in self.functions and name not in seen:
                    seen.add(name)
                    todo.append(self.functions[name])
        return {stem_of(name) for name in seen}

    def _alone(self, name: str, **_: Any) -> Report:
        wanted = next(name.replace(f, b) for f, b in _DIRECTIONS if f in name)
        near = get_close_matches(wanted, self.functions.keys() - {name}, 1, 0.75)
        raise Forward(f"{name} has no {wanted}" + (f" ({near[0]} is near)" if near else ""))

    def _penalized(self, name: str, **_: Any) -> Report:
        raise Forward(f"{name} has no forward with the penalty, and no cost")

    def forward_name(self, name: str) -> str | None:
        """The forward of a backward: ``forward`` for ``backward`` in its name, or the name without the word."""
        for forward, backward in _DIRECTIONS:
            if re.search(rf"(^|_){backward}(_|$)|^{backward}|{backward}$", name):
                candidates = [name.replace(backward, forward)]
                candidates += [_VARIANT.sub("", candidates[0]), re.sub(rf"_?{backward}_?", "_", name).strip("_")]
                found = next((c for c in candidates if c != name and callable(self.names.get(c))), None)
                if found is not None:
                    return found
                near = get_close_matches(candidates[0], [n for n in self.functions if forward in n], 1, 0.9)
                if near:
                    return near[0]
        of = _GRADIENT_OF.sub("", name)  # one that takes what the function kept; others are derivatives
        if of != name and of in self.functions:
            taken = {p.name for p in parameters(self.functions[of])}
            return of if any(n not in taken and not is_cotangent(n) for n in required(self.functions[name])) else None
        return None

    def check_pair(
        self, stem: str, forward: Callable, backward: Callable, args: Any, conventions: Sequence[str],
        mean: bool = False, **options: Any,
    ) -> Report:  # fmt: skip
        """``mean``: where the gradient of parameters is a mean over the batch, that is right in this place."""
        declared = args is not None
        forward, backward = by_position(forward), by_position(backward)
        if args is None:
            try:
                args = self.arguments(stem, forward, backward)
            except CheckError:
                if not (in_torch(forward) or in_torch(backward)):
                    raise
                forward, backward = taking_tensors(forward), taking_tensors(backward)
                args = self.arguments(stem, forward, backward)
        elif any(is_tensor(x) for _, x in leaves(tuple(args))):
            forward, backward = taking_tensors(forward), taking_tensors(backward)
        args = tuple(as_numbers(tuple(args)))
        tables = [k for k, (a, p) in enumerate(zip(args, parameters(forward), strict=False))
                  if is_table(a, whole=kind_of(p.name) == "x")]  # fmt: skip
        with contextlib.suppress(Exception):  # any exception of the user's code: the check tells
            returned = _call_back(forward, backward, copy.deepcopy(args)) if tables or any(map(named, args)) else []
            args = tuple(_with_numbers(a, returned) for a in args)
            given = shapes_of(returned)
            if len(given) < len(tables) + sum(map(is_floating, args)):  # some of them are constants
                tables = [k for k in tables if lengths(args[k]) in given]
        if tables:
            forward = taking_lists(forward, tables)
            args = tuple(np.array(a, float) if k in tables else a for k, a in enumerate(args))
        conventions = (*conventions, *(("mean of some",) if mean else ()))
        conventions += ("passed through",) if _PASSES_STEPS.search(source_text(backward)) else ()
        report = check(forward, backward, args, title=stem, conventions=conventions, **options)
        if not report.passed:
            self._raise_if_unsure(stem, forward, backward, args, declared, report)
        for words, other in guessing.variants(forward, backward, args, declared) if report.passed else ():
            again = check(forward, backward, other, title=f"{stem} with {words}", conventions=conventions, **options)
            if not again.passed:
                return again
        return report

    def _raise_if_unsure(
        self, stem: str, forward: Callable, backward: Callable, args: tuple, declared: bool, report: Report
    ) -> None:
        """Raises ``CheckError`` where what is wrong may be how the backward is called, or what it is given."""
        output = split_output(forward(*copy.deepcopy(args)), len(required(backward)))
        open_, left = unknown(forward, backward, output, sum(isinstance(a, dict | list) for a in args))
        raises = any(f.name.startswith("backward raises") for f in report.findings)
        if open_ and (len(open_) > left or raises) and all(leaf.verdict == "wrong" for leaf in report.leaves):
            own = f"{backward.__name__}({', '.join(required(backward))})"
            raise CheckError(f"no way is known to call {own}: {stem} gives nothing called {' and '.join(open_)}")
        raised = (f.sentence for f in report.findings if f.name.startswith("backward raises"))
        if any(map(_OF_ANOTHER_KIND.search, raised)) and not declared and self.recorded(forward) is None:
            raise _unknown_arguments(stem, forward)

    def arguments(self, stem: str, forward: Callable, backward: Callable | None) -> tuple:
        """From calls in the file, or guessed. Raises ``CheckError`` that asks for them."""
        recorded = self.recorded(forward)
        if recorded is not None:
            return recorded
        args = guess(forward, None if backward is None else partial(_call_back, forward, backward))
        if args is None:
            raise _unknown_arguments(stem, forward)
        return args

    def recorded(self, function: Callable) -> tuple | None:
        """The arguments of a call that the file makes: when it is run, in its tests, or as a program."""
        for call in self._calls(function):
            own = [p for p in parameters(function) if p.name in call]
            off = {p.name: None for p in own if p.default is None and _CLIPS.search(p.name)}
            args: tuple[Any, ...] = tuple((call | off)[p.name] for p in own)
            held = "self" in call or any(
                is_floating(x) and np.size(x) or is_table(a) for a in args for _, x in leaves(a)
            )
            ways = [args] if held else []
            if not any(is_floating(x) for _, x in leaves(args)):  # data in whole numbers
                ways.insert(0, tuple(np.asarray(a, float) if is_integer(a) and np.ndim(a) > 1 else a for a in args))
            for given in ways:
                if guessing.usable(function, given):
                    return given
        return None

    def called_with(self, function: Callable) -> dict[str, Any]:
        """The arguments, by name, of the first call that the file makes."""
        return next(iter(self._calls(function)), {})

    def _calls(self, function: Callable) -> list[dict[str, Any]]:
        raw = inspect.unwrap(getattr(function, "__func__", function))
        code = getattr(raw, "__code__", None)
        if code is None:
            return []
        key = UserCode.key(code)
        if not self.code.calls.get(key) and not self.examples_ran:
            self.examples_ran = True
            self.code.run_examples(EXAMPLES_SECONDS)
        return self.code.calls.get(key, [])


def _translate(names: Mapping[str, Any], put: Callable[[str, Any], None]) -> None:
    """Functions with names in another language get their English ones, too."""
    for name, value in list(names.items()):
        if isinstance(value, types.FunctionType) and (plain := english(name)) not in names:
            put(plain, value)


def _unknown_arguments(stem: str, forward: Callable) -> CheckError:
    names = ", ".join(required(forward))
    return CheckError(f"no arguments known for {stem}; define {stem}_args = ({names}{',' * (',' not in names)})")


def by_position(function: Callable) -> Callable:
    """A function of which keyword-only parameters are required, taking them by position."""
    own = sorted(parameters(function), key=lambda p: p.default is not p.empty)
    if not any(p.kind == p.KEYWORD_ONLY and p.default is p.empty for p in own):
        return function

    @functools.wraps(function)
    def run(*args: Any) -> Any:
        return function(**dict(zip((p.name for p in own), args, strict=False)))

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in own]
    )
    return run


class Forward(CheckError):
    """A forward without a backward: said, and no failure."""


def stem_of(name: str) -> str:
    for backward in sorted({b for _, b in _DIRECTIONS}, key=len, reverse=True):
        if backward in name:
            return re.sub(rf"_?{backward}_?", "_", name).strip("_") or name
    return _GRADIENT_OF.sub("", name)


def _with_numbers(tree: Any, returned: Any) -> Any:
    """A table with its bare numbers as arrays, where what came back has a gradient of them, by name."""
    own, parts = named(tree), [returned, *(returned if isinstance(returned, tuple) else ())]
    of = {n for part in map(named, parts) for n in own or () if part and is_real(gradient_of(n, part))}
    return rebuild(tree, lambda n, x: np.float64(x) if n in of and type(x) is float else x) if of else tree


def _call_back(forward: Callable, backward: Callable, args: tuple) -> Any:
    """The backward's result, if it is called in the usual order, for its shapes alone."""
    names = required(backward)
    out = split_output(forward(*args), len(names))
    dy = jax.tree.map(lambda y: np.ones(np.shape(y)), out.y)
    known = dict(zip((p.name for p in parameters(forward)), args, strict=False))
    if len(names) == 2 and out.kept and not known.keys() & {*names}:
        flip = is_residuals(names[0]) or (is_cotangent(names[1]) and not is_cotangent(names[0]))
        return backward(out.residuals, dy) if flip else backward(dy, out.residuals)
    open_ = [n for n in names if n not in known and not is_cotangent(n)]
    kept = {n for n in open_ if out.kept and (is_residuals(n) or len(open_) == 1)}
    values = [known[n] if n in known else out.residuals if n in kept else dy if is_cotangent(n) else out.y
              for n in names]  # fmt: skip
    return backward(*values)


def raising(title: str, error: BaseException) -> Report:
    """The report of a backward that raises, or ends the program, before there is anything to compare."""
    told = "the program is ended (sys.exit) before the gradients are checked"
    text = told if isinstance(error, SystemExit) else str(error).strip() or "no message"
    finding = Finding(f"backward raises {type(error).__name__}", text.splitlines()[0], backward=raised_at(error))
    return Report(title, "", "float64", (), (finding,), (), (), 0.0)


#: Names of functions that give gradients, as far as an error in them is theirs.
_BACKWARD = re.compile(r"back|bprop|bwd|grad", re.I)


def backward_runs(error: BaseException) -> bool:
    """Does a backward of the user's run where the exception is raised?"""
    frames = traceback.extract_tb(error.__traceback__)
    return any(_BACKWARD.search(f.name) and not f.filename.startswith(LIBRARIES) for f in frames)


def raise_if_backward_ends(error: BaseException) -> None:
    """Raise ``sys.exit`` of a backward again; anything else refuses what was guessed."""
    if isinstance(error, SystemExit) and backward_runs(error):
        raise error


def raised_by(method: Any, call: dict[str, Any]) -> BaseException | None:
    """What a method raises where it is called as the file calls it; None where that is not known, or does not raise."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    try:
        with fixed_randomness(), np.errstate(all="ignore"):
            method(**copy.deepcopy(call))
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        if any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__)):
            return error
    return None
