"""Modules as one script."""

import subprocess

import pytest

from jaxdoodle.formats.web import bundle
from tests.fixtures.node import NODE, needs_node


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Writes modules, and gives the script of the first."""

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.js").write_text(source)
        return bundle.bundle(f"{next(iter(sources))}.js", "It")

    monkeypatch.setattr(bundle, "SOURCES", tmp_path)
    return write


A = """import {
  b as shown,
  C,
} from "./b.js";
import "./c.js";

export const a = shown() + C.two;
"""
B = """import { d } from "./d.js";
const a = 1;
export function b() {
  return a + d;
}
export class C { static two = 2; }
"""
D = 'export const d = 10; // "</script>"\n'


@needs_node
def test_a_script_runs_each_module_once_in_the_order_of_the_imports(modules):
    script = modules(a=A, b=B, c='import { d } from "./d.js";\nglobalThis.c = [...(globalThis.c ?? []), d];\n', d=D)
    done = subprocess.run([NODE, "-e", f"{script}console.log(It.a, c)"], capture_output=True, text=True, check=True)
    assert done.stdout == "13 [ 10 ]\n" and "</script" not in script


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('import all from "./b.js";\n', "cannot bundle 'import all from"),
        ("export default 1;\n", "cannot bundle 'export default 1;'"),
        ('import "./a.js";\n', "imports itself"),
    ],
)
def test_what_cannot_be_bundled_is_named(source, fault, modules):
    with pytest.raises(ValueError, match=fault):
        modules(a=source)
