"""JAX and NumPy at first use: a layer's file names ``jnp`` and ``np`` and imports neither."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax
else:

    class _Lazy:
        def __init__(self, name: str):
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            value = getattr(importlib.import_module(self._name), attribute)
            setattr(self, attribute, value)
            return value

    jax, jnp, lax, np = (_Lazy(name) for name in ("jax", "jax.numpy", "jax.lax", "numpy"))

__all__ = ["jax", "jnp", "lax", "np"]
