"""The public names: what ``import jaxdoodle as jd`` gives, to people and to type checkers."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import jaxdoodle as jd

STUB = Path(jd.__file__).with_suffix(".pyi")


def test_importing_it_loads_nothing_else():
    code = "import sys; before = set(sys.modules); import jaxdoodle; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert loaded == ["jaxdoodle"]


def test_every_public_name_is_there_twice_in_a_row():
    """A function that shares its name with a package is replaced by it on second use."""
    for name in jd.__all__:
        assert getattr(jd, name) is getattr(jd, name)
        assert not (inspect.ismodule(getattr(jd, name)) and name in jd._MODULES)
    assert dir(jd) == sorted(jd.__all__)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        jd.fitt  # noqa: B018


def test_the_stub_names_what_the_package_has():
    tree = ast.parse(STUB.read_text())
    named = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert named | {"__version__"} == set(jd.__all__)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module != "jaxdoodle":
            for alias in node.names:
                assert getattr(importlib.import_module(node.module), alias.name) is getattr(jd, alias.name)


PACKAGES = [
    m.name for m in pkgutil.iter_modules(jd.__path__) if m.name not in ("__main__", "cli", "web", "core", "run")
]


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_is_documented(package):
    module = importlib.import_module(f"jaxdoodle.{package}")
    assert module.__doc__ and module.__all__
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing):
            doc, arguments = inspect.getdoc(thing) or "", list(inspect.signature(thing).parameters)
            assert doc, name
            assert not arguments or "Args:" in doc or "Attributes:" in doc, f"{package}.{name} has no Args section"
            section = doc.partition("Args:")[2]
            assert all(f"{argument}:" in section for argument in arguments), f"{package}.{name}: {arguments}"
            assert all(p.annotation is not p.empty for p in inspect.signature(thing).parameters.values()), name
            returns = inspect.signature(thing).return_annotation
            assert returns in ("None", None) or "Returns:" in doc or "Yields:" in doc, f"{package}.{name}: {returns}"
        elif inspect.isclass(thing):
            doc = inspect.getdoc(thing) or ""
            assert doc, name
            if not issubclass(thing, Exception):
                arguments = [p for p in inspect.signature(thing).parameters if p not in ("args", "kwargs")]
                assert not arguments or "Args:" in doc or "Attributes:" in doc, (
                    f"{package}.{name} has no Args section: {arguments}"
                )
