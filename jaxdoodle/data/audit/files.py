"""Checks of the files of a dataset."""

from __future__ import annotations

from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.audit.checks import Finding
from jaxdoodle.data.catalog import FOLDERS, verify

#: The folders that a dataset is read from.
_READ = {"mnist": ("mnist",), "mnist-mini": ("mnist", "mnist-mini"), "quickdraw": ("quickdraw",)}


def audit_files(name: str, root: Path) -> list[Finding]:
    """Check the files of a dataset that exist: damaged, truncated, of another type or shape.

    Args:
      name: A dataset's name, or the path of a file or folder, whose files are checked when they are read.
      root: The data folder.

    Returns:
      A fault for each bad file.
    """
    folders = [root / FOLDERS[part] for part in _READ.get(name, ())]
    checks = [check for check in verify(root) if check.path.parent in folders] if folders else []
    faults = [fault_of(InputError(check.text), check.path) for check in checks if not check.ok]
    # Cohen, Afshar, Tapson and van Schaik, "EMNIST: an extension of MNIST to handwritten letters"
    emnist = sorted(Path(name).expanduser().glob("emnist-*-images-idx3-ubyte*"))
    text = "EMNIST is published with rows and columns exchanged; a model of it reads upright pictures wrongly"
    text += "; --transpose exchanges them"
    return faults + [Finding("orientation", False, f"{path}: {text}") for path in emnist[:1]]


def fault_of(error: InputError, path: Path) -> Finding:
    """A reader's error as a finding.

    Args:
      error: What the reader raised.
      path: The file that it read.

    Returns:
      A fault whose text names the file.
    """
    return Finding("files", True, str(error) if str(path) in str(error) else f"{path}: {error}")
