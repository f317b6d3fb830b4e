"""What the text of a user's function says of its arguments: their shapes, and the words that they may be."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import linecache
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters


def source_text(function: Any) -> str:
    try:
        raw = inspect.unwrap(getattr(function, "__func__", function))
        code = getattr(raw, "__code__", raw)
        return _text_of(code, getattr(code, "co_filename", ""))
    except (OSError, TypeError):  # no source, or nothing that has one
        return ""


def source_tree(function: Any) -> ast.AST | None:
    with contextlib.suppress(SyntaxError):
        return ast.parse(text) if (text := source_text(function)) else None
    return None


def attributes_in(method: Any, use: type) -> set[str]:
    """Of the object itself, those that a method reads, or writes."""
    nodes = ast.walk(source_tree(method) or ast.Module([], []))
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, use)}


#: Functions whose text is kept: a search for a repair asks for the same ones at each of its runs.
_KEPT = 256


@functools.lru_cache(_KEPT)
def _text_of(code: Any, file: str) -> str:  # functions of two files may have equal code
    return textwrap.dedent(inspect.getsource(code))


def words_compared(function: Any, name: str) -> list[str]:
    """The texts that a parameter, or an attribute, is compared with: ``if activation == "relu"``, ``case "relu":``."""
    nodes = list(ast.walk(source_tree(function) or ast.Module([], [])))
    pairs: list[tuple[Any, Any]] = [(n.left, n.comparators) for n in nodes if isinstance(n, ast.Compare)]
    pairs += [(n.subject, [case.pattern for case in n.cases]) for n in nodes if isinstance(n, ast.Match)]
    of_it = [parts for own, parts in pairs if name in (getattr(own, "id", ""), getattr(own, "attr", ""))]
    constants = (c for parts in of_it for part in parts for c in ast.walk(part) if isinstance(c, ast.Constant))
    return [c.value for c in constants if isinstance(c.value, str)]


def counts(function: Any, name: str) -> bool:
    """Is a parameter a number of entries: in ``reshape``, in ``range``, behind ``//`` or ``%``?"""
    tree = source_tree(function)
    for node in ast.walk(tree or ast.Module([], [])):
        used: list[ast.AST] = []
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("reshape", "range", "arange"):
            used = [*node.args, *(e for a in node.args for e in getattr(a, "elts", ()))]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.FloorDiv | ast.Mod):
            used = [node.right]
        if any(isinstance(n, ast.Name) and n.id == name for n in used):
            return True
    return False


def _is_named(name: str, sliced: bool = False) -> Callable[[Any], bool]:
    """Is a node the parameter, or, ``sliced``, a part of it?"""

    def named(node: Any) -> bool:
        return (
            isinstance(node, ast.Name)
            and node.id == name
            or (sliced and isinstance(node, ast.Subscript) and named(node.value))
        )

    return named


def nodes_with(function: Any, name: str, sliced: bool = False) -> list[tuple[list[ast.AST], Callable[[Any], bool]]]:
    """The nodes of a function, and of each function of the file that it hands a parameter (or a part of it) on to,
    with what tells the parameter by its name there."""
    reached, found = [(function, name)], []
    for own, called in reached:  # grows
        nodes, named = list(ast.walk(source_tree(own) or ast.Module([], []))), _is_named(called, sliced)
        found.append((nodes, named))
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and any(map(named, node.args)):
                callee: Any = getattr(own, "__globals__", {}).get(node.func.id)
                taken = parameters(callee) if inspect.isfunction(callee) else []
                given = ((callee, p.name) for p, a in zip(taken, node.args, strict=False) if named(a))
                reached += [each for each in given if each not in reached]
    return found


def entries_read(function: Any, name: str) -> int:
    """How many entries of a parameter are taken one by one: ``a, b = p``, ``p[0] * x + p[1]``; 0 where none is.

    Also where that is done by a function that it is handed to.
    """
    counts = [0]
    for nodes, named in nodes_with(function, name):
        for node in nodes:
            if isinstance(node, ast.Subscript) and named(node.value):
                place = getattr(node.slice, "value", None)
                counts.append(place + 1 if type(place) is int else 0)
            elif isinstance(node, ast.Assign) and named(node.value):
                counts += [len(getattr(t, "elts", ())) for t in node.targets]
    return max(counts)


def index_of(function: Any, name: str) -> str | None:
    """Is a parameter used as an index, ``"one"``, or are its entries, ``"several"``: ``for w in words: table[w]``?

    Also where that is done by a function that it is handed to.
    """
    (own, named), *others = nodes_with(function, name)
    used = _used_as_index(own, named) or ("one" if any(_used_as_index(*each) for each in others) else None)
    loops = [(n.iter, n.target) for n in own if isinstance(n, ast.For | ast.comprehension) and named(n.iter)]
    entries = [target.id for _, target in loops if isinstance(target, ast.Name) and target.id != name]
    return used or ("several" if any(index_of(function, entry) for entry in entries) else None)


