"""The gradient checker: is a hand-written gradient right, and if not, why?

>>> from jaxdoodle.gradcheck import check
>>> report = check(forward, backward, (x, w, b))
>>> report.passed, report.findings
"""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    api="assert_gradients_match check check_gradient check_value_and_grad",
    report="Finding Report",
    **{"setup.discovery": "backward_of", "setup.problem": "CheckError"},
)
