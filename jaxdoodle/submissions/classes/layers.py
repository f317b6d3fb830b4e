"""Layer classes of the user's: ``forward``, ``backward``, and parameters that an object holds."""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice, product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import is_array, is_floating
from jaxdoodle.gradcheck.setup.problem import CheckError, fixed_randomness
from jaxdoodle.submissions.arguments import guess as guessing
from jaxdoodle.submissions.arguments.arrays import NEAR, as_numbers, slope
from jaxdoodle.submissions.arguments.by_name import kind_of
from jaxdoodle.submissions.arguments.constants import without_constants
from jaxdoodle.submissions.arguments.finder import Finder, Forward
from jaxdoodle.submissions.functions.beside import nearness
from jaxdoodle.submissions.functions.penalties import with_penalty, without_penalty
from jaxdoodle.submissions.objects.instances import LARGEST, objects_of, own_classes, read_by_forward
from jaxdoodle.submissions.objects.layer_object import (
    BACKWARD,
    FORWARD,
    LayerObject,
    arrays_of,
    attributes,
    backward_of,
    forward_of,
    is_buffer,
    looks_learned,
    output_of,
)
from jaxdoodle.submissions.objects.modes import in_other_modes, titled
from jaxdoodle.submissions.objects.variables import taking_arrays
from jaxdoodle.submissions.reading.loss_names import LOSS
from jaxdoodle.submissions.reading.raised import backward_runs, raise_if_backward_ends, raised_by, raising
from jaxdoodle.submissions.reading.source import conventions_of, ends_at_one_entry

#: Combinations of shapes tried for inputs that have the sizes of the parameters, and for how many objects.
_SHAPES, _RESIZED = 300, 20
#: Inputs tried whose gradient comes back in another shape: after them it is taken for a mistake.
_MISFITS = 40
#: Steps and borders of windows other than the usual defaults.
_OTHER_STEPS = {"stride": 2, "strides": 2, "pad": 1, "padding": 1}


def check_layer(finder: Finder, cls: type, **options: Any) -> Report:
    cls = taking_arrays(finder, cls)
    report, place = _report(finder, cls, options)
    for numbers in _others(cls) if report is not None and report.passed else ():
        other, _ = _report(finder, cls, {**options, "title": titled(cls.__name__, numbers)}, place, **numbers)
        if other is not None and not other.passed:
            return other
    if report is not None:

        def check_made(given: dict[str, Any], **options: Any) -> Report | None:
            return _report(finder, cls, options, place, **given)[0]

        return in_other_modes(finder, cls, report, check_made, **options)
    below = [other.__name__ for other in own_classes(finder) if issubclass(other, cls) and other is not cls]
    if below:
        raise Forward(f"{cls.__name__} is checked as {', '.join(below)}")
    names = ", ".join(required(cls)) or "no arguments"
    raise CheckError(f"no way found to make {cls.__name__}({names}) and call its forward and backward; call both below "
                     'if __name__ == "__main__"')  # fmt: skip


def _others(cls: type) -> Iterator[dict[str, Any]]:
    """Arguments of its constructor off defaults at which a mistake may not show: a stride of 1 without padding, then
    terms of 0.0, factors of 1.0 and a mean, a sum or a maximum that its forward reads."""
    taken = [p for p in parameters(cls) if p.default is not p.empty]
    if steps := {p.name: _OTHER_STEPS[p.name] for p in taken if p.name in _OTHER_STEPS}:
        yield steps
    methods = [getattr(cls, n) for n in (*FORWARD, *BACKWARD) if hasattr(cls, n)]
    read = read_by_forward(cls)
    for p in (p for p in taken if p.name in read):
        if guessing.is_off(p):
            yield {p.name: guessing.OFF_ZERO}
        elif str(p.default) in guessing.ELSE:  # of other modes, a softmax may be of a loss
            yield from ({p.name: value} for value in guessing.other_modes(p, methods))


