"""Small programs as people write them, checked in this process."""

import sys
import textwrap

import pytest

from jaxdoodle.submissions.worker import check_file


@pytest.fixture(autouse=True)
def verdicts_alone(few_edits):
    """What is tested here is which gradients are wrong."""


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Check a program; gives {name: what is wrong, "right", or why it was not checked}.

    Why a gradient is wrong is searched for if ``explain``.
    """
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(text, explain=False, **options):
        path = tmp_path / "program.py"
        path.write_text("import numpy as np\n" + textwrap.dedent(text))
        found = {}
        for message in check_file(path, explain=explain, **options):
            if "check" in message:
                report = message["check"]
                wrong = sorted(leaf["name"] for leaf in report["leaves"] if leaf["verdict"] == "wrong")
                names = [finding["name"] for finding in report["findings"]]
                found[report["title"]] = "right" if report["passed"] else ", ".join(wrong or names)
            elif "unchecked" in message:
                found[message["unchecked"]["name"]] = message["unchecked"]["reason"]
            else:
                found.setdefault("told", []).append(message)
        return found

    return run
