"""Run a Python file or notebook of the user's: as a whole, or statement by statement as far as it goes."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import json
import linecache
import math
import re
import sys
import tokenize
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.time_limit import WAITS, TimeOutError, clocks, time_limit

__all__ = ["Problem", "UserCode", "is_main", "run_statements", "run_whole"]

#: Calls of one function whose arguments are kept.
_CALLS_KEPT = 2
#: Files that import a file whose calls of it are noted.
_USERS = 2
#: What is read in place of a text that is not there, so that what is made of it, and is called with it, is known.
_TEXT = "to be or not to be\nthat is the question\n" * 100
#: Exceptions that a file which is not there is one of.
_CATCHES = re.compile(r"\b(FileNotFoundError|(OS|IO|Environment)Error|(Base)?Exception)\b")
#: Files that hold no plain text, by their suffix.
_NO_TEXT = re.compile(r"\.(csv|tsv|json\w*|xml|ya?ml|toml|data|arff|dat|idx\w*|\w*-ubyte)$", re.I)


@dataclass(frozen=True)
class Problem:
    """A statement that did not run: where it begins, and why in one line."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}: {self.text}"


@dataclass
class UserCode:
    """A file that was run.

    Args:
      path: The file.
      module: Its names.
      parts: Name for tracebacks and source of the file, or of each code cell of a notebook.
      problems: The statements that did not run, in order.
      main: The statements below ``if __name__ == "__main__"``, not run.
      trees: Name and syntax tree of each part (a notebook's cells, else one) that is Python.
      calls: By function, as ``key`` gives it: the arguments of its first calls, by name.
    """

    path: Path
    module: types.ModuleType
    parts: list[tuple[str, str]]
    problems: list[Problem] = field(default_factory=list)
    main: list[ast.stmt] = field(default_factory=list)
    trees: list[tuple[str, ast.Module]] = field(default_factory=list)
    calls: dict[tuple[str, str, int], list[dict[str, Any]]] = field(default_factory=dict)

    @staticmethod
    def key(code: types.CodeType) -> tuple[str, str, int]:
        return code.co_filename, code.co_name, code.co_firstlineno

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Note the arguments of every call of a function that the file defines."""
        import numpy as np  # here, since a command that predicts brings NumPy in without its threads

        from jaxdoodle.core.kept import few_examples, kept

        parts = {name for name, _ in self.parts}

        def note(frame: types.FrameType, event: str, _: Any) -> None:
            code = frame.f_code
            if event != "call" or code.co_filename not in parts:
                return
            calls = self.calls.setdefault(self.key(code), [])
            if len(calls) < _CALLS_KEPT:
                several = bool(code.co_flags & inspect.CO_VARARGS)
                names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + several]
                rng = np.random.default_rng(0)
                with contextlib.suppress(Exception):  # what cannot be copied is not kept
                    given, holds = {n: v for n, v in frame.f_locals.items() if n in names}, code.co_name == "__init__"
                    given = few_examples(given, holds)
                    calls.append(kept(given, rng) if holds else {n: kept(v, rng) for n, v in given.items()})

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(before)

    def run_examples(self, seconds: float) -> None:
        """Run what follows ``if __name__ == "__main__"``, the test functions, and files beside it that import this one;
        the module's names stay as they are.

        Args:
          seconds: Time of the processor for the main part, for each test function, for each of these files, and for the
            tests of each together.
        """
        names = vars(self.module)
        before = dict(names)
        file = self.parts[-1][0]
        if "torch" in sys.modules:  # its first optimizer imports this, which recorded takes longer than all examples
            with contextlib.suppress(ImportError):
                importlib.import_module("torch._dynamo")
        with self.recording(), contextlib.suppress(BaseException), time_limit(seconds):
            for statement in self.main:
                _run_one(statement, file, names)
        self._run_tests(before, seconds)
        for path in self._users():
            scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
            with self.recording(), contextlib.suppress(BaseException), time_limit(seconds):
                exec(compile(path.read_text(encoding="utf-8-sig"), str(path), "exec", dont_inherit=True), scope)
            self._run_tests(scope, seconds, seconds)
        names.clear()
        names.update(before)

    def _run_tests(self, names: dict[str, Any], seconds: float, together: float = math.inf) -> None:
        start = clocks()
        for name, value in list(names.items()):
            left = min(seconds, together - max(clocks(start)))
            if left <= 0:
                return
            if name.startswith("test") and isinstance(value, types.FunctionType) and not value.__code__.co_argcount:
                with self.recording(), contextlib.suppress(BaseException), time_limit(left):
                    value()

    def _users(self) -> list[Path]:
        """Files beside it that import it, a few."""
        folder = self.path.resolve().parent
        name = rf"(\.|{re.escape(folder.name)}\.)?{re.escape(self.path.stem)}"  # and no ``torch.nn`` for ``nn``
        imports = re.compile(rf"^\s*(from|import)\s+{name}(?![\w.])", re.M)
        found = []
        for path in sorted(folder.glob("*.py")):
            with contextlib.suppress(OSError):  # it cannot be read
                if path.stem != self.path.stem and imports.search(path.read_text(encoding="utf-8", errors="replace")):
                    found.append(path)
        return found[:_USERS]


def run_whole(path: Path) -> types.ModuleType:
    """Import a file by its path; its folder is importable meanwhile.

    Args:
      path: A Python file or a notebook.

    Returns:
      The module, under a name that no import finds.

    Raises:
      InputError: It is not there, cannot be read, or raises; names the file.
    """
    code = _begin(path)
    try:
        for name, source in code.parts:
            exec(compile(source, name, "exec", dont_inherit=True), vars(code.module))
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise InputError(f"{path}: cannot be run; {_words(error)}") from error
    finally:
        sys.path[:] = [folder for folder in sys.path if folder not in _folders(path)]
    return code.module


def run_statements(path: Path, seconds: float) -> UserCode:
    """Run a file or notebook as far as it goes: a statement that fails, hangs or exits ends itself alone.

    A package that is not installed is replaced by an object that says so where it is used. Meant for a process of its
    own: the file's folders stay importable.

    Args:
      path: A Python file or a notebook.
      seconds: Time of the processor for all statements other than imports.

    Returns:
      The names that were defined, and what did not run.

    Raises:
      InputError: The file cannot be read, or is not Python.
    """
    code, left = _begin(path), seconds
    vars(code.module)["open"] = _opening(code)
    flags = 0
    for name, source in code.parts:
        try:
            tree = ast.parse(source, name)
        except (SyntaxError, ValueError) as error:
            text = f"syntax error: {getattr(error, 'msg', error)}"
            problem = Problem(name, getattr(error, "lineno", None) or 1, text)
            if path.suffix != ".ipynb":
                raise InputError(f"{path}:{problem.line}: {text}") from None
            code.problems.append(problem)
            continue
        code.trees.append((name, tree))
        for statement in _singly(tree.body):
            if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                import __future__

                flags |= sum(getattr(__future__, a.name).compiler_flag for a in statement.names)
            elif is_main(statement):
                code.main += statement.body  # type: ignore[attr-defined]
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                code.problems += _import(statement, name, code.module)
            else:
                with code.recording():
                    new, left = _timed(statement, name, vars(code.module), left, flags)
                code.problems += new
    return code


def _begin(path: Path) -> UserCode:
    if not path.is_file():
        raise InputError(f"{path}: no such file; a Python file was expected")
    module = types.ModuleType(f"checked_{path.stem}")
    module.__file__ = str(path.resolve())
    sys.modules[module.__name__] = module  # dataclasses look there
    if path.suffix == ".ipynb":
        vars(module).update(get_ipython=lambda: _Missing("IPython"), display=lambda *values, **options: None)
    sys.path[:0] = _folders(path)
    parts = _parts(path)
    for name, source in parts:
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return UserCode(path, module, parts)


def _folders(path: Path) -> list[str]:
    """The file's own folder, and the one above it, from which ``import package.sibling`` works."""
    folder = path.resolve().parent
    return [str(folder), str(folder.parent)]


