"""What is raised when the input, and not the program, is at fault; and when there is no result to give."""


class InputError(ValueError):
    """One line that names the file, what was found and what was expected. The command exits with 2."""


class NoDrawingError(InputError):
    """The input was read and shows no drawing (blank, a dot, a photograph): a model answers "none of mine"."""


class FailedError(Exception):
    """What was asked for did not come out, through no fault of the input. The command exits with 1."""


def install_hint(extra: str) -> str:
    """Half a sentence that says how the packages of an extra of pyproject.toml (``"train"``) are installed."""
    return f"python -m pip install -e '.[{extra}]' in a clone of jaxdoodle installs it"
