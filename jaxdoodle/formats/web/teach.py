"""The page that learns: one HTML file with the features of a network, to which new classes are taught by drawing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.fold import InferenceLayer, fold_for_inference
from jaxdoodle.formats.quantize import rounded
from jaxdoodle.formats.web.bundle import bundle, read
from jaxdoodle.formats.web.description import derived, describe, packed
from jaxdoodle.formats.web.html import fill, head, json_in_html, recognizing_page
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.nn.spec import ModelSpec

#: What a page holds, as in ``web/teach/project.js``.
MOST_CLASSES, MOST_SAMPLES = 500, 20_000
#: Activations whose derivative ``backprop.js`` has, which may stand between the last two dense layers.
_ACTIVATIONS = (nn.ReLU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh)


def write(path: Path, model: ModelFile, classes: Sequence[str] = (), samples: str = "") -> None:
    """Write the page.

    Args:
      path: The HTML file.
      model: The network whose features are learned from: all of it before its last dense layer.
      classes: Names of the classes that the page begins with.
      samples: Drawings that it begins with, lines of JSON as Quick, Draw! publishes them.

    Raises:
      InputError: The network has no features that the page can learn from.
    """
    description = json_in_html(features_of(model))
    digest = hashlib.sha256(json.dumps([list(classes), samples]).encode("ascii")).hexdigest()
    begin = json_in_html({"classes": list(classes), "samples": samples, "id": digest})
    parts = {
        "head": head("Teach it your doodles", read("page/page.css") + read("teach/teach.css"), workers=True),
        "script": bundle("teach/teach.js", "Teach"),
        "page": json_in_html(recognizing_page()),
        "begin": begin,
        "features": description,
    }
    path.write_text(fill(read("teach/teach.html"), parts), encoding="utf-8")


def features_of(model: ModelFile) -> dict[str, Any]:
    """The network before its last dense layer in JSON, as ``describe`` has it, with weights in 8 bits.

    ``cut`` is the layer from which on the last two are learned where that is asked for: the dense layer before the
    last one, if activations alone stand between them; else the number of layers.
    """
    layers = fold_for_inference(model)
    if model.preprocessing.image_shape[2] != 1:
        raise InputError(f"a page draws gray images; the model takes RGB {model.preprocessing.image_shape}.")
    dense = [i for i, folded in enumerate(layers) if type(folded.layer) is nn.Dense]
    if not dense or dense[-1] == 0 or any(type(folded.layer) is not nn.Softmax for folded in layers[dense[-1] + 1 :]):
        raise InputError("a page learns from what a network computes before its last layer, a Dense; this has none.")
    layers = layers[: dense[-1]]
    for folded in layers:
        if type(folded.layer) not in derived.registry:
            raise InputError(f"a page cannot compute {type(folded.layer).__name__}.")
    spec = ModelSpec(tuple(folded.layer for folded in layers), model.spec.input_shape)
    features = replace(
        model,
        spec=spec,
        golden_inputs=model.golden_inputs[:1],
        golden_logits=np.zeros((1, 1), np.float32),
        provenance={},
    )
    found = describe(features, layers)
    for described, folded in zip(found["layers"], layers, strict=True):
        if "w" in folded.params:
            described["arrays"] |= _in_8_bits(folded)
    before = dense[-2] if len(dense) > 1 else len(layers)
    between = all(isinstance(folded.layer, _ACTIVATIONS) for folded in layers[before + 1 :])
    del found["reference_examples"]
    return found | {"cut": before if between else len(layers)}


def _in_8_bits(folded: InferenceLayer) -> dict[str, dict[str, str]]:
    """``w`` in 8 bits with a ``scale`` for each output; the inputs stay as they are."""
    levels, scale = rounded(folded.params["w"])
    return {"w": packed(np.ascontiguousarray(np.moveaxis(levels, -1, 0))), "scale": packed(scale)}