# -- source ----------------------------------------------------------------------------------------------------------


def _parts(path: Path) -> list[tuple[str, str]]:
    """(name for tracebacks, source) of the file, or of each code cell of a notebook."""
    whole = str(path.resolve())
    try:
        if path.suffix != ".ipynb":
            with tokenize.open(path) as file:
                return [(whole, file.read())]
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        sources = [c["source"] for c in cells if c["cell_type"] == "code"]
        texts = [s if isinstance(s, str) else "".join(s) for s in sources]
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        kind = "a notebook" if path.suffix == ".ipynb" else "Python text"
        raise InputError(f"{path}: cannot be read as {kind}; {_words(error)}") from None
    return [(f"{whole}[cell {k}]", _without_magics(text)) for k, text in enumerate(texts, 1)]


_CELL_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # the others hold another language


def _without_magics(text: str) -> str:
    """The cell as Python: lines keep their numbers."""
    first = text.lstrip().partition("\n")[0]
    if first.startswith("%%") and first.split()[0] not in _CELL_MAGICS:
        return ""
    lines = []
    for line in text.splitlines():
        magic = re.match(r"(\s*)([%!?]|\w[\w.]*\?+\s*$)", line)
        assigned = re.match(r"(\s*\w+\s*=\s*)[%!]\w", line)
        lines.append(magic[1] + "pass" if magic else assigned[1] + "None" if assigned else line)
    return "\n".join(lines) + "\n"