def _report(
    finder: Finder, cls: type, options: dict[str, Any], only: int | None = None, **more: Any
) -> tuple[Report | None, int]:
    """Of the first object that takes inputs, and which it is; ``more``: keyword arguments of its constructor.

    ``only``: the one object that is tried. Of guessed inputs, those that get gradients of their shapes and have more
    than one feature come first.
    """
    misfits, called = list[tuple[int, LayerObject]](), finder.recorded(forward_of(cls)) is not None
    for place, layer in _made(finder, cls, only, more):
        if isinstance(layer, BaseException):
            return raising(options.get("title", cls.__name__), layer), place
        one_feature = any(1 in np.shape(x) for x in layer.inputs)  # whose mean is itself
        if layer.fits and not one_feature and (layer.weights or layer.gives_dx) or called:
            others = () if called else (other for _, other in _made(finder, cls, place, more))
            layer = _with_axes_enough(layer, others)
            return _checked(finder, cls, layer, options), place
        misfits.append((place, layer))
        if len(misfits) == _MISFITS:
            break
    return (_checked(finder, cls, misfits[0][1], options), misfits[0][0]) if misfits else (None, 0)


def _with_axes_enough(layer: LayerObject, others: Iterable[LayerObject | BaseException]) -> LayerObject:
    """The layer; where gradients are wrong, the same with guessed inputs of more axes, if more of them are right there:
    a sum over ``(0, 1)`` is written for batches of sequences, and gives a number of a table."""
    right, wrong = _right_and_wrong(layer)
    axes = sum(map(np.ndim, layer.inputs))
    more = (o for o in others if isinstance(o, LayerObject) and o.fits and sum(map(np.ndim, o.inputs)) > axes)
    for other in more if wrong else ():
        right_there, wrong_there = _right_and_wrong(other)
        if right_there > right:
            layer, right = other, right_there
        if not wrong_there:
            break
    return layer


def _right_and_wrong(layer: LayerObject) -> tuple[int, int]:
    """How many gradients are those of differences in a random direction, and how many are not; wrong is a backward that
    raises."""
    rng, args = np.random.default_rng(0), [*layer.inputs, *layer.weights.values()]
    dy = rng.normal(size=np.shape(layer.y))

    def at(k: int, direction: np.ndarray, step: float) -> float:
        y, _ = layer.forward(*args[:k], args[k] + step * direction, *args[k + 1 :])
        return float(np.vdot(dy, np.asarray(y, float)))

    right = []
    with fixed_randomness(), np.errstate(all="ignore"):
        try:
            for k, g in enumerate(layer.backward(layer.forward(*args)[1], dy)):
                direction = rng.normal(size=np.shape(args[k]))
                if g is not None and is_floating(args[k]):
                    fits = np.shape(g) == np.shape(args[k])
                    right.append(fits and np.isclose(np.vdot(g, direction), slope(partial(at, k, direction)), NEAR))
        except Exception:  # any exception of the user's code: it is not for these
            right.append(False)
    return sum(right), len(right) - sum(right)


def _made(
    finder: Finder, cls: type, only: int | None, more: dict[str, Any]
) -> Iterator[tuple[int, LayerObject | BaseException]]:
    """Layers with inputs that they take; what a backward raises for those that the file gives ends them."""
    first, end = (0, None) if only is None else (only, only + 1)
    objects = list(enumerate(islice(objects_of(finder, cls, **more), first, end), first))
    tries = [(*each, False) for each in objects] + [(*each, True) for each in objects[:_RESIZED]]
    recorded = finder.recorded(forward_of(cls))
    inputs = as_numbers(recorded[1:]) if recorded is not None and len(recorded) > 1 else None
    for place, thing, resized in tries:
        for given in [inputs] if inputs is not None else _inputs(thing, resized):
            try:
                layer = without_penalty(_layer(thing, given))
            except (Exception, SystemExit) as error:  # any exception of the user's code: other inputs or objects
                raise_if_backward_ends(error)
                if inputs is not None and backward_runs(error) and _is_told(finder, cls, error):
                    yield place, error
                continue
            if is_array(layer.y):
                yield place, layer


