"""``jaxdoodle draw``: draw in a page of the browser or in a window, and see the prediction."""

from __future__ import annotations

import argparse
import hashlib
import sys
import webbrowser
from pathlib import Path

from jaxdoodle.cli.options import add_layers, layers_of
from jaxdoodle.core import user_cache
from jaxdoodle.inference import model_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    text = "A model file, the folder of a run, digits or sketches (default: newest in runs/, else sketches)."
    parser.add_argument("model", metavar="MODEL", nargs="?", help=text)
    parser.add_argument("--window", action="store_true", help="Open a window (Tk) instead of a page in the browser.")
    add_layers(parser)
    page = parser.add_argument_group("page")
    page.add_argument("-o", "--out", type=Path, metavar="PATH", help="Where to write it (default: the user's cache).")
    page.add_argument("--no-open", action="store_true", help="Write it and print its path, without opening it.")


def run(options: argparse.Namespace) -> int:
    """Open the page, or the window until it is closed. Raises ``InputError``."""
    path = options.model or _newest_model()
    if options.window:
        from jaxdoodle.inference.model import Model

        model = Model.load(path, layers_of(options.layers))
        from jaxdoodle.cli.window import desktop  # refuses where there is no Tk

        return desktop.show(model)
    from jaxdoodle.formats import export

    file = model_file.read(path, layers_of(options.layers))
    page = options.out or _in_cache(file)
    page.parent.mkdir(parents=True, exist_ok=True)
    export(file, page, "html")
    print(page, flush=True)
    if not options.no_open and not webbrowser.open(page.resolve().as_uri()):
        print("jaxdoodle: found no browser; open this page in one.", file=sys.stderr)
    return 0


def _newest_model() -> str:
    found = sorted(Path("runs").glob("*/model.npz"), key=lambda path: path.stat().st_mtime)
    if not found:
        print("jaxdoodle: the model sketches, 345 things to draw; digits is the other one", file=sys.stderr)
        return "sketches"
    print(f"jaxdoodle: the newest model is {found[-1]}", file=sys.stderr)
    return str(found[-1])


def _in_cache(file: model_file.ModelFile) -> Path:
    """One file for one model, however often the page is opened."""
    digest = hashlib.sha256(model_file.encode(file)).hexdigest()[:12]
    return user_cache.folder() / "pages" / f"{digest}.html"
