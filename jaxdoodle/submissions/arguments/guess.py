"""Arguments for a function that has none: by the names of its parameters, its docstring, and trial.

Of all combinations that the function takes, those are best whose every entry counts (a bias with three entries for two
filters has one that does not), whose gradients come back in their shapes, and where what is transposed is a matrix.
"""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.leaves import gradient_of, is_array, is_floating, leaves, rebuild
from jaxdoodle.submissions.arguments import cells, unrolled
from jaxdoodle.submissions.arguments.by_name import (
    CELLS,
    HEADS,
    IS_HEADS,
    LAYER,
    LINE,
    SQUARE,
    TWO_SIZES,
    Option,
    Probe,
    just,
    kind_of,
    made,
    normal,
    options_of,
)
from jaxdoodle.submissions.reading.loss_names import LOSS
from jaxdoodle.submissions.reading.source import (
    DRAWS,
    entries_read,
    shapes_of,
    source_text,
    symbolic_shapes,
    words_compared,
)
from jaxdoodle.submissions.reading.words import PENALTY

#: Combinations tried, and of those that the function takes, how many are compared; how many that the backward refuses
#: are as good as one of these.
_TRIALS, _COMPARED, _REFUSED = 30_000, 40, 10
#: Those of which the ones with a vector are tried.
_OF_VECTORS = 3_000
#: Lengths of vectors: of examples, and of their features.
_LENGTHS = (4, 3)
#: Parameters up to which arrays of more than two sizes are tried first.
_FEW = 4

#: What no regression on one number for each example has.
_OF_MATRICES = re.compile(r"@|\.T\b|\b(dot|matmul|einsum|inner|outer|shape|axis|log)\b")


def candidates(function: Any, taken: Sequence[inspect.Parameter]) -> Iterator[list[Any]]:
    """Values for these parameters, combination by combination."""
    for columns in (True, False) if any(re.search(r"\d|param", p.name) for p in taken) else (False,):
        shapes = shapes_of(function)
        kinds = [kind_of(p.name) for p in taken]
        leads = not (kinds[0] == "gamma" and "x" in kinds)  # coefficients beta before data X
        options = [options_of(function, p, leads and k == 0, shapes, columns) for k, p in enumerate(taken)]
        if any(LAYER.fullmatch(p.name.lower()) for p in taken):  # weights and examples of one network
            yield made([o[columns if kind == "x" else 0] for kind, o in zip(kinds, options, strict=True)])
        too_many = np.prod([len(o) for o in options]) > _TRIALS  # to try: first, all sizes but the batch are one
        line = "y" in kinds and {"w", "intercept"} & {*kinds} and not _OF_MATRICES.search(source_text(function))
        for table in (
            *((LINE,) if line else ()),
            *(CELLS if {"h", "w"} <= {*kinds} else ()),
            *(SQUARE if too_many else ()),
        ):
            yield made([table.get("x" if k == 0 and table is not LINE else kind or "", o[0])
                        for k, (kind, o) in enumerate(zip(kinds, options, strict=True))])  # fmt: skip
        kinds[0] = "x" if leads and kinds[0] not in ("w", "intercept", "ids", "h") else kinds[0]
        of_two = [TWO_SIZES.get(kind, o[:3]) for kind, o in zip(kinds, options, strict=True)]
        if any(map(IS_HEADS.fullmatch, (p.name for p in taken))):
            of_heads = [HEADS.get(kind or "", o[:3]) for kind, o in zip(kinds, options, strict=True)]
            yield from map(made, islice(product(*of_heads), _TRIALS))
        for tried in (of_two, options) if len(taken) > _FEW else (options, of_two):
            yield from map(made, islice(product(*tried), _TRIALS))
    symbolic = symbolic_shapes(function).keys() & {p.name for p in taken}
    for draw in range(1, DRAWS * (len(symbolic) > 1)):  # one array alone has nothing to fit
        shapes = shapes_of(function, draw)
        sizes = dict.fromkeys(size for shape in shapes.values() for size in shape)
        options = [options_of(function, p, k == 0, shapes, False)[: 1 if p.name in symbolic else 3]
                   + [normal(size) for size in sizes if p.name not in symbolic and kind_of(p.name) in ("b", "gamma")]
                   for k, p in enumerate(taken)]  # fmt: skip
        yield from map(made, product(*options))


