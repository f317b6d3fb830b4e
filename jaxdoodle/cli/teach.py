"""``jaxdoodle teach``: write the page that learns."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from pathlib import Path

from jaxdoodle.cli.options import add_layers, layers_of
from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import model_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option(
        "--classes", metavar="NAMES", default="", help="Class names with commas between; more are added in the page."
    )
    text = "Learn from the features of this model (default: sketches, which comes with the package)."
    option("--from", "--init", dest="model", metavar="MODEL", default="sketches", help=text)
    option("--samples", type=Path, metavar="FILE", help="Begin with these drawings: .ndjson, as the page exports them.")
    option("-o", "--out", type=Path, default=Path("teach.html"), metavar="PATH", help="Default: teach.html.")
    option("--open", action="store_true", help="Open it in the browser.")
    add_layers(parser)


def run(options: argparse.Namespace) -> int:
    """Write the page and print its path. Raises ``InputError``."""
    from dataclasses import replace

    from jaxdoodle.core.files import write_atomically
    from jaxdoodle.formats.web import teach
    from jaxdoodle.nn import Dense, Flatten

    model = model_file.read(options.model, layers_of(options.layers))
    samples, words = _samples(options.samples) if options.samples else ("", {})
    classes = [name for name in map(str.strip, options.classes.split(",")) if name]
    if len(classes) > teach.MOST_CLASSES:
        raise InputError(f"--classes: {len(classes)} names; a page holds at most {teach.MOST_CLASSES}.")
    every = (*classes, *(word for word in words if word not in classes))
    if len(every) > teach.MOST_CLASSES:
        found = f"{len(every)} classes" + (" with those of --classes" if classes else "")
        raise InputError(f"{options.samples}: {found}; a page holds at most {teach.MOST_CLASSES}.")
    if every:
        model_file.refuse_unfit(replace(model.spec, layers=(Flatten(), Dense(len(every))), classes=every))
    write_atomically(options.out, lambda path: teach.write(Path(path), model, classes, samples))
    print(options.out, flush=True)
    if options.open and not webbrowser.open(options.out.resolve().as_uri()):
        print("jaxdoodle: found no browser; open this page in one.", file=sys.stderr)
    return 0


def _samples(path: Path) -> tuple[str, dict[str, None]]:
    """The lines of a file of drawings, checked, and their words in order, each once. Raises ``InputError``."""
    from jaxdoodle.formats.web.teach import MOST_SAMPLES
    from jaxdoodle.strokes.readers import scan_described

    words: dict[str, None] = {}
    for number, found in enumerate(scan_described(path)):
        if isinstance(found, InputError):
            raise found
        if number >= MOST_SAMPLES:
            raise InputError(f"{path}: more than {MOST_SAMPLES:,} drawings; a page holds no more.")
        word = found[1].get("word")
        if not isinstance(word, str):
            raise InputError(f'{path}: a drawing has no "word", the name of its class.')
        words[word.strip()] = None
    return path.read_text(encoding="utf-8-sig"), words
