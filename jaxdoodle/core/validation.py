"""Checks that several packages make of values from outside."""

from __future__ import annotations

import sys
from numbers import Integral
from typing import Any


def is_count(value: Any) -> bool:
    """Whether this is a positive integer, of Python or NumPy, and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


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


#: Categories of Unicode whose characters no name has: controls, lone surrogates, ends of lines and of paragraphs.
_IN_NO_NAME = ("Cc", "Cs", "Zl", "Zp")
#: They show text in another order than the one that it is stored in.
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def fits_in_name(text: str) -> bool:
    """Whether a name may hold these characters: joiners and no-break spaces it may, escape sequences it may not."""
    from unicodedata import category  # rarely needed

    return text.isprintable() or all(category(c) not in _IN_NO_NAME and c not in _REORDERING for c in text)


def is_blank(text: str) -> bool:
    """Whether nothing of a text is to be seen."""
    from unicodedata import category

    return all(c.isspace() or category(c) == "Cf" for c in text)
