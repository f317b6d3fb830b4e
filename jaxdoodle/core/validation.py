"""Checks that several packages make of values from outside."""

from __future__ import annotations

import sys
from typing import Any


def is_count(value: Any) -> bool:
    """Whether this is a positive integer, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def is_number(value: Any) -> bool:
    """Whether this is a finite int or float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """For ``json.loads(..., object_pairs_hook=unique_keys)``: a key that comes twice would hide its first value.

    Raises:
      ValueError: A key comes twice.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a key comes twice among {[key for key, _ in pairs]}")
    return found
