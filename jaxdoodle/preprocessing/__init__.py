"""How any picture or drawing becomes the bitmap that a network expects. ``README.md`` has the words.

A name is loaded when it is asked for: ``jaxdoodle.inference`` sets the number of threads before it imports NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports

if TYPE_CHECKING:
    from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, Preprocessing, PreprocessingError
    from jaxdoodle.preprocessing.pipeline import Preprocessed, preprocess
    from jaxdoodle.preprocessing.render import render_drawing, render_drawings

__all__ = [
    "MNIST", "QUICKDRAW", "Preprocessed", "Preprocessing", "PreprocessingError", "preprocess", "render_drawing",
    "render_drawings",
]  # fmt: skip

__getattr__, __dir__ = exports(
    __name__, config="MNIST QUICKDRAW Preprocessing PreprocessingError", pipeline="Preprocessed preprocess",
    render="render_drawing render_drawings",
)  # fmt: skip
