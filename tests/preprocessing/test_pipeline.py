import gzip
import io
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from jaxdoodle.core.errors import InputError, NoDrawingError
from jaxdoodle.preprocessing import stroke_width
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, STROKE_WIDTH_LIMITS, Preprocessing
from jaxdoodle.preprocessing.foreground import _labeled
from jaxdoodle.preprocessing.pipeline import STROKE_WIDTH_TOLERANCE, preprocess
from jaxdoodle.preprocessing.stroke_width import centerline

CONFIGS = {
    "mnist": MNIST,
    "quickdraw": QUICKDRAW,
    "free": Preprocessing((40, 32, 1), 21.5, "box", (18.0, 17.25), None),
}


def drawing(canvas=400, size=200, place=(90, 120), stroke_width=24):
    """A tilted flag on its pole, white on black, uint8, antialiased."""
    sheet = Image.new("L", (4 * canvas, 4 * canvas))
    pencil = ImageDraw.Draw(sheet)
    corners = [(0.3, 1.0), (0.1, 0.05), (0.6, 0.0), (0.65, 0.4), (0.2, 0.45)]
    points = [(4 * (place[1] + size * x), 4 * (place[0] + size * y)) for x, y in corners]
    pencil.line(points, 255, 4 * stroke_width, "curve")
    reach = 2 * stroke_width
    for x, y in (points[0], points[-1]):
        pencil.ellipse((x - reach, y - reach, x + reach, y + reach), 255)
    return np.asarray(sheet.resize((canvas, canvas), Image.Resampling.BOX))


INK = drawing()


def _colored(ink, ink_color, background):
    share = ink[..., None] / 255
    return np.rint(share * np.array(ink_color) + (1 - share) * np.array(background)).astype(np.uint8)


def _saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return Image.open(buffer)


def _turned(image, orientation):
    exif = image.getexif()
    exif[0x0112] = orientation
    return _saved(image, "PNG", exif=exif)


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
    "Pillow palette": (_saved(Image.fromarray(255 - INK).convert("P"), "GIF"), "light"),
    "palette with transparency": (
        _saved(Image.fromarray(np.minimum(INK, 250)).convert("P"), "PNG", transparency=0), "transparent"),
    "Pillow 16 bits": (_saved(Image.fromarray(INK.astype(np.uint16) * 257), "PNG"), "dark"),
    "Pillow 1 bit": (Image.fromarray(255 - INK).convert("1", dither=Image.Dither.NONE), "light"),
    "animated PNG": (_saved(Image.fromarray(INK), "PNG", **TWO), "dark"),
    "animated GIF": (_saved(Image.fromarray(255 - INK), "GIF", **TWO), "light"),
    "CMYK JPEG": (_saved(Image.fromarray(255 - INK).convert("RGB").convert("CMYK"), "JPEG", quality=90), "light"),
    "Pillow 32 bits": (Image.fromarray(INK.astype(np.int32) * 3), "dark"),
    "Pillow floats": (Image.fromarray(INK.astype(np.float32) * 7 - 3), "dark"),
    "JPEG": (_saved(Image.fromarray(255 - INK), "JPEG", quality=50), "light"),
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


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW], ids=["mnist", "quickdraw"])
def test_the_stroke_width_is_brought_towards_that_of_the_training_images(preprocessing):
    reference = preprocess(drawing(stroke_width=12), preprocessing).bitmap.astype(float)
    for width in (2, 5, 12, 20, 30):
        picture = drawing(stroke_width=width)
        preprocessed = preprocess(picture, preprocessing)
        kept = preprocess(picture, Preprocessing(**preprocessing.to_dict() | {"stroke_width": None}))
        made = preprocessed.stroke_width * preprocessed.scale + preprocessed.widened
        low, high = (part * preprocessing.stroke_width for part in STROKE_WIDTH_TOLERANCE)
        assert low - 0.1 <= made <= high + 0.1
        assert abs(preprocessed.stroke_width - width) < 0.1 * width + 0.5
        assert kept.widened == 0
        if abs(preprocessed.widened) > 0.3:
            off, before = (np.abs(p.bitmap - reference).mean() for p in (preprocessed, kept))
            assert off < 0.8 * before


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


