"""``strokes.js`` against ``jaxdoodle.inference``, run by Node."""

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.data import synthetic
from jaxdoodle.inference.model_file import ModelFile, metadata_of
from jaxdoodle.nn import Dense, Flatten, ModelSpec
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW
from jaxdoodle.preprocessing.paper.rejection import MAX_STROKE_LENGTH
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.preprocessing.render import render_drawings
from jaxdoodle.strokes.drawing import MAX_POINTS, simplify
from jaxdoodle.strokes.raster import rasterize
from jaxdoodle.strokes.readers import read_drawings
from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

PROGRAM = """({ drawings, contract }) => ({
  simple: drawings.map(it.simplify),
  bitmaps: drawings.map((drawing) => [...it.render(drawing, contract)]),
})"""

FREE = replace(MNIST, image_shape=(40, 32, 1), center=(12.0, 17.0), longest_side=18.0, stroke_width=None)
DOT = [([40.0], [70.0])]
DOTS = [([40.0, 40.0], [70.0, 70.0]), ([60.0], [90.0])]
LEVEL = [([10.0, 90.0], [50.0, 50.0])]
RISING = [([0.0, 30.0, 60.0], [100.0, 0.0, 100.0]), ([10.0, 50.0], [60.0, 60.0])]


def v1_keys(preprocessing):
    """As the page holds it, under the keys of the model file's version 1."""
    height, width, _ = preprocessing.image_shape
    spec = ModelSpec((Flatten(), Dense(2)), (height, width, 1), ("a", "b"))
    return metadata_of(ModelFile(spec, (), preprocessing, None, None))["contract"]


def run(drawings, preprocessing):
    found = ask("strokes.js", PROGRAM, {"drawings": drawings, "contract": v1_keys(preprocessing)})
    return found["simple"], np.array(found["bitmaps"]).reshape(-1, *preprocessing.image_shape[:2])


def as_drawn(drawing, rng):
    """Of any size, anywhere, at fractions of a pixel."""
    size, (x0, y0) = rng.uniform(0.3, 3), rng.uniform(0, 300, 2)
    return [((np.array(x) * size + x0).tolist(), (np.array(y) * size + y0).tolist()) for x, y in drawing]


