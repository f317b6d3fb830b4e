"""Mutants: one-line mistakes in the code that computes, and whether the tests that mirror its file notice them.

``python -m experiments.studies.mutants`` makes a sample of the mistakes that cosmic-ray knows (another operator,
another constant, a loop that never runs, a decorator that is missing ...) in a copy of the checkout, one at a time, and
runs the tests that mirror the file, then those of ``FURTHER``. What is no Python, or changes an annotation alone, is
passed over. ``--again`` runs the survivors of the record once more, after tests were added. It is no part of CI.

Exit code 1 where less than ``GOAL`` of the mistakes are noticed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import jax  # noqa: F401 - once for all that tests import it
import matplotlib.figure  # noqa: F401
import optax  # noqa: F401
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "experiments" / "records" / "mutants" / "record.json"
#: What is mutated.
SOURCES = ("training", "nn", "inference", "metrics.py")
#: Fraction of the mistakes that are to be noticed.
GOAL = 0.92
#: Tests that notice what a package does, where those of the file alone do not.
FURTHER = {
    "training": (
        "tests/training/test_loop.py", "tests/training/test_plan.py", "tests/training/steps/test_warm_start.py",
    ),  # fmt: skip
    "nn": (
        "tests/inference/test_network.py", "tests/nn/layers", "tests/nn/test_backprop.py",
        "tests/nn/test_architectures.py",
    ),
    "inference": ("tests/inference/test_model.py", "tests/inference/test_network.py"),
}  # fmt: skip
#: Seconds until tests that do not end count as a mistake noticed: ten times what the slowest take.
TIMEOUT = 600
#: Why a survivor may stay: file and the line that the mistake leaves -> reason.
EXPLAINED: dict[tuple[str, str], str] = {
    ("jaxdoodle/training/checkpoints.py", "if not several and own == 0:"): (
        "of several processes; tests/cli/train/test_hardware.py, which is not run here, starts them"
    ),
    (
        "jaxdoodle/training/hardware/layout.py",
        "if isinstance(leaf, jax.Array) or not leaf.is_fully_addressable:",
    ): "of several processes; tests/training/hardware/test_processes.py, which is not run here, starts them",
    ("jaxdoodle/nn/layers/dropout.py", "return (cls(0.4), (7,)), (cls(0.5), (3, 4, 1))"): "the shape of an example",
    (
        "jaxdoodle/inference/kernels/convolution.py",
        "windows = as_strided(rows, (oh, kh * kw * channels, ow * n), (sh * row_bytes, line_bytes, 4), writeable=True)",
    ): "a view that nothing writes to",
    (
        "jaxdoodle/nn/fused/tiles.py",
        "inner = [(p, size - n - p, 0) for (p, _), n, size in zip(pads, x.shape[1:3], sizes, strict=False)]",
    ): "all are of length two",
    (
        "jaxdoodle/nn/layers/windows.py",
        "spans = [_span(n, k, step) for n, k, step in zip(x.shape[1:3], window, stride, strict=False)]",
    ): "all are of length two",
    ("jaxdoodle/inference/network.py", "SIZES = 5"): "how many batch sizes keep their buffers: speed alone",
    (
        "jaxdoodle/nn/base.py",
        "if len({getattr(cls, name, value) is value for name, value in defaults.items() if name in _BOTH}) > 2:",
    ): "tests/system/test_own_layer.py, which is not run here, notices it",
}


class Mutant(NamedTuple):
    """The ``occurrence``-th place where an operator of cosmic-ray changes a file."""

    file: str
    operator: str
    occurrence: int


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.studies.mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=150, help="how many mistakes (default 150)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default 0)")
    parser.add_argument("--again", action="store_true", help="only the survivors of the record")
    parser.add_argument("--out", type=Path, default=RECORD, help="where the record goes")
    options = parser.parse_args(argv)
    mutants = list(_mutants())
    before: list[dict[str, Any]] = []
    if options.again:
        before = Record.read(options.out).extra["mutants"]
        chosen = [Mutant(one["file"], one["operator"], one["occurrence"]) for one in before if not one["noticed"]]
    else:
        chosen = random.Random(options.seed).sample(mutants, len(mutants))
    found = [one for one in before if one["noticed"]]
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(Path(folder))
        for mutant in chosen:
            if len(found) >= (len(before) if options.again else options.sample):
                break
            if (outcome := _try(mutant, copy)) is not None:
                found.append(outcome)
                print(f"{len(found)}: {'noticed' if outcome['noticed'] else 'SURVIVED'} {outcome['file']}", flush=True)
                print("".join(f"    {line}\n" for line in outcome["change"]), end="", flush=True)
                _write(found, len(mutants), options.out, {})
    _write(found, len(mutants), options.out, describe_machine())  # which starts JAX's threads: no fork from here on
    share = sum(one["noticed"] for one in found) / len(found)
    print(f"{sum(one['noticed'] for one in found)} of {len(found)} noticed: {share:.1%}; {len(mutants):,} in all")
    return 0 if share >= GOAL else 1


def _write(found: list[dict[str, Any]], count: int, path: Path, machine: dict[str, Any]) -> None:
    noticed = sum(one["noticed"] for one in found)
    extra = {"noticed": noticed, "of": len(found), "sampled_from": count, "mutants": found}
    Record("mutants", "python -m experiments.studies.mutants", machine=machine, extra=extra).write(path)


def _cosmic_ray() -> Any:
    try:
        import cosmic_ray.plugins
    except ImportError:
        raise InputError("mutants need cosmic-ray: python -m pip install cosmic-ray.") from None
    return cosmic_ray.plugins


def _mutants() -> Iterator[Mutant]:
    """All mistakes, file by file."""
    plugins = _cosmic_ray()
    from cosmic_ray.ast import ast_nodes, get_ast

    paths = [ROOT / "jaxdoodle" / name for name in SOURCES]
    files = [file for path in paths for file in ([path] if path.suffix else sorted(path.rglob("*.py")))]
    for file in files:
        nodes = list(ast_nodes(get_ast(file.read_text(encoding="utf-8"))))
        for name in sorted(plugins.operator_names()):
            operator = plugins.get_operator(name)
            if not operator.arguments():
                count = sum(len(list(operator().mutation_positions(node))) for node in nodes)
                yield from (Mutant(str(file.relative_to(ROOT)), name, index) for index in range(count))


def _copy(folder: Path) -> Path:
    """The checkout's files as they are, with the compile cache of the tests."""
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (ROOT / ".jax_cache").mkdir(exist_ok=True)
    (folder / ".jax_cache").symlink_to(ROOT / ".jax_cache")
    return folder


