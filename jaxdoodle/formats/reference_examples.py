"""The few images that an exported program carries with their outputs, so that it can prove itself where it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import Step
from jaxdoodle.inference.model_file import GOLDEN_TOLERANCE, ModelFile, golden_allowance

KEPT = 4
#: Of the scale of the outputs: an input between two levels may be rounded to either.
INT8_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Goldens:
    """``images`` uint8 (n, height, width, 1), ``logits`` float32 (n, classes), and how far off an output may be."""

    images: Any
    logits: Any
    allowed: float


def goldens_of(model: ModelFile, steps: list[Step]) -> Goldens:
    """The first of the model's; in int8 their outputs are those of the quantized steps."""
    images, logits, tolerance = model.golden_inputs[:KEPT], model.golden_logits[:KEPT], GOLDEN_TOLERANCE
    if any(step.int8 for step in steps):
        logits, tolerance = quantize.logits(model, steps, images), INT8_TOLERANCE
    return Goldens(images, logits, golden_allowance(logits, tolerance))
