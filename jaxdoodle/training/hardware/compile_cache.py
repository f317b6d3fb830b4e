"""Compiled programs on disk, so that the second run of a command does not compile again."""

from __future__ import annotations

import jax

from jaxdoodle.core import user_cache

__all__ = ["enable"]


def enable() -> None:
    """Keep what compiles for longer than 0.1 s in the user's cache directory; for commands.

    A directory that the user has given to JAX, by ``JAX_COMPILATION_CACHE_DIR`` or otherwise, stays.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(user_cache.folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