def _try(mutant: Mutant, copy: Path) -> dict[str, Any] | None:
    """Whether the tests notice a mistake; ``None`` where it is none, or no Python."""
    from cosmic_ray.mutating import mutate_code

    path = copy / mutant.file
    code = path.read_text(encoding="utf-8")
    changed = mutate_code(code, _cosmic_ray().get_operator(mutant.operator)(), mutant.occurrence)
    if changed is None or _meaning(changed) in ("", _meaning(code)):
        return None
    difference = [line for line in difflib.unified_diff(code.splitlines(), changed.splitlines(), n=0, lineterm="")][3:]
    try:
        path.write_text(changed, encoding="utf-8")
        noticed = any(_fails(tests, copy) for tests in _tests(mutant.file))
    finally:
        path.write_text(code, encoding="utf-8")
    found = {**mutant._asdict(), "change": difference, "noticed": noticed}
    left = next((line[1:].strip() for line in difference if line.startswith("+")), "")
    why = EXPLAINED.get((mutant.file, left))
    return found | ({"why": why} if why and not noticed else {})


def _meaning(code: str) -> str:
    """The code without its annotations; empty where it is none."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if isinstance(getattr(node, name, None), ast.expr):
                setattr(node, name, ast.Constant(None))
    return ast.dump(tree)


def _tests(file: str) -> Iterator[tuple[str, ...]]:
    """The tests that mirror a file, or its folder's; then those of its package."""
    path = Path(file).relative_to("jaxdoodle")
    mirror = Path("tests") / path.with_name(f"test_{path.name}")
    if (ROOT / mirror).exists():
        yield (str(mirror),)
    elif len(path.parts) > 2 and (ROOT / mirror.parent).exists():
        yield (str(mirror.parent),)
    if path.parts[0] in FURTHER:
        yield FURTHER[path.parts[0]]


def _fails(tests: tuple[str, ...], copy: Path) -> bool:
    """Whether a test fails, in a copy of this process, which need not import JAX anew."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        os.setsid()
        signal.alarm(TIMEOUT)
        os.chdir(copy)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("jaxdoodle", "experiments", "tests")]:
            del sys.modules[name]
        sys.path[:] = [str(copy), *(path for path in sys.path if path not in ("", str(ROOT)))]
        os.environ |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.dont_write_bytecode = True
        code = 1
        try:
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what its tests have started
    return status != 0


if __name__ == "__main__":
    sys.exit(main())
