"""The gradient checker: is a hand-written gradient right, and if not, why?

>>> from jaxdoodle.gradcheck import check
>>> report = check(forward, backward, (x, w, b))
>>> report.passed, report.findings
"""

from jaxdoodle.gradcheck.api import assert_gradients_match, check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.report import Finding, Report
from jaxdoodle.gradcheck.setup.problem import CheckError

__all__ = ["CheckError", "Finding", "Report"]
__all__ += ["assert_gradients_match", "check", "check_gradient", "check_value_and_grad"]
