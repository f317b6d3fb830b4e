"""The model file: spec, weights, preprocessing and reference examples, in one ``.npz`` that cannot hurt its reader.

The format is described in ``README.md`` beside this file. The same model gives the same bytes on every machine. A
reader allocates nothing that the spec does not imply and the file does not hold, executes nothing, and refuses a file
whose digest is wrong, whose weights are not finite, or whose reference examples do not come out. The keys of version 1
of the format are known here alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import read_bytes, write_atomically
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import Shape
from jaxdoodle.core.validation import fits_in_name, is_blank, is_number, unique_keys
from jaxdoodle.inference.model_file.stored_zip import pack, unpack
from jaxdoodle.inference.network import Network, products_per_image, values_per_image
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.pretrained import find

FORMAT = "jaxdoodle model"
#: Version 2 may have these in its preprocessing, and weights in int8; others are version 1.
NEWER = {"mean", "std", "flat_axes"}
VERSIONS = (1, 2)
HEADER = "header.json"
INPUTS, LOGITS = "goldens/inputs.npy", "goldens/logits.npy"

#: Name of a field of ``Preprocessing``, and of ``Dense`` and ``Conv2D`` -> its key in version 1, where they differ.
_PREPROCESSING_KEYS = {"centering": "centring", "center": "centre"}
_LAYER_KEYS = {"kernel_init": "init"}

MAX_FILE_BYTES = 1 << 26
MAX_HEADER_BYTES = 1 << 20
MAX_EXAMPLES = 64
#: Characters of a class name that is trained: as many as a folder's name may have bytes.
MAX_NAME = 255
#: Kept free in the header for everything but the spec; what a run writes takes less than 4 KiB.
PROVENANCE_BYTES = 1 << 16
#: Values that one image may take up on its way through the network (the sketch CNN: 0.2 million).
MAX_ACTIVATIONS = 1 << 22
NPY_HEADER_BYTES = 128
#: Multiplications that one image may take (the sketch CNN: 18 million).
MAX_PRODUCTS = 1 << 28
#: Of weights that are kept as int8: between minus and plus this.
LARGEST_LEVEL = 127
#: Of the scale of the golden logits.
GOLDEN_TOLERANCE = 1e-4

#: What is raised at archives that are not well formed, at headers nested too deep and at numbers out of all range.
_FAULTS = (struct.error, RecursionError, ArithmeticError, LookupError, TypeError, ValueError)


@frozen
class ModelFile:
    """What a model file holds.

    ``params`` has one dict of float32 arrays per layer. ``golden_inputs`` uint8 (m, height, width, 1) gave
    ``golden_logits`` float32 (m, classes). Probabilities are ``softmax(logits / temperature)``; an image whose
    log-sum-exp of logits is below ``abstain_below`` shows none of the classes. ``provenance`` holds JSON values.

    With ``scales``, each array of two axes or more is kept as int8: by the name of its member, float32 (outputs,), one
    number for each entry of the last axis, of which the weights are whole multiples, at most 127 of them.
    """

    spec: ModelSpec
    params: Sequence[Mapping[str, Any]]
    preprocessing: Preprocessing
    golden_inputs: Any
    golden_logits: Any
    temperature: float = 1.0
    abstain_below: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    scales: Mapping[str, Any] = field(default_factory=dict)

    __eq__, __hash__ = object.__eq__, object.__hash__  # arrays have no one answer

    @cached_property
    def network(self) -> Network:
        """The spec and its parameters, ready to run."""
        return Network(self.spec, self.params, *self.preprocessing.scaling)


def write(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write the file whole or not at all. Raises ``InputError`` for a model that ``read`` would refuse."""
    from pathlib import Path  # not needed to predict

    with _naming(path):
        data = encode(model)
        write_atomically(path, lambda unfinished: Path(unfinished).write_bytes(data))


def read(path: str | os.PathLike[str], layers: Sequence[type] = ()) -> ModelFile:
    """Read and verify a model file, that of a run's folder, or one of ``pretrained.NAMES``.

    ``layers`` are classes that are not built in. Raises ``InputError``, one line that names the file, at anything else.
    """
    path = find(path)
    with _naming(path):
        return decode(read_bytes(path, MAX_FILE_BYTES), layers)


