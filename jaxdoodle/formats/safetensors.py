"""safetensors: the parameters as they are, ``layers.I.NAME``, and the rest as JSON in the metadata under "jaxdoodle".

Layouts are the library's own: kernels HWIO ``(height, width, in, out)``, dense weights ``(in, out)``. PyTorch wants
``w.permute(3, 2, 0, 1)`` and ``w.T``. The goldens go along as ``goldens.inputs`` and ``goldens.logits``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference.model_file import ModelFile, from_metadata, metadata_of
from jaxdoodle.nn.spec import ModelSpec

#: One entry, not one for each value: the library writes several in any order, and the same model should give the
#: same bytes.
KEY = "jaxdoodle"


def write(model: ModelFile, path: Path) -> None:
    from safetensors.numpy import save

    tensors = {f"layers.{i}.{name}": w for i, params in enumerate(model.params) for name, w in params.items()}
    tensors |= {"goldens.inputs": model.golden_inputs, "goldens.logits": model.golden_logits}
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    path.write_bytes(save(tensors, {KEY: json.dumps(metadata_of(model))}))


def read(path: Path) -> ModelFile | None:
    """What ``write`` wrote; ``None`` for a file that something else wrote. Raises ``InputError``."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            if KEY not in (file.metadata() or {}):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            metadata = json.loads(file.metadata()[KEY])
            params = [
                {name: tensors[f"layers.{i}.{name}"] for name in shapes}
                for i, shapes in enumerate(ModelSpec.from_dict(metadata["spec"]).param_shapes)
            ]
            goldens = {f"golden_{name}": tensors[f"goldens.{name}"] for name in ("inputs", "logits")}
        return from_metadata(metadata, params=params, **goldens)
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not a safetensors file, or a damaged one: {error}.") from None
