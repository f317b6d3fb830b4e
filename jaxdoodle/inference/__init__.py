"""The part that travels: everything needed to predict, with NumPy alone (and Pillow to open picture files)."""

from typing import Any

__all__ = ["Model"]


def __getattr__(name: str) -> Any:
    """``Model`` is imported when it is asked for: reading a spec should not cost a NumPy import."""
    if name == "Model":
        from jaxdoodle.inference.predict import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
