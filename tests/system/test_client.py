"""What a type checker says of a client program, with jaxdoodle installed from a wheel."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = Path(__file__).with_name("client.py")
WRONG = {
    'jd.nn.Dense("five")': '"Dense" has incompatible type "str"; expected "int"',
    'jd.TrainConfig(epochs="three")': '"TrainConfig" has incompatible type "str"; expected "int | None"',
    "jd.Model.load(3)": '"load" of "Model" has incompatible type "int"',
    'jd.ModelSpec(("five",), (3,))': 'incompatible type "tuple[str]"; expected "Sequence[LayerLike]"',
    "jd.fitt": 'Module has no attribute "fitt"',
    'Swish("five")': '"Swish" has incompatible type "str"; expected "float"',
}
OWN = """
import jaxdoodle as jd

@jd.nn.layer
class Swish:
    beta: float = 1.0

    def forward(self, params, x, *, key=None):
        return x, x

    def backward(self, residuals, dy):
        return {}, dy

    def numpy_forward(self, params, x):
        return x

@jd.nn.loss
class Mean:
    def forward(self, outputs, labels):
        return outputs.mean(), outputs

    def backward(self, residuals):
        return residuals

jd.ModelSpec((Swish(2.0),), (3,))
jd.TrainConfig(loss=Mean())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A Python whose site-packages hold the wheel, and see the packages that these tests run with."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("client")
    tree = shutil.copytree(ROOT / "jaxdoodle", folder / "tree" / "jaxdoodle").parent
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, tree)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    site = next((folder / "env").glob("lib/python3*/site-packages"))
    run(*pip, "install", "--no-deps", "--target", site, *folder.glob("*.whl"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "env" / "bin" / "python"


def run(*command, cwd=None):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def checked(installed, tmp_path_factory):
    """A client and one with wrong arguments, and what mypy says of both: most of its time goes into jax and numpy."""
    folder = tmp_path_factory.mktemp("checked")
    files = Path(shutil.copy(CLIENT, folder)), folder / "wrong.py"
    files[1].write_text("\n".join(["# mypy: allow-untyped-defs, allow-untyped-calls", OWN, *WRONG]))
    options = "--strict", "--python-executable", installed, "--cache-dir", ROOT / ".mypy_cache"
    command = [sys.executable, "-m", "mypy", *map(str, options), *(file.name for file in files)]
    return folder, subprocess.run(command, capture_output=True, text=True, cwd=folder).stdout


def test_a_client_passes_strict_and_runs(installed, checked):
    folder, said = checked
    assert "client.py" not in said and "checked 2 source files" in said, said
    assert "right" in run(installed, folder / "client.py", cwd=folder) and (folder / "model.html").exists()


def test_wrong_arguments_are_found_by_the_type_checker(checked):
    _, said = checked
    assert f"Found {len(WRONG)} errors in 1 file" in said, said
    for message in WRONG.values():
        assert message in said