def records(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def drawings():
    rng = np.random.default_rng(3)
    some = [synthetic.generate_drawing(name, rng) for name in synthetic.CLASSES for _ in range(4)]
    return [as_drawn(drawing, rng) for drawing in [*some, DOT, DOTS, LEVEL, RISING]]


def test_drawings_are_simplified_as_the_library_simplifies(drawings):
    found, _ = run(drawings, QUICKDRAW)
    same = sum(
        simple == [[list(x), list(y)] for x, y in simplify(drawing)]
        for simple, drawing in zip(found, drawings, strict=True)
    )
    assert same == len(drawings)


def test_a_drawing_becomes_the_bitmap_that_quickdraw_publishes(drawings):
    simple, found = run(drawings, QUICKDRAW)
    assert np.abs(found - rasterize(simple).astype(int)).max() <= 1


def test_published_bitmaps_come_out_of_what_people_drew(data_root):
    """Row i of the bitmaps is line i of the simplified drawings; the raw ones are found by their key."""
    folder = data_root / "quickdraw" / "full"
    raw, published = [], []
    for path in sorted((folder / "raw").glob("*.ndjson"))[::20]:
        rows = [record["key_id"] for record in records(folder / "simplified" / path.name)]
        bitmaps = np.load(folder / "numpy_bitmap" / f"{path.stem}.npy", mmap_mode="r")
        for record in records(path):
            if record["key_id"] in rows:
                raw.append([stroke[:2] for stroke in record["drawing"]])
                published.append(bitmaps[rows.index(record["key_id"])].reshape(28, 28))
    _, found = run(raw, QUICKDRAW)
    errors = np.abs(found - np.array(published, int)).mean(axis=(1, 2))
    assert len(raw) > 100 and errors.max() < 1


@pytest.mark.parametrize("preprocessing", [MNIST, QUICKDRAW, FREE], ids=["mnist", "quickdraw", "free"])
def test_the_page_and_the_library_paint_the_same_bitmap(preprocessing, drawings, data_root):
    folder = data_root / "quickdraw" / "full"
    published = [path for kind in ("raw", "simplified") for path in sorted((folder / kind).glob("*.ndjson"))[::40]]
    drawings = drawings + [drawing for path in published for drawing in islice(read_drawings(path), 6)]
    found = run(drawings, preprocessing)[1]
    apart = np.abs(found - render_drawings(drawings, preprocessing).astype(int))
    assert len(drawings) > 150
    # placed by mass, one of a pixel's 15 lines may fall on the other side of an edge that is quite level
    allowed = 0 if preprocessing.centering == "box" else 40
    assert apart.max() <= 17 and (apart > 1).sum() <= allowed


def test_a_digit_is_brought_to_the_middle_of_its_mass_as_a_picture_of_it_is(drawings):
    simple, found = run(drawings, MNIST)
    line_width = 255 * MNIST.stroke_width / (MNIST.longest_side - MNIST.stroke_width)
    for bitmap, drawing in zip(found, simple, strict=True):
        rows, columns = bitmap.sum(axis=1), bitmap.sum(axis=0)
        center = [n @ np.arange(28) / n.sum() for n in (rows, columns)]
        assert center == pytest.approx(MNIST.center, abs=0.05)
        if len(drawing[0][0]) > 2:  # a dot has no size
            assert 20 <= max(np.ptp(np.flatnonzero(n)) + 1 for n in (rows, columns)) <= 22
    picture = rasterize([simple[-1]], 256, line_width)[0]
    assert np.abs(found[-1] - preprocess(picture, MNIST).bitmap.astype(int)).mean() < 2


def test_where_it_is_drawn_and_how_large_makes_no_difference():
    _, found = run([RISING, as_drawn(RISING, np.random.default_rng(1))], MNIST)
    assert np.abs(found[0] - found[1]).max() <= 12  # a 255th of the longer side, by rounding


def to_and_fro(times):
    """As often as that along its own length."""
    return [([n % 2 * 10.0 for n in range(times + 1)], [5.0] * (times + 1))]


def reason_of(drawing):
    """The library's, as a prediction has it."""
    try:
        preprocess(drawing, QUICKDRAW)
    except InputError as error:
        return str(error).removeprefix("the image: ").rstrip(".")


def test_what_the_library_rejects_the_page_rejects_in_the_same_words():
    still = [([3.0] * count, [4.0] * count) for count in (1, MAX_POINTS, MAX_POINTS + 1)]
    busy = [to_and_fro(MAX_STROKE_LENGTH), to_and_fro(MAX_STROKE_LENGTH + 1), to_and_fro(700), 2 * to_and_fro(110)]
    asked = [DOT, DOTS, LEVEL, RISING, [*DOT, *DOT], *([stroke] for stroke in still), [still[1], *LEVEL], *busy]
    expected = [reason_of(drawing) for drawing in asked]
    assert ask("strokes.js", "(drawings) => drawings.map(it.rejection)", asked) == expected
    kinds = [reason and reason.split(":")[0].split(";")[0] for reason in expected]
    many = f"a drawing has at most {MAX_POINTS:,} points"
    dot, much = "the strokes are a single dot", "the strokes are too busy"
    assert kinds == [dot, None, None, None, dot, dot, dot, many, many, None, much, much, much]


def test_a_drawing_of_very_many_points_is_painted():
    xs = np.linspace(0, 900, 130_000).tolist()  # more than a function of JavaScript takes as arguments
    _, (bitmap,) = run([[(xs, xs)]], QUICKDRAW)
    assert (bitmap.diagonal()[4:24] == 255).all()
