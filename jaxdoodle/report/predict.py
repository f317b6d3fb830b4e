"""The ``predict`` verb of the command line: that of ``inference``, and ``--explain``, which draws the preparation."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from jaxdoodle.inference import command, files
from jaxdoodle.inference.errors import InputError, NoDrawingError

if TYPE_CHECKING:
    from jaxdoodle.inference.contract import InputContract


def add_arguments(parser: argparse.ArgumentParser) -> None:
    command.add_arguments(parser)
    parser.add_argument("--explain", metavar="OUT.png", help="also draw the stages of preparing FILE, one picture")


def run(options: argparse.Namespace) -> int:
    if options.explain is None:
        return command.run(options)
    if len(options.files) != 1 or options.watch or options.files[0] == "-":
        raise InputError(f"--explain takes one picture or drawing; got {' '.join(options.files)}.")
    if os.path.splitext(options.explain)[1].lower() != ".png":
        raise InputError(f"{options.explain}: the stages are drawn as .png.")
    from jaxdoodle.inference import Model

    model = Model.load(options.model)
    code = command.answer(model, options, "jaxdoodle: ")
    if code == 0:
        _explain(options.files[0], model.contract, options.explain)
    return code


def _explain(path: str, contract: InputContract, out: str) -> None:
    from jaxdoodle.inference.preprocess import preprocess
    from jaxdoodle.report.stages import draw_stages

    stages: list = []
    with contextlib.suppress(NoDrawingError):  # the stages show how far it came
        preprocess(files.sole(path), contract, stages)
    if not stages:
        raise InputError(f"{path}: is refused as it is; there are no stages to draw.")
    draw_stages(stages, out)
