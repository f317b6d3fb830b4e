"""zipapp: one ``.pyz`` file with ``jaxdoodle.inference`` and the model; Python and NumPy run it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import jaxdoodle
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile

#: Files of the package that go in; every module of ``inference`` besides.
FILES = ("__init__.py", "core/*.py", "nn/*.py", "strokes/*.py", "preprocessing/*.py", "inference/*.py")
DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


def write(model: ModelFile, path: Path) -> None:
    package = Path(jaxdoodle.__file__).parent
    sources = sorted(source for pattern in FILES for source in package.glob(pattern))
    members = {f"jaxdoodle/{source.relative_to(package).as_posix()}": source.read_bytes() for source in sources}
    members["__main__.py"] = Path(__file__).with_name("zipapp_main.py").read_bytes()
    members["jaxdoodle/model.npz"] = model_file.encode(model)

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, DATE)
            info.create_system, info.external_attr = 3, 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name])
    path.write_bytes(b"#!/usr/bin/env python3\n" + buffer.getvalue())
    path.chmod(0o755)