def guess(forward: Callable, backward: Callable[[tuple], Any] | None = None, names: Sequence[str] = ()) -> tuple | None:
    """Arguments that the forward takes and gives finite numbers for.

    Args:
      forward: The function; its result, or the first of a tuple, holds floating arrays.
      backward: ``backward(args)`` gives what the backward returns; arguments whose gradients have their shapes win.
      names: What the backward calls what it returns.

    Returns:
      The arguments, or ``None``.
    """
    taken = [p for p in parameters(forward) if p.default is p.empty and p.kind != p.KEYWORD_ONLY]
    more = parameters(forward)[len(taken) : len(taken) + 1]
    if more and more[0].default is None and kind_of(more[0].name) in ("b", "w", "gamma"):  # ``bias=None``
        with_it = _best(forward, [*taken, more[0].replace(default=inspect.Parameter.empty)], backward, names)
        if with_it is not None:
            return with_it
    return _best(forward, taken, backward, names)


def _best(
    forward: Callable, taken: list[inspect.Parameter], backward: Callable[[tuple], Any] | None, names: Sequence[str]
) -> tuple | None:
    """Rather with arrays than with numbers where a name tells nothing, in a loss and where a gradient is named after
    it: the gradient of a number is a sum over what it is beside. A loss is rather one number, and arguments that the
    backward refuses are not compared."""
    best: tuple[tuple[int, int], tuple] | None = None
    compared, transposed = 0.0, {*re.findall(r"\b(\w+)\.T\b", source_text(forward))}
    named, open_ = dict.fromkeys(names, 0), {p.name for p in taken if kind_of(p.name) is None}
    learned = {n for n in open_ if gradient_of(n, named) is not None}
    special = chain(cells.candidates(forward, taken), islice(unrolled.candidates(forward, taken), _TRIALS))
    for values in chain(special, candidates(forward, taken)):
        y = _output(forward, values)
        if y is None:
            continue
        args = tuple(dict(v.asked) if isinstance(v, Probe) else v for v in values)
        args = _with_constants(args, taken, backward)
        flat = sum(np.ndim(a) < 2 for a, p in zip(args, taken, strict=True) if p.name in transposed)
        arrays = open_ if np.ndim(y[0]) == 0 else learned
        flat += sum(isinstance(a, float | np.float64) for a, p in zip(args, taken, strict=True) if p.name in arrays)
        flat += LOSS.search(getattr(forward, "__name__", "")) is not None and sum(map(np.size, y)) != 1
        off = _shapes_off(args, backward, [p.name for p in taken])
        merit = (off, flat + (_unused(forward, args, y) if best is None or off <= best[0][0] else 0))
        if best is None or merit < best[0]:
            best = merit, args
        compared += 1 if off <= len(args) else 1 / _REFUSED
        if best[0] == (0, 0) or compared >= _COMPARED:
            break
    return None if best is None else best[1]


def vectors(function: Callable) -> list[tuple]:
    """Arguments of which one array at most is more than a vector; none or one set."""
    taken = [p for p in parameters(function) if p.default is p.empty]
    for values in islice(candidates(function, taken), _TRIALS):
        if sum(np.ndim(v) > 1 for v in values) <= 1 and _output(function, values) is not None:
            return [tuple(values)]
    return []


def of_vectors(function: Callable) -> Iterator[tuple]:
    """Arguments of which one is a vector, and so is the result."""
    taken = [p for p in parameters(function) if p.default is p.empty]
    for values in chain(_tables(function, taken), islice(candidates(function, taken), _OF_VECTORS)):
        y = _output(function, values) if any(np.ndim(v) == 1 for v in values) else None
        if y is not None and np.ndim(y[0]) == 1:
            yield tuple(values)


def of_tables(function: Callable) -> Iterator[tuple]:
    """Arguments of a model of vectors and one table at most that gives a number."""
    taken = [p for p in parameters(function) if p.default is p.empty]
    for values in _tables(function, taken):
        y = _output(function, values) if sum(np.ndim(v) > 1 for v in values) == 1 else None
        if y is not None and np.ndim(y[0]) == 0:
            yield tuple(values)


