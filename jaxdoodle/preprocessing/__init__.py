"""How any picture or drawing becomes the bitmap that a network expects. ``README.md`` has the words.

A name is loaded when it is asked for: ``jaxdoodle.inference`` sets the number of threads before it imports NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, Preprocessing, PreprocessingError
    from jaxdoodle.preprocessing.pipeline import Preprocessed, preprocess
    from jaxdoodle.preprocessing.render import render_drawing, render_drawings

__all__ = [
    "MNIST", "QUICKDRAW", "Preprocessed", "Preprocessing", "PreprocessingError", "preprocess", "render_drawing",
    "render_drawings",
]  # fmt: skip

_MODULES = {
    "Preprocessed": "pipeline", "preprocess": "pipeline", "render_drawing": "render", "render_drawings": "render",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'config')}"), name)
