"""``jaxdoodle predict``: ``inference.answers`` with a model file, and ``--explain``, which draws the preprocessing."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxdoodle.cli.options import add_layers, layers_of
from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.inference import answers
from jaxdoodle.preprocessing import inputs

if TYPE_CHECKING:
    from jaxdoodle.inference.predictions import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="A model file, the folder of a run, digits or sketches.")
    answers.add_options(parser, "+")
    add_layers(parser)
    parser.add_argument("--explain", metavar="OUT.png", help="Also draw the preprocessing steps of FILE, one picture.")
    parser.expand = _refuse_without_model  # type: ignore[attr-defined]


def run(options: argparse.Namespace) -> int:
    path, out = options.files[0], options.explain
    if out is not None:
        if len(options.files) != 1 or options.watch or path == "-" or os.path.isdir(path):
            raise InputError(f"--explain takes one picture or drawing; got {' '.join(options.files)}.")
        if options.many:
            raise InputError("--explain draws the steps of one drawing, --many answers several; give one of them.")
        if os.path.splitext(out)[1].lower() != ".png":
            raise InputError(f"{out}: the preprocessing steps are drawn as .png.")
    from jaxdoodle.inference import Model

    model = Model.load(options.model, layers=layers_of(options.layers))
    if out is None:
        return answers.answer(model, options, "jaxdoodle: ")
    inputs.sole(path)  # raises before the first of many is answered

    def explain(content: Any, prediction: Prediction) -> None:
        from jaxdoodle.plots.preprocessing_steps import draw_steps
        from jaxdoodle.preprocessing.pipeline import preprocess

        try:
            steps = (prediction.preprocessed or preprocess(content, model.preprocessing)).steps
        except NoDrawingError as error:
            steps = error.steps
        if not steps:
            raise InputError(f"{path}: is rejected before the first preprocessing step; there is nothing to draw.")
        draw_steps(steps, out)

    return answers.answer(model, options, "jaxdoodle: ", explain)


def _refuse_without_model(words: Sequence[str]) -> Sequence[str]:
    """Raise ``InputError`` where a picture stands in the place of the model; the words as they are otherwise."""
    after_options = [i + 1 for i, word in enumerate(words) if word in ("-k", "--layers", "--explain", "--out")]
    places = [i for i, word in enumerate(words) if not word.startswith("-") and i not in after_options]
    if places and not _is_model(words[places[0]]) and not os.path.isdir(words[places[0]]):
        raise InputError(f"{words[places[0]]}: the model is missing; jaxdoodle predict MODEL FILE, MODEL a model.npz.")
    return words


def _is_model(path: str) -> bool:
    """Whether this may be a model file or the folder of a run: it is neither a picture nor a file of drawings."""
    from mimetypes import guess_type  # the table of pictures would import NumPy, before its threads are set

    drawings = (*inputs.MANY_DRAWINGS, *inputs.ONE_DRAWING, inputs.BITMAPS)
    return inputs.suffix_of(path) not in drawings and not (guess_type(path)[0] or "").startswith("image/")
