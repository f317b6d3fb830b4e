"""Losses of the user's that return their gradients, too: ``return loss, dx``."""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterator
from functools import partial
from typing import Any

from jaxdoodle.gradcheck.setup.binding import required
from jaxdoodle.submissions.arguments.finder import Finder, Found
from jaxdoodle.submissions.functions.value_and_gradients import check_loss
from jaxdoodle.submissions.objects.instances import own_classes
from jaxdoodle.submissions.reading.loss_names import GRADIENT, LOSS, of_the_gradient
from jaxdoodle.submissions.reading.returned import JOINED, are_of_arguments, entries_returned
from jaxdoodle.submissions.reading.source import source_text, source_tree
from jaxdoodle.submissions.reading.words import english

#: The last line of a function by another name that returns both.
_BOTH = re.compile(
    r"return\s+\(?(\w*grad\w*\s*,\s*(loss|cost|j)\)?$|(?P<value>loss|cost|j|value|val|f|obj|objective|nll|energy|total)"
    r"\s*,\s*[(\[]?(self\.)?(?P<gradient>d\w*|\w*grad\w*|(?-i:g_?[A-Z])\w*))", re.I | re.M
)  # fmt: skip


def losses(finder: Finder) -> Iterator[Found]:
    """Functions, and methods of classes that hold no network, that return a loss and gradients."""
    free = {n: f for n, f in finder.functions.items() if id(f) not in finder.taken and required(f)}
    for name, function in free.items():
        returned = entries_returned(function)
        by_name = LOSS.search(name) and any(map(JOINED.search, returned[1:]))
        alone = by_name and not any(map(_is_value, returned)) and any(of_the_gradient(name, function, free))
        if by_name and not alone or gives_both(function):
            finder.taken.add(id(function))
            yield Found(name, function, partial(check_loss, finder, name, function))
    for cls in own_classes(finder):
        for name, method in vars(cls).items():
            both = isinstance(method, types.FunctionType) and english(name) == name and gives_both(method)
            if both and (LOSS.search(name) and GRADIENT.search(name) or not _has_network(cls)):
                yield Found(f"{cls.__name__}.{name}", method, partial(check_loss, finder, name, method))


def _is_value(text: str) -> bool:
    """Is what is returned called a loss, and not its gradient?"""
    own = JOINED.search(text) is None and re.search(r"\b(l|j|f|val|value|obj|total|energy)\b", text, re.I)
    return bool(own) or LOSS.search(text) is not None and GRADIENT.search(text) is None


def gives_both(function: Any) -> bool:
    """Does the last line name a value and its gradient? ``dx`` is one where there is an ``x``; ``data`` is none."""
    if any(map(are_of_arguments(function), entries_returned(function)[1:2])):
        return True
    found = _BOTH.search(english(source_text(function)))
    if found is None or found["gradient"] is None or re.search(r"(^|_)grads?(ients?)?(?![a-z])", found["gradient"]):
        return found is not None
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    names = {str(getattr(n, "id", getattr(n, "attr", getattr(n, "arg", "")))).lower() for n in nodes}
    word = found["gradient"][1:].strip("_").lower()
    return word != "" and word in names or re.match(r"d[A-Z_]", found["gradient"]) is not None


def _has_network(cls: type) -> bool:
    """Is there a method by whose name the class is checked as a whole?"""
    return any(n in ("loss", "backward") or GRADIENT.fullmatch(n) for n in dir(cls))
