"""Mark a backward with its forward, for ``jaxdoodle check`` to find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

#: The attribute that holds forward, arguments and conventions.
MARK = "__gradcheck__"


def backward_of(forward: Callable, args: Any = None, conventions: Sequence[str] = ()) -> Callable[[Callable], Callable]:
    """Decorator of a backward that names its forward.

    Args:
      forward: As in ``check``.
      args: Arguments of ``forward``: a tuple, or a function giving one. Default: they are guessed.
      conventions: Those that the backward follows on purpose, as in ``check``.

    Returns:
      The decorator; it leaves the function as it is.
    """

    def mark(backward: Callable) -> Callable:
        setattr(backward, MARK, (forward, args, tuple(conventions)))
        return backward

    return mark
