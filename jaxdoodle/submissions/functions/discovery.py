"""Find pairs of functions in a user's file: a backward, and the forward that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters, required
from jaxdoodle.gradcheck.setup.discovery import MARK
from jaxdoodle.submissions.arguments.finder import Finder, Forward, Found, names_in, run_by
from jaxdoodle.submissions.functions.pair import check_pair
from jaxdoodle.submissions.reading.words import PENALTY

#: Words for the two directions, in the order in which they are looked for.
_DIRECTIONS = (("forward", "backward"), ("forward", "backwards"), ("fwd", "bwd"), ("fprop", "bprop"),
               ("forward", "back"), ("forwardprop", "backprop"))  # fmt: skip
#: What the name of a backward may add to that of its forward, beside a penalty's: the cost may have a term more.
_VARIANT = re.compile(r"_(with_\w+|vectori[^_]*|alt\w*|fast|simpl\w*)$")
#: What the name of a function's gradient adds to its own.
_GRADIENT_OF = re.compile(r"_(grads?|gradients?|vjp|pullback|adjoint)$")


def marked(finder: Finder) -> Iterator[Found]:
    for name, backward in list(finder.names.items()):
        if hasattr(backward, MARK) and id(backward) not in finder.taken:
            forward, args, conventions = getattr(backward, MARK)
            finder.taken |= {id(backward), id(forward)}
            args = args() if callable(args) else args
            stem = name.removesuffix("_backward")
            yield Found(stem, backward, partial(check_pair, finder, stem, forward, backward, args, conventions))


def pairs(finder: Finder, models: Sequence[Found] = ()) -> Iterator[Found]:
    """Backwards with their forwards; a forward that is left alone is yielded as what cannot be checked.

    What a whole model is made of may take the mean over the batch: whether it should, the model's check tells.
    """
    called = {n for model in models for n in names_in(model.function) if n in finder.functions}
    parts = {stem_of(name) for name in run_by(finder.functions, called)}
    for name, backward, forward in directions(finder):
        if _penalty(name) and not _penalty(forward.__name__):
            yield Found(name, backward, partial(_penalized, name))
            continue
        stem = stem_of(name)
        finder.taken |= {id(backward), id(forward)}
        check_it = partial(check_pair, finder, stem, forward, backward, *finder.declared(stem), stem in parts)
        yield Found(stem, backward, check_it)
    for name, forward in finder.functions.items():
        alone = re.search(r"forward|fwd|fprop", name) and not re.search(r"back|bwd|bprop", name)
        if alone and id(forward) not in finder.taken:
            yield Found(name, forward, partial(_alone, finder, name))


def directions(finder: Finder) -> Iterator[tuple[str, Callable, Callable]]:
    """(name, backward, forward) of what is not taken yet."""
    for name, backward in list(finder.functions.items()):
        forward = None if id(backward) in finder.taken else _forward_name(finder, name)
        if forward is not None:
            yield name, backward, finder.names[forward]


def _alone(finder: Finder, name: str, **_: Any) -> Report:
    wanted = next(name.replace(f, b) for f, b in _DIRECTIONS if f in name)
    near = get_close_matches(wanted, finder.functions.keys() - {name}, 1, 0.75)
    raise Forward(f"{name} has no {wanted}" + (f" ({near[0]} is near)" if near else ""))


def _penalty(name: str) -> str:
    """What the name of a function ends in for a penalty: ``_reg``."""
    _, _, last = name.rpartition("_")
    return f"_{last}" if PENALTY.fullmatch(last) else ""


def _penalized(name: str, **_: Any) -> Report:
    raise Forward(f"{name} has no forward with the penalty, and no cost")


def _forward_name(finder: Finder, name: str) -> str | None:
    """The forward of a backward: ``forward`` for ``backward`` in its name, or the name without the word."""
    for forward, backward in _DIRECTIONS:
        if re.search(rf"(^|_){backward}(_|$)|^{backward}|{backward}$", name):
            candidates = [name.replace(backward, forward)]
            candidates += [_VARIANT.sub("", candidates[0]).removesuffix(_penalty(name))]
            candidates += [re.sub(rf"_?{backward}_?", "_", name).strip("_")]
            found = next((c for c in candidates if c != name and callable(finder.names.get(c))), None)
            if found is not None:
                return found
            near = get_close_matches(candidates[0], [n for n in finder.functions if forward in n], 1, 0.9)
            if near:
                return near[0]
    of = _GRADIENT_OF.sub("", name)  # one that takes what the function kept; others are derivatives
    if of != name and of in finder.functions:
        taken = {p.name for p in parameters(finder.functions[of])}
        return of if any(n not in taken and not is_cotangent(n) for n in required(finder.functions[name])) else None
    return None


def stem_of(name: str) -> str:
    for backward in sorted({b for _, b in _DIRECTIONS}, key=len, reverse=True):
        if backward in name:
            return re.sub(rf"_?{backward}_?", "_", name).strip("_") or name
    return _GRADIENT_OF.sub("", name)
