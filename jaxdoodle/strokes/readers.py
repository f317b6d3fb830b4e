"""Files of drawings, read one drawing at a time in constant memory.

    .ndjson   simplified or raw, as Quick, Draw! publishes them: a JSON object with a "drawing" on each line
    .bin      its binary form: whole numbers from 0 to 255
    .json     one drawing: a list of strokes, or an object with a "drawing"
    .svg      one drawing: see ``svg``

Every fault of a file is an ``InputError`` of one line that names the file, and the line or the byte.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import open_regular
from jaxdoodle.strokes.drawing import MAX_POINTS, Drawing, shortened
from jaxdoodle.strokes.forms import Columns, drawing_of

#: Most bytes of one drawing in a file; of 3,444 raw ones the longest line has 28,834.
MAX_BYTES = 2**22
#: A drawing, and what its record says of it.
Described = tuple[Drawing, dict[str, Any]]
#: Keys of Quick, Draw!'s records; a drawing beside one of them is in its form.
PUBLISHED = {"word", "key_id", "countrycode", "recognized"}


def _raise(error: InputError) -> None:
    raise error


class Skipped:
    """Counts broken drawings, which are left out: ``read_drawings(path, Skipped())``. As text: the first and how many.

    Attributes:
      count: How many.
      first: The error of the first, as text.
    """

    def __init__(self) -> None:
        self.count, self.first = 0, ""

    def __call__(self, error: InputError) -> None:
        self.first = self.first or str(error)
        self.count += 1

    def __str__(self) -> str:
        others = f" (and {self.count - 1:,} more)" if self.count > 1 else ""
        return f"skipped {self.first}{others}" if self.count else "skipped nothing"


def read_drawings(
    path: str | os.PathLike[str], on_error: Callable[[InputError], Any] = _raise, suffix: str | None = None
) -> Iterator[Drawing]:
    """Read the drawings of a file.

    Args:
      path: The file.
      on_error: Called with the error of each broken drawing, which is left out: a ``Skipped``. Raises it by default.
      suffix: The format (``".ndjson"``, ``".bin"``, ``".json"``, ``".svg"``); by default the suffix of the file.

    Yields:
      The drawings in the order of the file.

    Raises:
      InputError: The file cannot be read, is of another format, or is empty.
    """
    for found in scan(path, suffix):
        if isinstance(found, InputError):
            on_error(found)
        else:
            yield found


def scan(path: str | os.PathLike[str], suffix: str | None = None) -> Iterator[Any]:
    """Each drawing of a file or, in place of a broken one, its ``InputError``.

    Args:
      path: The file.
      suffix: The format; by default the suffix of the file.

    Yields:
      A drawing, or an ``InputError``.

    Raises:
      InputError: As ``scan_described``.
    """
    for found in scan_described(path, suffix):
        yield found if isinstance(found, InputError) else found[0]


def scan_described(path: str | os.PathLike[str], suffix: str | None = None) -> Iterator[Any]:
    """Each drawing of a file with what the file says of it or, in place of a broken one, its ``InputError``.

    Args:
      path: The file.
      suffix: The format; by default the suffix of the file.

    Yields:
      A drawing with a dict, which may hold its ``"word"`` and whether it was ``"recognized"``; or an ``InputError``.

    Raises:
      InputError: The file cannot be read, is of another format, or is empty.
    """
    name = os.fspath(path)
    suffix = suffix or os.path.splitext(name)[1].lower()
    if suffix not in READERS:
        raise InputError(f"{name}: is no file of drawings; expected {', '.join(READERS)}.")
    nothing = True
    try:
        with open_regular(name) as stream:
            for found in READERS[suffix](name, stream):
                nothing = False
                yield found
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}; expected a file of drawings.") from None
    if nothing:
        raise InputError(f"{name}: holds no drawing; expected one or more.")


def scan_lines(name: str, stream: BinaryIO) -> Iterator[Any]:
    """Each drawing of a stream of lines such as ``sys.stdin.buffer``, or the ``InputError`` in its place."""
    for found in _scan_lines(name, stream):
        yield found if isinstance(found, InputError) else found[0]


def _scan_lines(name: str, stream: BinaryIO) -> Iterator[Any]:
    number = 0
    while line := stream.readline(MAX_BYTES + 1):
        number += 1
        yield _described_or_error(f"{name}, line {number}", lambda text: described(_json(text)), line)
        while len(line) > MAX_BYTES and not line.endswith(b"\n"):
            line = stream.readline(MAX_BYTES + 1)


def _described_or_error(place: str, parse: Callable[[Any], Described], found: Any) -> Any:
    try:
        return parse(found)
    except InputError as error:
        return InputError(f"{place}: {error}")


def _json(text: bytes) -> Any:
    _check_length(text)
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"expected JSON in UTF-8; byte {error.start} is {text[error.start]:#04x}.") from None
    except RecursionError:
        raise InputError("expected a drawing in JSON; got brackets nested too deep.") from None
    except json.JSONDecodeError as error:
        found = shortened(error.doc[error.pos : error.pos + 100].strip())
        raise InputError(f"expected JSON; {error.msg} at character {error.pos + 1}, {found}.") from None
    except ValueError:
        raise InputError("expected a drawing in JSON; got an integer of thousands of digits.") from None


def described(record: Any) -> Described:
    """The drawing that a record of Quick, Draw! holds, with the rest of it. Raises ``InputError``.

    The drawing may itself be text, as in the CSV files of Kaggle's competition.
    """
    if not isinstance(record, dict):
        return drawing_of(record), {}
    published = not PUBLISHED.isdisjoint(record)
    found = record.get("drawing")
    found = record | {"drawing": _json(found.encode())} if isinstance(found, str) else record
    return drawing_of(found, published), {name: value for name, value in record.items() if name != "drawing"}


def _check_length(text: bytes) -> None:
    if len(text) > MAX_BYTES:
        raise InputError(f"a drawing takes at most {MAX_BYTES:,} bytes; this one takes more.")


def _scan_one(parse: Callable[[bytes], Drawing], name: str, stream: BinaryIO) -> Iterator[Any]:
    if text := stream.read(MAX_BYTES + 1):
        yield _described_or_error(name, lambda text: (parse(text), {}), text)


def from_text(text: bytes) -> Drawing:
    """One drawing in JSON, in any form that ``forms`` knows, or an SVG. Raises ``InputError``."""
    if text.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return _from_svg(text)
    return described(_json(text))[0]


def _from_svg(text: bytes) -> Drawing:
    from jaxdoodle.strokes import svg  # its parser is not needed otherwise

    _check_length(text)
    return Columns(svg.strokes_of(text))


# A drawing in a .bin: key, country, recognized, time, number of strokes; each stroke: number of points, all x, all y.
# By examples/binary_file_parser.py of googlecreativelab/quickdraw-dataset.
_HEADER = struct.Struct("<Q2sbIH")
_COUNT = struct.Struct("<H")


def _scan_binary(name: str, stream: BinaryIO) -> Iterator[Any]:
    """A broken drawing is the last one: as its length cannot be trusted, the begin of the next one is not known.

    The format has no magic number; that ``recognized`` is 0 or 1 and every count above 0 is checked instead.
    """
    number = at = 0
    while header := stream.read(_HEADER.size):
        number += 1
        try:
            drawing, length = _binary_drawing(header, stream)
        except InputError as error:
            yield InputError(f"{name}, drawing {number}, at byte {at:,}: {error}")
            return
        yield drawing, {"recognized": bool(_HEADER.unpack(header)[2])}
        at += length


def _binary_drawing(header: bytes, stream: BinaryIO) -> tuple[Drawing, int]:
    if len(header) < _HEADER.size:
        raise InputError(f"cut off; {len(header)} bytes are left, a drawing begins with {_HEADER.size}.")
    _, _, recognized, _, strokes = _HEADER.unpack(header)
    if recognized not in (0, 1) or not strokes:
        raise InputError(
            f"not a drawing as Quick, Draw! writes it; recognized is {recognized}, of 0 and 1, "
            f"and there are {strokes:,} strokes."
        )
    drawing, points = Columns(), 0
    for index in range(strokes):
        (count,) = _COUNT.unpack(_exactly(_COUNT.size, stream, index, strokes))
        points += count
        if not count or points > MAX_POINTS:
            raise InputError(f"stroke {index} of {strokes:,} has {count:,} points; a drawing has 1 to {MAX_POINTS:,}.")
        both = _exactly(2 * count, stream, index, strokes)
        drawing.append((list(both[:count]), list(both[count:])))
    return drawing, _HEADER.size + strokes * _COUNT.size + 2 * points


def _exactly(size: int, stream: BinaryIO, index: int, strokes: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise InputError(f"cut off in stroke {index} of {strokes:,}; {size - len(found):,} bytes are missing.")
    return found


READERS: dict[str, Callable[[str, BinaryIO], Iterator[Any]]] = {
    ".ndjson": _scan_lines,
    ".bin": _scan_binary,
    ".json": partial(_scan_one, from_text),
    ".svg": partial(_scan_one, _from_svg),
}
