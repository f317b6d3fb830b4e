"""A prediction takes what programs hold: every form of one picture gives the same bitmap."""

import base64
import io
import json
from urllib.parse import quote

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.preprocessing import MNIST, Preprocessing, preprocess
from jaxdoodle.preprocessing.config import FLAT_AXES
from tests.fixtures.pictures import INK

INK28 = preprocess(INK, MNIST).bitmap
PAGE = 255 - INK


def png(image=PAGE):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def written():
    file = io.BytesIO()
    Image.fromarray(PAGE).save(file, "PNG")
    return file


def rgba():
    return np.dstack([np.zeros((*INK.shape, 3), np.uint8), INK])


PICTURES = {
    "bytes": png,
    "an open file": lambda: io.BytesIO(png()),
    "a file just written": written,
    "base64": lambda: base64.b64encode(png()).decode(),
    "bytes of a data URL": lambda: b"data:image/png;base64," + base64.b64encode(png()),
    "a data URL": lambda: "data:image/png;base64," + base64.b64encode(png()).decode(),
    "a data URL on lines": lambda: " data:image/png;base64,\n" + base64.encodebytes(png()).decode(),
    "a data URL on indented lines": lambda: (
        "data:image/png;base64,\n  " + base64.encodebytes(png()).decode().replace("\n", " \n  ")
    ),
    "a data URL of a form": lambda: "data:image/png;base64," + base64.b64encode(png()).decode().replace("+", " "),
    "a data URL in a URL": lambda: "data:image/png;base64," + quote(base64.b64encode(png()), safe="").rstrip("%3D"),
    "numbers as objects": lambda: PAGE.astype(object),
    "JAX's bfloat16": lambda: jnp.asarray(PAGE / 255, jnp.bfloat16),
    "Gradio's file": lambda: {"path": None, "url": "data:image/png;base64," + base64.b64encode(png()).decode()},
    "Pillow": lambda: Image.fromarray(PAGE),
    "floats to 1": lambda: PAGE / 255,
    "floats to 255": lambda: PAGE.astype(np.float32),
    "floats from -1 to 1": lambda: PAGE / 127.5 - 1,
    "floats a little beyond": lambda: PAGE / 255 * 1.2 - 0.1,
    "floats to 16": lambda: PAGE / 255 * 16,
    "int64": lambda: PAGE.astype(np.int64),
    "0 to 255 in 16 bits": lambda: PAGE.astype(np.uint16),
    "a part of 16 bits": lambda: 30000 + 4 * PAGE.astype(np.uint16),
    "bits": lambda: (PAGE > 127).astype(np.uint8),
    "one channel": lambda: PAGE[..., None],
    "gray and alpha": lambda: np.dstack([np.zeros_like(INK), INK]),
    "RGB": lambda: np.dstack([PAGE] * 3),
    "channels first": lambda: np.stack([PAGE] * 3),
    "a batch of one": lambda: PAGE[None, ..., None],
    "nested lists": lambda: PAGE.tolist(),
    "flat": lambda: PAGE.ravel(),
    "Gradio's editor": lambda: {"background": None, "layers": [rgba()], "composite": rgba()},
    "Gradio's sketch pad": lambda: {"image": np.full_like(INK, 255), "mask": rgba()},
    "streamlit's canvas": lambda: type("CanvasResult", (), {"image_data": rgba(), "json_data": None})(),
    "pixels of a canvas": lambda: rgba().ravel(),
    "ImageData": lambda: {"data": rgba().ravel().tolist(), "width": INK.shape[1], "height": INK.shape[0]},
    "ImageData of a browser in JSON": lambda: {
        "data": {str(k): int(v) for k, v in enumerate(rgba().ravel())},
        "width": INK.shape[1],
        "height": INK.shape[0],
    },
    "ImageData of floats": lambda: {"data": (rgba() / 255).ravel(), "width": INK.shape[1], "height": INK.shape[0]},
    "gray ImageData": lambda: {"data": PAGE.ravel().tolist(), "width": INK.shape[1], "height": INK.shape[0]},
    "ImageData of a data URL": lambda: {
        "data": "data:image/png;base64," + base64.b64encode(png()).decode(),
        "width": 1,
        "height": 1,
    },
    "a picture in a record": lambda: {"img": png(), "label": 7},
    "a file that was uploaded": lambda: ({"name": "a.png", "content": memoryview(png())},),
    "a picture with its label": lambda: (Image.fromarray(PAGE), 7),
    "an array with its label": lambda: (PAGE[None], np.array([7])),
    "a list of one array": lambda: [PAGE],
    "lists of one channel": lambda: PAGE[None].tolist(),
    "a record of Hugging Face": lambda: {"bytes": png(), "path": None},
}