def _tables(function: Callable, taken: Sequence[inspect.Parameter]) -> Iterator[list[Any]]:
    """Coefficients, as many as are read one by one, numbers, vectors, and tables of examples in rows."""

    def options(p: inspect.Parameter) -> list[Option]:
        if count := entries_read(function, p.name):
            return [normal(count)]
        if kind_of(p.name) == "number" or PENALTY.fullmatch(p.name):
            return [just(0.3)]
        vectors = [normal(n) for n in (*_LENGTHS, *([2] if len(taken) == 1 else []))]
        tables = [normal(*_LENGTHS)] if len(taken) > 1 else []
        return tables if p.name[0].isupper() or f"{p.name}.T" in text else [*vectors, *tables]

    text = source_text(function)
    yield from map(made, islice(product(*map(options, taken)), _OF_VECTORS))


#: What a number that is 0.0 by default is set to, and one that is 1.0.
OFF_ZERO = 0.3
#: Numbers that may be for the step that follows, where a value does not depend on them: the gradient is cut off there,
#: or scaled.
_OF_THE_STEP = re.compile(r"(\w+_)?(clip|max_norm|scale|rate|lr|step)(_\w+)?", re.I)


def is_off(p: inspect.Parameter) -> bool:
    """Is a parameter 0 or 1 by default, at which a term or a factor does not count? Whole numbers may be anything."""
    named = PENALTY.fullmatch(p.name) is not None or kind_of(p.name) in ("number", "gamma")
    return type(p.default) in (float, int) and p.default in (0, 1) and (named or type(p.default) is float)


#: What else a mode may be, where the code says no more than "else".
ELSE = {"max": ["average"], "average": ["max"], "mean": ["sum"], "sum": ["mean"]}


def other_modes(p: inspect.Parameter, functions: Sequence[Callable]) -> list[str]:
    """The texts that functions compare a parameter with, but for its default."""
    compared = dict.fromkeys(w for f in functions for w in words_compared(f, p.name) if w != p.default)
    return list(compared) or ELSE.get(p.default, []) if isinstance(p.default, str) else []


def variants(
    forward: Callable, backward: Callable, args: tuple, numbers_alone: bool
) -> Iterator[tuple[str, tuple, dict[str, float]]]:
    """(what is changed, arguments, numbers for both functions): other modes that a parameter is compared with, other
    strides, and numbers off a default of zero or one, at which a term or a factor of the forward does not count.
    """
    taken, own = parameters(forward), {p.name for p in parameters(backward)}
    for k, p in enumerate(taken):
        between = tuple(q.default for q in taken[len(args) : k])
        if k >= len(args) and is_off(p):
            other = (*args, *between, OFF_ZERO)
            if usable(forward, other) and not (_OF_THE_STEP.fullmatch(p.name) and _alike(forward, args, other)):
                words, both = f"{p.name}={OFF_ZERO}", p.name in own
                yield (words, args, {p.name: OFF_ZERO}) if both else (words, other, {})
        elif numbers_alone:
            continue
        elif k >= len(args):
            modes = ((w, (*args, *between, w)) for w in other_modes(p, (forward, backward)))
            yield from ((f"{p.name}={w}", other, {}) for w, other in modes if usable(forward, other))
        elif k < len(args) and isinstance(args[k], dict) and isinstance(args[k].get("stride"), int):
            stride = 1 if args[k]["stride"] > 1 else 2
            other = (*args[:k], {**args[k], "stride": stride}, *args[k + 1 :])
            if usable(forward, other):
                yield f"stride={stride}", other, {}


def _alike(function: Callable, args: tuple, other: tuple) -> bool:
    a, b = (_output(function, given) for given in (args, other))
    return a is not None and b is not None and len(a) == len(b) and all(map(np.array_equal, a, b))


def usable(function: Callable, args: Sequence[Any]) -> bool:
    """Does the function take these arguments, and give finite numbers?"""
    return (
        sum(np.size(x) for _, x in leaves(tuple(args)) if is_array(x)) < 20_000 and _output(function, args) is not None
    )


