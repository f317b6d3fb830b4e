import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ["nn", "nn.layers", "plots", "preprocessing", "strokes", "training"]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_found_and_listed(name):
    package = importlib.import_module(f"jaxdoodle.{name}")
    assert set(package.__all__) <= set(dir(package))
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(getattr(package, public) is not None for public in package.__all__)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_stub_names_what_the_package_has(name):
    package = importlib.import_module(f"jaxdoodle.{name}")
    tree = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    named = {}
    for node in imports:
        for alias in node.names:
            star = importlib.import_module(node.module).__all__ if alias.name == "*" else [alias.asname]
            named |= dict.fromkeys(star, node.module)
    assert set(named) - {"layers"} == set(package.__all__)  # "layers" is a package of nn
    for public in package.__all__:
        assert getattr(importlib.import_module(named[public]), public) is getattr(package, public)


@pytest.mark.parametrize("name", PACKAGES)
def test_an_unknown_name_is_an_attribute_error(name):
    package = importlib.import_module(f"jaxdoodle.{name}")
    with pytest.raises(AttributeError, match=f"module 'jaxdoodle.{name}' has no attribute 'pie_chart'"):
        package.__getattr__("pie_chart")


def test_a_module_is_imported_when_one_of_its_names_is_asked_for():
    code = """
import sys
from jaxdoodle import plots
assert not any(name.startswith("jaxdoodle.plots.") for name in sys.modules)
plots.loss_curve
assert "jaxdoodle.plots.curves" in sys.modules and "jaxdoodle.plots.network" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
