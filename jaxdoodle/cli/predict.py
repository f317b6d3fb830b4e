"""The ``predict`` verb of the command line: that of ``inference``, and ``--explain``, which draws the preprocessing."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.inference import answers
from jaxdoodle.preprocessing import inputs

if TYPE_CHECKING:
    from jaxdoodle.inference.model import Model, Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    answers.add_arguments(parser)
    parser.add_argument("--explain", metavar="OUT.png", help="also draw the preprocessing steps of FILE, one picture")


def run(options: argparse.Namespace) -> int:
    if options.explain is None:
        return answers.run(options)
    path = options.files[0]
    if len(options.files) != 1 or options.watch or path == "-" or os.path.isdir(path):
        raise InputError(f"--explain takes one picture or drawing; got {' '.join(options.files)}.")
    if os.path.splitext(options.explain)[1].lower() != ".png":
        raise InputError(f"{options.explain}: the preprocessing steps are drawn as .png.")
    from jaxdoodle.inference import Model

    model = Model.load(options.model)
    inputs.sole(path)  # or refused, before the first of many is answered

    def draw(content: Any, prediction: Prediction) -> None:
        steps = _steps(model, content, prediction)
        if not steps:
            raise InputError(f"{path}: is rejected before the first preprocessing step; there is nothing to draw.")
        from jaxdoodle.plots.preprocessing_steps import draw_steps

        draw_steps(steps, options.explain)

    return answers.answer(model, options, "jaxdoodle: ", draw)


def _steps(model: Model, content: Any, prediction: Prediction) -> tuple[tuple[str, Any], ...]:
    """The preprocessing steps of an input; where it shows no drawing, those before that was found."""
    if prediction.preprocessed is not None:
        return prediction.preprocessed.steps
    from jaxdoodle.preprocessing.pipeline import preprocess

    try:
        return preprocess(content, model.preprocessing).steps
    except NoDrawingError as error:
        return error.steps
