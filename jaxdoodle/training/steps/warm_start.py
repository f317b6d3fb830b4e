"""The parameters that a training starts from, where some of them come from another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Params
from jaxdoodle.nn.spec import ModelSpec

__all__ = ["fitting_layers", "start_from"]


def fitting_layers(spec: ModelSpec, params: Sequence[Mapping[str, Any]]) -> list[int]:
    """The layers of ``spec`` with parameters, by index, whose names and shapes are those of ``params`` there."""
    found = _shapes(params)
    return [index for index, wanted in enumerate(spec.param_shapes[: len(found)]) if wanted and wanted == found[index]]


def start_from(spec: ModelSpec, params: Sequence[Mapping[str, Any]], drawn: Sequence[Params]) -> list[Params]:
    """Take every layer whose shapes fit; the others are drawn anew.

    Args:
      spec: The network to train.
      params: Of another network, a dict per layer.
      drawn: The parameters of ``spec`` as drawn from the seed.

    Returns:
      The parameters to start from.

    Raises:
      InputError: No layer fits, or a number is not finite.
    """
    taken = fitting_layers(spec, params)
    if not taken and any(spec.param_shapes):
        wanted, found = (next(filter(None, shapes), {}) for shapes in (spec.param_shapes, _shapes(params)))
        raise InputError(
            f"the parameters to start from fit no layer of the network: those of their first are {found}; "
            f"the network's first has {wanted}."
        )
    for index in taken:
        for name, value in params[index].items():
            if not np.isfinite(np.asarray(value)).all():
                raise InputError(f"the parameters to start from: layers[{index}][{name!r}] is not finite.")
    return [dict(params[index]) if index in taken else layer for index, layer in enumerate(drawn)]


def _shapes(params: Sequence[Mapping[str, Any]]) -> list[dict[str, tuple[int, ...]]]:
    return [{name: np.shape(value) for name, value in layer.items()} for layer in params]
