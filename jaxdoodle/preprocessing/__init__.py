"""How any picture or drawing becomes the bitmap that a network expects. ``README.md`` has the words.

A name is loaded when it is asked for: ``jaxdoodle.inference`` sets the number of threads before it imports NumPy.
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
    __name__, config="MNIST QUICKDRAW Preprocessing PreprocessingError", pipeline="Preprocessed preprocess",
    render="render_drawing render_drawings",
)  # fmt: skip
