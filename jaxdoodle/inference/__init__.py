"""What a trained model says, with NumPy alone (and Pillow to open picture files)."""

import gc
import os
import sys
from typing import Any

__all__ = ["Model", "PageDrawing", "PagePrediction", "Prediction", "Row"]


def __getattr__(name: str) -> Any:
    """Names are imported when they are asked for: reading a spec should not cost a NumPy import."""
    if name in __all__:
        _import_numpy()
        from jaxdoodle.inference import model, predictions

        return getattr(model if name == "Model" else predictions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _import_numpy() -> None:
    """Import NumPy without threads for its matrix products, which here are too small to be shared among cores.

    Starting the threads costs half as much processor time as the rest of the import. A number of threads that is set in
    the environment stays, and so does a NumPy that is imported already. Garbage is not collected meanwhile: an import
    makes none.
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
