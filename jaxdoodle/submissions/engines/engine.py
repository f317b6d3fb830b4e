"""Engines of scalars or arrays, as micrograd's ``Value``: each operation, alone and with a value that is used twice."""

from __future__ import annotations

import ast
import copy
import functools
import inspect
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from types import CodeType, FrameType, SimpleNamespace
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import LIBRARIES, Where
from jaxdoodle.gradcheck.compare import compare
from jaxdoodle.gradcheck.diagnosis.catalogue import sentence
from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits
from jaxdoodle.gradcheck.diagnosis.repairs.repair import place
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Scope
from jaxdoodle.gradcheck.report import UNNAMED, Finding, LeafResult, PointResult, Report
from jaxdoodle.gradcheck.setup.binding import required
from jaxdoodle.gradcheck.setup.candidate import raised_at
from jaxdoodle.gradcheck.setup.problem import CheckError
from jaxdoodle.submissions.arguments.finder import Finder
from jaxdoodle.submissions.engines.graph_walk import Trials, mistake
from jaxdoodle.submissions.engines.operators import made, untried, with_operators
from jaxdoodle.submissions.objects.layer_object import BACKWARD
from jaxdoodle.submissions.reading.raised import raising
from jaxdoodle.submissions.reading.source import source_tree

_FUNCTIONS = ("exp", "log", "tanh", "relu", "sigmoid", "sqrt", "sin", "cos", "softplus", "silu", "abs",
              "square", "leaky_relu", "elu", "gelu")  # fmt: skip
_OF_TWO = ("max", "min", "maximum", "minimum")
_EXPRESSIONS = (
    "a + b", "a * b", "a - b", "-a", "a / b", "a ** 3", "a + 2.0", "2.0 + a", "a * 2.0", "2.0 * a", "2.0 - a",
    "2.0 / a", *(f"a.{f}(b)" for f in _OF_TWO), *(f"a.{f}(){more}" for more in ("", " * a") for f in _FUNCTIONS),
    "a ** 3 * a", "a / b * a", "a - b + a", "(-a).relu()", "(a + b) * a", "(a + b) * b", "a + a", "a * a", "a - a * b",
    "(a + b) * (a * b)", "a * b + a", "c = a * b; c + c", "c = a * b; c + c * a", "c = a * b; c * a + c",
    "c = a * b; c + a * c", "a + b + a",
)  # fmt: skip
#: What gives several numbers is added up.
_OF_ARRAYS = (
    "a @ b",
    "a.mean() * a.mean()",
    "a.sum() * a.sum()",
    "a @ b * (a @ b)",
    "b * b",
    "b + b * b",
    "a.sum(axis=0) * b.sum(axis=1)",
)
#: Of a table, each rule run twice: an engine may have no rule for one.
_OF_A_TABLE = tuple(
    f"c = {c}; c * c * {c}"
    for c in (
        *(f"a.{f}({axis})" for f in ("max", "min", "mean", "sum", "var", "std", "logsumexp") for axis in (1, 0)),
        *(f"a.{f}({axis})" for f in ("softmax", "log_softmax") for axis in ("", 1)),
        "a.T", "a.transpose()", "a.transpose(1, 0)", "a.reshape(3, 2)", "a.reshape((3, 2))", "a[0]", "a[:, 1:]",
        "a[[0, 0, 1]]",
    )
)  # fmt: skip
#: Of a table and a row: an engine may have no rule for shapes that differ.
_BROADCAST = ("a + row", "a * row", "(a.exp().sum(axis=1) + 1.0).log()")
#: Of a table and a row or a column that is one, too.
_BY_ROW, _BY_COLUMN = ("a + row[None]", "a * row[None]"), ("a + column", "a * column")
#: Where operations are tried: what is not defined there (the logarithm of -0.4) is left out.
_VALUES: tuple[tuple[Any, Any], ...] = ((0.7, 1.3), (-0.4, 0.9), (1.6, -0.8))
_ARRAYS = tuple((np.linspace(low, 1.9, 6).reshape(2, 3), np.linspace(-0.7, high, 6).reshape(3, 2))
                for low, high in ((0.3, 1.1), (-0.8, 0.6)))  # fmt: skip