def _used_as_index(nodes: list[ast.AST], named: Callable[[Any], bool]) -> str | None:
    for node in nodes:
        within = (node.slice, *getattr(node.slice, "elts", ())) if isinstance(node, ast.Subscript) else ()
        if any(map(named, within)):
            return "one"
        if any(isinstance(entry, ast.Subscript) and named(entry.value) for entry in within):  # ``x[t][inputs[t]] = 1``
            return "several"
    return None


_SYMBOLS = {"n": 2, "c": 3, "h": 6, "w": 4, "hh": 3, "ww": 2, "f": 2, "d": 5, "m": 3, "t": 4, "v": 7, "k": 3, "l": 8}
#: Other sizes for the symbols, where those above do not fit each other: how many times they are drawn, and from what.
DRAWS, _DRAWN = 150, (1, 2, 3, 4, 4, 5, 6, 8)


def texts_of(function: Any) -> list[str]:
    """A docstring, that of the class of a method, and comments."""
    raw = inspect.unwrap(function)
    of_class = getattr(raw, "__qualname__", "").rpartition(".")[0]  # a method
    above = getattr(getattr(sys.modules.get(raw.__module__ or ""), of_class, None), "__doc__", "")
    texts = (inspect.getdoc(raw) or "", str(above), *re.findall(r"#(.*)", source_text(function)))
    return [" ".join(text.split()) for text in texts]


def told_of(function: Any) -> str:
    return " ".join(texts_of(function)).strip()


#: How a backward says that it passes a gradient through a step, reverses it, or gives that of a sum, on purpose.
_SAYS = {
    "passed through": re.compile(r"(?i:straight.?through|surrogate (gradient|derivative))|(?<![A-Z])STE(?![A-Z])"),
    "reversed": re.compile(
        r"grad(ient)?s?[ _]?revers|revers\w*[ _]?(the )?grad|revgrad|domain.adversarial|(?<![a-z])GRL(?![a-z])", re.I
    ),
    "batch sum": re.compile(
        r"(gradients?|derivatives?) of the sum\b|summed (loss|cost|error)|not (averaged|divided by)", re.I
    ),
}


#: A word of a name or a sentence, and those that tell no function from another.
_WORD, _GENERAL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+"), {"backward", "forward", "bwd", "fwd", "function", "layer"}


def conventions_of(backward: Any) -> tuple[str, ...]:
    """The conventions that its docstring, that of its class, comments and its name tell of; sentences of the file's
    docstring that name it, too, where they are of a step's gradient or of what is passed on."""
    raw = inspect.unwrap(backward)
    name = getattr(raw, "__qualname__", "")
    told = told_of(raw) + source_text(raw) + name
    own = _words(name) - _GENERAL
    sentences = re.split(r"[.;]\s", _docstring(getattr(getattr(raw, "__code__", None), "co_filename", "")))
    of_it = ". ".join(s for s in sentences if own and own <= _words(s))
    return tuple(c for c, says in _SAYS.items() if says.search(told) or c != "batch sum" and says.search(of_it))


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)}


@functools.lru_cache(_KEPT)
def _docstring(file: str) -> str:
    with contextlib.suppress(SyntaxError):
        return " ".join((ast.get_docstring(ast.parse("".join(linecache.getlines(file)))) or "").split())
    return ""


def ends_at_one_entry(backward: Any) -> bool:
    """Does a loop over the entries of what it takes pass over zeros, and return at the first other one?"""
    own = {p.name for p in parameters(backward)}
    loops = (n for n in ast.walk(source_tree(backward) or ast.Module([], [])) if isinstance(n, ast.For))
    for loop in loops:
        over, entry = (re.findall(r"\w+", ast.unparse(node)) for node in (loop.iter, loop.target))
        tests = {ast.unparse(n.test): n.body[-1] for n in loop.body if isinstance(n, ast.If)}
        passed_over = isinstance(tests.get(f"{entry[-1]} == 0"), ast.Continue) and isinstance(loop.body[-1], ast.Return)
        returned = passed_over or isinstance(tests.get(f"{entry[-1]} != 0"), ast.Return)
        if returned and {*over} - {"enumerate"} <= own:
            return True
    return False


#: How a sentence may tell that NAME gets no gradient, that others alone get one, and that this is not said, or not so
#: always.
_CONSTANT = (
    r"\b(frozen|freez|fixed|constant|buffer|untrain|pre-?train|detach|stop.?grad)"
    r"|(\b(no|not|never|non|without)|n't)[ -]+((an?|any|the|its|be|been|being|to|comput\w+|needs?|gets?|returns?|has"
    r"|have|requires?|receives?|takes?|pass(es)?|propagates?|further) ){0,3}(re)?(train|learn|updat|grad|backprop)"
    r"|(grad\w*|backprop\w*) ((is|are|was|does|do) ?)?(not?|n't|never) (\w+ )?(flow|need|comput|return|requir|giv|pass)"
)
_ONLY = r"(?=.*\bonly\b).*(train|learn|updat|grad|deriv)"
_NOT_SO = (
    r"\b(to-?do|fix-?me|xxx|bug|yet|for now|so far|not implemented|missing|forg\w+|if|when|unless|until|optional\w*"
    r"|may|might|supports?|default|or trained|then|eval|warm-?up|first|in the test|avoid|never an?|within|clip\w*"
    r"|checkpoint\w*|scal\w+)\b|\b(?<!gradient )(?<!grad )(?<!gradients )(of|for) [`'\"]?NAME\b"
)


