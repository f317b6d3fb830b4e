"""The ``jaxdoodle`` command: its verbs and exit codes.

A verb is a module with ``add_arguments(parser)`` and ``run(options) -> exit code``. It is imported when it is used, and
imports what it needs when it runs: predicting needs NumPy alone, and ``--help`` works where JAX is not installed.
"""

from __future__ import annotations

import importlib
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jaxdoodle
from jaxdoodle.cli.options import Parser
from jaxdoodle.core.errors import DataWarning, FailedError, InputError, did_you_mean, install_hint

__all__ = ["exit_code_of", "main"]

#: Verb -> its module and what it does.
VERBS = {
    "train": ("jaxdoodle.cli.train", "train a network, score it, and write a model file"),
    "evaluate": ("jaxdoodle.cli.evaluate", "score a model on a dataset"),
    "check": ("jaxdoodle.cli.check", "check hand-written gradients: the built-in ones, or those of a file"),
    "export": ("jaxdoodle.cli.export", "write a model for another program: safetensors, onnx, html, js, zipapp or c"),
    "import": ("jaxdoodle.cli.import_", "turn weights of another program into a model file"),
    "draw": ("jaxdoodle.cli.draw", "draw in a page or a window, and see the prediction as you draw"),
    "teach": ("jaxdoodle.cli.teach", "write a page that learns classes of your own from a few drawings"),
    "predict": ("jaxdoodle.cli.predict", "what pictures and drawings show; needs NumPy and Pillow alone"),
    "data list": ("jaxdoodle.cli.data.list", "list the datasets in the data folder, and the missing files"),
    "data get": ("jaxdoodle.cli.data.get", "download a dataset from its publishers or from a mirror"),
    "data verify": ("jaxdoodle.cli.data.verify", "check every file in the data folder: checksums, headers, lengths"),
    "data audit": ("jaxdoodle.cli.data.audit", "find duplicates, wrong labels, inverted drawings, ... in a dataset"),
    "data show": ("jaxdoodle.cli.data.show", "draw figures of a dataset: contact sheets, sizes, typical drawings"),
    "data render": ("jaxdoodle.cli.data.render", "render a drawing as a PNG, an SVG, or a GIF that shows its strokes"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
      argv: The words after ``jaxdoodle``; those of the command line where it is None.

    Returns:
      0: done; 1: the check or the training failed; 2: the input is at fault; 130: interrupted; 143: a training was
      ended by SIGTERM, as a scheduler does.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    return exit_code_of(lambda: _run(words))


def exit_code_of(action: Callable[[], int]) -> int:
    """Run a command; an error that the user can correct becomes one line on stderr, not a traceback.

    Args:
      action: Gives an exit code, or raises.

    Returns:
      As ``main``.
    """
    warnings.showwarning = _show_warning  # type: ignore[assignment]  # with fewer names
    try:
        return action()
    except InputError as error:
        return _complain(error, 2)
    except FailedError as error:
        return _complain(error, 1)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("jax", "jaxlib", "optax", "rich", "matplotlib", "urllib3"):
            raise
        return _complain(f"{error.name} is not installed; {install_hint('train')}.", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has closed the pipe
        return 0
    except OSError as error:
        return _complain(": ".join(str(part) for part in (error.filename, error.strerror) if part) + ".", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _show_warning(message: Warning | str, category: type[Warning], *place: Any) -> None:
    """What is to be known of a dataset is one line; other warnings are as Python has them."""
    if issubclass(category, DataWarning):
        print(f"jaxdoodle: {message}", file=sys.stderr, flush=True)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, *place[:2]))


def _complain(what: object, code: int) -> int:
    print(f"jaxdoodle: {what}", file=sys.stderr)
    return code


def _run(words: Sequence[str]) -> int:
    verb = next((verb for verb in (" ".join(words[:2]), *words[:1]) if verb in VERBS), None)
    if verb is None:
        return _overview(words)
    module, text = VERBS[verb]
    command = importlib.import_module(module)
    parser = Parser(prog=f"jaxdoodle {verb}", description=text[0].upper() + text[1:] + ".")
    command.add_arguments(parser)
    options = parser.parse_args(words[len(verb.split()) :])
    options.command = shlex.join(["jaxdoodle", *words])
    return command.run(options)


def _overview(words: Sequence[str]) -> int:
    """The list of verbs, where help is asked for or no verb is given; else a complaint about the one that is."""
    if list(words) == ["--version"]:
        print(f"jaxdoodle {jaxdoodle.__version__}")
        return 0
    prefix = "data " if words[:1] == ["data"] else ""
    rest = words[len(prefix.split()) :]
    known = {verb.removeprefix(prefix): text for verb, (_, text) in VERBS.items() if verb.startswith(prefix)}
    lines = [f"usage: jaxdoodle {prefix}COMMAND ...", "", jaxdoodle.__doc__.splitlines()[0], ""]
    lines += [f"  {verb:12} {text}" for verb, text in known.items()]
    lines += ["", f"jaxdoodle {prefix}COMMAND --help lists the options of a command."]
    wrong = rest and rest[0] not in ("-h", "--help")
    print("\n".join(lines), file=sys.stderr if wrong else sys.stdout)
    if wrong:
        return _complain(f"there is no command {prefix}{rest[0]}{did_you_mean(rest[0], known)}", 2)
    return 0
