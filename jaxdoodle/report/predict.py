"""The ``predict`` verb of the command line: that of ``inference``, and ``--explain``, which draws the preparation."""

from __future__ import annotations

import argparse
import contextlib

from jaxdoodle.inference import command, files
from jaxdoodle.inference.errors import InputError, NoDrawingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    command.add_arguments(parser)
    parser.add_argument("--explain", metavar="OUT.png", help="also draw the stages of preparing FILE, one picture")


def run(options: argparse.Namespace) -> int:
    if options.explain and (len(options.files) != 1 or options.watch or options.files[0] == "-"):
        raise InputError(f"--explain takes one picture or drawing; got {' '.join(options.files)}.")
    code = command.run(options)
    if options.explain and code == 0:
        _explain(options)
    return code


def _explain(options: argparse.Namespace) -> None:
    from jaxdoodle.inference import model_file
    from jaxdoodle.inference.preprocess import preprocess
    from jaxdoodle.report.stages import draw_stages

    stages: list = []
    with contextlib.suppress(NoDrawingError):  # the stages show how far it came
        preprocess(files.sole(options.files[0]), model_file.read(options.model).contract, stages)
    draw_stages(stages, options.explain)