_ROWS = tuple((a, b[:, 0]) for a, b in _ARRAYS)
_ONE_ROW = tuple((a, b[None]) for a, b in _ROWS)
_COLUMNS = tuple((a, b[:2, :1]) for a, b in _ARRAYS)
_CASES = {
    words: points
    for table, points in (
        (_EXPRESSIONS, _VALUES),
        (_OF_ARRAYS, _ARRAYS),
        (_OF_A_TABLE, _ARRAYS),
        (_BROADCAST, _ROWS),
        (_BY_ROW, _ONE_ROW),
        (_BY_COLUMN, _COLUMNS),
    )
    for words in table
}


@functools.cache
def _expression(words: str) -> Callable[[Any, Any], Any]:
    """A function of two values of what is written; ``c`` is computed once."""
    first, _, last = re.sub(r"row\[None\]|row|column", "b", words).rpartition("; ")
    return eval(f"lambda a, b: (lambda c: {last})({first.removeprefix('c = ') or None})")


def _total(y: Any, held: Any) -> Any:
    """A value of one number: the sum of several, or the mean, where the engine has no sum."""
    if np.size(held) == 1 or not hasattr(y, "sum"):
        return y if np.size(held) == 1 else y.mean()
    if required(y.sum):  # an axis
        return functools.reduce(lambda total, _: total.sum(0), range(np.ndim(held)), y)
    return y.sum()


def check_engine(finder: Finder, cls: Any, explain: bool = True, **_: Any) -> Report:
    """A class of numbers that know their gradient: each operation, alone and with a value used twice."""
    with_operators(finder.names, cls)
    found, refused = dict[str, Report](), list[str]()
    for words in _CASES:
        try:
            if (report := _check_expression(cls, words)) is not None:
                found[words] = report
        except _NoRule:
            refused.append(words)
    left = {"backward() has no rule": refused, "how they are called is not known": untried(cls, (*found, *refused))}
    more = tuple(f"not checked, for {why}: {', '.join(names)}" for why, names in left.items() if names)
    # what raises is wrong beside others that run, else it is not known how it is called, or has no such rule
    run = {_shapes_in(words) for words, report in found.items() if _runs(report)}
    known = {words: report for words, report in found.items() if _shapes_in(words) in run}
    right = [report for report in known.values() if report.passed]
    wrong = {words: report for words, report in known.items() if not report.passed}
    if not right and not wrong:
        raise CheckError(f"no way found to make {cls.__name__}(2.0) and call backward() of a result")
    if not wrong:
        told = f"{len(right)} expressions of its operations are right"
        return replace(right[0], title=cls.__name__, notes=(told, *more))
    first = next(iter(wrong.values()))
    overwritten = _overwrites(finder, cls)
    findings: tuple[Finding, ...] = ()
    twice = re.compile(r"\b([abc])\b.*\b\1\b")  # a value that is used twice
    single = [w for w in wrong if not twice.search(w)]
    if overwritten and not single:
        findings = tuple(
            Finding("= for +=", f"the gradient is written over, not added up: wrong for a value used twice ({words})",
                    tuple(leaf.name for leaf in first.leaves if leaf.verdict == "wrong"), backward=where)
            for where in overwritten for words in [", ".join(wrong)]
        )  # fmt: skip
    told = f"wrong: {', '.join(wrong)}" + (f"; right: {', '.join(r.title for r in right)}" if right else "")
    leaves = tuple(leaf.name for leaf in first.leaves if leaf.verdict == "wrong")
    if not findings:
        raised = next((finding for report in wrong.values() for finding in report.findings), None)
        at = raised.backward if raised else None
        names = list(wrong), [report.title for report in right]

        def right_again(space: dict[str, Any]) -> bool:
            with_operators(space, other := space[cls.__name__])
            return all((r := _check_expression(other, w)) is not None and r.passed for w in (*names[0], *names[1]))

        trials = Trials(finder.names, right_again)
        once = not single and raised is None and not wrong.keys() <= {*_OF_A_TABLE}
        mended = mistake(finder, cls, _names(cls), trials, " ".join(wrong), once) if explain else None
        if explain and (mended is None or mended.name == UNNAMED):
            mended = _mended(finder, cls, *names, at, trials) or mended
        unnamed = Finding(UNNAMED, f"the derivatives of {', '.join(wrong)} are wrong")
        findings = (replace(mended or raised or unnamed, leaves=leaves),)
    return replace(first, title=cls.__name__, findings=findings, notes=(*first.notes, told, *more))


