"""What a user's backward raises: is it his, or does it come from what was tried?"""

from __future__ import annotations

import copy
import inspect
import re
import traceback
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.tape import LIBRARIES
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.candidate import raised_at
from jaxdoodle.gradcheck.setup.problem import fixed_randomness


def raising(title: str, error: BaseException) -> Report:
    """The report of a backward that raises, or ends the program, before there is anything to compare."""
    told = "the program is ended (sys.exit) before the gradients are checked"
    text = told if isinstance(error, SystemExit) else str(error).strip() or "no message"
    finding = Finding(f"backward raises {type(error).__name__}", text.splitlines()[0], backward=raised_at(error))
    return Report(title, "", "float64", (), (finding,), (), (), 0.0)


#: Names of functions that give gradients, as far as an error in them is theirs.
_BACKWARD = re.compile(r"back|bprop|bwd|grad", re.I)


def backward_runs(error: BaseException) -> bool:
    """Does a backward of the user's run where the exception is raised?"""
    frames = traceback.extract_tb(error.__traceback__)
    return any(_BACKWARD.search(f.name) and not f.filename.startswith(LIBRARIES) for f in frames)


def raise_if_backward_ends(error: BaseException) -> None:
    """Raise ``sys.exit`` of a backward again; anything else refuses what was guessed."""
    if isinstance(error, SystemExit) and backward_runs(error):
        raise error


def raised_by(method: Any, call: dict[str, Any]) -> BaseException | None:
    """What a method raises where it is called as the file calls it; None where that is not known, or does not raise."""
    code = getattr(inspect.unwrap(method), "__code__", None)
    try:
        with fixed_randomness(), np.errstate(all="ignore"):
            method(**copy.deepcopy(call))
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        if any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__)):
            return error
    return None
