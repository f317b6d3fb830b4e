"""How an engine passes gradients on: added up where a value is used twice, in the right order, each once.

What is wrong there is proved as a rule is: the file's classes are made again with one edit, and every expression is
right.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from jaxdoodle.core.time_limit import TimeOutError, time_limit
from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.diagnosis.catalogue import sentence
from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits, places_in
from jaxdoodle.gradcheck.diagnosis.repairs.repair import place
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Edit, Scope, expr
from jaxdoodle.gradcheck.report import UNNAMED, Finding
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.objects.layer_object import BACKWARD

#: Edits of all functions that are tried.
_MOST_EDITS = 1500
_TOO_EARLY = "passed on too early"
#: Seconds of one trial, for an edited loop may be endless, and how many may be.
_TRIAL_SECONDS, _MOST_ENDLESS = 2.0, 5
#: What an edit that concerns the walk alone undoes, in words.
_SAID = {
    "= for +=": "the gradient is written over, not added up: wrong for a value used twice",
    "added up in place": "the array that is added to may be another value's gradient, too",
    _TOO_EARLY: "a value passes its gradient on before all of it has come back",
    "passed on twice": "a value that is used twice passes its gradient on twice",
}


@dataclass(frozen=True)
class _Change:
    """Statements (or an expression) in the place of others; ``at``: the line that is told, ``text``: what belongs
    there."""

    name: str
    at: ast.AST
    edits: tuple[Edit, ...]
    text: str = ""


@dataclass
class Trials:
    """Is a file right with an edit? ``right(names)`` tells of its names, made again."""

    names: dict[str, Any]
    right: Callable[[dict[str, Any]], bool]
    endless: int = 0

    def fits(self, program: ast.Module, file: str) -> bool:
        if self.endless == _MOST_ENDLESS:
            return False
        try:
            with time_limit(_TRIAL_SECONDS):
                space = dict(self.names)
                exec(compile(ast.fix_missing_locations(program), file, "exec"), space)
                return self.right(space)
        except TimeOutError:
            self.endless += 1
        except Exception:  # any: what cannot stand there, or the user's code, which is run again
            pass
        return False


def mistake(finder: Finder, cls: type, held: tuple[str, str], trials: Trials, words: str, once: bool) -> Finding | None:
    """The edit of what passes gradients on with which every expression is right.

    Args:
      finder: Of the file.
      cls: The class of values.
      held: What it calls a value and its gradient.
      trials: Whether every expression is right.
      words: The wrong expressions.
      once: Each operation is right, but for values that are used twice: what is no rule is wrong.
    """
    left = iter(range(_MOST_EDITS))
    begins: Where | None = None
    for file, program in ((name, _program(finder, tree)) for name, tree in finder.code.trees):
        walk = list(_walk(program, cls.__name__))
        for function in walk:
            begins = begins or Where.at(file, function.lineno)
        rest = [] if once else [f for f in _rules(program, cls.__name__, words) if f not in walk]
        changes = [c for f in walk for c in (*_changes(f, held[1]), *_visits(f))]
        changes += _orders(walk, changes)
        changes += [c for f in (walk if once else rest) for c in _edited(f, held)]
        for change, _ in zip(changes, left, strict=False):
            for edit in change.edits:
                edit.apply()
            right = trials.fits(program, file)
            told = change.text or ast.unparse(change.at)
            for edit in reversed(change.edits):
                edit.undo()
            if right:
                where = Where.at(file, change.at.lineno)  # type: ignore[attr-defined]
                if change.name in _SAID:
                    says = f"{_SAID[change.name]}: `{where.text}` should be `{told}`"
                else:
                    function = next(f for f in (*rest, *walk) if change.edits[0].parent in ast.walk(f))
                    where, told = place(function, file, change.edits[0])
                    says = sentence(change.name, where.text, told)
                return Finding(change.name, says, (), None, where, ("with it, all expressions are right",), told)
    if not once or begins is None:
        return None
    says = "each operation is right by itself; how gradients are added up, or in which order passed on, is wrong"
    return Finding(UNNAMED, says, backward=begins)


def _program(finder: Finder, tree: ast.Module) -> ast.Module:
    """The functions and classes of a file, and what gives classes more methods."""
    classes = {n.name for n in tree.body if isinstance(n, ast.ClassDef)}

    def registers(n: ast.stmt) -> bool:
        if isinstance(n, ast.Assign):
            return any(isinstance(t, ast.Attribute) and getattr(t.value, "id", "") in classes for t in n.targets)
        given = n.value.args if isinstance(n, ast.Expr) and isinstance(n.value, ast.Call) else ()
        loops = isinstance(n, ast.For) and "setattr(" in ast.unparse(n)
        return loops or any(isinstance(a, ast.Name) and a.id in classes for a in given)

    kept = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef) or registers(n)]
    return copy.deepcopy(ast.Module(kept, []))


def _walk(program: ast.Module, name: str) -> Iterator[ast.FunctionDef]:
    """The method that passes gradients on, what is defined in it, and what it calls of its class and of the file."""
    classes = [c for c in program.body if isinstance(c, ast.ClassDef) and c.name == name]
    own = {m.name: m for c in classes for m in c.body if isinstance(m, ast.FunctionDef)}
    free = {f.name: f for f in program.body if isinstance(f, ast.FunctionDef)}
    todo, seen = [own[n] for n in BACKWARD if n in own], set[str]()
    while todo:
        function = todo.pop(0)
        if function.name in seen:
            continue
        seen.add(function.name)
        yield function
        for n in ast.walk(function):
            if isinstance(n, ast.FunctionDef) and n is not function:
                todo.append(n)
            if isinstance(n, ast.Call):
                called = own.get(getattr(n.func, "attr", "")) or free.get(getattr(n.func, "id", ""))
                todo += [called] if called else []


def _rules(program: ast.Module, name: str, words: str) -> list[ast.FunctionDef]:
    """Those of operations that are classes of their own, those that are named first, and functions that they call."""
    classes = [c for c in program.body if isinstance(c, ast.ClassDef) and c.name != name]
    classes.sort(key=lambda c: c.name.lower() not in words)
    rules = [m for c in classes for m in c.body if isinstance(m, ast.FunctionDef) and m.name in BACKWARD]
    called = {getattr(n, "id", "") for rule in rules for n in ast.walk(rule)}
    return [*rules, *(f for f in program.body if isinstance(f, ast.FunctionDef) and f.name in called)]


def _changes(function: ast.FunctionDef, gradient: str) -> Iterator[_Change]:
    """What may be wrong in a walk alone, mended."""
    places = list(places_in(function))
    for parent, name, index, node in places:
        if isinstance(node, ast.Assign | ast.AugAssign):
            target: Any = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if getattr(target, "attr", "") == gradient or isinstance(target, ast.Subscript):
                text, value = ast.unparse(target), ast.unparse(node.value)
                ways = [f"{text} = {text} + {value}"]
                title = "added up in place"
                if isinstance(node, ast.Assign):
                    ways = [f"{text} += {value}", f"{text} = {value} if {text} is None else {text} + {value}"]
                    title = "= for +="
                for way in ways:
                    edit = Edit(title, 0, parent, name, index, node, ast.parse(way).body[0])
                    yield _Change(title, node, (edit,), way)


def _orders(walk: list[ast.FunctionDef], changes: list[_Change]) -> list[_Change]:
    """Loops the other way round, and over what a function puts in order, beside a change of that order."""
    places = {id(n): n for f in walk for n in ast.walk(f)}.values()
    appends = (n.func for n in places if isinstance(n, ast.Call) and getattr(n.func, "attr", "") == "append")
    orders = {ast.unparse(f.value) for f in appends if isinstance(f, ast.Attribute)}
    found = []
    for node in (n for n in places if isinstance(n, ast.For)):
        text = ast.unparse(node.iter)
        turned = [f"reversed({t})" for t in dict.fromkeys((text, *sorted(orders))) if f"reversed({t})" != text]
        plain = re.fullmatch(r"reversed\((.*)\)|(.*)\[::-1\]", text)
        for new in (*filter(None, plain.groups() if plain else ()), *turned):
            edit = Edit(_TOO_EARLY, 0, node, "iter", None, node.iter, expr(new))
            found.append(_Change(_TOO_EARLY, node, (edit,), f"for {ast.unparse(node.target)} in {new}:"))
    early = [c for c in changes if c.name == _TOO_EARLY]
    return [*found, *(_Change(c.name, c.at, (*c.edits, *f.edits), f"{c.text}; {f.text}") for c in early for f in found)]


def _visits(function: ast.FunctionDef) -> Iterator[_Change]:
    """Of a function that calls itself for what a value is made of: each once, and itself after them."""
    places = list(places_in(function))
    calls = [n for *_, n in places if isinstance(n, ast.Call)]
    if not any(function.name in (getattr(c.func, "id", ""), getattr(c.func, "attr", "")) for c in calls):
        return
    for parent, name, index, node in places:
        call = node.value if isinstance(node, ast.Expr) else None
        method = getattr(getattr(call, "func", None), "attr", "")
        if not isinstance(call, ast.Call) or method not in ("append", "add") or len(call.args) != 1 or index is None:
            continue
        body, item, holder = getattr(parent, name), ast.unparse(call.args[0]), ast.unparse(call.func.value)  # type: ignore[attr-defined]
        if method == "append" and node is not body[-1]:
            moved = Edit(_TOO_EARLY, 0, parent, name, None, body, [*(s for s in body if s is not node), node])
            yield _Change(_TOO_EARLY, node, (moved,), f"{ast.unparse(node)} after what it is made of")
        seen = f"{item} in {holder}" if method == "add" else f"any({item} is o for o in {holder})"
        check = ast.parse(f"def f():\n    if {seen}: return").body[0].body[0]  # type: ignore[attr-defined]
        first = Edit("passed on twice", 0, function, "body", None, function.body, [check, *function.body])
        yield _Change("passed on twice", function, (first,), f"if {seen}: return")


def _edited(function: ast.FunctionDef, held: tuple[str, str]) -> Iterator[_Change]:
    names = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)}
    holders = {n.value.id for n in ast.walk(function) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
    objects = {n: SimpleNamespace(**{k: np.float64(0.5) for k in held}) for n in holders & names}
    scope = Scope({n: np.float64(0.5) for n in names - holders} | objects)
    for edit in islice(edits(function, scope), _MOST_EDITS):
        yield _Change(edit.name, edit.old, (edit,))
