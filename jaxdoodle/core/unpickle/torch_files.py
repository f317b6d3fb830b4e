"""PyTorch's ``.pt`` and ``.pth``: tensors in lists and dicts, read without PyTorch; nothing is run.

Since version 1.6 such a file is a zip archive: ``data.pkl`` names each tensor's storage, offset, shape and strides, and
``data/KEY`` holds a storage. Before, it was three pickles, the list of keys, and the storages one after another.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.unpickle import STAND_INS, damage_refused, plain, run

#: Name of a storage class -> its type in NumPy, or "bf16".
STORAGES = {"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bf16"}
STORAGES |= {"LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1"}
STORAGES |= {"BoolStorage": "u1"}
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
#: Called with the number of values of each tensor before it is made: raises where that is too many.
Take = Callable[[int], object]


class _Storage:
    """Numbers that tensors are views of; read once the file says where they are."""

    def __init__(self, dtype: str, key: str, size: int):
        self.dtype, self.key, self.size = dtype, key, size


class _Tensor:
    """A view of a storage: offset, shape and strides in numbers."""

    def __init__(self, storage: Any, offset: Any, shape: Any, stride: Any, *ignored: Any):
        if not isinstance(storage, _Storage) or len(shape) != len(stride) or len(shape) > 8:
            raise InputError("a tensor has no storage, or another number of strides than axes.")
        if not all(type(n) is int and n >= 0 for n in (offset, *shape, *stride)):
            raise InputError(f"a tensor has the offset {offset!r}, shape {shape!r} and strides {stride!r}.")
        self.storage, self.offset, self.shape, self.stride = storage, offset, tuple(shape), tuple(stride)

    def set_state(self, state: Any) -> None:
        """Attributes of a tensor are left out."""

    def view(self, numbers: NDArray[Any], take: Take) -> NDArray[Any]:
        """Its numbers, copied."""
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        if 0 in self.shape:
            return np.zeros(self.shape, np.float32)
        if last >= len(numbers):
            raise InputError(f"a tensor ends at {last:,} of a storage of {len(numbers):,} numbers.")
        take(math.prod(self.shape))
        strides = [step * numbers.itemsize for step in self.stride]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, strides).copy()


def _persistent(identifier: Any) -> _Storage:
    if not isinstance(identifier, tuple) or len(identifier) < 5 or identifier[0] != "storage":
        raise InputError("a pickle of PyTorch names something else than a storage.")
    _, kind, key, _, size = identifier[:5]
    if len(identifier) > 5 and identifier[5] is not None:
        raise InputError("a storage is a view of another, as PyTorch wrote before 0.4.")
    if type(size) is not int or not hasattr(kind, "call"):
        raise InputError("a storage has no type or size.")
    return _Storage(kind.call(), str(key), size)


TORCH: dict[tuple[str, str], Any] = {
    **STAND_INS,
    **{("torch", name): (lambda dtype=dtype: dtype) for name, dtype in STORAGES.items()},
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_tensor"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, *ignored: data,
    ("torch", "Size"): lambda *axes: list(*axes),
    ("torch", "device"): lambda *ignored: None,
}


def is_torch(names: Iterable[str]) -> bool:
    """Whether an archive with these names is PyTorch's."""
    return any(name.rpartition("/")[2] == "data.pkl" for name in names)


@damage_refused()
def read_archive(names: Iterable[str], read: Callable[[str], bytes], take: Take) -> Any:
    """What a zip archive of PyTorch holds.

    Args:
      names: Of the files in it.
      read: Gives the content of one.
      take: See ``Take``.

    Raises:
      InputError: Something else than tensors, numbers and texts in lists and dicts.
    """
    names = set(names)
    folder = next(name for name in names if name.rpartition("/")[2] == "data.pkl")[: -len("data.pkl")]
    if f"{folder}constants.pkl" in names:
        raise InputError("a TorchScript program; save model.state_dict() instead.")
    if f"{folder}byteorder" in names and read(f"{folder}byteorder") != b"little":
        raise InputError("written with the most significant byte first.")
    value = _run(io.BytesIO(read(f"{folder}data.pkl")))
    return _arrays(value, lambda storage: read(f"{folder}data/{storage.key}"), take)


@damage_refused()
def read_legacy(data: bytes, take: Take) -> Any:
    """What a file of PyTorch before version 1.6 holds. Raises ``InputError``, as ``read_archive``."""
    file = io.BytesIO(data)
    head = [run(file, TORCH), run(file, TORCH), run(file, TORCH)]
    if head[0] != LEGACY_MAGIC or not isinstance(head[2], dict) or head[2].get("little_endian") is not True:
        raise InputError("not a file of PyTorch, or one with the most significant byte first.")
    value, stored = _run(file), {}
    sizes = {storage.key: storage for storage in _storages(value)}
    for key in run(file, TORCH):
        storage = sizes.get(str(key))
        length = int.from_bytes(file.read(8), "little")
        if storage is None or length > len(data):
            raise InputError(f"a storage {str(key)[:40]!r} that no tensor names, or of {length:,} numbers.")
        stored[str(key)] = file.read(length * (2 if storage.dtype == "bf16" else np.dtype(storage.dtype).itemsize))
    return _arrays(value, lambda storage: stored[storage.key], take)


def _run(file: io.BytesIO) -> Any:
    try:
        return run(file, TORCH, _persistent)
    except InputError as error:
        hint = "; save model.state_dict() instead of the model" if "asks for" in str(error) else ""
        raise InputError(str(error).rstrip(".") + hint + ".") from None


def _tensors(value: Any, replace: Callable[[_Tensor], Any]) -> Any:
    if isinstance(value, _Tensor):
        return replace(value)
    if isinstance(value, dict):
        return {key: _tensors(one, replace) for key, one in value.items()}
    if isinstance(value, list):
        return [_tensors(one, replace) for one in value]
    return value


def _storages(value: Any) -> list[_Storage]:
    found: list[_Storage] = []
    _tensors(plain(value), lambda tensor: found.append(tensor.storage))
    return found


def _arrays(value: Any, read: Callable[[_Storage], Any], take: Take) -> Any:
    stored: dict[str, NDArray[Any]] = {}

    def array(tensor: _Tensor) -> NDArray[Any]:
        storage = tensor.storage
        if storage.key not in stored:
            raw = read(storage)
            if storage.dtype == "bf16":
                raw = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
            stored[storage.key] = np.frombuffer(raw, "<f4" if storage.dtype == "bf16" else "<" + storage.dtype)
        return tensor.view(stored[storage.key], take)

    return _tensors(plain(value), array)
