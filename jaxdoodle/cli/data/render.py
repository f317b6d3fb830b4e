"""The ``data draw`` verb of the command line."""

from __future__ import annotations

import argparse
import re
from itertools import islice
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.plots.drawings import SIZE, WRITERS
from jaxdoodle.strokes.readers import READERS, Skipped, read_drawings

LARGEST = 2_000  # pixels a side
_KINDS = (".png", ".svg: a polyline for each stroke", ".gif: draws itself, a raw drawing in its own time")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("drawing", metavar="FILE[:N]", help=f"a file of drawings ({' '.join(READERS)}), and which of them (1)")
    option("-o", dest="out", type=Path, required=True, metavar="PICTURE", help="; ".join(_KINDS))
    option("--size", type=int, default=SIZE, metavar="N", help=f"pixels a side ({SIZE})")
    option("--skip-broken", action="store_true", help="pass over what is no drawing, and say how many it was")


def run(options: argparse.Namespace) -> int:
    """Write one picture of one drawing and print where it is. Raises ``InputError``."""
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
    """``FILE:N``; a file whose own name ends like that is meant as it is."""
    found = re.fullmatch(r"(.+):(\d{1,12})", text, re.DOTALL)
    if not found or Path(text).exists():
        return text, 1
    if found[2] == "0" * len(found[2]):
        raise InputError(f"{text}: drawings count from 1.")
    return found[1], int(found[2])
