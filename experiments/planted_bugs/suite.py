"""Plant each mutation, run the gradient checker, and compare its findings with what was planted."""

from __future__ import annotations

import contextlib
import importlib.util
import linecache
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from experiments.planted_bugs.mutations import Mutation
from jaxdoodle.gradcheck import Report

NETWORKS = Path(__file__).parent / "networks"
PAIRS = ("dense", "softmax", "logsoftmax", "batchnorm", "bce", "skip")
UNITS = ("rnn", "lstm", "attention", "layernorm", "rmsnorm", "swish", "embed", "upsample", "cosine", "focal", "block")


@dataclass(frozen=True)
class Outcome:
    """``caught``: the check failed. ``named``: the expected name came. ``placed``: the planted line was given."""

    mutation: Mutation
    names: tuple[str, ...]
    caught: bool
    named: bool
    placed: bool
    seconds: float
    report: Report


def file_of(network: str) -> Path:
    return NETWORKS / f"{'pairs' if network in PAIRS else 'units' if network in UNITS else network}.py"


@contextlib.contextmanager
def planted(mutation: Mutation) -> Iterator[tuple[ModuleType, range]]:
    """The network's module with the wrong line in it, and the lines that were changed."""
    source = file_of(mutation.network).read_text()
    if source.count(mutation.old) != 1:
        raise ValueError(f"{mutation.title}: the old text occurs {source.count(mutation.old)} times; once was expected")
    start = source[: source.index(mutation.old)].count("\n") + 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{mutation.network}.py"
        path.write_text(source.replace(mutation.old, mutation.new))
        linecache.checkcache(str(path))
        spec = importlib.util.spec_from_file_location(f"planted_{mutation.network}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module, range(start, start + max(mutation.new.rstrip("\n").count("\n"), 0) + 1)


def examine(module: ModuleType, network: str, **options) -> Report:
    return module.examine(network, **options) if network in (*PAIRS, *UNITS) else module.examine(**options)


def run(mutation: Mutation) -> Outcome:
    start = time.perf_counter()
    with planted(mutation) as (module, lines):
        report = examine(module, mutation.network, **mutation.options)
    names = tuple(f.name for f in report.findings)
    named = any(name.startswith(mutation.expected) for name in names)
    placed = any(f.backward is not None and f.backward.line in lines for f in report.findings)
    return Outcome(mutation, names, not report.passed, named, placed, time.perf_counter() - start, report)
