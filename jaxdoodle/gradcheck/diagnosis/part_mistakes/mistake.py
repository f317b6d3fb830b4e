"""One mistake in the derivative of a part."""

from __future__ import annotations

from jaxdoodle.gradcheck.autograd.tape import Step

#: (class, sentence, step): the step is the derivative as the mistake has it.
Mistake = tuple[str, str, Step]
