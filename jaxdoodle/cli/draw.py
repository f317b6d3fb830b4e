"""The ``draw`` verb: a page in the browser, or a window, to draw in."""

from __future__ import annotations

import argparse
import hashlib
import sys
import webbrowser
from pathlib import Path

from jaxdoodle.core import user_cache
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("model", metavar="MODEL", help="a model.npz")
    option("--window", action="store_true", help="a window of its own, by Tk, instead of a page in the browser")
    option("-o", "--out", type=Path, metavar="PATH", help="where to write the page (in the user's cache)")
    option("--no-open", action="store_true", help="write the page and print where it is, no more")


def run(options: argparse.Namespace) -> int:
    """Open the page, or the window until it is closed. Raises ``InputError``."""
    if options.window:
        from jaxdoodle.cli.window import desktop
        from jaxdoodle.inference.model import Model

        return desktop.show(Model.load(options.model))
    from jaxdoodle.formats import export

    model = model_file.read(options.model)
    path = options.out or _in_cache(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    export(model, "html", path)
    print(path, flush=True)
    if not options.no_open and not webbrowser.open(path.resolve().as_uri()):
        print("jaxdoodle: found no browser; open this page in one.", file=sys.stderr)
    return 0


def _in_cache(model: ModelFile) -> Path:
    """The same model has the same page: however often it is drawn with, one file is kept."""
    digest = hashlib.sha256(model_file.encode(model)).hexdigest()[:12]
    return user_cache.folder() / "pages" / f"{digest}.html"
