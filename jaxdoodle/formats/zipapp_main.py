"""The program inside an exported ``.pyz``: the ``predict`` verb with its model.

python model.pyz drawing.png folder/       one line each
python model.pyz < drawings.ndjson         a filter: drawings in, one a line; JSON lines out
"""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence

from jaxdoodle.core.errors import InputError

try:
    from jaxdoodle.inference import (
        Model,
        answers,  # Model first: it brings NumPy in
        model_file,
    )
except ModuleNotFoundError as error:
    sys.exit(f"{sys.argv[0]}: needs {error.name}; `python -m pip install {error.name}` installs it.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: every input was read; 2: one was not (a line on stderr says why), and the others were."""
    parser = argparse.ArgumentParser(
        description="Classify pictures and drawings; without FILE, drawings on the standard input."
    )
    answers.add_options(parser, "*")
    options = parser.parse_args(arguments)
    if not options.files and not options.watch:
        options.files = ["-"]
    try:
        return answers.answer(
            Model.from_file(model_file.decode(pkgutil.get_data("jaxdoodle", "model.npz") or b"")), options
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has closed the pipe
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
