"""What programs hold in place of a file: bytes, data URLs, arrays of many shapes, the values of drawing components.

``content_of`` gives what ``preprocess`` reads: a path, a Pillow image, an array (h, w[, c]), or a drawing in strokes.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing import inputs
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.inputs.pictures import open_picture

#: Sides of nested lists of numbers, from which on they are a picture; strokes of so many lists do not exist.
LEAST_SIDE = 5
#: How pictures (PNG, JPEG, GIF, WebP) begin in base64, of which so many characters are no path.
BASE64, LEAST_BASE64 = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR"), 64
#: Numbers that may be gray or pixels in fours are the latter if so they change so many times less: digits on canvases
#: of any color 1.4 and more, gray ones 0.3 to 0.7, and an upright line of gray 1.
SMOOTHER = 1.1
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
    try:
        return _content_of(value, preprocessing)
    except RecursionError:
        raise InputError("the value holds itself, or nests too deep.") from None


def _content_of(value: Any, preprocessing: Preprocessing) -> Any:
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, os.PathLike) or hasattr(value, "getbands"):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _from_bytes(bytes(value))
    if hasattr(value, "read"):
        return _from_file(value)
    if isinstance(value, np.ndarray):
        return _shaped(np.asarray(value), preprocessing)  # np.matrix stays two-dimensional whatever is taken from it
    for name in ("image_data", "json_data"):  # what streamlit-canvas returns
        if getattr(value, name, None) is not None:
            return _content_of(getattr(value, name), preprocessing)
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
    return open_picture(io.BytesIO(content))


def _from_file(file: Any) -> Any:
    try:
        content = file.read()
        if not content and getattr(file, "seekable", bool)():  # just written
            file.seek(0)
            content = file.read()
        content = content.encode() if isinstance(content, str) else content
    except (OSError, ValueError) as error:  # closed, or a picture that was opened as text
        raise InputError(f"the open file cannot be read ({error}); a picture is opened in binary mode.") from None
    if not isinstance(content, bytes):
        raise InputError(f"an open file gives bytes; read() of {type(file).__name__} gave {type(content).__name__}.")
    return _from_bytes(content)


def _from_mapping(value: Mapping[Any, Any], preprocessing: Preprocessing) -> Any:
    if "objects" in value:  # fabric.js, whose background is a color
        return _drawing_of(value)
    if "data" in value and {"width", "height"} <= value.keys():  # ImageData of a canvas
        return _content_of(value["data"], preprocessing) if isinstance(value["data"], str) else _image_data(value)
    held = [value[key] for key in PICTURE_KEYS if value.get(key) is not None]
    held = held or _sole_picture(value.values())
    held += list(value["layers"]) if isinstance(value.get("layers"), list | tuple) else []
    for one in held:
        found = _content_of(one, preprocessing)
        if len(held) == 1 or not _blank(found):
            return found
    if held:
        return _content_of(held[0], preprocessing)
    if value.get("json_data") is not None:
        return _content_of(value["json_data"], preprocessing)
    if not value:
        raise InputError("the value of the drawing component is empty.")
    return _drawing_of(value)


def _image_data(value: Mapping[Any, Any]) -> NDArray[Any]:
    data, shape = value["data"], (value["height"], value["width"])
    try:
        if isinstance(data, Mapping):  # as browsers write it in JSON
            data = [data[str(index)] for index in range(len(data))]
        numbers = np.asarray(data)
        channels = numbers.size // math.prod(shape)
        if numbers.dtype.kind in "biuf" and min(shape) > 0 and channels in (1, 3, 4):
            return numbers.reshape(*shape, channels) if channels > 1 else numbers.reshape(shape)
    except (TypeError, ValueError, ArithmeticError, KeyError):
        pass  # refused as what else does not fit
    raise InputError("ImageData holds 4 numbers (or 1, or 3) for each pixel of its width and height.")


def _sole_picture(values: Iterable[Any]) -> list[Any]:
    """The one of the values that is, or holds, a whole picture, if any; raises ``InputError`` at several."""
    found = [one for one in values if _is_picture(one)]
    if len(found) > 1:
        raise InputError(f"holds {len(found)} pictures; expected one (`Model.predict_all` takes several).")
    return found


def _is_picture(value: Any) -> bool:
    """Whether a value is, or holds, a picture that is whole; strokes and labels are none."""
    if isinstance(value, Mapping):
        return any(map(_is_picture, value.values()))
    if isinstance(value, str):
        return value.lstrip().startswith(("data:", *BASE64))
    known = isinstance(value, bytes | bytearray | memoryview | os.PathLike) or hasattr(value, "getbands")
    return known or _has_sides(getattr(value, "shape", ()))


def _has_sides(shape: tuple[int, ...]) -> bool:
    """Whether numbers of this shape are a picture, with channels first or last or none, and no points of strokes."""
    sizes = [size for size in shape if size > 1]
    last = len(sizes) > 2 and min(sizes[-2:]) >= LEAST_SIDE
    return last or (len(sizes) > 1 and min(sizes[:2]) >= LEAST_SIDE and sizes[2:] != [2])


def _from_list(value: Any, preprocessing: Preprocessing) -> Any:
    for picture in _sole_picture(value):  # alone, or with its label, as datasets give it
        return _content_of(picture, preprocessing)
    try:
        numbers = np.asarray(value)
    except ValueError:  # of uneven lengths
        return _drawing_of(value)
    flat = numbers.ndim == 1 and numbers.size >= LEAST_SIDE**2
    if numbers.dtype.kind in "biuf" and (flat or _has_sides(numbers.shape)):
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
        if side * side == array.size and _is_rgba(array, side):
            return array.reshape(side // 2, side // 2, 4)
        if side * side == array.size and side > 1:
            return from_flat(array, (side, side, 1), preprocessing.flat_axes)[..., 0]
    return array


def _is_rgba(flat: NDArray[Any], side: int) -> bool:
    """Whether square numbers are rather the pixels of a canvas, four each: these change less from one to the next."""
    if side % 2 or flat.dtype.kind not in "biuf":
        return False
    gray, fours = flat.reshape(side, side, 1).astype(float), flat.reshape(side // 2, side // 2, 4).astype(float)
    changes = [sum(float(np.abs(np.diff(way, axis=axis)).sum()) for axis in (0, 1)) for way in (gray, fours)]
    return changes[0] > SMOOTHER * changes[1]


def from_flat(flat: NDArray[Any], shape: tuple[int, ...], axes: str) -> NDArray[Any]:
    """Flat images (..., h * w * c), whose numbers follow one another as ``axes`` says, as (..., h, w, c)."""
    sizes = dict(zip("hwc", shape, strict=True))
    images = flat.reshape(*flat.shape[:-1], *(sizes[axis] for axis in axes))
    return np.moveaxis(images, [axes.index(axis) - 3 for axis in "hwc"], (-3, -2, -1))
