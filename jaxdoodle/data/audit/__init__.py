"""The data doctor: what may be wrong with a dataset, from its files to how a model reads it."""

from jaxdoodle.data.audit.checks import Finding, examine
from jaxdoodle.data.audit.files import examine_files

__all__ = ["Finding", "examine", "examine_files"]
