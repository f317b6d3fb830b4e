"""The exported package in a project of vite and TypeScript."""

import shutil
import subprocess

import pytest

from jaxdoodle.formats import export
from jaxdoodle.inference.model import Model

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")]

FILES = {
    "package.json": '{"private": true, "type": "module", "dependencies": {"jaxdoodle-runtime": "file:./doodles"}}',
    "index.html": '<jaxdoodle-pad></jaxdoodle-pad><script type="module" src="/main.ts"></script>',
    "main.ts": """
import { load, type Prediction } from "jaxdoodle-runtime";
import "jaxdoodle-runtime/pad.js";
import description from "jaxdoodle-runtime/model.json";

const model = await load(description), pad = document.querySelector("jaxdoodle-pad")!;
pad.model = model;
pad.addEventListener("guess", ({ detail }) => {
  const guess: Prediction | null = detail;
  document.title = guess?.label ?? "nothing";
});
""",
    "tsconfig.json": """{"include": ["main.ts"], "compilerOptions": {"strict": true, "module": "esnext", "target":
"es2022", "moduleResolution": "bundler", "resolveJsonModule": true, "noEmit": true, "lib": ["es2022", "dom"]}}""",
}


def test_vite_builds_it_and_its_types_hold(doodle_model, tmp_path):
    export(Model.from_file(doodle_model), tmp_path / "doodles", "js")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    if subprocess.run(["npm", "install", "--silent", "vite@8", "typescript@5"], cwd=tmp_path).returncode:
        pytest.skip("needs the packages vite and typescript")
    for command in (["tsc", "-p", "."], ["vite", "build"]):
        subprocess.run(["npx", *command], cwd=tmp_path, check=True)
    built = "".join(path.read_text() for path in (tmp_path / "dist" / "assets").glob("*.js"))
    assert "jaxdoodle-pad" in built and "reference_examples" in built
