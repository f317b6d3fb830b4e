"""Imports run one way, and predicting needs NumPy alone."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "jaxdoodle"
#: From the bottom up: a package imports from itself and from lower floors, never from its own floor's neighbors.
FLOORS = (
    {"core", "pretrained"},
    {"nn", "strokes", "metrics"},
    {"preprocessing"},
    {"inference", "data"},
    {"training", "gradcheck", "formats", "web"},
    {"run", "plots", "submissions"},
    {"cli"},
    {"__main__"},
)
#: The same for the rooms of one package.
ROOMS = {
    "submissions": ({"reading"}, {"arguments"}, {"objects"}, {"functions", "engines"}, {"classes", "statements"}),
}
#: The page's sources belong to the format that writes them.
NEIGHBORS = {("formats", "web")}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def floor_of(package):
    return next((number for number, floor in enumerate(FLOORS) if package in floor), None)


def imported(module, path):
    """Every module of this project that the file imports: anywhere in the file, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "jaxdoodle":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "jaxdoodle")


@cache
def graph():
    return {module: {name for name in imported(module, path) if name in MODULES} for module, path in MODULES.items()}


def fault_of(importer, target):
    """What is wrong with an import between two modules, or ``None``."""
    here, there = (name.split(".")[1] for name in (importer, target))
    if here == there or (here, there) in NEIGHBORS:
        return None
    if floor_of(there) is None or floor_of(there) >= floor_of(here):
        return f"{importer} (floor {floor_of(here)}) imports {target} (floor {floor_of(there)})"
    return None


def fault_within(importer, target):
    """What is wrong with an import between two rooms of one package, or ``None``."""
    (here, room, *_), (there, other, *_) = ([*name.split(".")[1:], ""] for name in (importer, target))
    floors = {name: number for number, floor in enumerate(ROOMS.get(here, ())) for name in floor}
    if here != there or room == other or not {room, other} <= floors.keys():
        return None
    return f"{importer} imports {target}" if floors[other] >= floors[room] else None


def cycle_in(graph):
    """Modules that import each other in a ring, or ``None``."""
    done = set()

    def visit(module, path):
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return None
        for target in sorted(graph[module]):
            if found := visit(target, [*path, module]):
                return found
        done.add(module)
        return None

    return next((found for module in graph if (found := visit(module, []))), None)


def test_every_package_has_a_floor():
    assert {name.split(".")[1] for name in MODULES if name != "jaxdoodle"} == set().union(*FLOORS)


@pytest.mark.parametrize("module", [name for name in MODULES if name != "jaxdoodle"])
def test_imports_run_from_the_top_down(module):
    targets = graph()[module] - {"jaxdoodle"}
    assert [fault for target in targets for of in (fault_of, fault_within) if (fault := of(module, target))] == []


def test_no_modules_import_each_other_in_a_ring():
    assert cycle_in(graph()) is None


def test_the_rings_of_the_first_edition_would_be_found():
    """``inputs`` with ``pictures`` by a table of suffixes; ``run`` with its record by a type."""
    ring = graph() | {"jaxdoodle.preprocessing.inputs.pictures": {"jaxdoodle.preprocessing.inputs"}}
    ring["jaxdoodle.preprocessing.inputs"] = {"jaxdoodle.preprocessing.inputs.pictures"}
    assert cycle_in(ring) == ["jaxdoodle.preprocessing.inputs", "jaxdoodle.preprocessing.inputs.pictures"]
    assert fault_of("jaxdoodle.core.record", "jaxdoodle.run") and fault_of(
        "jaxdoodle.plots.run_figures", "jaxdoodle.run"
    )
    assert fault_within("jaxdoodle.submissions.reading.source", "jaxdoodle.submissions.objects.instances")


WITHOUT = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None, matplotlib=None, rich=None)"


@pytest.mark.parametrize(
    "module", ["jaxdoodle", "jaxdoodle.inference", "jaxdoodle.data", "jaxdoodle.nn", "jaxdoodle.cli"]
)
def test_it_imports_without_jax(module):
    subprocess.run([sys.executable, "-c", f"{WITHOUT}; import {module}"], check=True)


DESCRIBE = """
import jaxdoodle as jd
layers = jd.nn.Conv2D(8, 5), jd.nn.Residual([jd.nn.Tanh()]), jd.nn.Flatten(), jd.nn.Dense(3)
spec = jd.ModelSpec(layers, (9, 9, 1))
penalties, augment = (jd.nn.L2(1e-4),), jd.training.Augment()
config = jd.TrainConfig(loss=jd.nn.SoftmaxCrossEntropy(0.1), penalties=penalties, augment=augment)
print(jd.ModelSpec.from_json(spec.to_json()) == spec, hash(spec) == hash(spec), config, "numpy" in sys.modules)
"""


def test_descriptions_work_without_jax():
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT + DESCRIBE], check=True, capture_output=True, text=True
    ).stdout
    assert found.startswith("True True TrainConfig(") and found.endswith("False\n")


def test_inference_imports_numpy_and_the_standard_library_alone():
    code = "import sys, jaxdoodle.inference; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    foreign = {name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert foreign - {"sitecustomize", "usercustomize"} <= {"numpy", "jaxdoodle"}


def test_a_training_name_without_the_extra_says_what_installs_it():
    code = f"{WITHOUT}; import jaxdoodle as jd; jd.fit"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModuleNotFoundError: jaxdoodle.fit needs jax; python -m pip install -e '.[train]'" in result.stderr


def test_a_training_command_without_the_extra_says_what_installs_it():
    code = (
        "import sys; sys.modules.update(jax=None); from jaxdoodle.cli import main;"
        "sys.exit(main(['train', '--dataset', 'doodles']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("jaxdoodle: jax is not installed; python -m pip install -e '.[train]'")