@pytest.mark.parametrize("form", PICTURES)
def test_every_form_of_a_picture_is_that_picture(form):
    found = preprocess(PICTURES[form](), MNIST).bitmap.astype(int)
    assert np.abs(found - INK28).mean() < (6 if form == "bits" else 1.5)


@pytest.mark.parametrize("ink", [0, 255])
@pytest.mark.parametrize("columns", [slice(31, 33), slice(32, 33), slice(35, 36), slice(8, 12)])
def test_flat_numbers_are_gray_or_pixels_of_a_canvas_whatever_stands_there(ink, columns):
    page = np.full((64, 64), 255 - ink, np.uint8)
    page[10:54, columns] = ink
    canvas = np.dstack([page] * 3 + [np.full_like(page, 255)])
    want = preprocess(page, MNIST).bitmap
    for flat in (page.ravel(), canvas.ravel(), np.dstack([np.full((64, 64, 3), ink), (page == ink) * 255]).ravel()):
        assert np.abs(preprocess(flat, MNIST).bitmap.astype(int) - want).mean() < 1.5


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_matrix_of_numpy_is_its_array():
    np.testing.assert_array_equal(preprocess(np.asmatrix(PAGE), MNIST).bitmap, preprocess(PAGE, MNIST).bitmap)


def test_a_tensor_that_needs_its_gradient_or_is_no_type_of_numpy_is_its_numbers():
    torch = pytest.importorskip("torch")
    whole = preprocess(INK28, MNIST).bitmap
    for tensor in (torch.tensor(INK28 / 255, requires_grad=True)[None], torch.tensor(INK28 / 255).bfloat16()):
        assert np.abs(preprocess(tensor, MNIST).bitmap.astype(int) - whole).max() <= 1


def test_a_flat_row_of_the_network_s_size_is_the_bitmap():
    for row in (INK28.ravel(), INK28.reshape(1, 784), INK28.ravel().tolist()):
        np.testing.assert_array_equal(preprocess(row, MNIST).bitmap, INK28)


@pytest.mark.parametrize("axes", FLAT_AXES)
def test_a_flat_row_is_turned_as_the_rows_of_training_were(axes):
    image = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    as_is = Preprocessing((8, 12, 3), longest_side=8, centering="as-is", center=(3, 3), flat_axes=axes)
    row = image.transpose(["hwc".index(axis) for axis in axes]).ravel()
    np.testing.assert_array_equal(preprocess(row, as_is).bitmap, image)
    np.testing.assert_array_equal(preprocess(row.reshape(1, -1), as_is).bitmap, image)


XS, YS = [0, 40, 90, 60], [0, 100, 10, 120]
POINTS = list(zip(XS, YS, strict=True))
FABRIC = {"objects": [{"type": "path", "path": [["M", 0, 0], ["L", 40, 100], ["L", 90, 10], ["L", 60, 120]]}]}
STROKES = {
    "points alone": POINTS,
    "x and y in turn, of Konva": {"lines": [{"points": [value for point in POINTS for value in point]}]},
    "paths of points": [{"drawMode": True, "paths": [{"x": x, "y": y} for x, y in POINTS]}],
    "a canvas with its background": FABRIC | {"background": "#eee"},
    "columns": [[XS, YS]],
    "columns with times": [[XS, YS, [0, 10, 20, 30]]],
    "points": [[list(point) for point in POINTS]],
    "tuples": [POINTS],
    "arrays": [np.array(POINTS, float)],
    "objects": [[{"x": x, "y": y} for x, y in POINTS]],
    "one stroke of objects": [{"x": x, "y": y} for x, y in POINTS],
    "lists by name": [{"x": XS, "y": YS}],
    "points with pressure": [[[x, y, 0.5] for x, y in POINTS]],
    "fabric.js": FABRIC,
    "Quick, Draw!": {"word": "cat", "drawing": [[XS, YS]]},
    "text": json.dumps([[XS, YS]]),
    "columns alone by name": {"x": XS, "y": YS},
    "SVG": '<svg><text>abc</text><path d="M0 0 40 100 90 10 60 120"/></svg>',
}


@pytest.mark.parametrize("form", STROKES)
def test_every_form_of_strokes_is_that_drawing(form):
    expected = preprocess([(XS, YS)], MNIST).bitmap
    np.testing.assert_array_equal(preprocess(STROKES[form], MNIST).bitmap, expected)


