"""Weight import: files of weights from other programs as model files."""

from jaxdoodle.formats.weights.to_model import LAYOUTS, import_weights

__all__ = ["LAYOUTS", "import_weights"]
