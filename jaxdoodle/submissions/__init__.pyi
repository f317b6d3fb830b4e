from jaxdoodle.submissions.sandbox import Bounds as Bounds
from jaxdoodle.submissions.sandbox import run as run
from jaxdoodle.submissions.worker import check_file as check_file

__all__: list[str]