def may_be_constant(name: str, function: Any, others: Sequence[str]) -> bool:
    """Could a docstring or comment say so: ``W is frozen``, or ``gradients in A and B only``, which are others?"""
    not_so = _NOT_SO.replace("NAME", rf"(?-i:{re.escape(name)})")
    for sentence in (s for text in texts_of(function) for s in re.split(r"(?<!w\.r\.t)[.;](?:\s|$)", text)):
        clauses = [c for c in re.split(r",\s(?![^(]*\))|\b(?:while|but)\b", sentence) if name in re.findall(r"\w+", c)]
        alone = not clauses and {*re.findall(r"\w+", sentence)} & {*others} and re.search(_ONLY, sentence, re.I)
        says = alone or any(re.search(_CONSTANT, c, re.I) for c in clauses)
        if says and not re.search(not_so, sentence, re.I):
            return True
    return False


def symbolic_shapes(function: Any) -> dict[str, tuple[str, ...]]:
    """Shapes in symbols: from a docstring or comment (``x: array of shape (N, D)``, ``w (F, C, h, w)``), or from a line
    that takes them apart (``N, D = x.shape``)."""
    names, text = [p.name for p in parameters(function)], told_of(function)
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        head = rf"(?<![\w*]){re.escape(name)}\b"
        place = re.search(head + r"[ :=]*\(([^()]*,[^()]*)\)", text) or re.search(
            head + r"(?:[^()]|\([^(),]*\)){0,110}?\(([^()]*,[^()]*)\)", text
        )
        if place is None and len(names) == 1:  # ``(N, C, H, W): softmax over C``
            place = re.search(r"(?<![\w*])\(((?:[A-Z]\w?, ?)+[A-Z]\w?)\)", text)
        if place is None:
            continue
        parts = [p.strip().lower() for p in place[1].split(",") if p.strip()]
        shape: list[str] = []
        for part in parts:
            plain = re.sub(r"\b(the|of)\b|[^\w*/+-]+", " ", part).split()
            if plain and plain[0].startswith("d_"):
                shape += [] if len(shape) > 1 else ["d_"]
            elif plain:
                shape.append(" ".join(plain))
        found[name] = tuple(shape)
    for node in ast.walk(source_tree(function) or ast.Module([], [])):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            of = node.value
            if isinstance(of, ast.Attribute) and of.attr == "shape" and isinstance(of.value, ast.Name):
                unpacked = tuple(getattr(e, "id", "") for e in node.targets[0].elts)
                if of.value.id in names and all(unpacked):
                    blank = (f"{of.value.id} {k}" if s == "_" else s.lower() for k, s in enumerate(unpacked))
                    found.setdefault(of.value.id, tuple(blank))
    return found


def shapes_of(function: Any, draw: int = 0) -> dict[str, tuple[int, ...]]:
    """Sizes for ``symbolic_shapes``: one symbol is one size. ``draw`` other than 0: drawn with that seed."""
    sizes: dict[str, int] = {}
    rng = np.random.default_rng(draw)
    given = {p.name.lower(): p.default for p in parameters(function) if isinstance(p.default, int)}
    symbolic = symbolic_shapes(function)
    symbols = {symbol for shape in symbolic.values() for symbol in shape}

    def size(symbol: str, rank: int) -> int:
        if symbol.isdigit():
            return int(symbol)
        if re.search(r"[*/+-]", symbol):
            for name in re.findall(r"[a-z_]\w*", symbol):
                if name not in given:
                    size(name, rank)
            with contextlib.suppress(Exception):  # no expression after all
                return max(1, int(eval(symbol, {"__builtins__": {}}, {**sizes, **given})))
        if re.fullmatch(r"\d[a-z]", symbol):  # 4H
            return int(symbol[0]) * size(symbol[1], rank)
        known = _SYMBOLS if rank > 2 else {"n": 4, "d": 5, "m": 3, "h": 3}
        taken = {*sizes.values(), *(known[s] for s in symbols & known.keys())}
        fresh = [s for s in (4, 5, 3, 6, 7, 2, 8) if s not in taken] or [9]
        first = int(rng.choice(_DRAWN)) if draw else known.get(symbol, fresh[0])
        return sizes.setdefault("d" if symbol == "d_" else symbol, first)

    found = {name: tuple(size(s, len(shape)) for s in shape) for name, shape in symbolic.items()}
    return {name: shape for name, shape in found.items() if all(shape)}  # max(0, ...) in a docstring is no shape
