import re
import tomllib
from pathlib import Path

from jaxdoodle.core.errors import install_hint

ROOT = Path(__file__).parents[2]


def test_the_hint_is_a_command_that_works_in_a_clone():
    assert install_hint("train") == "python -m pip install -e '.[train]' in a clone of jaxdoodle installs it"


def test_every_extra_that_a_message_names_is_declared():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    sources = "".join(path.read_text() for path in (ROOT / "jaxdoodle").rglob("*.py"))
    named = re.findall(r"""install_hint\(["'](.*?)["']\)""", sources)
    assert {"train"} < set(named) <= set(extras)
    assert {"onnx", "safetensors"} <= set(extras)  # the formats that need a package, named as their extras
