"""Downloading datasets from their publishers, by urllib3."""

from jaxdoodle.data.download.publishers import NAMES, get

__all__ = ["NAMES", "get"]
