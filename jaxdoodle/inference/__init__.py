"""The part that travels: everything needed to predict, with NumPy alone (and Pillow to open picture files)."""

import gc
import os
import sys
from typing import Any

__all__ = ["Model"]


def __getattr__(name: str) -> Any:
    """``Model`` is imported when it is asked for: reading a spec should not cost a NumPy import."""
    if name == "Model":
        _import_numpy()
        from jaxdoodle.inference.model import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _import_numpy() -> None:
    """Import NumPy without threads for its matrix products, which here are too small to be shared among cores.

    Starting the threads costs half as much processor time as the rest of the import. Whoever has set a number of
    threads, or has NumPy already, keeps what they have. Nor is garbage looked for meanwhile: an import makes none.
    """
    if "numpy" in sys.modules or {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"} & os.environ.keys():
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    collects = gc.isenabled()
    gc.disable()
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ["OPENBLAS_NUM_THREADS"]
        if collects:
            gc.enable()
