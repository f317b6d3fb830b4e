"""Images in arrays: their axes and the range of their numbers, or encoded pictures."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.arrays import flat_axes_of, in_axes
from jaxdoodle.data.readers.found import SIDES, Found, Part, Wanted

#: How pictures begin: PNG, JPEG, GIF, BMP, WebP, TIFF; the same in base64.
ENCODED = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
BASE64 = ("iVBORw0KGgo", "/9j/", "R0lGOD", "Qk", "UklGR", "SUkq", "TU0A")

#: Of a split: the images and the name of the class of each.
Pair = tuple[NDArray[Any], list[str]]


def found_in(kind: str, pairs: Mapping[str, Pair], source: str, wanted: Wanted, column_major: bool = False) -> Found:
    """The dataset of images with the class names of each, by split; those with a pixel that is no number are left out.

    Raises ``InputError`` where there are other numbers of labels, or the arrays are no images.
    """
    for split, (array, labels) in pairs.items():
        if len(array) != len(labels):
            raise InputError(f"{source}: {len(labels):,} labels for {len(array):,} {split} images.")
    if any(array.dtype == object for array, _ in pairs.values()):
        folder = Path(source).parent if Path(source).suffix else Path(source)
        parts = {s: Part([_content(one, folder) for one in array], labels) for s, (array, labels) in pairs.items()}
        return Found(kind.replace("arrays", "columns"), parts)
    flat_axes = flat_axes_of(next(iter(pairs.values()))[0], column_major)
    images = {split: in_axes(array, source, flat_axes) for split, (array, _) in pairs.items()}
    kept = {split: labels for split, (_, labels) in pairs.items()}
    for split, array in images.items():
        if min(array.shape[1:3]) < SIDES[0]:
            found = f"{array.shape[1]} x {array.shape[2]}"
            raise InputError(f"{source}: images of {found}; expected {SIDES[0]} pixels a side or more.")
        numbers = np.asarray(np.isfinite(array).all(axis=(1, 2, 3)) if array.dtype.kind == "f" else True)
        if not numbers.all():
            for row in np.flatnonzero(~numbers):
                wanted.broken(InputError(f"{source}: {split} image {row}: a pixel is NaN or infinite."))
            kept[split] = [label for label, good in zip(kept[split], numbers, strict=True) if good]
            images[split] = array[numbers]
    if flat_axes == "whc":
        kind += ", rows column by column"
    pixels, scale = _as_bytes(list(images.values()), source)
    kind += f", pixels from {scale}" if scale else ""
    parts = {split: Part(array, kept[split]) for split, array in zip(images, pixels, strict=True)}
    return Found(kind, parts, flat_axes=flat_axes)


def are_images(array: NDArray[Any]) -> bool:
    """Whether an array may hold images, by its axes, or by its first item."""
    if array.dtype != object or array.ndim != 1 or not len(array):
        return array.ndim >= 2 and array.dtype.kind in "biuf"
    one = next((each for each in array if each is not None), None)
    if isinstance(one, dict):
        return bool({"bytes", "path"} & one.keys())
    if isinstance(one, str):
        return one.startswith(("data:image", *BASE64))
    return isinstance(one, np.ndarray) or (isinstance(one, bytes) and one.startswith(ENCODED))


def _as_bytes(arrays: Sequence[NDArray[Any]], source: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Pixels of any range as uint8 from 0 to 255, all arrays alike, and the range that they had ("" for 0 to 255)."""
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise InputError(f"{source}: holds {arrays[0].dtype}; expected the numbers of images.")
    if not min((array.size for array in arrays), default=0):
        raise InputError(f"{source}: holds no images, or none in a split.")
    _of_one_range(arrays, source)
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(f"{source}: holds pixels that are no numbers (NaN or infinite).")
    floats = any(array.dtype.kind == "f" for array in arrays)
    if low >= 0 and all(array.dtype == np.uint8 for array in arrays) and high > 16:
        return [np.asarray(array) for array in arrays], ""
    if low >= 0 and high > 1:
        low, high = 0.0, float(next((top for top in (16, 255, 1023, 4095, 16383, 65535) if high <= top), high))
    elif floats and -0.5 <= low < -0.25 and high <= 0.5:  # notMNIST: 0 in the middle
        low, high = -0.5, 0.5
    elif floats and -0.5 <= low and high <= 1.5:  # resampled beyond its range here and there
        low, high = 0.0, 1.0
    elif floats and -1 <= low and high <= 1:
        low, high = -1.0, 1.0
    elif low >= 0:
        low, high = 0.0, 1.0
    scaled = [np.rint(np.clip((a.astype(np.float32) - low) * (255 / (high - low)), 0, 255)) for a in arrays]
    return [a.astype(np.uint8) for a in scaled], "" if (low, high) == (0, 255) else f"{low:g} to {high:g}"


def _of_one_range(arrays: Sequence[NDArray[Any]], source: str) -> None:
    """Raises ``InputError`` where some arrays hold fractions and others numbers above 1; blank ones are either."""
    tops = [(a.dtype.kind, a.max(initial=0)) for a in arrays if a.dtype.kind in "biuf"]
    if len({bool(kind in "fb" and top <= 1) for kind, top in tops if top > 0}) > 1:
        raise InputError(f"{source}: holds pixels up to 1 in some arrays and up to 255 in others; expected one range.")


def bytes_of_each(rows: Iterable[Any], source: str) -> list[NDArray[np.uint8]]:
    """Images of numbers in any range as bytes: all at once where their shapes are alike, else each by itself."""
    try:
        arrays = [np.array(row) for row in rows]
    except ValueError:
        raise InputError(
            f"{source}: holds rows of several lengths in one image; expected the numbers of images."
        ) from None
    _of_one_range(arrays, source)
    blocks = [np.stack(arrays)] if len({array.shape for array in arrays}) == 1 else [array[None] for array in arrays]
    images, _ = _as_bytes([in_axes(block, source) for block in blocks], source)
    return [image for block in images for image in block]


def _content(one: Any, folder: Path) -> Any:
    """The bytes of a picture, or its path; of a list of numbers, an array."""
    if isinstance(one, dict):
        one = one.get("bytes") or str(one.get("path"))
    if one is None:
        return b""  # which is no picture
    if isinstance(one, str):
        text = one.partition("base64,")[2] if one.startswith("data:image") else one
        if one != text or text.startswith(BASE64):
            try:
                return base64.b64decode(text)
            except binascii.Error:
                return b""
        return str(folder / one)
    return one if isinstance(one, bytes) else np.asarray(one)
