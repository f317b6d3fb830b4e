"""Strokes and canvases become in C the images that they become in Python, to 1 of 255 levels."""

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.data import synthetic
from jaxdoodle.preprocessing import preprocess
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, Preprocessing
from jaxdoodle.strokes.raster import paint

PREPROCESSINGS = {
    "mnist": MNIST,
    "quickdraw": QUICKDRAW,
    "any stroke width, dark on light": replace(MNIST, stroke_width=None, polarity="dark on light"),
    "other sizes": Preprocessing((40, 32, 1), 26.0, "mass", (19.0, 16.5), 4.0),
    "as is": Preprocessing((32, 20, 1), 18.0, "as-is", (12.0, 9.0)),
}
UNREADABLE, TOO_LARGE, BLANK, DOT, _, BUSY, UNEVEN = range(1, 8)


@pytest.fixture(scope="module", params=PREPROCESSINGS)
def preprocessing(request):
    return PREPROCESSINGS[request.param]


@pytest.fixture
def found(preparing, preprocessing):
    """``drawings or canvases -> [(why not, image)]`` in C."""

    def run(inputs):
        text = []
        for given in inputs:
            if isinstance(given, np.ndarray):
                text += ["C", *map(str, given.shape), *map(str, given.ravel())]
            else:
                text += ["S", str(len(given))]
                for xs, ys in given:
                    text += [str(len(xs)), *map(repr, [*map(float, xs), *map(float, ys)])]
        program = preparing(preprocessing)
        done = subprocess.run([program], input=" ".join(text), capture_output=True, text=True, check=True)
        lines = [np.array(line.split(), int) for line in done.stdout.splitlines()]
        assert len(lines) == len(inputs)
        return [(line[0], line[1:].reshape(preprocessing.image_shape[:2]) if not line[0] else None) for line in lines]

    return run


def drawings(n, seed=0):
    """Raw drawings, in numbers that float32 holds."""
    rng = np.random.default_rng(seed)
    for index in range(n):
        name = synthetic.CLASSES[index % len(synthetic.CLASSES)]
        scale, turn = rng.uniform(0.2, 5), rng.uniform(0, 6)
        about = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        drawing = [about @ np.array(stroke[:2], float) for stroke in synthetic.generate_drawing(name, rng)]
        yield [tuple(np.float32(axis).tolist() for axis in stroke) for stroke in drawing]


def canvases(n, seed=0):
    """Drawings on gray canvases of any size, in any two gray levels, antialiased or not, thin and broad."""
    rng = np.random.default_rng(seed)
    for drawing in drawings(n, seed):
        height, width = shape = tuple(rng.integers(20, 200, 2).tolist()) if rng.random() < 0.8 else (28, 28)
        low, high = (np.array([edge(edge(s[a]) for s in drawing) for a in (0, 1)]) for edge in (min, max))
        size = min(shape) * rng.uniform(0.3, 0.8)
        stroke_width, scale = size * rng.uniform(0.04, 0.14), size / (high - low).max()
        room = np.array([width, height]) - (high - low) * scale
        offset = stroke_width + rng.random(2) * np.maximum(room - 2 * stroke_width, 0) - low * scale
        ink = paint([drawing], shape, scale, stroke_width, offset[None])[0].astype(float)
        if rng.random() < 0.25:
            ink = np.where(ink > 127, 255.0, 0.0)
        one, other = rng.choice([[0, 255], [255, 0], [30, 200], [230, 90]])
        yield np.rint(one + (other - one) * ink / 255).astype(np.uint8)


def same(found, inputs, preprocessing):
    for index, ((why_not, image), given) in enumerate(zip(found, inputs, strict=True)):
        try:
            expected = preprocess(given, preprocessing).bitmap
        except NoDrawingError:
            assert why_not, index
        else:
            assert not why_not, index
            assert np.abs(expected.astype(int) - image).max() <= 1, index


def test_strokes(found, preprocessing):
    given = list(drawings(20))
    simple = [[([0, 255, 3], [0, 100, 100])], [([0, 0, 250], [7, 255, 9]), ([30], [30])]]
    odd = [[([0.5, 0.5], [0, 1e5])], [([5.25] * 3 + [9], [1, 1, 1, 2])], [([1, 2], [1, 1]), ([1.5], [1])]]
    same(found([*given, *simple, *odd]), [*given, *simple, *odd], preprocessing)


def test_recorded_strokes(found, preprocessing, data_root):
    given = []
    for path in sorted((data_root / "quickdraw" / "full" / "raw").glob("*.ndjson"))[::8]:
        line = path.read_text(encoding="utf-8").split("\n", 1)[0]
        given.append([tuple(np.float32(axis).tolist() for axis in s[:2]) for s in json.loads(line)["drawing"]])
    same(found(given), given, preprocessing)


def test_canvases(found, preprocessing):
    given = list(canvases(30))
    given += [(image > 100).astype(np.uint8) for image in given[:3]]  # 0 and 1
    same(found(given), given, preprocessing)


def test_canvases_in_chalk(found, preprocessing):
    """Where strokes have many small holes, their width is measured without these."""
    rng, given = np.random.default_rng(0), []
    for canvas in canvases(12, seed=3):
        gone = rng.random([n // 2 + 1 for n in canvas.shape]).repeat(2, 0).repeat(2, 1) < rng.choice([0.02, 0.08])
        given.append(np.where(gone[: len(canvas), : canvas.shape[1]], canvas[0, 0], canvas))
    same(found(given), given, preprocessing)


@pytest.mark.parametrize("preprocessing", ["mnist"], indirect=True)
def test_what_shows_no_drawing_gives_the_reason(found):
    square, noise = np.zeros((60, 60), np.uint8), np.random.default_rng(0).integers(0, 2, (300, 300), np.uint8)
    dot, uneven, busy = square.copy(), square.copy(), np.zeros((400, 400), np.uint8)
    dot[20:24, 20:24], busy[50:350, 50:350] = 255, 255 * noise
    uneven[:, ::3], uneven[30, 10:50] = 80, 255
    scribble = [([float(i) for i in range(500)], [500.0 * (i % 2) for i in range(500)])]
    inputs = [square, dot, busy, uneven, np.zeros((0, 4), np.uint8), np.zeros((1025, 4), np.uint8)]
    inputs += [[([1, 1], [1, 1])], [([], [])], [], [([0, float("nan")], [0, 1])], [([0, 2e6], [0, 1])], scribble]
    expected = [BLANK, DOT, BUSY, UNEVEN, UNREADABLE, TOO_LARGE, DOT, *[UNREADABLE] * 4, BUSY]
    assert [why_not for why_not, _ in found(inputs)] == expected
