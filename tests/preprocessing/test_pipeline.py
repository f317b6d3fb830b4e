"""The same drawing gives the same bitmap in every form, and the bitmap is as a network expects it."""

import gzip
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.pipeline import preprocess
from tests.fixtures.pictures import CONFIGS, INK, drawing, saved


def _colored(ink, ink_color, background):
    share = ink[..., None] / 255
    return np.rint(share * np.array(ink_color) + (1 - share) * np.array(background)).astype(np.uint8)


def _turned(image, orientation):
    exif = image.getexif()
    exif[0x0112] = orientation
    return saved(image, "PNG", exif=exif)


def _specked(ink):
    rng, specked = np.random.default_rng(0), ink.copy()
    specked[rng.integers(0, 400, 60), rng.integers(0, 400, 60)] = 255
    specked[395:398, 3:6] = 200
    return specked


def _page_on_nothing():
    page = np.dstack([np.zeros((400, 400, 3)), np.zeros((400, 400))]).astype(np.uint8)
    page[60:330, 60:330] = np.dstack([np.repeat(255 - INK[..., None], 3, 2), np.full_like(INK, 255)])[60:330, 60:330]
    return page


#: Of an animation whose second picture is another one.
TWO = {"save_all": True, "append_images": [Image.new("L", (400, 400), 99)]}
TRANSPARENT = np.dstack([np.full((400, 400, 3), 90, np.uint8), INK])
#: One drawing in many forms: what is handed in, and the background that should be found.
FORMS = {
    "white on black": (INK, "dark"),
    "black on white": (255 - INK, "light"),
    "with a channel": (INK[..., None], "dark"),
    "light gray on white": (_colored(INK, [205], [255]), "light"),
    "dark gray on black": (_colored(INK, [60], [0]), "dark"),
    "black on gray": (_colored(INK, [0], [128]), "light"),
    "white on gray": (_colored(INK, [255], [128]), "dark"),
    "yellow on white": (_colored(INK, [255, 230, 0], [255, 255, 255]), "light"),
    "red on green of the same gray": (_colored(INK, [200, 0, 0], [0, 102, 0]), "dark"),
    "floats": (INK.astype(np.float64) / 255, "dark"),
    "16 bits": (INK.astype(np.uint16) * 257, "dark"),
    "opaque alpha": (np.dstack([_colored(255 - INK, [255] * 3, [0] * 3), np.full_like(INK, 255)]), "light"),
    "dark ink on nothing": (np.dstack([np.zeros((400, 400, 3), np.uint8), INK]), "transparent"),
    "light ink on nothing": (np.dstack([np.full((400, 400, 3), 255, np.uint8), INK]), "transparent"),
    "gray ink on nothing": (TRANSPARENT, "transparent"),
    "two inks on nothing": (np.dstack([np.triu(np.full_like(INK, 255))] * 3 + [INK]), "transparent"),
    "page on nothing": (_page_on_nothing(), "light"),
    "moved": (np.roll(INK, (-70, 100), (0, 1)), "dark"),
    "cut to the ink": (drawing(230, 200, (14, 8)), "dark"),
    "specks": (_specked(INK), "dark"),
    "Pillow L": (Image.fromarray(255 - INK), "light"),
    "Pillow CMYK": (Image.fromarray(255 - INK).convert("RGB").convert("CMYK"), "light"),
    "Pillow LA": (Image.fromarray(TRANSPARENT).convert("LA"), "transparent"),
    "Pillow palette": (saved(Image.fromarray(255 - INK).convert("P"), "GIF"), "light"),
    "palette with transparency": (
        saved(Image.fromarray(np.minimum(INK, 250)).convert("P"), "PNG", transparency=0), "transparent"),
    "Pillow 16 bits": (saved(Image.fromarray(INK.astype(np.uint16) * 257), "PNG"), "dark"),
    "Pillow 1 bit": (Image.fromarray(255 - INK).convert("1", dither=Image.Dither.NONE), "light"),
    "animated PNG": (saved(Image.fromarray(INK), "PNG", **TWO), "dark"),
    "animated GIF": (saved(Image.fromarray(255 - INK), "GIF", **TWO), "light"),
    "CMYK JPEG": (saved(Image.fromarray(255 - INK).convert("RGB").convert("CMYK"), "JPEG", quality=90), "light"),
    "Pillow 32 bits": (Image.fromarray(INK.astype(np.int32) * 3), "dark"),
    "Pillow floats": (Image.fromarray(INK.astype(np.float32) * 7 - 3), "dark"),
    "JPEG": (saved(Image.fromarray(255 - INK), "JPEG", quality=50), "light"),
    "turned by its EXIF": (_turned(Image.fromarray(255 - INK).transpose(Image.Transpose.ROTATE_90), 6), "light"),
    "large": (drawing(1200, 600, (270, 360), 72), "dark"),
    "small": (np.asarray(Image.fromarray(255 - INK).resize((100, 100), Image.Resampling.BOX)), "light"),
}  # fmt: skip
#: Forms that come out less alike, and how far off, of 255, on average.
LOOSE = {
    "Pillow palette": 2,
    "JPEG": 2,
    "Pillow 1 bit": 2,
    "animated GIF": 2,
    "CMYK JPEG": 2,
    "small": 3,
    "palette with transparency": 4,
    "dark gray on black": 1.5,
    "large": 2.5,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_drawing_comes_out_alike_in_every_form(form):
    picture, background = FORMS[form]
    preprocessed = preprocess(picture, QUICKDRAW)
    assert preprocessed.background == background
    difference = np.abs(preprocessed.bitmap.astype(int) - preprocess(INK, QUICKDRAW).bitmap).mean()
    assert difference <= LOOSE.get(form, 1.0)


def test_black_and_white_pixels_do_too():
    mask = drawing() > 127
    for picture in (mask, ~mask, Image.fromarray(mask)):
        bitmap = preprocess(picture, QUICKDRAW).bitmap
        assert np.abs(bitmap.astype(int) - preprocess(INK, QUICKDRAW).bitmap).mean() < 2


@pytest.mark.parametrize("preprocessing", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("size", [40, 120, 350])
@pytest.mark.parametrize("place", [(0.1, 0.1), (0.4, 0.3)])
def test_the_bitmap_is_as_the_preprocessing_says(preprocessing, size, place):
    canvas = 2 * size
    picture = drawing(canvas, size, [canvas * part for part in place], stroke_width=max(2, size // 12))
    preprocessed = preprocess(255 - picture, preprocessing)
    bitmap = preprocessed.bitmap.astype(float)
    assert preprocessed.bitmap.dtype == np.uint8 and bitmap.shape == preprocessing.image_shape[:2]
    assert bitmap.max() > 200 and bitmap[0, 0] == 0
    for axis in (0, 1):
        profile = bitmap.sum(axis=1 - axis)
        if preprocessing.centering == "mass":
            assert abs(profile @ np.arange(len(profile)) / profile.sum() - preprocessing.center[axis]) < 0.1
        else:
            drawn = np.flatnonzero(profile)
            assert abs((drawn[0] + drawn[-1]) / 2 - preprocessing.center[axis]) <= 0.51
    rows, columns = (np.flatnonzero(bitmap.max(axis=axis) > 100) for axis in (1, 0))
    assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - preprocessing.longest_side) < 1.6


@pytest.mark.parametrize("file", ["mnist", "quickdraw"])
def test_data_as_published_comes_back_as_it_is(data_root, file):
    if file == "mnist":
        with gzip.open(data_root / "mnist/t10k-images-idx3-ubyte.gz") as stream:
            images = np.frombuffer(stream.read(16 + 300 * 784), np.uint8, offset=16)
    else:
        images = np.load(data_root / "quickdraw/full/numpy_bitmap/clock.npy")[:300]
    images = images.reshape(-1, 28, 28)
    same = [np.array_equal(preprocess(image, CONFIGS[file]).bitmap, image) for image in images]
    # The others have no pixel of full strength, and are brought to it.
    assert all(ok or image.max() < 255 for ok, image in zip(same, images, strict=True))
    assert np.mean(same) > 0.6
    for image in images[:50]:
        black_on_white = preprocess(255 - image, CONFIGS[file]).bitmap
        assert np.abs(black_on_white.astype(int) - preprocess(image, CONFIGS[file]).bitmap).max() <= 1


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW], ids=["mnist", "quickdraw"])
def test_a_bitmap_out_of_place_or_size_is_put_right(preprocessing):
    bitmap = preprocess(INK, preprocessing).bitmap
    small = np.zeros_like(bitmap)
    small[:20, 4:24] = np.asarray(Image.fromarray(bitmap).resize((20, 20), Image.Resampling.BOX))
    for changed, allowed in ((np.roll(bitmap, (1, -1), (0, 1)), 4), (small, 13)):
        before = np.abs(changed.astype(int) - bitmap).mean()
        assert np.abs(preprocess(changed, preprocessing).bitmap.astype(int) - bitmap).mean() < allowed < before / 2


def test_digits_drawn_anywhere_are_recognized_as_well_as_published_ones(data_root):
    def images(name, count):
        with gzip.open(data_root / f"mnist/{name}-images-idx3-ubyte.gz") as stream:
            pixels = np.frombuffer(stream.read(16 + count * 784), np.uint8, offset=16).reshape(count, 28, 28)
        with gzip.open(data_root / f"mnist/{name}-labels-idx1-ubyte.gz") as stream:
            return pixels, np.frombuffer(stream.read(8 + count), np.uint8, offset=8)

    known, labels = images("train", 8000)
    digits, truth = images("t10k", 200)
    rows = known.reshape(len(known), -1).astype(np.float32)

    def correct(bitmaps):
        """By their nearest neighbour among the training images."""
        x = np.stack(bitmaps).reshape(len(bitmaps), -1).astype(np.float32)
        nearest = ((rows**2).sum(axis=1) - 2 * x @ rows.T).argmin(axis=1)
        return int((labels[nearest] == truth).sum())

    rng, redrawn, placed = np.random.default_rng(0), [], []
    for digit in digits:
        size = int(rng.integers(60, 200))
        canvas = np.zeros((int(size * rng.uniform(1, 3)),) * 2, np.uint8)
        top, left = rng.integers(0, len(canvas) - size + 1, 2)
        canvas[top : top + size, left : left + size] = Image.fromarray(digit).resize((size, size))
        canvas = 255 - canvas if rng.random() < 0.5 else canvas
        redrawn.append(preprocess(canvas, MNIST).bitmap)
        placed.append(np.asarray(Image.fromarray(canvas).resize((28, 28))))
    assert correct(redrawn) >= correct(digits) - 2
    assert correct(placed) < correct(digits) - 60


EXTREMES = {
    "a row": np.pad(np.ones((1, 300)), 5),
    "a column": np.pad(np.ones((300, 1)), 5),
    "a strip one pixel high": np.pad(np.ones((1, 90)), ((0, 0), (40, 40))),
    "a strip 5000 pixels long": np.pad(np.ones((1, 90)), ((0, 0), (2500, 2500))),
    "two far dots": np.diag(np.r_[1, np.zeros(198), 1]),
    "filled": np.pad(np.ones((200, 180)), 30),
    "a thin line in a large picture": np.pad(np.eye(1500), 300),
}


@pytest.mark.parametrize("preprocessing", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("name", EXTREMES)
def test_the_strangest_drawing_gives_a_bitmap(name, preprocessing):
    preprocessed = preprocess(EXTREMES[name].astype(np.float32), preprocessing)
    assert preprocessed.bitmap.shape == preprocessing.image_shape[:2] and preprocessed.bitmap.any()
    if preprocessing.stroke_width is not None:
        assert preprocessed.bitmap.max() > 100


def test_the_steps_say_what_was_done():
    preprocessed = preprocess(255 - _specked(drawing(stroke_width=40)), QUICKDRAW)
    steps = preprocessed.steps
    names = [name for name, _ in steps]
    assert names[:2] == ["picture", "ink on light"] and names[-1] == "bitmap"
    assert f"without {preprocessed.specks} specks" in names and "cut to the ink" in names
    assert any(name.startswith("strokes ") and name.endswith(" px narrower") for name in names)
    assert all(picture.min() >= 0 and picture.max() <= 1 for _, picture in steps)
    np.testing.assert_array_equal(np.rint(255 * steps[-1][1]), preprocessed.bitmap)
    assert repr(preprocessed) == f"<Preprocessed 28x28, light: {', '.join(names)}>"


def test_a_rejected_picture_has_the_steps_up_to_its_rejection():
    with pytest.raises(NoDrawingError) as dot:
        preprocess(np.pad(np.ones((9, 9), np.float32), 20), MNIST)
    assert [name for name, _ in dot.value.steps] == ["picture", "ink on dark"]
    with pytest.raises(NoDrawingError) as dot:
        preprocess([([3, 3], [4, 4])], MNIST)
    assert dot.value.steps == ()


def test_what_was_done_is_said():
    preprocessed = preprocess(_specked(drawing(stroke_width=24)), QUICKDRAW)
    top, left, bottom, right = preprocessed.box
    assert abs(top - 78) < 2 and abs(bottom - 302) < 2 and abs(left - 128) < 3 and abs(right - 262) < 3
    assert 50 <= preprocessed.specks <= 61
    assert abs(preprocessed.stroke_width - 24) < 3
    assert preprocessed.widened < 0
    assert abs(preprocessed.scale * (bottom - top) - QUICKDRAW.longest_side) < 1.5
    reduced = preprocess(FORMS["large"][0], QUICKDRAW)
    np.testing.assert_allclose(reduced.box, np.array(preprocess(INK, QUICKDRAW).box) * 3, atol=6)


def test_arrays_are_preprocessed_without_pillow():
    code = (
        "import sys; sys.modules.update(PIL=None); import numpy as np\n"
        "from jaxdoodle.preprocessing.pipeline import preprocess\n"
        "from jaxdoodle.preprocessing.config import MNIST\n"
        "assert preprocess(np.eye(50), MNIST).bitmap.any()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