def _checked(finder: Finder, cls: type, layer: LayerObject, options: dict[str, Any]) -> Report:
    """Of the ways to take the layer, the reason of what is wrong is looked for in the chosen one alone."""
    back, notes = backward_of(layer.thing), list[str]()
    conventions = (*finder.declared(cls.__name__)[1], *conventions_of(back))
    quick, chosen = {**options, "explain": False}, layer
    report = _report_of_layer(layer, cls, conventions, quick)
    if not report.passed and len(layer.inputs) == 2 and kind_of(layer.input_names[1]) == "y":
        report, chosen = _as_loss(layer, report, cls, conventions, quick)
    report = without_constants(finder, cls.__name__, report, back, [*layer.weights])
    if report.passed:
        return with_penalty(report, layer)
    dy = _one_entry(finder.called_with(back), np.shape(layer.y))
    if unknown := dy is None and ends_at_one_entry(back) and np.size(layer.y) > 1:
        (dy := np.zeros(np.shape(layer.y), bool)).flat[1] = True
    if dy is not None:
        chosen = LayerObject(layer.thing, layer.inputs, only=dy)
        notes = ["checked for what the file gives it: an incoming gradient of one entry"]
    report = _report_of_layer(chosen, cls, conventions, options)
    report = without_constants(finder, cls.__name__, report, back, [*layer.weights])
    if unknown and report.passed:
        raise CheckError(f"{back.__name__} returns at the first entry that is not zero of its incoming gradient: if it "
                         'gets no other, call it so below if __name__ == "__main__"')  # fmt: skip
    return replace(report, notes=(*report.notes, *notes))


def _is_told(finder: Finder, cls: type, error: BaseException) -> bool:
    """Is an error of backward, after a forward as the file calls it, the file's own? Other calls may set attributes."""
    call = finder.called_with(backward_of(cls))
    if call:
        return raised_by(backward_of(cls), call) is not None
    return not isinstance(error, AttributeError | KeyError | TypeError)