def _output(forward: Callable, values: Sequence[Any]) -> list[np.ndarray] | None:
    """The floating arrays of the output; ``None`` where the function refuses or gives other than finite numbers."""
    try:
        np.random.seed(0)
        given = [rebuild(v, lambda _, x: x.copy() if type(x) is np.ndarray else x) if type(v) is not Probe else v
                 for v in values]  # fmt: skip
        with in_float64():
            result = forward(*given)
        y = result[0] if isinstance(result, tuple | list) else result
        arrays = [np.asarray(v) for _, v in leaves(y) if is_floating(v) or isinstance(v, float)]
    except (Exception, SystemExit):  # any exception of the user's code is a refusal
        return None
    usable = arrays and all(0 < a.size < 10_000 and np.isfinite(a).all() for a in arrays)
    return arrays if usable else None


def _with_constants(args: tuple, taken: Sequence[inspect.Parameter], backward: Callable[[tuple], Any] | None) -> tuple:
    """Numbers that are not called as a parameter is are constants (a rate of decay) where no gradient is: the last."""
    numbers = [k for k, (a, p) in enumerate(zip(args, taken, strict=True)) if is_floating(a) and np.ndim(a) == 0
               and kind_of(p.name) not in ("w", "b", "gamma", "intercept")]  # fmt: skip
    returned = _gradients(args, backward) if numbers else None
    if isinstance(returned, dict):
        numbers = [k for k in numbers if gradient_of(taken[k].name, returned) is None]
    elif returned is None or len(returned) >= sum(map(is_floating, args)):
        return args
    else:
        numbers = numbers[len(returned) - sum(map(is_floating, args)) :]
    return tuple(float(a) if k in numbers else a for k, a in enumerate(args))


def _gradients(args: tuple, backward: Callable[[tuple], Any] | None) -> Any:
    """What the backward returns, a tuple, list or dictionary; ``None`` where it refuses."""
    try:
        with in_float64():
            returned = None if backward is None else backward(args)
    except (Exception, SystemExit):  # any exception of the user's code
        return None
    return returned if isinstance(returned, tuple | list | dict | None) else (returned,)


def _shapes_off(args: tuple, backward: Callable[[tuple], Any] | None, names: Sequence[str]) -> int:
    """How many arguments get a gradient of another shape; none where the backward refuses."""
    gradients = _gradients(args, backward)
    if gradients is None and backward is not None:
        return len(args) + 1
    if gradients is None:
        return 0
    if isinstance(gradients, dict):
        named: list[tuple[Any, Any]] = [(a, gradient_of(n, gradients)) for a, n in zip(args, names, strict=True)]
        return sum(is_array(g) and is_floating(a) and np.shape(a) != np.shape(g) for a, g in named)
    kinds, floats = [*map(kind_of, names)], [a for a in args if is_floating(a)]
    if len(gradients) == 1 < len(floats) and kinds[0] in ("w", "gamma", "intercept") and "x" in kinds[1:]:
        return int(is_array(gradients[0]) and np.shape(gradients[0]) != np.shape(args[0]))  # ``beta`` before ``X``
    if len(gradients) < len(floats):  # of which arguments they are is not known: none may be left over
        places = Counter(np.shape(a) for a in args if is_floating(a) or isinstance(a, float))
        return sum((Counter(np.shape(g) for g in gradients if is_array(g)) - places).values())
    of = args if len(gradients) == len(args) else floats
    given = ((a, g) for a, g in zip(of, gradients, strict=False) if is_array(g))
    pairs = [(a, g) for a, g in given if is_floating(a) or isinstance(a, float) or isinstance(a, int) and np.ndim(g)]
    return sum(np.shape(a) != np.shape(g) for a, g in pairs)


def _unused(forward: Callable, args: tuple, y: list[np.ndarray]) -> int:
    """Slices at the end of an axis of an array that the output does not depend on."""
    count = 0
    for i, a in enumerate(args):
        if not (isinstance(a, np.ndarray) and a.dtype.kind == "f"):
            continue
        for axis in range(a.ndim):
            changed = a.copy()
            last = np.moveaxis(changed, axis, 0)[-1:]
            last += 0.7 * np.random.default_rng(7).normal(size=last.shape)  # a softmax does not see one number for all
            other = _output(forward, [*args[:i], changed, *args[i + 1 :]])
            count += other is not None and all(np.array_equal(p, q) for p, q in zip(other, y, strict=False))
    return count
