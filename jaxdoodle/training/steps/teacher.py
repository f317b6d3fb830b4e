"""A teacher: trained networks whose answers another one learns, for each image as it was augmented.

Reference: Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Array, PyTree
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.inference import Model
from jaxdoodle.nn import model
from jaxdoodle.nn.fused import fuse

__all__ = ["answers", "parameters", "refuse_unfit"]


def answers(teacher: Sequence[Model], temperature: float) -> Callable[[PyTree, Array], Array]:
    """What the teacher says of images, as a function of its parameters.

    Args:
      teacher: Its networks.
      temperature: T.

    Returns:
      ``answers(parameters, x) -> (batch, classes)``: the mean of ``softmax(logits / T)`` over the networks.
    """
    specs = [one.file.spec for one in teacher]
    blocks = [fuse(spec, jax.default_backend()) for spec in specs]

    def answer(parameters: PyTree, x: Array) -> Array:
        networks = zip(specs, parameters, blocks, strict=True)
        logits = [model.forward(spec, params, x, blocks=fused)[0] for spec, params, fused in networks]
        return jnp.mean(jnp.stack([jax.nn.softmax(one / temperature) for one in logits]), axis=0)

    return answer


def parameters(teacher: Sequence[Model]) -> PyTree:
    """The parameters of each of the networks, float32."""
    return [
        [{name: np.asarray(value, np.float32) for name, value in layer.items()} for layer in one.file.params]
        for one in teacher
    ]


def refuse_unfit(teacher: Sequence[Model], train: Dataset) -> None:
    """Raise ``InputError`` where a network of the teacher takes other images, or names other classes."""
    for one in teacher:
        here, there = train.preprocessing.scaling, one.file.preprocessing.scaling
        if one.file.spec.input_shape != train.images.shape[1:] or here != there:
            shapes = one.file.spec.input_shape, train.images.shape[1:]
            found, expected = (f"{shape}, scaled by {by}" for shape, by in zip(shapes, (there, here), strict=True))
            raise InputError(f"the teacher takes images {found}; those of {train.name} are {expected}.")
        if tuple(one.classes) != tuple(train.classes):
            raise InputError(f"the teacher's classes are {one.classes}; those of {train.name} are {train.classes}.")
