"""The cache of compiled programs, each case in a process of its own: JAX's settings are global."""

import os
import subprocess
import sys

SCRIPT = """
import jax
import jaxdoodle.training.loop
before = jax.config.jax_compilation_cache_dir
from jaxdoodle.training.hardware import compile_cache
compile_cache.enable()
print(before, jax.config.jax_compilation_cache_dir)
"""


def directories(**environment):
    inherited = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=inherited | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_importing_the_library_leaves_jax_as_it_is_and_a_command_caches_in_the_users_directory(tmp_path):
    assert directories(XDG_CACHE_HOME=str(tmp_path)) == ["None", str(tmp_path / "jaxdoodle" / "compiled")]


def test_a_directory_of_the_users_choice_stays(tmp_path):
    assert directories(JAX_COMPILATION_CACHE_DIR=str(tmp_path)) == [str(tmp_path)] * 2
