"""Imports run one way, and the part that travels travels light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from jaxdoodle.core.errors import install_hint

PACKAGE = Path(__file__).parents[2] / "jaxdoodle"
#: From the bottom up; a module imports from its own row and the rows before it.
ROWS = (
    {"inference", "user_cache"},
    {"layers", "losses", "penalties", "data", "architectures"},
    {"model", "backprop", "augment", "optim", "plan", "parallel", "compile_cache"},
    {"train", "gradcheck", "calibrate"},
    {"export", "report", "run", "app"},
    {"cli", "__main__"},
)
MODULES = {path: path.relative_to(PACKAGE).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))}


def row_of(part):
    return next((number for number, row in enumerate(ROWS) if part in row), None)


def imported(path):
    """Every module of this package that the file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts == ["jaxdoodle"]:
                yield from (alias.name for alias in node.names)
            elif parts[0] == "jaxdoodle":
                yield parts[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("jaxdoodle."))


def test_every_module_has_a_row():
    assert {parts[0] for parts in MODULES.values() if row_of(parts[0]) is None} == {"__init__"}


@pytest.mark.parametrize("path", [p for p, parts in MODULES.items() if parts != ("__init__",)], ids=str)
def test_imports_run_from_the_top_down(path):
    here = row_of(MODULES[path][0])
    for part in imported(path):
        if part != "__version__":
            assert row_of(part) is not None and row_of(part) <= here, f"{path.name} imports {part}"


@pytest.mark.parametrize("module", ["jaxdoodle", "jaxdoodle.inference", "jaxdoodle.data", "jaxdoodle.cli"])
def test_it_imports_without_jax(module):
    block = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None, matplotlib=None, rich=None)"
    subprocess.run([sys.executable, "-c", f"{block}; import {module}"], check=True)


def test_inference_imports_numpy_and_the_standard_library_alone():
    code = "import sys, jaxdoodle.inference; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    ours = {name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert ours - {"sitecustomize", "usercustomize"} <= {"numpy", "jaxdoodle"}


def test_a_training_command_without_the_extra_says_what_installs_it():
    code = (
        "import sys; sys.modules.update(jax=None); from jaxdoodle.cli import main;"
        "sys.exit(main(['train', '--dataset', 'doodles']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == f"jaxdoodle: jax is not installed; {install_hint('train')}.\n"
