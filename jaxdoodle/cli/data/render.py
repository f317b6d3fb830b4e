"""The verb ``jaxdoodle data render``."""

from __future__ import annotations

import argparse
import re
from itertools import islice
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.plots.drawings import SIZE, WRITERS
from jaxdoodle.strokes.readers import READERS, Skipped, read_drawings

LARGEST = 2_000  # pixels in width and height


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    drawing = f"File of drawings ({' '.join(READERS)}), and the number of the drawing in it (default: 1)."
    option("drawing", metavar="FILE[:N]", help=drawing)
    out = "Picture to write: a .png, an .svg with a polyline for each stroke, or a .gif that shows how it was drawn."
    option("-o", dest="out", type=Path, required=True, metavar="PICTURE", help=out)
    option("--size", type=int, default=SIZE, metavar="N", help=f"Width and height in pixels (default: {SIZE}).")
    option("--skip-broken", action="store_true", help="Skip what is no drawing, and print how many were skipped.")


def run(options: argparse.Namespace) -> int:
    """Write a picture of one drawing and print its path. Raises ``InputError``."""
    suffix = options.out.suffix.lower()
    if suffix not in WRITERS:
        raise InputError(f"{options.out}: a picture of a drawing is {', '.join(WRITERS)}.")
    if not 16 <= options.size <= LARGEST:
        raise InputError(f"--size is 16 to {LARGEST:,} pixels; got {options.size:,}.")
    path, number = _which(options.drawing)
    skipped = Skipped()
    drawings = read_drawings(path, skipped) if options.skip_broken else read_drawings(path)
    drawing = next(islice(drawings, number - 1, None), None)
    if skipped.count:
        print(skipped)
    if drawing is None:
        raise InputError(f"{path}: holds fewer than {number:,} drawings.")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[suffix](drawing, options.out, options.size)
    print(options.out)
    return 0


def _which(text: str) -> tuple[str, int]:
    """The path and the number in ``FILE:N``. A file whose own name ends like that is taken as it is."""
    found = re.fullmatch(r"(.+):(\d{1,12})", text, re.DOTALL)
    if not found or Path(text).exists():
        return text, 1
    if found[2] == "0" * len(found[2]):
        raise InputError(f"{text}: drawings count from 1.")
    return found[1], int(found[2])
