"""safetensors: the parameters as they are, ``layers.I.NAME``, and the rest as JSON in the metadata under "jaxdoodle".

Layouts are the library's own: kernels HWIO ``(height, width, in, out)``, dense weights ``(in, out)``. PyTorch wants
``w.permute(3, 2, 0, 1)`` and ``w.T``. The goldens go along as ``goldens.inputs`` and ``goldens.logits``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from jaxdoodle.export.card import card_of
from jaxdoodle.inference.model_file import ModelFile

#: One entry, not one for each value: the library writes several in any order, and the same model should give the
#: same bytes.
KEY = "jaxdoodle"


def write(model: ModelFile, path: Path) -> None:
    from safetensors.numpy import save

    tensors = {f"layers.{i}.{name}": w for i, params in enumerate(model.params) for name, w in params.items()}
    tensors |= {"goldens.inputs": model.golden_inputs, "goldens.logits": model.golden_logits}
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    path.write_bytes(save(tensors, {KEY: json.dumps(card_of(model))}))
