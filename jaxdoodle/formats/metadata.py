"""What travels beside the weights in every export: spec with classes, preprocessing, calibration, origin."""

from jaxdoodle.inference.model_file import from_metadata as from_card
from jaxdoodle.inference.model_file import metadata_of as card_of

__all__ = ["card_of", "from_card"]
