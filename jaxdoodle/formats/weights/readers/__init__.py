"""The formats that weights are read from, each in one file, recognized by what a file begins with."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import NPY_MAGIC, read_bytes
from jaxdoodle.core.unpickle.torch_files import LEGACY_START, is_torch
from jaxdoodle.formats.weights.readers.json_lists import read_json
from jaxdoodle.formats.weights.readers.keras_files import SIGNATURE, read_h5, read_keras
from jaxdoodle.formats.weights.readers.matlab import read_mat
from jaxdoodle.formats.weights.readers.npy import members, open_zip, read_npy, read_npz
from jaxdoodle.formats.weights.readers.onnx_graphs import read_onnx
from jaxdoodle.formats.weights.readers.pickles import is_pickle, read_legacy, read_pickle, read_torch
from jaxdoodle.formats.weights.readers.tensors import is_safetensors, read_safetensors
from jaxdoodle.formats.weights.source import MAX_FILE_BYTES, Budget, Weights

Reader = Callable[[bytes, Budget], Weights]

#: What is raised at files that are damaged, by Python, NumPy, zipfile and h5py.
FAULTS: tuple[type[Exception], ...] = (struct.error, zlib.error, zipfile.BadZipFile, MemoryError, ArithmeticError)
FAULTS += (LookupError, TypeError, ValueError, AttributeError, RuntimeError, OSError, EOFError, SyntaxError)
#: Letters of a fault that are told.
MAX_MESSAGE = 300


def read_weights(path: Path) -> tuple[str, Weights]:
    """The name of a file's format, and what it holds.

    Raises:
      InputError: The file cannot be read; one line that does not name it.
    """
    try:
        data = read_bytes(path, MAX_FILE_BYTES)
    except OSError as error:
        raise InputError(f"{error.strerror or error}.") from None
    name, reader = format_of(data)
    try:
        return name, reader(data, Budget())
    except ModuleNotFoundError:
        raise
    except InputError as error:
        raise InputError(one_line(str(error))) from None
    except FAULTS as error:
        text = one_line(f"{type(error).__name__}: {error}".rstrip(". "))
        raise InputError(f"not a sound {name} file: {text}.") from None
    except Exception as error:
        if type(error).__module__.startswith("google.protobuf"):
            raise InputError(f"not a sound {name} file: {one_line(str(error))}") from None
        raise


def format_of(data: bytes) -> tuple[str, Reader]:
    """The name of the format of a file and its reader, by the file's first bytes.

    Raises:
      InputError: No format begins so.
    """
    if data[:2] == b"PK":
        try:
            names = list(members(open_zip(data)))
        except FAULTS as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"not a sound zip archive: {one_line(str(error))}.") from None
        if "header.json" in names:
            raise InputError("is a model file of this program already.")
        if "model.weights.h5" in names:
            return "Keras", read_keras
        return ("PyTorch", read_torch) if is_torch(names) else ("npz", read_npz)
    starts: list[tuple[bool, str, Reader]] = [
        (data[:8] == SIGNATURE or data[512:520] == SIGNATURE, "HDF5", read_h5),
        (data[:6] == NPY_MAGIC, "npy", read_npy),
        (data[126:128] in (b"IM", b"MI") and data[:6] == b"MATLAB", "mat", read_mat),
        (data.startswith(LEGACY_START), "PyTorch", read_legacy),
        (is_safetensors(data), "safetensors", read_safetensors),
        (data[:64].lstrip()[:1] in (b"{", b"["), "JSON", read_json),
        (is_pickle(data), "pickle", read_pickle),
        (data[:1] == b"\x08" and len(data) > 8, "ONNX", read_onnx),
    ]
    for found, name, reader in starts:
        if found:
            return name, reader
    known = "npz, npy, pickle, PyTorch, Keras, HDF5, safetensors, ONNX, JSON and mat"
    raise InputError(f"begins with {data[:8]!r}; files of {known} are read.")


def one_line(text: str) -> str:
    """Printable, without line breaks, and not longer than ``MAX_MESSAGE``."""
    line = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(line.split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 3] + "..."
