"""Picture files: which are read, and what is said of the others."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing.config import MNIST
from jaxdoodle.preprocessing.pipeline import preprocess
from tests.fixtures.pictures import INK


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _claims(width, height):
    """A PNG whose header says that it is of this size."""
    content = _png(Image.new("1", (8, 8)))
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


FILES = {
    "text": (b"hello", "not a picture that can be read; expected PNG, JPEG, GIF and the like."),
    "empty": (b"", "not a picture that can be read; expected PNG, JPEG, GIF and the like."),
    "cut short": (_png(Image.fromarray(INK))[:900], "not a picture that can be read (image file is truncated"),
    "blank": (_png(Image.new("L", (30, 30), 255)), "the picture is blank: nothing differs from its background"),
    "far too large": (_claims(8000, 8000), "the picture has 8000x8000 pixels; at most 50,000,000 are"),
    "a bomb": (_claims(30000, 30000), "not a picture that can be read (Image size (900000000 pixels)"),
    "absent": (None, "No such file or directory."),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_bad_picture_file_is_refused_by_name(tmp_path, name):
    content, message = FILES[name]
    path = tmp_path / "drawing.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        preprocess(path, MNIST)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_picture_file_is_preprocessed_like_the_picture(tmp_path):
    Image.fromarray(255 - INK).save(tmp_path / "drawing.png")
    for path in (tmp_path / "drawing.png", str(tmp_path / "drawing.png")):
        np.testing.assert_array_equal(preprocess(path, MNIST).bitmap, preprocess(255 - INK, MNIST).bitmap)


@pytest.mark.parametrize("suffix", ["tiff", "gif", "webp", "png"])
def test_a_file_of_several_pictures_is_refused_and_not_read_in_part(tmp_path, suffix):
    pages = [Image.fromarray(np.roll(255 - INK, shift, 1)) for shift in (0, 9, 20)]
    pages[0].save(tmp_path / f"scan.{suffix}", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=r"holds 3 pictures, as pages or frames; expected one"):
        preprocess(tmp_path / f"scan.{suffix}", MNIST)


def test_a_thumbnail_beside_a_picture_is_no_second_one(tmp_path):
    picture = Image.fromarray(255 - INK)
    with TiffImagePlugin.AppendingTiffWriter(tmp_path / "scan.tiff", new=True) as file:
        for page, kind in ((picture, 0), (picture.reduce(2), 1)):
            page.save(file, format="TIFF", tiffinfo={254: kind})
            file.newFrame()
    np.testing.assert_array_equal(preprocess(tmp_path / "scan.tiff", MNIST).bitmap, preprocess(picture, MNIST).bitmap)


def test_a_blank_picture_of_sixteen_bits_is_blank():
    noise = np.random.default_rng(0).integers(40000, 40003, (50, 50)).astype(np.uint16)
    with pytest.raises(InputError, match="blank"):
        preprocess(Image.fromarray(noise), MNIST)


def test_other_programs_are_not_asked_to_read_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(InputError, match="not a picture that can be read"):
        preprocess(tmp_path / "a.png", MNIST)


def test_without_pillow_a_picture_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(InputError, match="pictures need Pillow"):
        preprocess(tmp_path / "a.png", MNIST)


def test_a_large_picture_is_reduced_before_it_takes_four_times_the_memory():
    sheet = np.zeros((3000, 3000, 4), np.uint8)
    sheet[600:2400, 1400:1600] = 255
    tracemalloc.start()
    preprocess(sheet, MNIST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * sheet.nbytes
