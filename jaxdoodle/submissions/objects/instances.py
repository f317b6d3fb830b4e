"""Objects of the classes of a file: as the file makes them, or with guessed arguments."""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import linecache
import math
import re
from collections.abc import Callable, Iterator
from itertools import chain, islice, product
from types import FunctionType
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.by_name import is_generator
from jaxdoodle.submissions.arguments.finder import Finder, names_in, run_by
from jaxdoodle.submissions.objects.layer_object import FORWARD, RATES, arrays_of, attributes, put
from jaxdoodle.submissions.reading.source import source_tree
from jaxdoodle.submissions.reading.words import english

#: How many ways to make an object are tried.
_OBJECTS = 400
#: Sizes that are tried for what a constructor takes, where its names tell nothing.
_ANY_SIZE = (4, 2, 3)
#: Steps back in time, where there is to be no limit.
_MANY = 10**6
#: Names of methods that compute with gradients.
_BACKWARDS = re.compile(r"back|bprop|bwd|bptt|grad|update|step|fit|train|learn|sgd", re.I)


def objects_of(finder: Finder, cls: type, **more: Any) -> Iterator[Any]:
    """Objects of a class: made as the file makes them, without arguments, or with guessed ones, and with ``more``.

    One that cuts gradients off, or the steps that they go back, comes without these limits first.
    """
    for thing in map(_with_plain_steps, _made(finder, cls, **more)):
        if limits := _limits(thing):
            yield from with_values(thing, limits)
        yield thing


#: Names of the methods of an optimizer that step, and of those that may give the step alone.
_STEP, _STEP_ALONE = re.compile(r"__call__|apply\w*|\w*(update|step)\w*"), re.compile(r"\w*(update|step)\w*")


def _with_plain_steps(thing: Any) -> Any:
    """A copy whose optimizers, which its forward does not read, step by the gradient; the object where it has none."""
    read = read_by_forward(type(thing))
    shapes = {np.shape(w): None for w in arrays_of(thing).values() if np.ndim(w)} | {(3, 2): None}
    found: dict[str, Any] = {}
    for name, held in attributes(thing).items():
        own = {n: f for n, f in methods_in(type(held)).items() if name not in read and _STEP.fullmatch(n)}
        if steps := {n: step for n, f in own.items() if (step := _plain_step(held, n, f, list(shapes)))}:
            found[name] = copy.copy(held)
            found[name].__class__ = type(type(held).__name__, (type(held),), {"__slots__": (), **steps})
    return next(iter(with_values(thing, found)), thing) if found else thing


def _plain_step(held: Any, name: str, method: FunctionType, shapes: list[tuple[int, ...]]) -> Callable | None:
    """A method that steps against the gradient, at a rate of 1: in place or not, giving the parameter or the step.

    None for any other, as a gate of two inputs or a factor of a gradient: what it does with copies tells.
    """
    taken = [p.name for p in parameters(method)][1:]
    if not 1 <= len(taken) <= 2 or not is_cotangent(taken[-1]):
        return None

    def run(*pair: np.ndarray) -> tuple[Any, Any]:
        given = copy.deepcopy(pair)
        return given[0], getattr(copy.deepcopy(held), name)(*given[-len(taken) :])

    changed = returned = None
    for shape in shapes:
        draw = np.random.default_rng(0)
        w, g = (draw.uniform(1, 2, shape) * draw.choice([-1, 1], shape) for _ in range(2))
        with contextlib.suppress(Exception, SystemExit):  # of the user's code, as for a state of another shape
            runs = zip(run(w, g), run(w, -g), run(-w, g), strict=True)
            changed, returned = (_factors(w, g, *values) for values in runs)
            break
    in_place, alone = changed == (1, -1), returned in ((0, 1), (0, -1))
    known = in_place or changed == (1, 0) and (returned == (1, -1) or alone)
    has_rate = any(n.strip("_").lower() in RATES for n in attributes(held))
    if not (_STEP_ALONE.fullmatch(name) and has_rate) and (alone or not known):
        return None  # it may be any factor of a gradient

    def step(_: Any, *args: Any, **named: Any) -> Any:
        if not known:
            raise CheckError(f"what {type(held).__name__}.{name} does with a gradient is not known")
        *first, gradient = *args, *named.values()
        w: Any = first[0] if first else 0
        gives = returned and returned[0] * w + returned[1] * gradient
        if in_place:
            for a, d in zip(w, gradient, strict=True) if isinstance(w, list) else [(w, gradient)]:
                a[...] = a - d
        return gives

    return step


