"""zipapp: one ``.pyz`` file with what predicting needs of the package, and the model; Python and NumPy run it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import jaxdoodle
from jaxdoodle.inference import model_file
from jaxdoodle.nn import Layer

#: Folders of the package whose modules are packed.
PACKED = (
    "core",
    "nn",
    "nn/layers",
    "strokes",
    "preprocessing",
    "preprocessing/inputs",
    "preprocessing/paper",
    "preprocessing/several",
    "pretrained",
    "inference",
    "inference/kernels",
    "inference/model_file",
)
#: Modules among them that predicting does not need.
LEFT_OUT = {"core/user_cache.py", "inference/calibration.py"} | {
    f"nn/{name}.py" for name in ("architectures", "backprop", "losses", "model", "penalties")
}
DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


def write(model: model_file.ModelFile, path: Path) -> None:
    """Write a model as a program."""
    package = Path(jaxdoodle.__file__).parent
    names = {f"{folder}/{source.name}" for folder in PACKED for source in (package / folder).glob("*.py")} - LEFT_OUT
    members = {f"jaxdoodle/{name}": (package / name).read_bytes() for name in {"__init__.py", *names}}
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


def is_packed(layer: Layer) -> bool:
    """Whether the source of a layer's class is in the file, and of those that it holds: of built-in layers it is."""
    return type(layer).__module__.startswith("jaxdoodle.nn.") and all(map(is_packed, getattr(layer, "layers", ())))