def encode(model: ModelFile) -> bytes:
    """The bytes of the file. Raises ``InputError`` for a model that ``decode`` would refuse."""
    arrays = {name: np.asarray(value) for name, value in members_of(model.params).items()}
    arrays |= {INPUTS: np.asarray(model.golden_inputs), LOGITS: np.asarray(model.golden_logits)}
    if model.scales:
        arrays |= _as_int8(arrays, model.scales)
    expected = _expected_arrays(model.spec, len(arrays[INPUTS]), bool(model.scales))
    _compare_names(set(arrays), set(expected))
    for name, (dtype, shape) in expected.items():
        if arrays[name].dtype != dtype or arrays[name].shape != shape:
            raise InputError(f"{name} is {arrays[name].dtype} {arrays[name].shape}; expected {dtype} {shape}.")
    _verify(model)
    metadata = metadata_of(model)
    newer = {"int8": True} if model.scales else {}
    version = 2 if newer or NEWER & metadata["contract"].keys() else 1
    header = {"format": FORMAT, "version": version, **metadata, **newer}
    members = {name: _npy_header(*expected[name]) + arrays[name].tobytes() for name in sorted(arrays)}
    try:
        header["sha256"] = _digest(header, members)
        text = json.dumps(header, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"provenance holds JSON values only; {error}.") from None
    if len(text) > MAX_HEADER_BYTES:
        raise InputError(f"the header takes {len(text)} bytes; at most {MAX_HEADER_BYTES} are allowed.")

    if len(data := pack({HEADER: text.encode("ascii")} | members)) > MAX_FILE_BYTES:
        raise InputError(f"the model takes {len(data)} bytes; at most {MAX_FILE_BYTES} are allowed.")
    return data


def metadata_of(model: ModelFile) -> dict[str, Any]:
    """All of a model but its arrays, as JSON values under the keys of version 1; the exports carry it, too."""
    return {
        "spec": _renamed(model.spec.to_dict(), _LAYER_KEYS),
        "contract": _rename(model.preprocessing.to_dict(), _PREPROCESSING_KEYS),
        "temperature": model.temperature,
        "abstain_below": model.abstain_below,
        "provenance": dict(model.provenance),
    }


def from_metadata(metadata: Mapping[str, Any], layers: Sequence[type] = (), **arrays: Any) -> ModelFile:
    """A model from what ``metadata_of`` gave, and its arrays: ``params``, ``golden_inputs``, ``golden_logits``, scales.

    ``layers`` are classes of layers that are not built in. Raises ``InputError``.
    """
    return ModelFile(
        spec=_read_spec(metadata["spec"], layers),
        preprocessing=_read_preprocessing(metadata["contract"]),
        temperature=metadata["temperature"],
        abstain_below=metadata["abstain_below"],
        provenance=metadata["provenance"],
        **arrays,
    )


def _read_spec(data: Any, layers: Sequence[type]) -> ModelSpec:
    return ModelSpec.from_dict(_renamed(data, {key: name for name, key in _LAYER_KEYS.items()}), layers)


def _read_preprocessing(data: Any) -> Preprocessing:
    names = {key: name for name, key in _PREPROCESSING_KEYS.items()}
    return Preprocessing.from_dict(_rename(data, names) if isinstance(data, Mapping) else data)


def _rename(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in data.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A spec with the fields of its Dense and Conv2D layers renamed, also in blocks that hold layers."""
    if isinstance(value, list | tuple):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("type") in ("Dense", "Conv2D"):
        return _rename(value, names)
    blocks = {name: _renamed(item, names) for name, item in value.items() if isinstance(item, list)}
    return {**value, **blocks} if blocks else value


def decode(data: bytes, layers: Sequence[type] = ()) -> ModelFile:
    """Read and verify the bytes of a model file; ``layers``: classes that are not built in. Raises ``InputError``."""
    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"a model file has at most {MAX_FILE_BYTES} bytes; this is larger.")
    try:
        return _decode(data, layers)
    except InputError:
        raise
    except _FAULTS as error:
        raise InputError(f"not a model file, or a damaged one: {error}.") from None


def _decode(data: bytes, layers: Sequence[type]) -> ModelFile:
    members = unpack(data)
    if HEADER not in members:
        raise InputError(f"{HEADER} is missing: not a jaxdoodle model file.")
    header = _parse_header(members.pop(HEADER))
    spec = _read_spec(header["spec"], layers)
    _bound_work(spec)

    # The number of reference examples is all that the spec leaves open: it is what their member has room for.
    room = len(members.get(INPUTS, b"")) - NPY_HEADER_BYTES
    examples = min(max(room, 0) // math.prod(spec.input_shape), MAX_EXAMPLES)
    expected = _expected_arrays(spec, examples, "int8" in header)
    _compare_names(set(members), set(expected))
    arrays = {name: _parse_npy(name, members[name], *form) for name, form in expected.items()}
    claimed = header.pop("sha256")
    if claimed != _digest(header, members):
        raise InputError("the SHA-256 of the content is not the one in the header: the file is damaged.")
    scales = {name: arrays[_scale_of(name)] for name in arrays if _scale_of(name) in arrays}
    for name, scale in scales.items():
        arrays[name] = arrays[name] * scale
    params = tuple(
        {name: arrays[f"layers/{i}/{name}.npy"] for name in shapes} for i, shapes in enumerate(spec.param_shapes)
    )
    golden = {"golden_inputs": arrays[INPUTS], "golden_logits": arrays[LOGITS]}
    model = from_metadata(header, layers, params=params, scales=scales, **golden)
    _verify(model)
    return model


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]):
    """Whatever is wrong with the file is said in one line that begins with its name."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: {error.strerror or error}.") from None
    except InputError as error:
        line = " ".join(str(error).split())
        raise InputError(f"{os.fspath(path)}: {line if len(line) <= 400 else line[:397] + '...'}") from None