def _factors(w: Any, gradient: Any, value: Any, back: Any, moved: Any) -> tuple[int, int] | None:
    """The signs of a parameter, but for decay, and of its gradient in a value: by those at ``-gradient``, ``-w``."""
    if np.shape(value) != np.shape(w):
        return None
    of_w = next((k for k in (1, 0) if np.all(np.abs(value - moved - 2 * k * w) < 0.2 * np.abs(w))), None)
    of_gradient = np.unique(np.sign(value - back) * np.sign(gradient))
    return None if of_w is None or len(of_gradient) > 1 else (of_w, int(of_gradient[0]))


def with_values(thing: Any, limits: dict[str, Any]) -> list[Any]:
    """A copy with these values; none where the user's class takes no other ones, or cannot be copied."""
    with contextlib.suppress(Exception):  # any exception of the user's code
        whole = copy.deepcopy(thing)
        for name, value in limits.items():
            put(whole, name, value)
        return [whole]
    return []


def _limits(thing: Any) -> dict[str, Any]:
    """The attributes of an object that are limits of its gradients alone, each with the value that is none."""
    numbers = {n: v for n, v in attributes(thing).items() if type(v) in (int, float)}
    if not numbers:
        return {}
    methods = methods_in(type(thing))
    files = {f.__code__.co_filename for f in methods.values()}
    text = "".join(line for file in files for line in linecache.getlines(file))
    truncated = re.search(r"truncated back|truncated bptt|tbptt", text, re.I)
    forward = run_by(methods, {n for n in methods if not _BACKWARDS.search(n)})
    found: dict[str, Any] = {}
    for name, value in numbers.items():
        users = {n for n, f in methods.items() if name in names_in(f)}
        if users & forward:
            continue
        steps = truncated and type(value) is int and any(_bounds(methods[n], name) for n in users)
        if steps or re.search("clip|max_norm|trunc", name, re.I):
            optional = re.search(rf"self\.{name} is (not )?None", text)
            found[name] = None if optional else math.inf if isinstance(value, float) else _MANY
    return found


def read_by_forward(cls: type) -> set[str]:
    """The names of what a forward, and what it calls of the class, reads."""
    methods = methods_in(cls)
    return {word for n in run_by(methods, methods.keys() & {*FORWARD}) for word in names_in(methods[n])}


def read_off_backward(cls: type) -> set[str]:
    """The names of what methods read that compute no gradients, and what these call of the class."""
    methods = methods_in(cls)
    return {
        word for n in run_by(methods, {n for n in methods if not _BACKWARDS.search(n)}) for word in names_in(methods[n])
    }


def methods_in(cls: type) -> dict[str, FunctionType]:
    own = (item for base in reversed(cls.__mro__) for item in vars(base).items())
    own = ((n, f.__func__ if isinstance(f, staticmethod) else f) for n, f in own)
    return {n: f for n, f in own if isinstance(f, FunctionType) and n != "__init__"}


def _bounds(function: FunctionType, name: str) -> bool:
    """Does an attribute bound a loop of the function: ``range(max(0, t - self.steps), t)``?"""
    calls = (n for n in ast.walk(source_tree(function) or ast.Module([], [])) if isinstance(n, ast.Call))
    bounds = (n for n in calls if getattr(n.func, "id", "") in ("range", "min", "max"))
    return any(getattr(inner, "attr", "") == name for call in bounds for inner in ast.walk(call))


