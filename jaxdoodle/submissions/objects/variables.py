"""Operations on objects that hold arrays, as DeZero's functions of variables, as layers of arrays."""

from __future__ import annotations

import ast
import functools
import inspect
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import required
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.objects.instances import own_classes
from jaxdoodle.submissions.objects.layer_object import attributes, backward_of, forward_of, several
from jaxdoodle.submissions.reading.source import source_tree


def taking_arrays(finder: Finder, cls: Any) -> Any:
    """A class whose ``__call__`` takes what its ``forward`` needs out of variables, and keeps these for its backward,
    as one whose forward and backward take and give arrays; another class as it is."""
    nodes = ast.walk(source_tree(cls.__call__) or ast.Module([], []))
    read = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    kinds = ((v, _holder(v)) for v in own_classes(finder) if not issubclass(v, cls))
    variable, holder = next(((v, n) for v, n in kinds if n in read), (None, ""))
    if variable is None or "forward" not in read:
        return cls
    value, back = forward_of(cls), backward_of(cls)

    def array(x: Any) -> Any:
        return getattr(x, holder) if isinstance(x, variable) else x

    @functools.wraps(value)
    def forward(self: Any, *args: Any) -> Any:
        if vars(self).get("_called"):
            return value(self, *args)
        self._called = True
        try:
            self._given = several(self(*map(variable, args)))  # held: an operation may refer to its outputs weakly
        finally:
            self._called = False
        outputs = tuple(map(array, self._given))
        return outputs if len(outputs) > 1 else outputs[0]

    @functools.wraps(back)
    def backward(self: Any, *incoming: Any) -> Any:
        try:
            returned = [array(g) for g in several(back(self, *incoming))]
            usable = all(g is None or np.asarray(g).dtype != object for g in returned)
        except Exception:  # any exception of the user's code: it may take variables
            usable = False
        if not usable:
            returned = [array(g) for g in several(back(self, *map(variable, incoming)))]
        return tuple(returned) if len(returned) > 1 else returned[0]

    own = inspect.signature(back).parameters.values()
    if any(p.kind == p.VAR_POSITIONAL for p in own):
        backward.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [p.replace(name="dy", kind=p.POSITIONAL_OR_KEYWORD) if p.kind == p.VAR_POSITIONAL else p for p in own]
        )
    methods = {forward_of(cls).__name__: forward, backward_of(cls).__name__: backward, "__module__": cls.__module__}
    return type(cls.__name__, (cls,), methods)


def _holder(cls: type) -> str | None:
    """The attribute under which objects of a class hold the array that they are made of; ``None`` of other classes."""
    probe = np.ones(2)
    try:
        held = attributes(cls(probe)) if len(required(cls)) == 1 else {}
    except Exception:  # any exception of the user's code: it takes something else
        return None
    return next((n for n, v in held.items() if v is probe), None)
