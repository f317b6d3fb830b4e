"""What is raised when the input, and not the program, is at fault; and when there is no result to give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class InputError(ValueError):
    """One line that names the file, what was found and what was expected. The command exits with 2."""


class NoDrawingError(InputError):
    """The input was read and shows no drawing (blank, a dot, a photograph): a model answers "unknown"."""

    #: The preprocessing steps before this was found, as ``Preprocessed.steps``.
    steps: tuple[tuple[str, Any], ...] = ()


class DataWarning(UserWarning):
    """Something about a dataset, or a model of it, that its user has to know: one line."""


class FailedError(Exception):
    """What was asked for did not come out, through no fault of the input. The command exits with 1."""


def install_hint(extra: str) -> str:
    """Half a sentence that says how the packages of an extra of pyproject.toml (``"train"``) are installed."""
    return f"python -m pip install -e '.[{extra}]' in a clone of jaxdoodle installs it"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown word: ``"; did you mean NAME?"``, or ``"."`` where no name is near."""
    from difflib import get_close_matches  # not needed until something is wrong

    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else "."
