"""The models that come with the package: ``Model.load("digits")``, ``jaxdoodle predict sketches cat.png``.

What each was trained on and how well it does is in ``README.md`` beside this file.
"""

from __future__ import annotations

import os

__all__ = ["NAMES", "find"]

NAMES = ("digits", "sketches")


def find(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The model file that a path or a name stands for.

    Args:
      path: A file, or a name of ``NAMES``; where both are meant, what exists wins.

    Returns:
      The file in the package for a name, else ``path`` as it is.
    """
    if path in NAMES and not os.path.exists(path):
        return os.path.join(os.path.dirname(__file__), f"{os.fspath(path)}.npz")
    return path
