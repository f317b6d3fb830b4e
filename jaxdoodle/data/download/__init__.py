"""Fetching: datasets from their publishers, with the standard library alone."""

from jaxdoodle.data.download.get import NAMES, Outcome, get

__all__ = ["NAMES", "Outcome", "get"]