def _singly(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements, ``import a, b`` as two."""
    for statement in body:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield ast.copy_location(ast.Import([alias]), statement)
        else:
            yield statement


def is_main(statement: ast.stmt) -> bool:
    """Is it ``if __name__ == "__main__"``?

    Args:
      statement: Of a program.
    """
    return (
        isinstance(statement, ast.If)
        and "__name__" in ast.dump(statement.test)
        and "__main__" in ast.dump(statement.test)
    )


def _opening(code: UserCode) -> Callable[..., Any]:
    """``open``, with a text in place of one that is not there, where the program does not try itself."""

    def opened(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        try:
            return open(file, mode, *args, **options)
        except FileNotFoundError:
            frame = sys._getframe(1)
            if mode not in ("r", "rt") or _NO_TEXT.search(str(file)) or _tries(code, frame):
                raise
            text = f"{file}: no such file; checked with a made-up text in its place"
            code.problems.append(Problem(frame.f_code.co_filename, frame.f_lineno, text))
            return io.StringIO(_TEXT)

    return opened


def _tries(code: UserCode, frame: types.FrameType | None) -> bool:
    """Is a line that runs in the body of a ``try`` of the program's that catches a missing file?"""
    lines = set[tuple[str, int]]()
    while frame is not None:
        lines.add((frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    tried = [(name, n) for name, tree in code.trees for n in ast.walk(tree) if isinstance(n, ast.Try)]
    return any(
        any(h.type is None or _CATCHES.search(ast.unparse(h.type)) for h in n.handlers)
        and any((name, line) in lines for line in range(n.body[0].lineno, n.handlers[0].lineno))
        for name, n in tried
    )


# -- execution -------------------------------------------------------------------------------------------------------


def _run_one(statement: ast.stmt, file: str, names: dict[str, Any], flags: int = 0) -> None:
    whole = ast.Module([statement], [])
    exec(compile(whole, file, "exec", flags, dont_inherit=True), names)


def _timed(
    statement: ast.stmt, file: str, names: dict[str, Any], left: float, flags: int
) -> tuple[list[Problem], float]:
    """Run one statement. Gives what went wrong and the time that is left."""
    start, text = clocks(), ""
    try:
        with time_limit(max(left, 1.0)):
            _run_one(statement, file, names, flags)
    except TimeOutError:
        text = f"did not end within {max(left, 1.0):.0f} s and was ended there"
    except SystemExit:
        text = "the program ends itself here; what follows was run all the same"
    except BaseException as error:  # whatever the user's code raises
        text = _words(error)
        if getattr(statement, "decorator_list", ()) and isinstance(error, ImportError):
            statement.decorator_list = []  # type: ignore[attr-defined]
            with contextlib.suppress(Exception):
                _run_one(statement, file, names, flags)
                text = f"{text}; defined without its decorators"
    spent, clock = clocks(start)
    left -= max(spent, clock / WAITS)
    return ([Problem(file, statement.lineno, text)] if text else []), left


def _import(statement: ast.Import | ast.ImportFrom, file: str, module: types.ModuleType) -> list[Problem]:
    if isinstance(statement, ast.ImportFrom) and statement.level:
        statement.level, statement.module = 0, statement.module or "__init__"
    try:
        _run_one(statement, file, vars(module))
        return []
    except BaseException as error:  # whatever the imported module raises: the pair may not need it
        for alias in statement.names:
            package = alias.name if isinstance(statement, ast.Import) else f"{statement.module}.{alias.name}"
            name = alias.asname or alias.name.partition(".")[0]
            if name != "*":
                vars(module)[name] = _Missing(package if alias.asname else package.partition(".")[0])
        return [Problem(file, statement.lineno, _words(error))]


class _Missing:
    """Stands for a package that is not installed: may be named, and says what is missing where it is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> _Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self._name}.{name}")

    def __getitem__(self, _: Any) -> _Missing:  # in annotations
        return self

    __or__ = __ror__ = __getitem__

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError(f"{self._name.partition('.')[0]} is not installed; {self._name} was called")

    def __mro_entries__(self, _: Any) -> tuple[type, ...]:
        raise ModuleNotFoundError(f"{self._name.partition('.')[0]} is not installed; {self._name} is a base class")


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