def _one_entry(called: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray | None:
    """Where the incoming gradient that the file gives a backward is not zero, if that is one entry of many."""
    given = next((v for n, v in called.items() if n != "self" and np.shape(v) == shape and np.size(v) > 1), None)
    return None if given is None or np.count_nonzero(given) != 1 else np.asarray(given) != 0


def _as_loss(
    layer: LayerObject, report: Report, cls: type, conventions: Any, options: dict[str, Any]
) -> tuple[Report, LayerObject]:
    """Of a loss that gives one number an example, with a backward that takes the prediction: of the mean or the sum."""
    found = [(report, layer)]
    for whole in _wholes(layer):
        with contextlib.suppress(Exception):  # any exception of the user's code: not so
            other = LayerObject(layer.thing, layer.inputs, whole)
            found.append((_report_of_layer(other, cls, conventions, options), other))

    return max(found, key=lambda each: nearness(each[0]))


def _wholes(layer: LayerObject) -> list[Callable]:
    """The mean or the sum of the losses of the examples: the one that another method gives, where there is one."""
    methods = (n for n in dir(layer.thing) if LOSS.search(n) or re.search("calc|compute|call|total", n))
    given = []
    for method in (getattr(copy.deepcopy(layer.thing), n) for n in methods):
        with contextlib.suppress(Exception):  # any exception of the user's code: it is none
            given.append(float(method(*layer.inputs)))
    kinds: list[Callable] = [np.mean, np.sum]
    each = output_of(thing := copy.deepcopy(layer.thing), forward_of(thing)(*layer.inputs))
    return [k for k in kinds if any(np.isclose(k(each), g) for g in given)] or kinds


def _inputs(thing: Any, resized: bool) -> Iterator[tuple]:
    """Guessed ones; ``resized``: of the sizes that the parameters have."""
    taken = [p for p in parameters(forward_of(thing)) if p.default is p.empty]

    ended: list[SystemExit] = []

    def forward(*args: Any) -> Any:
        try:
            return _layer(thing, args).y
        except SystemExit as error:
            ended.extend([error] if backward_runs(error) else [])
            raise

    def dx(args: tuple) -> Any:
        layer = _layer(thing, args)
        if not layer.weights_fit:
            raise ValueError("gradients of other shapes")
        return layer.dx

    forward.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    forward.__wrapped__ = forward_of(thing)  # type: ignore[attr-defined]
    if not resized:
        given = guessing.guess(forward, dx)
        if given is None and ended:
            raise ended[0]
        yield from () if given is None else (given,)
        return
    rng, weights = np.random.default_rng(0), arrays_of(thing).values()
    sizes = dict.fromkeys(k for w in weights for k in np.shape(w))
    sides = ((8, 4), (4, 2))[:: 1 if len(taken) == 1 else -1] if any(np.ndim(w) == 4 for w in weights) else ()
    of_images = [(2, k, *side) for side in sides for k in sizes]  # of which one may be half as large
    told = [v for v in attributes(thing).values() if isinstance(v, tuple) and v and all(type(k) is int for k in v)]
    shapes = [shape for shape in told if 0 < math.prod(shape) <= LARGEST]  # one input, as its constructor tells
    shapes += of_images + [shape for k in sizes for shape in ((4, k), (2, 3, k), (k, 4), (2, k, 7, 6))]
    arrays = [rng.normal(size=shape) for shape in shapes]
    more = [rng.integers(0, 2, 4), rng.normal(size=4), *arrays]  # a choice and a weight for each example, too
    yield from islice(product(arrays, *[more] * (len(taken) - 1)), _SHAPES)


def _layer(thing: Any, inputs: tuple) -> LayerObject:
    """As a layer, or else as a loss whose backward takes the prediction. Raises what the user's code raises."""
    try:
        return LayerObject(thing, inputs)
    except Exception:  # any exception of the user's code
        with contextlib.suppress(Exception):
            if len(inputs) == 2:
                return LayerObject(thing, inputs, np.mean)
        raise


def _report_of_layer(layer: LayerObject, cls: type, conventions: Any, options: dict[str, Any]) -> Report:
    kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD

    def forward(*args: Any) -> Any:
        return layer.forward(*args)

    def backward(residuals: Any, dy: Any) -> Any:
        return layer.backward(residuals, dy)

    backward.__signature__ = inspect.signature(backward)  # type: ignore[attr-defined]
    # so that what the methods draw from and count is put back at each call
    forward.__wrapped__, backward.__wrapped__ = forward_of(layer.thing), backward_of(layer.thing)  # type: ignore[attr-defined]
    forward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(n, kinds) for n in (*layer.input_names, *layer.names)]
    )
    inputs = tuple(layer.inputs)
    wrt = [i for i, a in enumerate((*inputs, *layer.weights.values())) if is_floating(a)]
    first = 0 if layer.gives_dx else len(inputs)
    wrt = [i for i in wrt if i >= len(inputs) or layer.spread or i == layer.place and not first]
    report = check(
        forward,
        backward,
        (*inputs, *layer.weights.values()),
        wrt=wrt,
        conventions=conventions,
        **{"title": cls.__name__, **options},
    )
    missing, notes = list[Finding](), list[str]()
    for n in (n for n, v in arrays_of(layer.thing).items() if n not in layer.weights and np.ndim(v)):
        told, used = f"no gradient of {n} was found after backward", layer.affects_output(n)
        if looks_learned(n) and (used or "." in n):  # in a table of parameters; W0 may be what a penalty goes toward
            missing.append(Finding("gradient missing", told, (n,)))
        elif used and not is_buffer(n, attributes(layer.thing)):
            notes.append(told)
    return replace(report, findings=(*report.findings, *missing), notes=(*report.notes, *notes))
