"""Tests run in float64 with strict promotion: a dtype that the library leaves open shows."""

import gc
import os
from collections import defaultdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = [f"tests.fixtures.{name}" for name in ("browser", "edits", "files", "mirror", "pages")]

# Examples are new in every run; a compilation may take a second, and a failing example is printed with its values.
settings.register_profile("suite", deadline=None, database=None, print_blob=True)
settings.load_profile("suite")

# LLVM's optimizations take half of the time of a run: programs are compiled without them, unless flags are given.
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if find_spec("jaxlib") and version("jaxlib").startswith("0.10."):
    FLAGS += " --xla_cpu_use_fusion_emitters=false"  # half of what is left; later ones know one emitter only
os.environ.setdefault("XLA_FLAGS", FLAGS)

# Workers of pytest share the cores: threads of BLAS would wait for each other's, for three times the processor time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What one test has compiled, the others read, also in processes of their own. What is half written is compiled again.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("PYTHONWARNINGS", "ignore:Error reading persistent compilation cache entry:UserWarning")

try:
    import jax
except ImportError:  # the inference tests run without it
    pass
else:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_addoption(parser):
    parser.addoption("--few", type=int, metavar="N", help="run of each parametrized test N cases, spread over all")


def pytest_collection_modifyitems(config, items):
    """With ``--few``, what runs the same lines once more is left out."""
    if few := config.getoption("--few"):
        cases = defaultdict(list)
        for item in items:
            cases[item.nodeid.partition("[")[0]].append(item)
        kept = {item for all_of in cases.values() for item in all_of[:: -(-len(all_of) // few)]}
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = [item for item in items if item in kept]


def pytest_collection_finish():
    """What is imported and collected stays: the collector of garbage need not look through it again and again."""
    gc.freeze()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Real MNIST and Quick, Draw! files in the publishers' layout; without them the test is skipped."""
    root = os.environ.get("JAXDOODLE_DATA")
    if not root or not (Path(root) / "mnist").is_dir():
        pytest.skip("needs real data: set JAXDOODLE_DATA to a folder that holds mnist/ and quickdraw/")
    return Path(root)


@pytest.fixture
def as_users_run():
    """JAX as it comes: float32, and the implicit promotion that optax counts on."""
    from tests.fixtures.jax_modes import users_jax

    with users_jax():
        yield


@pytest.fixture
def nans():
    """What is not finite is so on purpose, also where ``JAX_DEBUG_NANS`` is set."""
    with jax.debug_nans(False):
        yield
