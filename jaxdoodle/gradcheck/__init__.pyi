from jaxdoodle.gradcheck.api import assert_gradients_match as assert_gradients_match
from jaxdoodle.gradcheck.api import check as check
from jaxdoodle.gradcheck.api import check_gradient as check_gradient
from jaxdoodle.gradcheck.api import check_value_and_grad as check_value_and_grad
from jaxdoodle.gradcheck.report import Finding as Finding
from jaxdoodle.gradcheck.report import Report as Report
from jaxdoodle.gradcheck.setup.discovery import backward_of as backward_of
from jaxdoodle.gradcheck.setup.problem import CheckError as CheckError

__all__: list[str]