def _scenery():
    """Noise with more of it the coarser it is, as photographs have."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(300), np.fft.fftfreq(300))) + 1 / 300
    waves = np.fft.fft2(np.random.default_rng(0).normal(size=(300, 300))) / frequency**1.5
    picture = np.fft.ifft2(waves).real
    return (picture - picture.min()) / np.ptp(picture)


REJECTED = [
    (
        np.pad(np.ones((1, 1), np.float32), 1),
        "the image: the picture shows a single dot, 1 pixels wide; expected lines.",
    ),
    (np.pad(np.ones((9, 9), np.float32), 20), "the image: the picture shows a single dot, 9 pixels wide; expected"),
    (np.random.default_rng(0).random((60, 60)), "the image: the picture is too busy: its lines are 17 times as long"),
    (np.random.default_rng(0).random((300, 200)) < 0.4, "the image: the picture is too busy: its lines are"),
    (
        np.pad(np.ones((97, 97, 4), np.float32), ((1, 2), (1, 2), (0, 0))),
        "the image: the picture is full: 94 % of it is ink; expected lines on",
    ),
    ([([3, 3], [4, 4])], "the image: the strokes are a single dot; expected lines."),
    ([([0, 100] * 200, [0, 1] * 200)], "the image: the strokes are too busy: 399 times as long as the drawing;"),
    (_scenery(), "the image: the picture is too busy: its lines are"),
    (np.zeros((50, 50), np.uint8), "the image: the picture is blank: nothing differs"),
    (np.full((50, 50, 3), 200, np.uint8), "the image: the picture is blank: nothing differs"),
    (np.zeros((9, 9, 4), np.uint8), "the image: the picture is blank: all of it is transparent."),
    (Image.new("I", (9, 9), 70), "the image: the picture is blank: nothing differs"),
    (np.zeros((2, 28, 28), np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.zeros((28, 0), np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.zeros(784, np.uint8), "the image: a picture has the shape (h, w), (h, w, 1)"),
    (np.zeros((28, 28), np.int64), "the image: a picture holds uint8, uint16, bool or floats from 0 to 1; got int64."),
    (np.zeros((28, 28), object), "the image: a picture holds uint8, uint16, bool or floats from 0 to 1; got object."),
    (np.full((28, 28), 255.0), "the image: a picture of floats goes from 0 to 1; got 255 to 255."),
    (np.full((28, 28), np.nan), "the image: a picture of floats goes from 0 to 1; got nan to nan."),
    ([[0, 1]], "the image: stroke 0 is two equally long lists of numbers below a million; got [0, 1]."),
    (None, "the image: a drawing is a path, a Pillow image, a NumPy array or a list of strokes; got NoneType."),
]


@pytest.mark.parametrize(("picture", "message"), REJECTED, ids=[str(i) for i in range(len(REJECTED))])
def test_what_shows_no_drawing_is_rejected(picture, message):
    with pytest.raises(InputError) as error:
        preprocess(picture, MNIST)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "text": (b"hello", "not a picture that can be read; expected PNG, JPEG, GIF and the like."),
    "empty": (b"", "not a picture that can be read; expected PNG, JPEG, GIF and the like."),
    "cut short": (_png(Image.fromarray(INK))[:900], "not a picture that can be read (image file is truncated"),
    "blank": (_png(Image.new("L", (30, 30), 255)), "the picture is blank: nothing differs from its background"),
    "far too large": (_png(Image.new("1", (8000, 8000))), "the picture has 8000x8000 pixels; at most 50,000,000 are"),
    "a bomb": (_png(Image.new("1", (30000, 30000))), "not a picture that can be read (Image size (900000000 pixels)"),
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


def test_a_picture_file_is_prepared_like_the_picture(tmp_path):
    Image.fromarray(255 - INK).save(tmp_path / "drawing.png")
    for path in (tmp_path / "drawing.png", str(tmp_path / "drawing.png")):
        np.testing.assert_array_equal(preprocess(path, MNIST).bitmap, preprocess(255 - INK, MNIST).bitmap)


def test_a_drawing_cut_to_its_outline_is_not_inverted():
    frame = np.pad(drawing(200, 120, (30, 50), 8), 8, constant_values=255)
    roomy = np.pad(frame, 60)
    for picture in (frame, 255 - frame):
        preprocessed = preprocess(picture, QUICKDRAW)
        assert np.abs(preprocessed.bitmap.astype(int) - preprocess(roomy, QUICKDRAW).bitmap).mean() < 4
    assert preprocess(255 - frame, QUICKDRAW).background == "light"


def _photographed(ink, dark=False):
    """A gradient, a shadow's edge, fine ruled lines, noise and JPEG over ink on paper, or chalk on a board."""
    y, x = np.mgrid[:400, :400] / 400
    light = (0.95 - 0.4 * x - 0.1 * y**2) * np.where(x + 0.3 * y > 0.8, 0.7, 1)
    ruled = np.where(np.arange(400)[:, None] % 40 < 2, 0.9, 1.0)
    seen = light * np.where(ink > 127, 0.25, ruled)
    seen = 1 - seen if dark else seen
    noisy = np.clip(seen + np.random.default_rng(0).normal(0, 0.015, seen.shape), 0, 1)
    return _saved(Image.fromarray(np.rint(255 * noisy).astype(np.uint8)).convert("RGB"), "JPEG", quality=60)


