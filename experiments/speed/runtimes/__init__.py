"""One function for each runtime, in its usual way of training: ``start(workload, images, labels) -> Trainer``.

All take uint8 images and scale them by 1/255, draw Glorot-uniform weights and shuffle in every epoch. Where there is a
GPU, those that can use it do, with matrix products in TensorFloat-32, as JAX and TensorFlow have them there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from experiments.speed.runtimes.gram import applies_to, by_gram_matrix
from experiments.speed.runtimes.ours import jaxdoodle, jaxdoodle_per_core
from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.runtimes.with_jax import compiled_epoch, flax
from experiments.speed.runtimes.with_keras import keras
from experiments.speed.runtimes.with_sklearn import sklearn
from experiments.speed.runtimes.with_torch import torch, torch_autocast, torch_captured, torch_compiled
from experiments.speed.workloads import Workload
from jaxdoodle import nn as layers

__all__ = ["JAXDOODLE", "RUNTIMES", "SEED", "Trainer", "applies"]

#: Name -> the packages that it needs, and the function.
RUNTIMES: dict[str, tuple[tuple[str, ...], Callable[[Workload, np.ndarray, np.ndarray], Trainer]]] = {
    "jaxdoodle": (("jax",), jaxdoodle),
    "jaxdoodle, per core": (("jax",), jaxdoodle_per_core),
    "jaxdoodle, Gram matrix": (("jax",), by_gram_matrix),
    "Keras (TensorFlow)": (("tensorflow", "keras"), keras),
    "PyTorch": (("torch",), torch),
    "PyTorch, compiled": (("torch",), torch_compiled),
    "PyTorch, CUDA graphs": (("torch",), torch_captured),
    "PyTorch, bfloat16": (("torch",), torch_autocast),
    "Flax": (("flax",), flax),
    "JAX, compiled epoch": (("jax", "optax"), compiled_epoch),
    "scikit-learn": (("sklearn",), sklearn),
}
#: Those that train as ``fit`` does.
JAXDOODLE = ("jaxdoodle", "jaxdoodle, per core")
#: Runtimes for one kind of device alone -> its name in JAX.
ONLY_ON = {"jaxdoodle, per core": "cpu", "PyTorch, CUDA graphs": "gpu"}


def applies(name: str, workload: Workload, backend: str) -> bool:
    """Whether this runtime can train this network where JAX's default device is of that kind."""
    able = name != "scikit-learn" or not any(isinstance(layer, layers.Conv2D) for layer in workload.spec.layers)
    able &= name != "jaxdoodle, Gram matrix" or applies_to(workload)
    return able and ONLY_ON.get(name, backend) == backend
