"""Rules of libraries, ``torch.autograd.Function``, classes like it, ``jax.custom_vjp`` and ``jax.custom_jvp``, and
functions that return their own backward."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck.api import check
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.binding import is_cotangent, parameters
from jaxdoodle.gradcheck.setup.candidate import in_float64
from jaxdoodle.gradcheck.setup.leaves import is_floating, is_integer, leaves, rebuild
from jaxdoodle.gradcheck.setup.problem import fixed_randomness
from jaxdoodle.submissions.arguments.arrays import as_numbers, as_tensors
from jaxdoodle.submissions.arguments.finder import Finder, Found
from jaxdoodle.submissions.functions.pair import call_back, check_pair
from jaxdoodle.submissions.reading.source import conventions_of, source_tree

#: Distance of the value that a rule gives from that of its function: both may be found by iteration.
_VALUE = 1e-5


def custom_rules(finder: Finder) -> Iterator[Found]:
    """Functions of ``jax.custom_vjp`` and ``jax.custom_jvp`` with their rules, which get ``nondiff_argnums`` first."""
    for name, function in list(finder.names.items()):
        if isinstance(function, jax.custom_vjp) and getattr(function, "bwd", None) is not None:
            finder.taken |= {id(function), id(function.fwd), id(function.bwd)}
            yield Found(name, function.bwd, partial(check_custom_vjp, finder, name, function))
        elif isinstance(function, jax.custom_jvp) and function.jvp is not None:
            finder.taken |= {id(function), id(function.jvp)}
            begins = _own_rules(function)[0] or function.fun
            yield Found(name, begins, partial(check_custom_jvp, finder, name, function))


def check_custom_vjp(finder: Finder, name: str, function: Any, **options: Any) -> Report:
    fixed = tuple(sorted(function.nondiff_argnums or ()))
    plain, forward, backward = function.fun, function.fwd, function.bwd

    def joined(*args: Any) -> Any:
        return plain(*args), (args, forward(*args)[1])

    def by_hand(residuals: Any, dy: Any) -> Any:
        args, kept = residuals
        return _at_their_places(args, fixed, backward(*(args[i] for i in fixed), kept, dy))

    by_hand.__wrapped__ = backward  # type: ignore[attr-defined]
    return _check_rule(finder, name, function, (joined, by_hand), lambda *args: forward(*args)[0], **options)


def check_custom_jvp(finder: Finder, name: str, function: Any, **options: Any) -> Report:
    """The tangent of the output, which is linear in those of the arguments, transposed."""
    fixed, plain, rules = tuple(function.nondiff_argnums), function.fun, _own_rules(function)
    separate = rules[0] is not function.jvp

    def both(args: Any, tangents: Any) -> Any:
        moving = tuple(a for i, a in enumerate(args) if i not in fixed)
        if not separate:
            return rules[0](*(args[i] for i in fixed), moving, tangents)
        y = plain(*args)
        parts = [one(t, y, *args) for one, t in zip(rules, tangents, strict=False) if one is not None]
        return y, functools.reduce(partial(jax.tree.map, jnp.add), parts)

    def joined(*args: Any) -> Any:
        return plain(*args), args

    def by_hand(residuals: Any, dy: Any) -> Any:
        flat, tree = jax.tree.flatten(tuple(a for i, a in enumerate(residuals) if i not in fixed))
        real = [jnp.issubdtype(jnp.result_type(x), jnp.inexact) for x in flat]

        def tangent(moved: Any) -> Any:
            rest = iter(moved)
            none = [np.zeros(np.shape(x), jax.dtypes.float0) for x in flat]
            each = [next(rest) if moves else zero for zero, moves in zip(none, real, strict=True)]
            return both(residuals, jax.tree.unflatten(tree, each))[1]

        y, transposed = jax.vjp(tangent, [jnp.zeros_like(x) for x, moves in zip(flat, real, strict=True) if moves])
        (given,) = transposed(jax.tree.map(lambda g, t: jnp.asarray(g, t.dtype), dy, y))
        found = iter(given)
        return _at_their_places(
            residuals, fixed, jax.tree.unflatten(tree, [next(found) if moves else None for moves in real])
        )

    def value(*args: Any) -> Any:
        return both(args, jax.tree.map(jnp.zeros_like, tuple(a for i, a in enumerate(args) if i not in fixed)))[0]

    by_hand.__wrapped__ = next(rule for rule in rules if rule is not None)  # type: ignore[attr-defined]
    moving = {i for i, rule in enumerate(rules) if separate and rule is not None}
    return _check_rule(finder, name, function, (joined, by_hand), value, moving, **options)


def _own_rules(function: Any) -> tuple[Any, ...]:
    """The rule of the user's, or those that ``defjvps`` got, one for each argument."""
    by_jax = function.jvp.__module__.startswith("jax.")
    return inspect.getclosurevars(function.jvp).nonlocals["jvps"] if by_jax else (function.jvp,)


def _at_their_places(args: tuple, fixed: tuple[int, ...], given: Any) -> tuple:
    moving = [i for i in range(len(args)) if i not in fixed]
    return tuple(dict(zip(moving, tuple(given), strict=True)).get(i) for i in range(len(args)))


def _check_rule(
    finder: Finder, name: str, function: Any, pair: tuple[Any, Any], value: Callable, moving: Collection[int] = (),
    **options: Any,
) -> Report:  # fmt: skip
    """Check the pair that a rule is as ``check`` takes it; ``value(*args)`` is the value that the rule gives.
    Arguments that are ``moving`` have a rule of their own: they are no whole numbers."""
    (joined, by_hand), fixed = pair, function.nondiff_argnums or ()
    functools.update_wrapper(joined, function.fun)
    by_hand.__signature__ = inspect.signature(by_hand, follow_wrapped=False)
    args, conventions = finder.declared(name)
    args = finder.arguments(name, joined, partial(call_back, joined, by_hand)) if args is None else args
    args = tuple(float(a) if i in fixed and isinstance(a, np.floating) else a for i, a in enumerate(args))
    args = tuple(np.asarray(a, float) if i in moving and is_integer(a) else a for i, a in enumerate(args))
    told = [c for c in conventions_of(function.fun) if c == "passed through"]  # a step says so where it is defined
    conventions = (*conventions, *conventions_of(by_hand), *told, "rule")
    report = check(joined, by_hand, args, title=name, conventions=conventions, **options)
    pairs: list[tuple[Any, Any]] = []
    with in_float64(), fixed_randomness(), contextlib.suppress(Exception):  # of the user's code: the check tells
        given = rebuild(args, lambda _, x: np.asarray(x, float) if is_floating(x) else x)
        pairs = [(w, g) for (_, w), (_, g) in zip(leaves(function.fun(*given)), leaves(value(*given)), strict=False)]
    off = [(w, g) for w, g in pairs if is_floating(w) and not np.allclose(w, g, _VALUE, _VALUE, equal_nan=True)]
    if not off or not report.leaves:
        return report
    want, got = (np.linalg.norm(np.asarray(x, float)) for x in off[0])
    sentence = f"the value that the rule gives is of norm {got:.9g}; that of {name} is of norm {want:.9g}"
    return replace(report, findings=(*report.findings, Finding("value is not the function's", sentence)))


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
    backward.__signature__, backward.__wrapped__ = inspect.signature(backward), own_backward  # type: ignore[attr-defined]
    args, conventions = finder.declared(cls.__name__)
    return check_pair(finder, cls.__name__, forward, backward, args, (*conventions, "rule"), **options)
