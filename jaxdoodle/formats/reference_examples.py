"""The images that an exported program carries with their logits, so that it can check itself where it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxdoodle.core.types import NDArray
from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import InferenceLayer
from jaxdoodle.inference.model_file import GOLDEN_TOLERANCE, ModelFile, golden_allowance

COUNT = 4
#: Allowed error of int8 logits, relative to the largest: an input between two levels may be rounded to either.
INT8_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class ReferenceExamples:
    """Images with the logits that a right program computes from them.

    Args:
      images: ``(n, height, width, 1)``.
      logits: ``(n, classes)``.
      allowed: Largest absolute error of a logit.
    """

    images: NDArray[np.uint8]
    logits: NDArray[np.float32]
    allowed: float


def examples_of(model: ModelFile, layers: Sequence[InferenceLayer]) -> ReferenceExamples:
    """The first of the model's reference examples; for int8 with the logits of the quantized layers."""
    images, logits, tolerance = model.golden_inputs[:COUNT], model.golden_logits[:COUNT], GOLDEN_TOLERANCE
    if any(folded.int8 for folded in layers):
        logits, tolerance = quantize.logits(model, layers, images), INT8_TOLERANCE
    return ReferenceExamples(images, logits, golden_allowance(logits, tolerance))
