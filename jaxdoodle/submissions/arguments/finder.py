"""One file of the user's: its functions, and arguments of them, from its calls or guessed."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from jaxdoodle.core.user_code import UserCode
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating, is_integer, leaves
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import is_table
from jaxdoodle.submissions.arguments.guess import guess
from jaxdoodle.submissions.reading.words import english

#: What cuts gradients off, on request.
_CLIPS = re.compile("clip|max_norm", re.I)
#: Steps in time that are kept of a text: the first and the last have another gradient than those between.
_STEPS = 4
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


class Forward(CheckError):
    """A forward without a backward: said, and no failure."""


class Finder:
    """What can be checked in one file. Arguments are looked for when something is checked, not before."""

    def __init__(self, code: UserCode):
        self.code, self.names = code, vars(code.module)
        self.examples_ran = False
        self.taken: set[int] = set()
        self.unchecked: dict[str, str] = {}  # what else came up in a check, and why it was not checked
        files = {name for name, _ in code.parts}
        for cls in [v for v in self.names.values() if isinstance(v, type) and v.__module__ == code.module.__name__]:
            _translate(vars(cls), partial(setattr, cls))
        _translate(self.names, self.names.__setitem__)
        self.functions = {
            name: f for name, f in self.names.items()
            if isinstance(f, types.FunctionType) and f.__code__.co_filename in files
            and (english(name) == name or self.names.get(english(name)) is not f)
        }  # fmt: skip

    def declared(self, name: str) -> tuple[tuple | None, Sequence[str]]:
        """The arguments (``None``: none) and the conventions that the file names for something."""
        args, conventions = (self.names.get(f"{name}_{what}") for what in ("args", "conventions"))
        args = args() if callable(args) else args
        alone = isinstance(args, float | int) or is_array(args)  # (x) is no tuple
        args = (args,) if alone else tuple(args) if isinstance(args, tuple | list) else None  # it is none of ours
        return args, (conventions,) if isinstance(conventions, str) else conventions or ()

    def arguments(
        self, stem: str, forward: Callable, back: Callable[[tuple], Any] | None = None, names: Sequence[str] = ()
    ) -> tuple:
        """Declared, from calls in the file, or guessed. Raises ``CheckError`` that asks for them.

        Args:
          stem: What the pair is called.
          forward: The function.
          back: ``back(args)`` gives what the backward returns: guessed arguments fit that, too.
          names: What the backward calls what it returns.
        """
        declared, _ = self.declared(stem)
        known = self.recorded(forward) if declared is None else as_many(stem, forward, declared)
        if known is not None:
            return known
        args = guess(forward, back, names)
        if args is None:
            raise unknown_arguments(stem, forward)
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
            for way in ways:
                short = _shortened(way)
                for given in (_with_label_arrays(short), short, way):
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


def names_in(function: Any) -> set[str]:
    """The attributes and global names that a function, or one within it, reads."""
    code = getattr(function, "__code__", function)
    if not isinstance(code, types.CodeType):
        return set()
    return {*code.co_names}.union(*map(names_in, code.co_consts))


def _shortened(args: tuple) -> tuple:
    """Arguments with the first of many whole numbers: those of a text, each of which is a step in time.

    Numbers of an axis, as labels of its rows, or of as many layers as there are arrays, stay.
    """
    texts = [a for a in args if _is_list_of_integers(a)]
    arrays = [np.shape(x) for _, x in leaves(args) if is_floating(x)]
    kept = {n for shape in arrays for n in shape} | {*range(len(arrays) + 2)}
    if len({len(a) for a in texts}) != 1 or len(texts[0]) in kept:
        return args
    return tuple(a[:_STEPS] if any(a is t for t in texts) else a for a in args)


def _with_label_arrays(args: tuple) -> tuple:
    """Arguments with lists of whole numbers, one for each row of an array, as arrays, which get more rows with it."""
    rows = {np.shape(x)[0] for _, x in leaves(args) if is_floating(x) and np.ndim(x) > 1}
    return tuple(np.array(a) if _is_list_of_integers(a) and len(a) in rows else a for a in args)


def _is_list_of_integers(a: Any) -> bool:
    return type(a) is list and all(isinstance(x, int | np.integer) for x in a)


def run_by(functions: Mapping[str, Callable], names: set[str]) -> set[str]:
    """Of functions or methods, by name, those that these call, and so on, and themselves."""
    called = names | {n for name in names for n in names_in(functions[name]) if n in functions}
    return names if called == names else run_by(functions, called)


def _translate(names: Mapping[str, Any], put: Callable[[str, Any], None]) -> None:
    """Functions with names in another language get their English ones, too."""
    for name, value in list(names.items()):
        if isinstance(value, types.FunctionType) and (plain := english(name)) not in names:
            put(plain, value)


def as_many(stem: str, function: Callable, args: tuple) -> tuple:
    """Declared arguments. Raises ``CheckError`` where they are more or fewer than a function takes."""
    own = parameters(function)
    try:
        inspect.signature(function).bind(*args)
    except TypeError:
        given = f"{len(args)} argument{'s' * (len(args) != 1)}"
        told = f"{stem}_args holds {given}, and {stem} takes ({', '.join(p.name for p in own)})"
        raise CheckError(told) from None
    except ValueError:  # it has no signature
        pass
    return args


def unknown_arguments(stem: str, forward: Callable) -> CheckError:
    names = ", ".join(required(forward))
    return CheckError(f"no arguments known for {stem}; define {stem}_args = ({names}{',' * (',' not in names)})")
