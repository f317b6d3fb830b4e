"""One wrong way to write the derivative of a part."""

from __future__ import annotations

from jaxdoodle.gradcheck.autograd.tape import Step

#: (class, sentence, step) of one wrong way.
Way = tuple[str, str, Step]