def _made(finder: Finder, cls: type, **more: Any) -> Iterator[Any]:
    init = cls.__init__  # type: ignore[misc]
    code = getattr(inspect.unwrap(init), "__code__", None)
    if code is not None:
        finder.recorded(init)  # runs the examples, if need be
        for call in finder.code.calls.get(finder.code.key(code), []):
            given = {k: v for k, v in call.items() if k != "self"}
            try:
                kinds = inspect.signature(cls).parameters.values()
                several = next((p.name for p in kinds if p.kind == p.VAR_POSITIONAL and p.name in given), None)
                first = [given.pop(p.name) for p in kinds if several and p.kind == p.POSITIONAL_OR_KEYWORD]
                yield cls(*first, *given.pop(several or "", ()), **given | more)
            except (Exception, SystemExit):  # any exception of the user's code: the next way
                continue
    if not more:  # a dataclass, or one that is set up by other methods after it is made
        calls = (finder.called_with(getattr(cls, n)).get("self") for n in FORWARD if hasattr(cls, n))
        yield from islice((thing for thing in calls if type(thing) is cls), 1)
    if small := _small_sizes(cls):
        with contextlib.suppress(Exception, SystemExit):  # of the user's code: it needs the others
            np.random.seed(0)
            yield cls(**small, **more)
    own = [p for p in parameters(cls) if p.default is p.empty]
    ways = guessing.candidates(init, own) if own else iter([[]])
    sizes = [_SIZES.get(_size_kind(p.name)) for p in own]
    if own and all(sizes):
        ways = (list(values) for values in product(*sizes))  # type: ignore[arg-type]
    elif any(sizes):
        ways = ([s[0] if s else v for s, v in zip(sizes, values, strict=True)] for values in ways)
    if own and len(own) <= 3:
        any_size = product(*([np.random.default_rng(0)] if is_generator(p) else _ANY_SIZE for p in own))
        # different ones first: a head of size 1 would not show a mistake in its size
        ways = chain(islice(ways, _OBJECTS), map(list, sorted(any_size, key=lambda values: -len({*values}))))
    for values in islice(ways, _OBJECTS + len(_ANY_SIZE) ** 3):
        try:
            np.random.seed(0)
            yield cls(*values, **more)
        except (Exception, SystemExit):  # any exception of the user's code: the next way
            continue


#: Entries of an image of guessed shape, at most.
LARGEST = 3000
#: A size up to which it stays, for a number of classes may be written elsewhere; what others become, each another.
KEPT_SIZE, SMALL_SIZES = 16, (5, 4, 3, 6, 7)


def _small_sizes(cls: type) -> dict[str, int]:
    """Where a constructor needs no arguments: sizes in place of large ones, each another."""
    taken = parameters(cls)
    sizes = [p.name for p in taken if type(p.default) is int and _size_kind(p.name) in ("in", "out")]
    large = any(p.default > KEPT_SIZE for p in taken if p.name in sizes)
    return dict(zip(sizes, SMALL_SIZES, strict=False)) if large and not any(p.default is p.empty for p in taken) else {}


#: Shapes of an image: channels first, or last.
IMAGES = ((3, 7, 6), (7, 6, 3), (1, 9, 9))
_SIZES: dict[str | None, list[Any]] = {
    "in": [5, 3], "out": [3, 2], "kernel": [3, 2], "small": [1, 2],
    "sizes": [[5, 4, 6, 3], [5, 4, 3]], "shape": list(IMAGES), "hidden": [[4, 3], 4],
    "rate": [0.3],
}  # fmt: skip


def _size_kind(name: str) -> str | None:
    name = english(name).lower()
    patterns = {
        "sizes": r"sizes|layers|layer_dims|dims|architecture|shape", "shape": r"(input|in|image|img|x)_?shape",
        "hidden": r"hidden\w*_?(list|sizes|layers|dims)",
        "in": r"(n_?|num_?)?(in|inputs?|in_?(features|size|dim|channels?)|input_?(size|dim|units|features)|features|dim"
              r"|d|n_x|input_depth|nin|fan_in|prev\w*|num_features)",
        "out": r"(n_?|num_?)?(out|outputs?|out_?(features|size|dim|channels?)|output_?(size|dim|units)|units|neurons|h"
               r"|hidden\w*|n_units|n_neurons|depth|num_filters|nout|fan_out|filters|classes|n_y|n_h|m)",
        "kernel": r"(kernel|filter|pool|window|f|k)_?(size|h|w|height|width)?|size", "small": r"stride|pad(ding)?",
        "rate": r"(drop\w*_?)?(rate|ratio|prob)|p|keep_prob|alpha|momentum|lr|learning_rate|slope",
    }  # fmt: skip
    return next((kind for kind, pattern in patterns.items() if re.fullmatch(pattern, name)), None)


def own_classes(finder: Finder) -> list[type]:
    name = finder.code.module.__name__
    return [v for v in finder.names.values() if isinstance(v, type) and v.__module__ == name]
