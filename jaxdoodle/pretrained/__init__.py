"""Where a model lies: what comes with the package has a name, ``Model.load("digits")``, and a run has a folder.

What each named one was trained on and how well it does is in ``README.md`` beside this file.
"""

from __future__ import annotations

import os

__all__ = ["NAMES", "find"]

NAMES = ("digits", "sketches")


def find(path: str | bytes | os.PathLike[str]) -> str:
    """The model file that a path or a name stands for.

    Args:
      path: A file, the folder of a run, or a name of ``NAMES``; a model that lies there wins over a name.

    Returns:
      The file in the package for a name, ``model.npz`` in a folder, else ``path`` as it is.

    Raises:
      TypeError: It is no path.
    """
    path = os.fsdecode(path)
    inside = os.path.join(path, "model.npz")
    if path in NAMES and not (os.path.isfile(path) or os.path.isfile(inside)):
        return os.path.join(os.path.dirname(__file__), f"{path}.npz")
    return inside if os.path.isdir(path) else path
