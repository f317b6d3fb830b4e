"""The program inside an exported ``.pyz``: says what pictures and drawings show.

python model.pyz drawing.png more.jpg      one line each
python model.pyz < drawings.ndjson         a filter: drawings in, one a line; JSON lines out
"""

from __future__ import annotations

import argparse
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from jaxdoodle.inference import model_file, strokes
from jaxdoodle.inference.errors import InputError
from jaxdoodle.inference.predict import Model, Prediction


def main(arguments: Sequence[str] | None = None) -> int:
    """0: every picture was read; 2: one was not, said on stderr, and the others were."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0].split(": ")[1])
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="png, jpg, gif, ... or .ndjson of drawings; none: ndjson on stdin"
    )
    parser.add_argument("-k", type=int, default=3, help="how many guesses (3)")
    parser.add_argument("--json", action="store_true", help="JSON lines for pictures, too")
    options = parser.parse_args(arguments)

    model, code = Model(model_file.decode(pkgutil.get_data("jaxdoodle", "model.npz") or b"")), 0
    for name, picture in _inputs(options.files, sys.stdin):
        try:
            if isinstance(picture, InputError):
                raise picture
            prediction = model.predict(picture)
        except InputError as error:
            text = str(error)
            print(text if text.startswith(name) else f"{name}: {text}", file=sys.stderr)
            code = 2
        else:
            line_of = _json_line if options.json or not options.files else _line
            print(line_of(name, prediction, options.k), flush=True)
    return code


def _inputs(files: Sequence[str], stdin: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Name and content of each input: a path, a drawing, or the error that is in its place."""
    for path in files:
        if path.endswith(".ndjson"):
            try:
                with open(path, encoding="utf-8") as lines:
                    yield from _drawings(path, lines)
            except OSError as error:
                yield path, InputError(f"{path}: {error.strerror}.")
        else:
            yield path, path
    if not files:
        yield from _drawings("line", stdin)


def _drawings(name: str, lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            drawing = json.loads(line)["drawing"]
            strokes.check(drawing)
        except InputError as error:
            drawing = error
        except (ValueError, TypeError, KeyError, RecursionError):
            drawing = InputError(f'expected a JSON object with a "drawing"; got {line.strip()[:60]!r}.')
        yield f"{name}:{number}", drawing


def _line(name: str, prediction: Prediction, k: int) -> str:
    doubt = "  (like none of the classes)" if prediction.abstained else ""
    return f"{name}: " + ", ".join(f"{label} {100 * p:.1f} %" for label, p in prediction.top(k)) + doubt


def _json_line(name: str, prediction: Prediction, k: int) -> str:
    guesses = [{"label": label, "probability": p} for label, p in prediction.top(k)]
    return json.dumps({"input": name, "abstained": prediction.abstained, "top": guesses})


if __name__ == "__main__":
    sys.exit(main())
