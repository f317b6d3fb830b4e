"""The ``predict`` verb of the command line: that of ``inference``, and ``--explain``, which draws the preparation."""

from __future__ import annotations

import argparse
import os

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import answers
from jaxdoodle.preprocessing import inputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    answers.add_arguments(parser)
    parser.add_argument("--explain", metavar="OUT.png", help="also draw the stages of preparing FILE, one picture")


def run(options: argparse.Namespace) -> int:
    if options.explain is None:
        return answers.run(options)
    path = options.files[0]
    if len(options.files) != 1 or options.watch or path == "-" or os.path.isdir(path):
        raise InputError(f"--explain takes one picture or drawing; got {' '.join(options.files)}.")
    if os.path.splitext(options.explain)[1].lower() != ".png":
        raise InputError(f"{options.explain}: the stages are drawn as .png.")
    from jaxdoodle.inference import Model

    model = Model.load(options.model)
    inputs.sole(path)  # or refused, before the first of many is answered
    steps: list = []
    code = answers.answer(model, options, "jaxdoodle: ", steps)
    if code == 0:
        if not steps:
            raise InputError(f"{path}: is refused as it is; there are no stages to draw.")
        from jaxdoodle.plots.preprocessing_steps import draw_stages

        draw_stages(steps, options.explain)
    return code
