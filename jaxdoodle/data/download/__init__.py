"""Downloading datasets from their publishers, with the standard library alone."""

from jaxdoodle.data.download.publishers import NAMES, get

__all__ = ["NAMES", "get"]
