"""What programs hold in place of a file: bytes, data URLs, arrays of many shapes, the values of drawing components.

``content_of`` gives what ``preprocess`` reads: a path, a Pillow image, an array (h, w[, c]), or a drawing in strokes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.config import Preprocessing

#: Sides of nested lists of numbers, from which on they are a picture; strokes of so many lists do not exist.
LEAST_SIDE = 5
#: How pictures (PNG, JPEG, GIF, WebP) begin in base64, of which so many characters are no path.
BASE64, LEAST_BASE64 = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR"), 64
#: Where components keep the picture: Gradio's editor and sketch pad, streamlit-canvas, records of Hugging Face.
PICTURE_KEYS = ("composite", "image_data", "image", "bytes", "path", "url", "mask", "background")


def content_of(value: Any, preprocessing: Preprocessing) -> Any:
    """What a value holds.

    Args:
      value: Bytes of a picture, an SVG or JSON; a file that is open; a path, a data URL, or text of an SVG or JSON; an
        array, a Pillow image, strokes, or what Gradio, streamlit-canvas and fabric.js give.
      preprocessing: What the network expects: the shape and the order of a flat array.

    Returns:
      A path, a Pillow image, an array (h, w) or (h, w, channels), or a list of strokes.

    Raises:
      InputError: It holds neither a picture nor a drawing.
    """
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, os.PathLike) or hasattr(value, "getbands"):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _from_bytes(bytes(value))
    if hasattr(value, "read"):
        content = value.read()
        if not content and getattr(value, "seekable", bool)():  # just written
            value.seek(0)
            content = value.read()
        return _from_bytes(content)
    if isinstance(value, np.ndarray):
        return _shaped(np.asarray(value), preprocessing)  # np.matrix stays two-dimensional whatever is taken from it
    for name in ("image_data", "json_data"):  # what streamlit-canvas returns
        if getattr(value, name, None) is not None:
            return content_of(getattr(value, name), preprocessing)
    if isinstance(value, Mapping):
        return _from_mapping(value, preprocessing)
    if isinstance(value, list | tuple):
        return _from_list(value, preprocessing)
    if hasattr(value, "detach"):  # PyTorch, on whatever device; NumPy has no bfloat16
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
    if hasattr(value, "__array__"):
        return _shaped(np.asarray(value), preprocessing)
    return value  # of no use, which is said by name


def _from_text(text: str) -> Any:
    if text.startswith(BASE64) and len(text) > LEAST_BASE64:
        text = f"data:;base64,{text}"
    if text.lstrip().startswith("data:"):
        import binascii
        from base64 import b64decode
        from urllib.parse import unquote_to_bytes

        head, _, body = text.lstrip().partition(",")
        content = unquote_to_bytes(body)
        if head.endswith(";base64"):  # on lines, of a form that made spaces of its +, without the = at its end
            lines = (line.strip() for line in content.strip().splitlines())
            content = b"".join(lines).replace(b" ", b"+").rstrip(b"=")
            content += b"=" * (-len(content) % 4)
        try:
            return _from_bytes(b64decode(content, validate=True) if head.endswith(";base64") else content)
        except (binascii.Error, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"a data URL is data:TYPE;base64,CONTENT; got {text[:40]!r}.") from None
    return text if inputs.is_path(text) else _from_bytes(text.encode())


def _from_bytes(content: bytes) -> Any:
    if content.lstrip().startswith(b"data:"):
        return _from_text(content.decode(errors="replace"))
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"<", b"[", b"{"):
        from jaxdoodle.strokes import readers

        return readers.from_text(content)
    from jaxdoodle.preprocessing.inputs.pictures import open_picture

    return open_picture(io.BytesIO(content))


def _from_mapping(value: Mapping[Any, Any], preprocessing: Preprocessing) -> Any:
    if "objects" in value:  # fabric.js, whose background is a color
        return _drawing_of(value)
    held = [value[key] for key in PICTURE_KEYS if value.get(key) is not None]
    held += list(value["layers"]) if isinstance(value.get("layers"), list | tuple) else []
    for one in held:
        found = content_of(one, preprocessing)
        if len(held) == 1 or not _blank(found):
            return found
    if held:
        return content_of(held[0], preprocessing)
    if value.get("json_data") is not None:
        return content_of(value["json_data"], preprocessing)
    if not value:
        raise InputError("the value of the drawing component is empty.")
    return _drawing_of(value)


def _from_list(value: Any, preprocessing: Preprocessing) -> Any:
    try:
        numbers = np.asarray(value)
    except ValueError:  # of uneven lengths
        return _drawing_of(value)
    flat = numbers.ndim == 1 and numbers.size >= LEAST_SIDE**2
    if numbers.dtype.kind in "biuf" and (flat or (numbers.ndim >= 2 and min(numbers.shape[:2]) >= LEAST_SIDE)):
        return _shaped(numbers, preprocessing)
    return _drawing_of(value)


def _drawing_of(value: Any) -> Any:
    if isinstance(value, Mapping) and "drawing" in value:
        from jaxdoodle.strokes.readers import described

        return described(dict(value))[0]
    from jaxdoodle.strokes.forms import drawing_of

    return drawing_of(value)


def _blank(content: Any) -> bool:
    """Whether a layer or a picture of a component is of one color, or transparent."""
    if isinstance(content, list | tuple | str | os.PathLike):
        return False
    pixels = np.asarray(content)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = pixels[pixels[..., 3] > 0]
    return not pixels.size or bool((pixels == pixels[(0,) * (pixels.ndim - 1)]).all())


def _shaped(array: NDArray[Any], preprocessing: Preprocessing) -> NDArray[Any]:
    """As (h, w) or (h, w, channels): one of a batch, channels first, flat, of the network's size or square."""
    if array.dtype.kind in "OV" and array.dtype.names is None:  # numbers as objects; JAX's bfloat16
        try:
            array = array.astype(np.float32)
        except (TypeError, ValueError):
            pass  # refused by name
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4):
        array = array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, 2) if array.shape[0] in (3, 4) else array
    if array.ndim == 3 and array.shape[0] == 1 and array.shape[1] > 1 and array.shape[2] > 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 2:  # gray and alpha
        array = np.concatenate([array[..., :1]] * 3 + [array[..., 1:]], axis=2)
    if array.ndim == 2 and 1 in array.shape and array.size == math.prod(preprocessing.image_shape):
        array = array.reshape(-1)
    if array.ndim == 1:
        side = math.isqrt(array.size)
        if array.size == math.prod(preprocessing.image_shape):
            return from_flat(array, preprocessing.image_shape, preprocessing.flat_axes)
        if side * side == array.size and side > 1:
            return from_flat(array, (side, side, 1), preprocessing.flat_axes)[..., 0]
    return array


def from_flat(flat: NDArray[Any], shape: tuple[int, ...], axes: str) -> NDArray[Any]:
    """Flat images (..., h * w * c), whose numbers follow one another as ``axes`` says, as (..., h, w, c)."""
    sizes = dict(zip("hwc", shape, strict=True))
    images = flat.reshape(*flat.shape[:-1], *(sizes[axis] for axis in axes))
    return np.moveaxis(images, [axes.index(axis) - 3 for axis in "hwc"], (-3, -2, -1))
