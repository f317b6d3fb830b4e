"""``experiments/README.md``: its links, its commands."""

import re
import shlex
from pathlib import Path

import pytest

import experiments
from experiments import NAMES

FOLDER = Path(experiments.__file__).parent
README = (FOLDER / "README.md").read_text()


def test_every_file_that_it_points_to_exists():
    targets = re.findall(r"\]\(([^)#:]+)\)", README) + re.findall(r"`((?:jaxdoodle|experiments)/[\w/]+\.py)`", README)
    assert len(targets) > 4
    for target in targets:
        base = FOLDER.parent if target.startswith(("jaxdoodle/", "experiments/")) else FOLDER
        assert (base / target).exists(), target


@pytest.mark.parametrize("command", sorted(set(re.findall(r"python -m experiments[^`#\n]*", README))))
def test_its_commands_name_what_there_is(command):
    _, _, module, *words = shlex.split(command)
    assert (FOLDER.parent / f"{module.replace('.', '/')}.py").exists() or (
        FOLDER.parent / module.replace(".", "/") / "__main__.py"
    ).exists()
    if module == "experiments" and words:
        assert words[0] in NAMES
