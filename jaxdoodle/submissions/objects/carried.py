"""Gradients that tensors carry: backwards that set ``inp.g`` where ``out.g`` is set, as ones that return gradients."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters, required
from jaxdoodle.gradcheck.setup.leaves import leaves, rebuild
from jaxdoodle.submissions.arguments.arrays import as_numbers, as_tensors, is_tensor, taking_tensors
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.objects.instances import objects_of, own_classes
from jaxdoodle.submissions.objects.layer_object import BACKWARD, attributes, forward_of
from jaxdoodle.submissions.reading.source import source_tree


def _carriers(function: Any, use: type) -> dict[str, str]:
    """What a function sets (or reads) an attribute of, by name, and that attribute: ``inp`` and ``self.inp``."""
    nodes = ast.walk(source_tree(function) or ast.Module([], []))
    found = (n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, use))
    return {ast.unparse(n.value): n.attr for n in found if ast.unparse(n.value) != "self"}


def pair_of_arrays(forward: Callable, backward: Callable) -> tuple[Callable, Callable]:
    """``lin(x, w, b)`` and ``lin_grad(inp, out, w, b)``, which sets the gradients of its parameters as an attribute, as
    functions of arrays of which the second returns them; other pairs as they are."""
    takes, own = required(backward), required(forward)
    written = {n: a for n, a in _carriers(backward, ast.Store).items() if n in takes}
    if not written or any(isinstance(n, ast.Return) and n.value for n in ast.walk(source_tree(backward) or ast.Pass())):
        return forward, backward
    name = next(iter(written.values()))
    outputs = [n for n, a in _carriers(backward, ast.Load).items() if n in takes and n not in written and a == name]
    rest = iter([n for n in own if n not in takes])
    places = {n: n if n in own else next(rest, n) for n in takes if n not in outputs}

    @functools.wraps(backward)
    def by_hand(*given: Any) -> Any:
        *args, dy = given
        tensors = dict(zip(own, as_tensors(tuple(args)), strict=True))
        out = forward(*tensors.values())
        setattr(out, name, as_tensors(np.asarray(dy)))
        backward(*(out if n in outputs else tensors[places[n]] for n in takes))
        grads = [as_numbers(getattr(t, name, None)) for t in tensors.values()]
        return tuple(g if outputs or g is None else g * dy for g in grads)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    by_hand.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in (*own, "dy")])  # type: ignore
    return taking_tensors(forward), by_hand


def layer_of_arrays(finder: Finder, cls: Any) -> Any:
    """A class whose ``backward()`` sets the gradients of the tensors that it holds as an attribute of each, as a layer
    of arrays; ``None`` of another class."""
    backs = [m for c in own_classes(finder) for n, m in vars(c).items() if n in BACKWARD]
    names = dict.fromkeys(a for m in backs for a in _carriers(m, ast.Store).values())
    call = "__call__" if any("__call__" in vars(c) for c in cls.__mro__) else "forward"
    if not names or not hasattr(cls, call) or parameters(cls.backward)[1:]:
        return None
    (name, *_), takes = names, forward_of(cls)

    class Carrying:
        """The parameters are held as arrays, and their gradients kept beside them."""

        @functools.wraps(cls.__init__)  # type: ignore[misc]
        def __init__(self, *args: Any, **more: Any) -> None:
            self._hold(cls(*as_tensors(args), **more))

        def _hold(self, thing: Any) -> None:
            self.thing, self.params = thing, dict(_tensors(thing))
            self.params = {n: np.asarray(as_numbers(t), float) for n, t in self.params.items()}

        @functools.wraps(takes)
        def forward(self: Any, *args: Any) -> Any:
            if isinstance(self, cls):  # as the file calls it
                self, thing = Carrying.__new__(Carrying), self
                self._hold(thing)
            self.own = {n: as_tensors(x) for n, x in self.params.items()}
            old = dict(_tensors(self.thing))
            for n, t in old.items():
                if hasattr(t, name):  # which the backward may add to
                    setattr(self.own[n], name, as_tensors(np.zeros(t.shape)))
            self.run = copy.deepcopy(self.thing, {id(t): self.own[n] for n, t in old.items()})
            self.given = [t.double() if is_tensor(t) and t.is_floating_point() else t for t in as_tensors(args)]
            self.out = getattr(self.run, call)(*self.given)
            return as_numbers(self.out)

        def backward(self, dout: Any) -> Any:
            setattr(self.out, name, as_tensors(np.asarray(dout)))
            self.run.backward()
            self.grads = {n: as_numbers(g) for n, t in self.own.items() if (g := getattr(t, name, None)) is not None}
            first, *rest = (as_numbers(getattr(t, name, None)) for t in self.given)
            return (first, *rest) if any(g is not None for g in rest) else first

    Carrying.__name__ = cls.__name__
    return Carrying


def network_of_arrays(finder: Finder, cls: Any) -> Any:
    """A class that holds tensors and takes them, as one of arrays in double precision; another class as it is."""
    if not any(is_tensor(x) for _, x in leaves(attributes(next(objects_of(finder, cls), None)))):
        return cls

    def held(x: Any) -> Any:
        return np.asarray(x.detach(), float) if is_tensor(x) and x.is_floating_point() else as_numbers(x)

    def outside(method: Callable) -> Callable:
        @functools.wraps(method)
        def run(self: Any, *args: Any, **named: Any) -> Any:
            if "_inside" in vars(self):
                return method(self, *args, **named)
            self.__dict__ |= {n: as_tensors(v) for n, v in vars(self).items()} | {"_inside": True}
            try:
                return as_numbers(method(self, *as_tensors(args), **as_tensors(named)))
            finally:
                del self._inside
                self.__dict__ |= {n: rebuild(v, lambda _, x: held(x)) for n, v in vars(self).items()}

        return run

    own = {n: f for base in reversed(cls.__mro__[:-1]) for n, f in vars(base).items() if inspect.isfunction(f)}
    return type(cls.__name__, (cls,), {n: outside(f) for n, f in own.items()} | {"__module__": cls.__module__})


def _tensors(thing: Any, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """The floating tensors that an object of the user's holds, and the objects in it, by name."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if is_tensor(thing):
        if thing.is_floating_point():
            yield path, thing
        return
    held = dict(enumerate(thing)) if isinstance(thing, list | tuple) else thing if isinstance(thing, dict) else None
    for n, v in (attributes(thing) if held is None else held).items():
        yield from _tensors(v, f"{path}_{n}" if path else str(n), seen)
