"""A model file in the forms that other runtimes eat; each is held to the same answers as ``jaxdoodle.inference``."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.formats import html, onnx, safetensors, zipapp
from jaxdoodle.formats.c import writer
from jaxdoodle.formats.quantize import int8_steps
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model_file import ModelFile

#: Format -> ``(model, path)``, which writes the file. Those in ``QUANTIZED`` take steps, too: ``int8_steps(...)``.
FORMATS: Mapping[str, Callable[..., None]] = {
    "npz": lambda model, path: model_file.write(path, model),
    "safetensors": safetensors.write,
    "onnx": onnx.write,
    "html": html.write,
    "zipapp": zipapp.write,
    "c": writer.write,
}
QUANTIZED = ("onnx", "html", "c")


def export(
    model: ModelFile | str | os.PathLike[str],
    format: str,
    out_path: str | os.PathLike[str],
    quantize: str | None = None,
    images: Any = None,
) -> None:
    """Write a model, or the model file at a path, in one of the ``FORMATS``, whole or not at all.

    ``quantize="int8"`` computes Dense and Conv2D in 8 bits; the ranges of their inputs are those of ``images`` uint8
    (n, height, width, 1), or else of the model's golden inputs. Raises ``InputError``.
    """
    _require("format", format, FORMATS)
    model = model if isinstance(model, ModelFile) else model_file.read(model)
    options = {}
    if quantize is not None:
        _require("quantize", quantize, ("int8",))
        _require("format of int8", format, QUANTIZED)
        options["steps"] = int8_steps(model, model.golden_inputs if images is None else images)
    out = Path(out_path)
    unfinished = out.with_name(f"{out.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        FORMATS[format](model, unfinished, **options)
        os.replace(unfinished, out)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror or error}.") from None
    except ModuleNotFoundError as error:
        raise InputError(f"{format} needs {error.name}; {install_hint(format)}.") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def _require(name: str, value: str, known: Sequence[str] | Mapping[str, Any]) -> None:
    if value not in known:
        raise InputError(f"{name} is {', '.join(known)}; got {value!r}.")
