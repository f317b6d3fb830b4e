"""Compiled programs kept on disk, so that the second run of a command need not compile again."""

from __future__ import annotations

import jax

from jaxdoodle.core import user_cache


def enable() -> None:
    """For commands: keep what compiles for longer than 0.1 s in the user's cache directory.

    Where the user has told JAX of a directory, by ``JAX_COMPILATION_CACHE_DIR`` or otherwise, that stays.
    """
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(user_cache.folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
