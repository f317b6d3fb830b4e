"""Rules of reverse mode: ``torch.autograd.Function``, classes like it, ``jax.custom_vjp``, and functions that return
their own backward."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.report import Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters
from jaxdoodle.submissions.arguments.source import source_tree
from jaxdoodle.submissions.arrays import as_numbers, as_tensors
from jaxdoodle.submissions.finder import Finder, Found
from jaxdoodle.submissions.pair import call_back, check_pair


def custom_vjps(finder: Finder) -> Iterator[Found]:
    """Functions of ``jax.custom_vjp`` with their rules; ``nondiff_argnums`` come first in the backward."""
    for name, function in list(finder.names.items()):
        if isinstance(function, jax.custom_vjp) and getattr(function, "bwd", None) is not None:
            finder.taken |= {id(function), id(function.fwd), id(function.bwd)}
            yield Found(name, function.bwd, partial(check_custom_vjp, finder, name, function))


def check_custom_vjp(finder: Finder, name: str, function: Any, **options: Any) -> Report:
    fixed = tuple(sorted(function.nondiff_argnums or ()))
    plain, forward, backward = function.fun, function.fwd, function.bwd

    def joined(*args: Any) -> Any:
        return plain(*args), (args, forward(*args)[1])

    def by_hand(residuals: Any, dy: Any) -> Any:
        args, kept = residuals
        given = tuple(backward(*(args[i] for i in fixed), kept, dy))
        moving = [i for i in range(len(args)) if i not in fixed]
        return tuple(dict(zip(moving, given, strict=True)).get(i) for i in range(len(args)))

    functools.update_wrapper(joined, plain)
    by_hand.__wrapped__, by_hand.__signature__ = backward, inspect.signature(by_hand)  # type: ignore[attr-defined]
    args, _ = finder.declared(name)
    args = finder.arguments(name, joined, partial(call_back, joined, by_hand)) if args is None else args
    args = tuple(float(a) if i in fixed and isinstance(a, np.floating) else a for i, a in enumerate(args))
    return check(joined, by_hand, args, title=name, **options)


_BACKWARD = re.compile("back|bwd|bprop|vjp|grad|pull|adjoint", re.I)


def pullbacks(finder: Finder) -> Iterator[Found]:
    """Functions that give their value and what takes its gradient back: ``y, back = dense(x, w)``; ``back(dy)``."""
    for name, function in finder.functions.items():
        if id(function) not in finder.taken and _gives_backward(function):
            finder.taken.add(id(function))
            yield Found(
                name, function, partial(check_pair, finder, name, function, _taken_back, *finder.declared(name))
            )


def _taken_back(residuals: Any, dy: Any) -> Any:
    return residuals(dy)


def _gives_backward(function: Any) -> bool:
    """Is the second of the two things that it returns a backward, defined in it, of one argument?

    A function tells by its name (``step(g)`` of a momentum is none), one without a name by its parameter's.
    """
    tree: Any = source_tree(function)
    body = tree.body[0].body if tree is not None and isinstance(tree.body[0], ast.FunctionDef) else []
    returned = getattr(body[-1], "value", None) if body else None
    if not isinstance(returned, ast.Tuple) or len(returned.elts) != 2:
        return False
    last = returned.elts[1]
    defined = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
    back = defined.get(last.id) if isinstance(last, ast.Name) else last
    if not isinstance(back, ast.FunctionDef | ast.Lambda) or len(back.args.args) != 1:
        return False
    return is_cotangent(back.args.args[0].arg) if isinstance(back, ast.Lambda) else bool(_BACKWARD.search(back.name))


def check_context(finder: Finder, cls: Any, **options: Any) -> Report:
    torch: Any = sys.modules.get("torch")
    of_torch = torch is not None and issubclass(cls, torch.autograd.Function)
    modern = of_torch and cls.setup_context is not torch.autograd.Function.setup_context
    own_forward, own_backward, setup = cls.forward, cls.backward, getattr(cls, "setup_context", lambda *_: None)
    names = [p for p in parameters(own_forward)][0 if modern else 1 :]

    class Context:
        """What ``forward`` keeps, as torch would, or as ``ctx.save(x)`` and ``ctx.saved`` do."""

        needs_input_grad = (True,) * len(names)
        saved_tensors: tuple = ()

        def save_for_backward(self, *tensors: Any) -> None:
            self.saved_tensors = tensors

        def __getattr__(self, name: str) -> Any:
            if name.startswith("save"):
                return self.saved_tensors if name.startswith("saved") else self.save_for_backward
            raise AttributeError(name)

        save_for_forward = mark_dirty = mark_non_differentiable = lambda self, *tensors: None
        set_materialize_grads = mark_shared_storage = mark_dirty

    def tensors(args: Any) -> list[Any]:
        return list(as_tensors(tuple(args)) if of_torch else args)

    def forward(*args: Any) -> Any:
        ctx, given = Context(), tensors(args)
        if modern:
            y = own_forward(*given)
            setup(ctx, tuple(given), y)
        else:
            y = own_forward(ctx, *given)
        return as_numbers(y), ctx

    def backward(ctx: Any, dy: Any) -> Any:
        given = own_backward(ctx, *tensors(dy if isinstance(dy, tuple) else (dy,)))
        found = given if isinstance(given, tuple) else (given,)
        return tuple(as_numbers(g) for g in found)

    forward.__signature__, forward.__wrapped__ = inspect.Signature(names), own_forward  # type: ignore[attr-defined]
    return check_pair(finder, cls.__name__, forward, backward, *finder.declared(cls.__name__), **options)
