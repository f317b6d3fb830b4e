"""The audit of a dataset: what may be wrong with its files, its drawings, and how a model fits them."""

from jaxdoodle.data.audit.checks import Classifier, Finding, audit_splits
from jaxdoodle.data.audit.files import audit_files, fault_of
from jaxdoodle.data.audit.strokes import audit_strokes

__all__ = ["Classifier", "Finding", "audit_files", "audit_splits", "audit_strokes", "fault_of"]
