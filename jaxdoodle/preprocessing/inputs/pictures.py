"""Any picture -> its pixels, upright: files of every format and Pillow's images by Pillow, arrays without it."""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.files import open_regular
from jaxdoodle.core.types import NDArray
from jaxdoodle.preprocessing.resample import shrink

MAX_PIXELS = 50_000_000
#: The pictures that are read, by suffix, with Pillow's name of the format.
PICTURE_FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".gif": "GIF", ".bmp": "BMP", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF", ".pgm": "PPM", ".pbm": "PPM", ".ppm": "PPM",
    ".jfif": "JPEG", ".jpe": "JPEG", ".avif": "AVIF", ".heic": "HEIF", ".heif": "HEIF",
}  # fmt: skip
#: The tag of TIFF, and its bit, that say that a page is another one in fewer pixels.
SUBFILE, REDUCED = 254, 1
#: Formats that not every Pillow reads: AVIF from 11.3 on, HEIF with the package pillow-heif.
OPTIONAL_FORMATS = ("AVIF", "HEIF")
#: Part of the range of 16 bits below which a picture is taken to use another one, of so many levels at least.
NARROW, LEAST_LEVELS = 0.25, 64
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
        image = array_of(image)
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
    pixels, divisor = ranged(pixels)
    return shrink(pixels, step) / np.float32(divisor), step


def ranged(pixels: NDArray[Any]) -> tuple[NDArray[Any], float]:
    """Pixels of any type, and the number to divide them by for 0 to 1.

    Whole numbers go to the least of 1, 16, 255 and 2**k - 1 that none of them exceeds, but a picture of 16 bits that
    uses a small part of its range is brought to all of it; floats go to 1, 16 or 255, or from -1 to 1.

    Raises:
      InputError: They are no numbers of a picture.
    """
    kind = pixels.dtype.kind
    if kind == "b":
        return pixels, 1.0
    if kind not in "iuf":
        raise InputError(f"a picture holds whole numbers, bool or floats; got {pixels.dtype}.")
    low, high = float(pixels.min()), float(pixels.max())
    if kind == "f" and -1 <= low < 0 and high <= 1.5:  # resampled beyond its range, or from -1 to 1
        pixels = np.clip(pixels, 0, 1) if low >= -0.5 else np.clip((pixels + 1) / 2, 0, 1)
        return pixels, 1.0
    limit = 65535 if kind != "f" else 255
    if not (low >= 0 and high <= limit):
        hint = "; if it is normalized, x * std + mean undoes that" if kind == "f" and low < 0 < high else ""
        raise InputError(
            f"a picture goes from 0 to 1, 255 or, in whole numbers, 65,535; got {low:g} to {high:g}{hint}."
        )
    if kind == "f":
        return pixels, float(next(top for top in (1, 16, 255) if high <= top))
    if high > 255 and LEAST_LEVELS <= high - low < NARROW * limit:
        return (pixels - pixels.min()).astype(np.float32), high - low
    if pixels.dtype == np.uint8 and high > 16:
        return pixels, 255.0
    return pixels, float(next(top for top in (1, 16, 255, 1023, 4095, 16383, 65535) if high <= top))


def open_picture(source: Any) -> Any:
    """Open a path, or a binary file, which is closed, as a Pillow image, not yet upright.

    Raises:
      InputError: It cannot be read or holds several pictures, or Pillow is missing.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise InputError("pictures need Pillow; `python -m pip install pillow` installs it.") from None
    formats = _formats(source, Image)
    try:
        # Given a path, Pillow maps a TIFF into memory by the sides that it has when turned, and scrambles it.
        stream = open_regular(source) if isinstance(source, str | os.PathLike) else source
        with stream, Image.open(stream, formats=formats) as image:
            if image.width * image.height > MAX_PIXELS:
                raise InputError(
                    f"the picture has {image.width}x{image.height} pixels; at most {MAX_PIXELS:,} are read."
                )
            if (count := _pictures_in(image)) > 1:
                raise InputError(f"holds {count} pictures, as pages or frames; expected one, in a file of its own.")
            return image.copy()
    except InputError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{error.strerror}.") from None
    except (*FAULTS, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        told = getattr(error, "strerror", None) or error
        reason = "" if isinstance(error, Image.UnidentifiedImageError) else f" ({told})"
        raise InputError(f"not a picture that can be read{reason}; expected PNG, JPEG, GIF and the like.") from None


def _formats(source: Any, image_module: Any) -> list[str]:
    """The formats that can be read here. Raises ``InputError`` where the source is of one that cannot."""
    needed = PICTURE_FORMATS.get(os.path.splitext(source)[1].lower()) if isinstance(source, str | os.PathLike) else ""
    if needed == "HEIF" and "HEIF" not in image_module.OPEN:
        try:
            import pillow_heif

            pillow_heif.register_heif_opener()
        except ModuleNotFoundError:
            raise InputError(f"HEIC needs pillow-heif; {install_hint('datasets')}.") from None
    if needed in OPTIONAL_FORMATS:
        image_module.init()
        if needed not in image_module.OPEN:
            raise InputError(f"{needed} is not read by this Pillow; a newer one, or another format, is needed.")
    known = dict.fromkeys(PICTURE_FORMATS.values())
    return [name for name in known if name not in OPTIONAL_FORMATS or name in image_module.OPEN]


def _pictures_in(image: Any) -> int:
    """How many pictures a file shows: the pages of a scan, the frames of an animation; a thumbnail is none."""
    count = int(getattr(image, "n_frames", 1))
    if image.format == "MPO":  # photographs, beside which is one for the other eye or a map of lights
        return 1
    if image.format != "TIFF":
        return count
    shown = 0
    for frame in range(count):
        image.seek(frame)
        shown += not image.tag_v2.get(SUBFILE, 0) & REDUCED
    image.seek(0)
    return shown


def array_of(image: Any) -> NDArray[Any]:
    """A Pillow image as an array of uint8, uint16 or float, upright. Raises ``InputError``."""
    try:
        return _from_pillow(image)
    except FAULTS as error:
        raise InputError(f"not a picture that can be read ({error}).") from None


def _from_pillow(image: Any) -> NDArray[Any]:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode == "F" or image.mode.startswith("I"):
        gray = np.asarray(image, np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite, or beyond measure, comes out as NaN
            reach = np.ptp(gray)
            return (gray - gray.min()) / reach if reach != 0 else np.zeros_like(gray)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
