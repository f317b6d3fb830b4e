"""JSON: nested lists of numbers under any names, as Nielsen's network2 saves them."""

from __future__ import annotations

import json

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.source import Budget, Weights, flattened

#: Bytes of a text: a number takes 32 bytes in memory and may take two in the text.
MAX_JSON_BYTES = 1 << 24


def read_json(data: bytes, budget: Budget) -> Weights:
    """The arrays of a JSON text."""
    if len(data) > MAX_JSON_BYTES:
        raise InputError(f"has {len(data):,} bytes; at most {MAX_JSON_BYTES:,} of JSON are read.")
    return Weights(flattened(json.loads(data), budget))
