"""Model files for other programs: safetensors, ONNX, a web page, a Python program, C. All give the same answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.files import write_atomically
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats import onnx, safetensors, zipapp
from jaxdoodle.formats import quantize as quantization
from jaxdoodle.formats.c import writer
from jaxdoodle.formats.fold import TRAINING_ONLY, InferenceLayer
from jaxdoodle.formats.web import description, html, package
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.model_file import ModelFile

__all__ = ["FORMATS", "Format", "export", "format_of"]


class Format(NamedTuple):
    """A form that a model is written in.

    Args:
      suffix: How the name of such a file ends; empty for a folder.
      write: ``(model, path)`` writes the file; ``(model, path, layers)`` where ``quantizes``.
      carries: Whether a layer can be written.
      reason: Why a layer cannot be written; completes "onnx cannot carry Swish: ".
      quantizes: The largest level of an input where ``quantize="int8"`` is possible, else 0.
      beside: What is written beside the file, by suffix: ``(model, path, layers)``.
    """

    suffix: str
    write: Callable[..., None]
    carries: Callable[[nn.Layer], bool] = lambda layer: True
    reason: str = ""
    quantizes: int = 0
    beside: Mapping[str, Callable[..., None]] = {}


def _registered(function: Any) -> Callable[[nn.Layer], bool]:
    """Whether a ``functools.singledispatch`` function has an implementation for exactly the class of a layer."""
    return lambda layer: type(layer) in {*function.registry, *TRAINING_ONLY}


#: What ``export`` writes, by name.
FORMATS: dict[str, Format] = {
    "npz": Format(".npz", lambda model, path: model_file.write(path, model), quantizes=quantization.BYTE),
    "safetensors": Format(".safetensors", safetensors.write),
    "onnx": Format(".onnx", onnx.write, _registered(onnx.nodes), "it has no ONNX nodes", quantizes=quantization.BYTE),
    "html": Format(
        ".html", html.write, _registered(description.derived), "it has no JavaScript", quantizes=quantization.SHORT
    ),
    "js": Format(
        "", package.write, _registered(description.derived), "it has no JavaScript", quantizes=quantization.SHORT
    ),
    "zipapp": Format(".pyz", zipapp.write, zipapp.is_packed, "only built-in layers are packed"),
    "c": Format(
        ".c",
        writer.write,
        _registered(writer.kernel),
        "it has no C function",
        quantizes=quantization.SHORT,
        beside={".h": writer.write_header},
    ),
}


def export(
    model: Model | ModelFile | str | os.PathLike[str],
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    quantize: str | None = None,
    images: NDArray[np.uint8] | None = None,
) -> list[Path]:
    """Write a model for another program. Each file is written whole or not at all.

    Args:
      model: A model, the content of a model file, or the path of one.
      path: The file to write; for "js" the folder, which may exist. C comes with a header beside it, and the names in
        it begin with the name of the file.
      format: A name of ``FORMATS``: "npz", "safetensors", "onnx", "html", "js", "zipapp" or "c"; by default the one
        that the suffix of ``path`` stands for (.npz, .safetensors, .onnx, .html, .pyz, .c).
      quantize: "int8" computes Dense and Conv2D in 8-bit integers (onnx, html, js, c), or keeps weights so (npz).
      images: Calibration images ``(n, height, width, 1)`` for int8; by default the model's reference examples.

    Returns:
      What was written, ``path`` first.

    Raises:
      InputError: The model cannot be read or the format cannot carry it, a package is missing, or ``path`` cannot be
        written; one line.
    """
    name = format_of(path) if format is None else format
    _require("format", name, FORMATS)
    if not isinstance(model, Model | ModelFile):
        model = model_file.read(model)
    file = model.file if isinstance(model, Model) else model
    refuse(file, name, quantize)
    layers = None
    if quantize:
        file, layers = quantized(file, name, file.golden_inputs if images is None else images)
    return write(file, path, name, layers)


def refuse(file: ModelFile, format: str, quantize: str | None) -> None:
    """Raise ``InputError`` where a format cannot carry a layer, or not in integers."""
    chosen = FORMATS[format]
    for layer in file.spec.layers:
        if not chosen.carries(layer):
            able = ", ".join(other for other, known in FORMATS.items() if known.carries(layer))
            raise InputError(f"{format} cannot carry {type(layer).__name__}: {chosen.reason}; {able} can.")
    if quantize is not None:
        _require("quantize", quantize, ("int8",))
        _require("format of int8", format, [other for other, known in FORMATS.items() if known.quantizes])


def quantized(
    file: ModelFile, format: str, images: NDArray[np.uint8]
) -> tuple[ModelFile, Sequence[InferenceLayer] | None]:
    """A model in int8, calibrated on images: as layers, or for npz, which keeps weights alone so, as another file."""
    if format == "npz":
        return quantization.round_weights(file), None
    return file, quantization.int8_layers(file, images, FORMATS[format].quantizes)


def write(
    file: ModelFile, path: str | os.PathLike[str], format: str, layers: Sequence[InferenceLayer] | None = None
) -> list[Path]:
    """``export`` of layers that are quantized already, or ``None`` for the model's own."""
    chosen, path = FORMATS[format], Path(path)
    options: dict[str, Any] = {} if layers is None else {"layers": layers}
    writers = {path: chosen.write} | {path.with_suffix(suffix): other for suffix, other in chosen.beside.items()}
    if len(writers) == 1 and chosen.beside:
        raise InputError(f"{path}: is the name of the header; end the path in {chosen.suffix}.")
    if chosen.beside:
        options["name"] = path.stem
    for where, write_file in writers.items():
        try:
            if chosen.suffix:
                write_atomically(where, partial(_write_unfinished, write_file, file, options))
            else:
                write_file(file, where, **options)
        except OSError as error:
            raise InputError(f"{where}: {error.strerror or error}.") from None
        except ModuleNotFoundError as error:
            raise InputError(f"{format} needs {error.name}; {install_hint(format)}.") from None
    return list(writers)


def _write_unfinished(write: Callable[..., None], file: ModelFile, options: dict[str, Any], path: str) -> None:
    write(file, Path(path), **options)


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the suffix of a path stands for, in capitals or not.

    Args:
      path: A file, which need not exist.

    Returns:
      A name of ``FORMATS``.

    Raises:
      InputError: The suffix stands for none.
    """
    suffixes = {known.suffix: name for name, known in FORMATS.items() if known.suffix}
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise InputError(f"{os.fspath(path)}: which format? Name one, or end the path in {', '.join(suffixes)}.")
    return suffixes[suffix]


def _require(name: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise InputError(f"{name} is {', '.join(known)}; got {value!r}.")