@pytest.mark.parametrize("dark", [False, True])
def test_a_photograph_is_evened_out(dark):
    ink = drawing(stroke_width=12)
    preprocessed = preprocess(_photographed(ink, dark), QUICKDRAW)
    assert preprocessed.uneven and preprocessed.background == ("dark" if dark else "light")
    clean = preprocess(ink, QUICKDRAW)
    assert not clean.uneven
    assert np.abs(preprocessed.bitmap.astype(int) - clean.bitmap).mean() < 6


def test_wide_strokes_keep_their_centerlines():
    """Where strokes have run together the lines stay whole, and no piece is lost."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        side = 2 + seed % 5
        mask = np.pad(rng.random((12, 12)).repeat(side, 0).repeat(side, 1) < 0.3, 1)
        line = centerline(mask, 60)
        assert not (line & ~mask).any()
        assert _labeled(line).max() == _labeled(mask).max()
        inside = np.pad(~mask, 1, constant_values=True), np.pad(~line, 1, constant_values=True)
        four = [ndimage.label(outside)[1] for outside in inside]
        assert four[0] == four[1]


def test_the_stroke_width_is_that_of_lines_not_of_filled_shapes():
    picture = drawing(stroke_width=12).copy()
    picture[300:380, 20:100] = 255
    for y in range(10, 370, 40):  # where two lines have run together, and more of this than of single ones
        picture[y : y + 24, 300:390] = 255
    assert abs(preprocess(picture, QUICKDRAW).stroke_width - 12) < 2


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


def test_arrays_are_prepared_without_pillow():
    code = (
        "import sys; sys.modules.update(PIL=None); import numpy as np\n"
        "from jaxdoodle.preprocessing.pipeline import preprocess\n"
        "from jaxdoodle.preprocessing.config import MNIST\n"
        "assert preprocess(np.eye(50), MNIST).bitmap.any()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("preprocessing", CONFIGS.values(), ids=CONFIGS)
def test_a_darker_spot_does_not_take_grey_lines_with_it(preprocessing):
    page = np.full((200, 200), 255, np.uint8)
    page[40:160, 60:66] = page[154:160, 60:130] = 190
    clean = preprocess(page, preprocessing).bitmap.astype(int)
    page[100, 62] = 0
    spotted = preprocess(page, preprocessing).bitmap
    assert np.abs(spotted - clean).mean() < 6 and (spotted > 128).sum() > 0.8 * (clean > 128).sum()


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


def test_a_picture_in_which_nothing_is_like_its_border_is_refused():
    border = np.array([[0, 255, 0], [255, 0, 0], [0, 0, 255]], np.uint8)  # its median color, black, is none of them
    with pytest.raises(InputError, match="full|blank"):
        preprocess(border[np.arange(60 * 60) % 3].reshape(60, 60, 3), MNIST)


@pytest.mark.parametrize("part", STROKE_WIDTH_LIMITS)
def test_strokes_of_a_large_bitmap_take_no_more_work_than_those_of_a_small_one(part, monkeypatch):
    sizes, real = [], stroke_width.centerline
    monkeypatch.setattr(
        stroke_width, "centerline", lambda mask, layers: sizes.append(max(mask.shape)) or real(mask, layers)
    )
    preprocessing = Preprocessing((1000, 1000, 1), 800.0, "box", (500.0, 500.0), 800 * part)
    bitmap = preprocess(INK, preprocessing).bitmap
    assert sizes and max(sizes) <= stroke_width.MAX_WORK_SIDE + 3 and bitmap.any()


def test_a_large_picture_is_reduced_before_it_takes_four_times_the_memory():
    sheet = np.zeros((3000, 3000, 4), np.uint8)
    sheet[600:2400, 1400:1600] = 255
    tracemalloc.start()
    preprocess(sheet, MNIST)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * sheet.nbytes
