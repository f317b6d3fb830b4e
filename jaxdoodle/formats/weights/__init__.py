"""Weight import: files of weights from other programs as model files."""

from jaxdoodle.formats.weights.layouts import LAYOUTS
from jaxdoodle.formats.weights.proof import CheckSet
from jaxdoodle.formats.weights.to_model import check_set, import_weights

__all__ = ["LAYOUTS", "CheckSet", "check_set", "import_weights"]