def _line(start, end, center):
    """A line as fabric.js saves it: its ends from its middle, half the size at twice the scale."""
    (x1, y1), (x2, y2) = np.minimum(start, end), np.maximum(start, end)
    left, top = ((x1 + x2) / 2, (y1 + y2) / 2) if center else (x1, y1)
    ends = {f"{axis}{i + 1}": (p[n] - (a + b) / 2) / 2 for i, p in enumerate((start, end))
            for n, (axis, a, b) in enumerate((("x", x1, x2), ("y", y1, y2)))}  # fmt: skip
    size = {"width": (x2 - x1) / 2, "height": (y2 - y1) / 2, "scaleX": 2, "scaleY": 2}
    origin = {"originX": "center", "originY": "center"} if center else {"originX": "left", "originY": "top"}
    numbers = {"left": left, "top": top} | ends | size
    return {"type": "line"} | {name: float(value) for name, value in numbers.items()} | origin


@pytest.mark.parametrize("center", [False, True])
def test_lines_of_fabric_lie_where_their_origin_and_scale_say(center):
    objects = [_line(a, b, center) for a, b in zip(POINTS, POINTS[1:], strict=False)]
    expected = preprocess([(XS, YS)], MNIST).bitmap.astype(int)
    assert np.abs(preprocess({"objects": objects}, MNIST).bitmap - expected).mean() < 2


def test_what_may_be_read_in_two_ways_is_asked_for():
    for drawing in ([[[0, 9], [5, 5]]], json.dumps({"drawing": [[[0, 9], [5, 5]], [[1, 2], [3, 4]]]})):
        with pytest.raises(InputError, match=r"of x and of y, or lists of points; give each as a tuple \(xs, ys\)"):
            preprocess(drawing, MNIST)
    across = preprocess([([0, 9], [5, 5])], MNIST).bitmap
    np.testing.assert_array_equal(preprocess([[(0, 5), (9, 5)]], MNIST).bitmap, across)
    three = [[0, 0, 0.5], [40, 100, 0.2], [90, 10, 0.7]]  # points with pressure, or x, y and pressure
    with pytest.raises(InputError, match="may be lists of x"):
        preprocess([three], MNIST)
    pair = [[(0, 0), (40, 100), (90, 10)], [(9, 9), (60, 120)]]
    both = preprocess([three, [[9, 9, 0.1], [60, 120, 0.4]]], MNIST).bitmap
    np.testing.assert_array_equal(both, preprocess(pair, MNIST).bitmap)
    np.testing.assert_array_equal(preprocess({"word": "line", "drawing": [[[0, 9], [5, 5]]]}, MNIST).bitmap, across)


def test_an_object_that_is_not_read_is_not_left_out_of_a_canvas():
    group = {"type": "group", "objects": FABRIC["objects"]}
    with pytest.raises(InputError, match="'group' of a canvas is not read"):
        preprocess({"objects": [*FABRIC["objects"], group]}, MNIST)
    with_text = {"objects": [*FABRIC["objects"], {"type": "i-text", "text": "seven"}]}
    np.testing.assert_array_equal(preprocess(with_text, MNIST).bitmap, preprocess(FABRIC, MNIST).bitmap)


def test_an_open_file_that_cannot_be_read_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "a.svg").write_text(STROKES["SVG"])
    with open(tmp_path / "a.svg") as file:
        np.testing.assert_array_equal(preprocess(file, MNIST).bitmap, preprocess([(XS, YS)], MNIST).bitmap)
    with pytest.raises(InputError, match="cannot be read .*closed file"):
        preprocess(file, MNIST)
    with open(tmp_path / "a.png", encoding="utf-8") as file, pytest.raises(InputError, match="opened in binary mode"):
        preprocess(file, MNIST)
    with pytest.raises(InputError, match=r"read\(\) of Upload gave int"):
        preprocess(type("Upload", (), {"read": lambda self: 7})(), MNIST)


def test_text_that_no_encoding_gives_and_a_value_that_holds_itself_are_refused():
    as_text = io.TextIOWrapper(io.BytesIO(png()), encoding="utf-8", errors="surrogateescape")
    endless, named = {}, {}
    endless["a"], named["image"] = endless, named
    for value in (as_text, endless, named):
        with pytest.raises(InputError, match="binary mode|holds itself"):
            preprocess(value, MNIST)


def test_several_pictures_are_refused_whatever_holds_them():
    frames = [Image.fromarray(page) for page in (PAGE, INK)]
    for several in (frames, [PAGE, PAGE], {"a": png(), "b": png()}):
        with pytest.raises(InputError, match="holds 2 pictures"):
            preprocess(several, MNIST)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"no picture",
        "data:image/png;base64,????",
        {},
        {"layers": []},
        7,
        np.array([["a"]]),
        {"data": [0], "width": 9, "height": 9},
        {"data": [0] * 16, "width": -2, "height": -2},
        {"data": [0] * 16, "width": None, "height": 2},
        {"data": {"a": 0}, "width": 1, "height": 1},
    ],
)
def test_what_holds_neither_is_refused_in_one_line(value):
    with pytest.raises(InputError) as error:
        preprocess(value, MNIST)
    assert "\n" not in str(error.value)