def _shapes_in(words: str) -> str:
    """What is spread over a table there: an engine may have a rule for that, or none."""
    return "row" if words in _BROADCAST else "an axis of 1" if words in (*_BY_ROW, *_BY_COLUMN) else ""


#: Edits of one rule that are tried: all of a rule of five lines; and of all rules, where expressions are of arrays.
_MOST_EDITS, _MOST_OF_ARRAYS = 400, 800


def _mended(
    finder: Finder, cls: Any, wrong: list[str], right: list[str], at: Where | None, trials: Trials
) -> Finding | None:
    """The edit of one operation's rule with which every expression is right; of the one ``at`` a line that raises."""
    wrong = sorted(wrong, key=lambda w: w not in _EXPRESSIONS)
    rules = [(*each, _method(*each[1:])) for each in _rules(finder, cls)]
    of_line = [each for each in rules if at and at.file == each[0] and _holds(each[2], at.line)]
    rules = of_line or rules
    rules.sort(key=lambda each: re.search(rf"\.{each[-1].name}\b", " ".join(wrong)) is None)
    if wrong[0] in _EXPRESSIONS:  # else it may be in what all rules of arrays run
        suspect, proven = _runs_of(cls, wrong), _runs_of(cls, right)
        at_of = {id(rule): (rule.name, rule.lineno, file) for file, _, rule, _ in rules}
        rules.sort(key=lambda each: proven[at_of[id(each[2])]] - suspect[at_of[id(each[2])]])
    left = iter(range(_MOST_EDITS * len(rules) if wrong[0] in _EXPRESSIONS else _MOST_OF_ARRAYS))
    for file, program, rule, method in rules:
        names = {n.id for n in ast.walk(method) if isinstance(n, ast.Name)}
        holders = {
            n.value.id for n in ast.walk(method) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        held = _names(cls)  # each a number of its own: which is which counts
        objects = {n: SimpleNamespace(**{k: np.float64(0.5) for k in held}) for n in holders & names}
        scope = Scope({n: np.float64(0.5) for n in names - holders} | objects)
        own = {n for f in ast.walk(rule) if isinstance(f, ast.Lambda) for n in ast.walk(f)} or {*ast.walk(rule)}
        tried = islice((e for e in edits(rule, scope) if e.old in own), _MOST_EDITS)
        for edit, _ in zip(tried, left, strict=False):
            edit.apply()
            fits = trials.fits(program, file)
            edit.undo()
            if fits:
                where, text = place(rule, file, edit)
                proof = f"with it, {len(wrong) + len(right)} expressions are right"
                return Finding(edit.name, sentence(edit.name, where.text, text), (), None, where, (proof,), text)
    return None


def _runs_of(cls: Any, expressions: list[str]) -> Counter[tuple[str, int, str]]:
    """In how many of these expressions functions run, by their names and where they begin: a line and a file."""
    runs, before = Counter[tuple[str, int, str]](), sys.getprofile()
    try:
        for words in expressions:
            codes = set[CodeType]()
            sys.setprofile(partial(_note, codes))
            _check_expression(cls, words)
            sys.setprofile(before)
            runs.update({(code.co_name, code.co_firstlineno, code.co_filename) for code in codes})
    finally:
        sys.setprofile(before)
    return runs


def _note(codes: set[CodeType], frame: FrameType, event: str, _: Any) -> None:
    codes.add(frame.f_code)


def _holds(rule: ast.FunctionDef, line: int) -> bool:
    return rule.lineno <= line <= (rule.end_lineno or rule.lineno)


def _method(program: ast.Module, rule: ast.FunctionDef) -> ast.FunctionDef:
    """The method that a rule stands in; a function of the file by itself."""
    of_class = (m for tree in program.body for m in getattr(tree, "body", ()) if isinstance(tree, ast.ClassDef))
    return next((m for m in of_class if rule in ast.walk(m)), rule)


def _rules(finder: Finder, cls: Any) -> Iterator[tuple[str, ast.Module, ast.FunctionDef]]:
    """(file, program, rule): the functions inside the methods of a class that pass gradients on, functions of the file
    that these call, and methods with such lambdas."""
    _, gradient = _names(cls)
    for file, module in finder.code.trees:
        parts = [n for n in module.body if isinstance(n, ast.FunctionDef) or getattr(n, "name", "") == cls.__name__]
        program = copy.deepcopy(ast.Module(parts, []))
        for tree in (n for n in program.body if isinstance(n, ast.ClassDef)):
            methods = [m for m in tree.body if isinstance(m, ast.FunctionDef) and m.name not in BACKWARD]
            functions = [f for m in methods for f in ast.walk(m) if isinstance(f, ast.FunctionDef) and f is not m]
            rules = [f for f in functions if any(getattr(n, "attr", "") == gradient for n in ast.walk(f))] or functions
            lambdas: list[Any] = [m for m in methods if any(isinstance(n, ast.Lambda) for n in ast.walk(m))]
            called = {n.id for rule in (*rules, *lambdas) for n in ast.walk(rule) if isinstance(n, ast.Name)}
            helpers: list[Any] = [f for f in program.body if getattr(f, "name", "") in called and f is not tree]
            yield from ((file, program, rule) for rule in (*helpers, *rules, *lambdas))


#: What an engine computes in -> step of differences, and relative distance of a right derivative: the fifth root of
#: what it rounds to, about, and what rounding and the fifth derivative leave.
_PRECISIONS = {"float64": (1e-4, 1e-8), "float32": (1e-2, 1e-4), "float16": (1e-1, 5e-2)}


class _NoRule(Exception):
    """An operation that the class does not differentiate."""


def _check_expression(cls: Any, words: str) -> Report | None:
    """At a few values, by central differences; ``None`` where the class does not have the operation.

    Raises ``_NoRule`` where the operation has no backward.
    """
    tried = _CASES[words]
    report = _check_at(cls, words, tried)
    if report is None or not report.findings or words not in _EXPRESSIONS:
        return report
    # of one number some rules of arrays raise: np.float64 is none, and takes no entries
    return _check_at(cls, words, [(np.array([a]), np.array([b])) for a, b in tried]) or report


def _check_at(cls: Any, words: str, tried: Sequence[tuple[Any, Any]]) -> Report | None:
    points: list[PointResult] = []
    raised: tuple[Finding, ...] = ()
    holds, gradient = _names(cls)

    def result(*numbers: Any) -> Any:
        y = _expression(words)(*numbers)
        return _total(y, getattr(y, holds))

    def value(*given: Any) -> float:
        return float(np.asarray(getattr(result(*(made(cls, v) for v in given)), holds)).item())

    for k, values in enumerate(tried):
        try:
            numbers = [made(cls, v) for v in values]
            dtype = _dtype(getattr(result(*numbers), holds), *(getattr(number, gradient) for number in numbers))
            step, tolerance = _PRECISIONS[dtype]
            wanted = [_slopes(value, values, place, step) for place in range(2)]
        except Exception:  # any exception of the user's code: it has no such operation
            continue
        try:
            numbers = [made(cls, v) for v in values]
            result(*numbers).backward()
            given = (getattr(number, gradient) for number in numbers)
            plain = (
                getattr(g, holds, g) if isinstance(g, cls.__mro__[-2]) else g for g in given
            )  # or numbers of its own
            got = [np.asarray(0.0 if g is None else g, float) for g in plain]
        except Exception as error:  # any exception of the user's code
            if isinstance(error, NotImplementedError) or words in _OF_A_TABLE and _has_no_rule(cls, error):
                raise _NoRule from error
            got, raised = [np.array(np.nan)] * 2, raising(words, error).findings
        leaves, largest = [], max(float(np.abs(w).max()) for w in wanted)
        for name, g, w in zip("ab", got, wanted, strict=True):
            if g.shape != w.shape:  # zeros may have any
                g = np.full(w.shape, np.nan if g.any() or w.any() else 0.0)
            figures = compare(g, w, largest)
            leaves.append(LeafResult(name, w.shape, figures, "exact" if figures.rel_l2 <= tolerance else "wrong"))
        points.append(PointResult(f"values {k + 1}", tuple(leaves)))
    if not points:
        return None
    told = f"central differences of the plain forward, {dtype}"
    return Report(words, told, dtype, tuple(points), raised, (), (), 0.0)


def _has_no_rule(cls: Any, error: Exception) -> bool:
    """Does backward() find none, or say so? What a rule raises is a mistake in it."""
    frames = ((frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__))
    own = [(code, line) for code, line in frames if not code.co_filename.startswith(LIBRARIES)]
    if not own:
        return True
    backward = getattr(inspect.unwrap(cls.backward), "__code__", None)
    code, line = own[-1]
    if code is not backward and code not in getattr(backward, "co_consts", ()):
        return _refuses(code, line - code.co_firstlineno + 1, str(error), _names(cls)[1])
    where = raised_at(error)
    says = where is not None and where.text.startswith("raise")
    return says or isinstance(error, KeyError | TypeError | AttributeError)


#: How a rule says that it is not for what it is given, and how that it is for nothing.
_REFUSES, _IS_NONE = r"\bonly\b|not supported|unsupported|can(no|')t", r"not (yet |currently )?(supported|implemented)"


def _refuses(rule: CodeType, line: int, message: str, gradient: str) -> bool:
    """Does a rule raise in its ``line`` on purpose, and say so: for what it is given, whatever it computes?"""
    nodes = list(ast.walk(source_tree(rule) or ast.Module([], [])))
    computed = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | {gradient}
    computed |= {n.arg for n in nodes if isinstance(n, ast.arg) and n.arg != "self"}
    raised = [n for n in nodes if isinstance(n, ast.Raise) and n.lineno == line]
    tests = [n.test for n in nodes if isinstance(n, ast.If) and {*raised} & {*ast.walk(n)}]
    used = {getattr(n, "id", getattr(n, "attr", "")) for test in tests for n in ast.walk(test)}
    always = not tests and re.search(_IS_NONE, message, re.I)
    return bool(raised) and bool(always or used and not used & computed and re.search(_REFUSES, message, re.I))


def _names(cls: Any) -> tuple[str, str]:
    """What an engine calls a value and its gradient: ``data`` and ``grad``, or what it holds a number under."""
    try:
        held = vars(made(cls, _VALUES[0][0]))
    except Exception:  # any exception of the user's code: it takes something else
        held = {}
    numbers = {
        n: v for n, v in held.items() if isinstance(v, int | float | np.generic | np.ndarray) and np.size(v) == 1
    }
    value = "data" if "data" in held else next((n for n, v in numbers.items() if v == _VALUES[0][0]), "data")
    gradients = (n for n in held if re.match("grad|adj|deriv|d$|g$", n) and (n in numbers or held[n] is None))
    return value, "grad" if "grad" in held else next(gradients, "grad")


def _dtype(*held: Any) -> str:
    """The lowest precision of what an engine holds."""
    names = {str(getattr(x, "dtype", "float64")) for x in held}
    return next((low for low in reversed(_PRECISIONS) if low in names), "float64")


def _runs(report: Report) -> bool:
    """Does backward() give gradients in the shapes of the values?"""
    return all(np.isfinite(leaf.figures.rel_l2) for leaf in report.leaves)


def _slopes(value: Callable, values: tuple[Any, Any], place: int, step: float) -> np.ndarray:
    """Differences of one of the values, entry by entry: central ones at two steps without their common error."""
    slopes = np.zeros(np.shape(values[place]))
    for index in np.ndindex(slopes.shape):
        ends = []
        for change in (step, -step, 2 * step, -2 * step):
            moved = np.array(values[place], float)
            moved[index] += change
            ends.append(value(*values[:place], moved if moved.ndim else float(moved), *values[place + 1 :]))
        slopes[index] = (8 * (ends[0] - ends[1]) - (ends[2] - ends[3])) / (12 * step)
    return slopes


def _overwrites(finder: Finder, cls: Any) -> list[Where]:
    """The lines of the class that write ``x.grad = ...`` of another value, where they should add."""
    _, gradient = _names(cls)
    lines = {
        (file, a.lineno)
        for file, _, rule in _rules(finder, cls)
        for a in (ast.walk(rule) if rule.name != "__init__" else ())  # which sets it to zero
        if isinstance(a, ast.Assign) and any(getattr(t, "attr", "") == gradient for t in a.targets)
    }
    return [Where.at(*line) for line in sorted(lines)]
