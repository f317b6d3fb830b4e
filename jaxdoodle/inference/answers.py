"""The ``predict`` verb of the command line and of an exported ``.pyz``: a line or a JSON object for each input.

NumPy is loaded by the model, Pillow by the first picture, JAX never.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.validation import fits_in_name
from jaxdoodle.preprocessing import inputs

if TYPE_CHECKING:
    from jaxdoodle.inference.model import Model
    from jaxdoodle.inference.predictions import PageDrawing, PagePrediction, Prediction


def add_options(parser: argparse.ArgumentParser, nargs: str) -> None:
    """Add FILE, which ``argparse`` takes ``nargs`` times, ``-k``, ``--json`` and ``--watch``."""
    option = parser.add_argument
    option(
        "files",
        nargs=nargs,
        metavar="FILE",
        help="Pictures (png, jpg, gif, ...), drawings in strokes (ndjson, json, svg, bin), bitmaps (npy), folders of "
        "them; - for the standard input: drawings as ndjson, answered in JSON lines, or one picture, SVG or data URL.",
    )
    option(
        "-k", type=count, default=3, metavar="N", help="Number of classes to print, most probable first (default 3)."
    )
    option("--json", action="store_true", help="Print a JSON object per input.")
    option("--many", action="store_true", help="FILE is a page with several drawings: answer each, and rows of them.")
    option("--out", metavar="OUT.png", help="With --many: also draw the page with a box and a label at each drawing.")
    option("--watch", action="store_true", help="FILE is a folder: answer every file that comes into it, until Ctrl-C.")


def answer(
    model: Model, options: argparse.Namespace, program: str = "", then: Callable[..., None] = lambda *_: None
) -> int:
    """Print a line for each input.

    Args:
      model: What predicts.
      options: As ``add_options`` has them.
      program: How the lines on stderr begin.
      then: Called with each input and its ``Prediction`` after its line.

    Returns:
      The exit code. 0: every input was read; 2: one was not, and its error is on stderr.
    """
    as_json = options.json or "-" in options.files
    predict: Callable[[Any], Any] = model.predict_many if options.many else model.predict
    lines_of: Any = (_page_json if as_json else _page_lines) if options.many else _json_line if as_json else _line
    if options.out is not None:
        _refuse_pictures_of_several(options)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names and labels may be beyond its encoding
        sys.stdout.reconfigure(errors="backslashreplace")
    code = 0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # what is wrong with a file is said in one line
        try:
            for name, content in _inputs(options):
                try:
                    if isinstance(content, InputError):
                        raise content
                    prediction = predict(content)
                    for line in lines_of(name, prediction, options.k):
                        print(_printable(line), flush=True)
                    if options.out is not None:
                        _save(prediction, options.out)
                    then(content, prediction)
                except InputError as error:
                    print(_printable(f"{program}{_naming(name, content, error)}"), file=sys.stderr, flush=True)
                    code = 2
        except KeyboardInterrupt:
            if not options.watch:
                raise
    return code


def _printable(line: str) -> str:
    """A file may have any name: line breaks and control characters are escaped as in Python strings."""
    return "".join(c if fits_in_name(c) else c.encode("unicode_escape").decode("ascii") for c in line)


def _naming(name: str, content: Any, error: InputError) -> str:
    """The error in one line that names the input; an error in place of an input names it already."""
    text = str(error)
    return text if content is error or text.startswith(name) else f"{name}: {text.removeprefix('the image: ')}"


def _inputs(options: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    """Name and content of each input; an ``InputError`` in place of what cannot be read."""
    if options.watch:
        yield from _arrivals(options.files)
    else:
        for path in options.files:
            yield from _standard_input() if path == "-" else inputs.everything(path)


def _arrivals(folders: list[str]) -> Iterator[tuple[str, Any]]:
    from jaxdoodle.inference import folder_watch

    if len(folders) != 1:
        raise InputError(f"--watch takes one folder; got {', '.join(folders) or 'none'}.")
    changes = folder_watch.changes(folders[0], lambda: time.sleep(folder_watch.SCAN_INTERVAL))
    print(f"watching {folders[0]}; Ctrl-C ends it", file=sys.stderr, flush=True)
    yield from changes


def _begins_whole(begin: bytes) -> bool:
    """Whether the standard input is one picture, SVG or data URL, to be read whole."""
    pictures = (
        b"\x89PNG",
        b"\xff\xd8\xff",
        b"GIF8",
        b"BM",
        b"RIFF",
        b"II",
        b"MM",
        b"P",
        b"<",
        b"\xef\xbb\xbf<",
        b"data:",
    )
    return begin.startswith(pictures) or begin[4:8] == b"ftyp"  # AVIF, HEIC


def _standard_input() -> Iterator[tuple[str, Any]]:
    """Drawings, one per line, as they arrive; or one picture."""
    stream: Any = sys.stdin.buffer
    if not (begin := stream.peek(12)):
        yield "-", InputError("-: the standard input is empty; expected a picture, or drawings, one a line.")
    elif _begins_whole(begin):
        content = stream.read()
        yield "-", content.decode("ascii", "replace").strip() if content.startswith(b"data:") else content
    from jaxdoodle.strokes import readers

    for number, found in enumerate(readers.scan_lines("-", stream), 1):
        yield f"-:{number}", found


def _refuse_pictures_of_several(options: argparse.Namespace) -> None:
    """Raise ``InputError`` where ``--out`` is given and there is not one page to draw, as .png."""
    path = options.files[0]
    if not options.many:
        raise InputError("--out draws a page with several drawings; give --many, too.")
    if len(options.files) != 1 or options.watch or os.path.isdir(path):
        raise InputError(f"--out takes one page; got {' '.join(options.files)}.")
    if os.path.splitext(options.out)[1].lower() != ".png":
        raise InputError(f"{options.out}: the page is drawn as .png.")
    if path != "-":
        inputs.sole(path)  # raises before the first of many is answered


def _save(found: PagePrediction, path: str) -> None:
    try:
        found.picture().save(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written; {error.strerror or error}.") from None


def _line(name: str, prediction: Prediction, k: int) -> Iterator[str]:
    yield f"{name}: {_guesses(prediction, k)}"


def _guesses(prediction: Prediction, k: int) -> str:
    guesses = ", ".join(f"{label} {100 * share:.1f} %" for label, share in prediction.top(k))
    if not prediction.abstained:
        return guesses
    return f"unknown ({prediction.reason})" + (f"; most like {guesses}" if guesses else "")


def _page_lines(name: str, found: PagePrediction, k: int) -> Iterator[str]:
    """A line for each row, and below it one for each of its drawings."""
    if not found.rows:
        yield f"{name}: nothing is drawn"
    for number, row in enumerate(found.rows, 1):
        yield f"{name}, row {number}: {row}"
        for one in row.drawings:
            left, top, right, bottom = _edges(one)
            yield f"  {left}, {top} to {right}, {bottom}: {_guesses(one.prediction, k)}"


def _json_line(name: str, prediction: Prediction, k: int) -> Iterator[str]:
    yield json.dumps({"input": name} | _as_json(prediction, k))


def _as_json(prediction: Prediction, k: int) -> dict[str, Any]:
    found = {"label": prediction.label, "abstained": prediction.abstained, "reason": prediction.reason}
    return found | {"top": [{"label": label, "probability": p} for label, p in prediction.top(k)]}


def _page_json(name: str, found: PagePrediction, k: int) -> Iterator[str]:
    rows = [{"text": row.text, "abstained": row.abstained, "confidence": row.confidence} for row in found.rows]
    drawings = [
        {"row": number, "box": dict(zip(("left", "top", "right", "bottom"), _edges(one), strict=True))}
        | _as_json(one.prediction, k)
        for number, row in enumerate(found.rows)
        for one in row.drawings
    ]
    yield json.dumps({"input": name, "rows": rows, "drawings": drawings})


def _edges(one: PageDrawing) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in whole units, with nothing of the drawing beyond them."""
    top, left, bottom, right = one.box
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def count(text: str) -> int:
    """A positive integer, for ``argparse``."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"at least 1; got {value}")
    return value
