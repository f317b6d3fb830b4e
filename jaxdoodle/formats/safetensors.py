"""safetensors: the parameters as ``layers.I.NAME``, all else as JSON under "jaxdoodle" in the file's metadata.

Layouts are those of the model file: kernels HWIO ``(height, width, in, out)``, dense weights ``(in, out)``. PyTorch
wants ``w.permute(3, 2, 0, 1)`` and ``w.T``. The reference examples are ``goldens.inputs`` and ``goldens.logits``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference.model_file import ModelFile, from_metadata, metadata_of

#: One entry for everything: the safetensors package writes several in any order, and the same model gives the same
#: bytes.
KEY = "jaxdoodle"


def write(model: ModelFile, path: Path) -> None:
    """Write a model as a safetensors file."""
    from safetensors.numpy import save

    tensors = {f"layers.{i}.{name}": w for i, params in enumerate(model.params) for name, w in params.items()}
    tensors |= {"goldens.inputs": model.golden_inputs, "goldens.logits": model.golden_logits}
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    path.write_bytes(save(tensors, {KEY: json.dumps(metadata_of(model))}))


def read(path: Path, layers: Sequence[type] = ()) -> ModelFile | None:
    """Read what ``write`` wrote; ``layers`` are classes of layers that are not built in.

    Returns:
      The model; None for a file of another program.

    Raises:
      InputError: The file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            if KEY not in (file.metadata() or {}):
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
            metadata = json.loads(file.metadata()[KEY])
        examples = {f"golden_{name}": tensors[f"goldens.{name}"] for name in ("inputs", "logits")}
        model = from_metadata(metadata, layers, params=(), **examples)
        shapes = enumerate(model.spec.param_shapes)
        return replace(model, params=[{name: tensors[f"layers.{i}.{name}"] for name in names} for i, names in shapes])
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"not a safetensors file, or a damaged one: {error}.") from None
