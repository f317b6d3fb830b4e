"""The verb ``jaxdoodle data show``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from jaxdoodle.cli.data.options import DATASETS, add_dataset, load_whole
from jaxdoodle.core.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    add_dataset(parser, DATASETS.replace(", or", ",") + ", or an .ndjson file of drawings")
    option("--set", default="train", help="Split to draw: train (default), test or an extra test set.")
    option("--drawing", type=int, default=1, metavar="N", help="Number of the drawing in an .ndjson file (default: 1).")
    option("--out", type=Path, metavar="DIR", help="Folder of the figures (default: runs/show-DATASET).")


def run(options: argparse.Namespace) -> int:
    """Draw the figures and print the path of each. Raises ``InputError``."""
    out = options.out or Path("runs") / f"show-{Path(options.dataset).stem}"
    pictures = _strokes(options) if options.dataset.endswith(".ndjson") else _dataset(options)
    for name, draw in pictures:
        out.mkdir(parents=True, exist_ok=True)
        draw(out / f"{name}.png")
        print(out / f"{name}.png", flush=True)
    return 0


def _strokes(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[Path], None]]]:
    from jaxdoodle.plots.dataset import stroke_order
    from jaxdoodle.strokes.readers import read_drawings

    path = Path(options.dataset)
    if options.drawing < 1:
        raise InputError(f"--drawing counts from 1; got {options.drawing}.")
    drawing = next(islice(read_drawings(path), options.drawing - 1, None), None)
    if drawing is None:
        raise InputError(f"{path}: holds fewer than {options.drawing} drawings.")
    title = f"{path.stem} {options.drawing}"
    yield f"strokes-{options.drawing}", lambda target: stroke_order(drawing, target, title=title)


def _dataset(options: argparse.Namespace) -> Iterator[tuple[str, Callable[[Path], None]]]:
    from jaxdoodle.plots.confusion import class_histogram
    from jaxdoodle.plots.dataset import contact_sheet, typical_drawings
    from jaxdoodle.plots.image_grids import sample_grid

    splits = load_whole(options)
    if options.set not in splits.sets:
        raise InputError(f"{options.dataset} has no set {options.set!r}; it has {', '.join(splits.sets)}.")
    whole = splits.sets[options.set]
    if not len(whole):
        raise InputError(f"the {options.set} set of {options.dataset} is empty; there is nothing to show.")
    data, title, classes = whole.in_memory(), f"{whole.name} {options.set}", whole.classes
    labels, some = data.labels, title
    if len(data) < len(whole):
        some += f", {len(data):,} of {len(whole):,}"
    yield "samples", lambda target: sample_grid(data.images, labels, classes, target, title=some)
    yield "classes", lambda target: class_histogram(whole.labels, classes, target, title=title)
    yield "typical", lambda target: typical_drawings(data.images, labels, classes, target, title=some)
    for label, name in enumerate(classes):
        drawings = data.images[labels == label]
        if len(drawings):
            yield f"sheet-{_as_file_name(name)}", partial(contact_sheet, drawings, title=f"{some}, {name}")


def _as_file_name(name: str) -> str:
    """A class name without the characters that file names cannot have, as in "T-shirt/top"."""
    return re.sub(r'[<>:"/\\|?*%\x00-\x1f]', lambda found: f"%{ord(found[0]):02X}", name)
