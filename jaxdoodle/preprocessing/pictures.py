"""Any picture -> its pixels, upright: files of every format and Pillow's images by Pillow, arrays without it."""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.resample import shrink

MAX_PIXELS = 50_000_000
#: The pictures that are read, by suffix, with Pillow's name of the format: those that Pillow reads by itself.
PICTURE_FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF", ".pgm": "PPM", ".pbm": "PPM", ".ppm": "PPM",
}  # fmt: skip
#: What Pillow raises at files that are damaged.
FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, NotImplementedError, struct.error)


def pixels_of(image: Any, side: int) -> tuple[NDArray[np.float32], int]:
    """The pixels of a path, a Pillow image or an array, upright, reduced by a whole number to ``side`` a side.

    Returns:
      float32 (h, w, 1, 3 or 4), 0 to 1, and the number.

    Raises:
      InputError: There is no picture that can be read.
    """
    if isinstance(image, str | os.PathLike):
        image = open_picture(image)
    if hasattr(image, "getbands"):
        try:
            image = _from_pillow(image)
        except FAULTS as error:
            raise InputError(f"not a picture that can be read ({error}).") from None
    elif not isinstance(image, np.ndarray):
        raise InputError(
            f"a drawing is a path, a Pillow image, a NumPy array or a list of strokes; got {type(image).__name__}."
        )
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not 0 < pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS:
        raise InputError(
            f"a picture has the shape (h, w), (h, w, 1), (h, w, 3) or (h, w, 4) and 1 to {MAX_PIXELS:,} pixels; "
            f"got {image.shape}."
        )
    step = -(-max(pixels.shape[:2]) // side)
    if pixels.dtype in (np.uint8, np.uint16):
        return shrink(pixels, step) / np.float32(np.iinfo(pixels.dtype).max), step
    if pixels.dtype != bool and not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"a picture holds uint8, uint16, bool or floats from 0 to 1; got {pixels.dtype}.")
    if not (pixels.min() >= 0 and pixels.max() <= 1):
        raise InputError(f"a picture of floats goes from 0 to 1; got {pixels.min():g} to {pixels.max():g}.")
    return shrink(pixels, step), step


def open_picture(source: Any) -> Any:
    """Open a path, or a binary file, which is closed, as a Pillow image: of an animation the first, not yet upright.

    Raises:
      InputError: It cannot be read, or Pillow is missing.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise InputError("pictures need Pillow; `python -m pip install pillow` installs it.") from None
    try:
        # Given a path, Pillow maps a TIFF into memory by the sides that it has when turned, and scrambles it.
        stream = open(source, "rb") if isinstance(source, str | os.PathLike) else source
        with stream, Image.open(stream, formats=list(PICTURE_FORMATS.values())) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"the picture has {image.width}x{image.height} pixels; at most {MAX_PIXELS:,} are read."
                )
            return image.copy()
    except InputError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{error.strerror}.") from None
    except (*FAULTS, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        reason = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({error})"
        raise InputError(f"not a picture that can be read{reason}; expected PNG, JPEG, GIF and the like.") from None


def _from_pillow(image: Any) -> NDArray[Any]:
    """As an array of uint8 or float, upright."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image, np.float32) / np.float32(65535)
    if image.mode == "F" or image.mode.startswith("I"):
        gray = np.asarray(image, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite, or beyond measure, comes out as NaN
            reach = np.ptp(gray)
            return (gray - gray.min()) / reach if reach != 0 else np.zeros_like(gray)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
