"""The folder in which what can be made anew is kept for a user: ``XDG_CACHE_HOME``, else by each system's custom."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def folder() -> Path:
    """The cache folder of this project; it need not exist."""
    windows = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    custom = {"win32": windows, "darwin": "~/Library/Caches"}.get(sys.platform, "~/.cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or custom).expanduser() / "jaxdoodle"