def members_of(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What each layer has by the name of a parameter, by the name of its member."""
    return {f"layers/{i}/{name}.npy": value for i, layer in enumerate(layers) for name, value in layer.items()}


def _scale_of(name: str) -> str:
    """The member that holds the scales of another, which is int8."""
    return name.removesuffix(".npy") + ".scale.npy"


def _as_int8(arrays: Mapping[str, Any], scales: Mapping[str, Any]) -> dict[str, Any]:
    """The members that hold these arrays as int8. Raises ``InputError`` for one that is no multiple of its scales."""
    members: dict[str, Any] = {}
    for name, scale in scales.items():
        levels = np.rint(arrays[name] / scale)
        if np.abs(levels).max(initial=0) > LARGEST_LEVEL or (levels.astype(np.float32) * scale != arrays[name]).any():
            raise InputError(f"{name} is not what int8 and its scales give; quantize the model anew.")
        members |= {name: levels.astype(np.int8), _scale_of(name): np.asarray(scale)}
    return members


def _expected_arrays(spec: ModelSpec, examples: int, int8: bool = False) -> dict[str, tuple[str, Shape]]:
    """Member name -> dtype and shape."""
    weights = {name: ("<f4", shape) for name, shape in members_of(spec.param_shapes).items()}
    if int8:
        matrices = {name: shape for name, (_, shape) in weights.items() if len(shape) > 1}
        weights |= {name: ("|i1", shape) for name, shape in matrices.items()}
        weights |= {_scale_of(name): ("<f4", shape[-1:]) for name, shape in matrices.items()}
    inputs, logits = (examples, *spec.input_shape), (examples, *spec.output_shape)
    return weights | {INPUTS: ("|u1", inputs), LOGITS: ("<f4", logits)}


def _compare_names(found: set[str], expected: set[str]) -> None:
    if missing := sorted(expected - found):
        raise InputError(f"{missing[0]} is missing; the spec has {len(expected)} arrays, {len(missing)} are missing.")
    if extra := sorted(found - expected):
        raise InputError(f"{extra[0][:80]!r} is not in the spec; expected its {len(expected)} arrays and no more.")


def _verify(model: ModelFile) -> None:
    """What must hold of the contents, once every array has its shape and dtype."""
    spec, preprocessing = model.spec, model.preprocessing
    _bound_work(spec)
    if not spec.classes:
        raise InputError("the spec names no classes; a model file names each output.")
    if unprintable := [name for name in spec.classes if not fits_in_name(name)]:
        raise InputError(f"class names are printable; got {unprintable[0]!r}.")
    if preprocessing.image_shape != spec.input_shape:
        raise InputError(
            f"preprocessing gives images of {preprocessing.image_shape}; the spec takes {spec.input_shape}."
        )
    if not is_number(model.temperature) or model.temperature <= 0:
        raise InputError(f"temperature is a positive number; got {model.temperature!r}.")
    if model.abstain_below is not None and not is_number(model.abstain_below):
        raise InputError(f"abstain_below is a number or null; got {model.abstain_below!r}.")
    if not isinstance(model.provenance, Mapping):
        raise InputError(f"provenance is a mapping; got {model.provenance!r}.")
    for i, (layer, params) in enumerate(zip(spec.layers, model.params, strict=True)):
        for name, value in params.items():
            if not np.isfinite(value).all():
                raise InputError(f"layers/{i}/{name} holds NaN or infinite values.")
            if name in layer.statistics and name.rpartition(".")[2] == "var" and np.min(value) < 0:
                raise InputError(f"layers/{i}/{name} holds a negative variance.")

    for name, scale in model.scales.items():
        if not (np.isfinite(scale).all() and np.min(scale) > 0):
            raise InputError(f"{_scale_of(name)} holds scales that are not positive numbers.")

    inputs, logits = model.golden_inputs, model.golden_logits
    if not 1 <= len(inputs) <= MAX_EXAMPLES:
        raise InputError(f"{INPUTS} holds {len(inputs)} images; expected 1 to {MAX_EXAMPLES}.")
    if not np.isfinite(logits).all():
        raise InputError(f"{LOGITS} holds NaN or infinite values.")
    with np.errstate(all="ignore"):
        difference = np.abs(model.network.logits(np.asarray(inputs)) - logits).max()
        allowed = golden_allowance(logits, GOLDEN_TOLERANCE)
    if not difference <= allowed:
        raise InputError(f"the golden logits do not come out: off by {difference:.2g}, allowed is {allowed:.2g}.")


def golden_allowance(logits: Any, tolerance: float) -> float:
    """How far off an output may be: a part of the largest golden logit or, where all are small, of 1."""
    return tolerance * max(1.0, float(np.abs(logits).max()))


def refuse_unfit(spec: ModelSpec) -> None:
    """Raise ``InputError`` where no model of this spec can be written, before it is trained."""
    _bound_work(spec)
    if 4 * spec.param_count + MAX_HEADER_BYTES > MAX_FILE_BYTES:
        raise InputError(f"the network has {spec.param_count:,} parameters; a model file has room for 16 million.")
    for name in spec.classes:
        if not fits_in_name(name):
            raise InputError(f"class names are printable; got {name!r}.")
        if is_blank(name):
            raise InputError(f"class names are not blank; got {name!r}.")
        if len(name) > MAX_NAME:
            raise InputError(f"class names have at most {MAX_NAME} characters; {name[:20]!r}... has {len(name):,}.")
    if len(json.dumps(spec.to_dict())) + PROVENANCE_BYTES > MAX_HEADER_BYTES:
        raise InputError(f"the names of {len(spec.classes):,} classes take more than the header of a model file holds.")


def _bound_work(spec: ModelSpec) -> None:
    if (total := values_per_image(spec)) > MAX_ACTIVATIONS:
        raise InputError(f"one image takes {total} values in this network; at most {MAX_ACTIVATIONS} are allowed.")
    if (total := products_per_image(spec)) > MAX_PRODUCTS:
        raise InputError(f"one image takes {total} multiplications here; at most {MAX_PRODUCTS} are allowed.")


def _digest(header: Mapping[str, Any], members: Mapping[str, bytes | memoryview]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii"))
    for name in sorted(members):
        digest.update(members[name])
    return digest.hexdigest()


def _parse_header(text: memoryview) -> dict[str, Any]:
    if len(text) > MAX_HEADER_BYTES:
        raise InputError(f"{HEADER} takes {len(text)} bytes; at most {MAX_HEADER_BYTES} are allowed.")
    try:
        header = json.loads(str(text, "ascii"), object_pairs_hook=unique_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{HEADER} is not JSON: {error}.") from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise InputError(f'{HEADER} does not say "format": "{FORMAT}".')
    if type(header.get("version")) is not int or header["version"] not in VERSIONS:
        known = " and ".join(map(str, VERSIONS))
        raise InputError(f"version {header.get('version')!r} of the format; this program reads versions {known}.")
    keys = {"format", "version", "spec", "contract", "temperature", "abstain_below", "provenance", "sha256"}
    if header["version"] == 2 and header.get("int8") is True:
        keys.add("int8")
    if set(header) != keys:
        raise InputError(f"{HEADER} has the keys {', '.join(sorted(header))}; expected {', '.join(sorted(keys))}.")
    return header


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _npy_header(dtype: str, shape: Shape) -> bytes:
    """As ``numpy.save`` writes it, padded to the same length whatever NumPy's version."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", NPY_HEADER_BYTES - 10) + text.ljust(117).encode("ascii") + b"\n"


def _parse_npy(name: str, content: memoryview, dtype: str, shape: Shape) -> Any:
    """The header is compared, never interpreted."""
    header = _npy_header(dtype, shape)
    if content[: len(header)] != header:
        found = str(content[10:NPY_HEADER_BYTES], "ascii", "replace").strip()
        raise InputError(f"{name} begins with {found!r}; expected {header[10:].decode('ascii').strip()!r}.")
    size = len(header) + math.prod(shape) * np.dtype(dtype).itemsize
    if len(content) != size:
        raise InputError(f"{name} takes {len(content)} bytes; expected {size}.")
    return np.frombuffer(content, dtype, offset=len(header)).reshape(shape).copy()  # members begin at odd places
