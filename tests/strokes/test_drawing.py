import json

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes.drawing import check, simplify
from jaxdoodle.strokes.raster import rasterize
from tests.fixtures.drawings import BAD_DRAWINGS, DRAWINGS, circle


@pytest.mark.parametrize("name", BAD_DRAWINGS)
def test_what_is_no_drawing_is_refused_by_its_number(name):
    with pytest.raises(InputError):
        check(BAD_DRAWINGS[name])
    with pytest.raises(InputError, match="^drawing 1: .* got "):
        rasterize([DRAWINGS["box"], BAD_DRAWINGS[name]])
    with pytest.raises(InputError):
        simplify(BAD_DRAWINGS[name])


def test_simplified_drawings_start_at_0_and_reach_255():
    for name, drawing in DRAWINGS.items():
        simple = simplify([(np.array(x, float), np.array(y, float)) for x, y in drawing])
        x, y = (np.concatenate([stroke[axis] for stroke in simple]) for axis in (0, 1))
        assert x.min() == y.min() == 0, name
        assert max(x.max(), y.max()) == (0 if "dot" in name else 255), name
        assert json.loads(json.dumps(simple)) == [list(stroke) for stroke in simple]


def test_booleans_and_complex_numbers_are_no_coordinates():
    for value in (True, np.True_, 1j):
        with pytest.raises(InputError, match="^stroke 0 is two equally long lists of numbers"):
            check([([1, value], [1, 2])])


def test_a_drawing_of_very_many_points_is_refused():
    check([([1] * 50_000, [1] * 50_000)] * 2)
    with pytest.raises(InputError, match="at most 100,000 points"):
        check([([1] * 50_000, [1] * 50_000)] * 2 + [DRAWINGS["dot"][0]])


@pytest.mark.parametrize("edge", [(0, 255), (12, 255), (0, 243)])
def test_what_came_as_near_to_the_box_as_published_drawings_do_stays_as_it_is(edge):
    low, high = edge
    drawing = [([low, 50, high], [0, 1, 0])]  # a point that simplifying would drop
    assert simplify(drawing) == drawing


@pytest.mark.parametrize(
    "drawing",
    [
        [([13, 50, 255], [0, 1, 0])],
        [([0, 50, 242], [0, 1, 0])],
        [([-1, 50, 255], [0, 1, 0])],
        [([0, 50, 256], [0, 1, 0])],
        [([0, 50, 255], [0, 1, 0.0])],
        [([0, 50, 255], [0, 1, 0], [0, 1, 2])],
    ],
)
def test_anything_else_is_simplified(drawing):
    assert simplify(drawing) == [([0, 255], [0, 0])]


def test_simplifying_drops_what_lies_within_two_pixels_of_the_line():
    assert simplify([([0, 100, 200, 510], [0, 3.9, 0, 0])]) == [([0, 255], [0, 0])]
    assert simplify([([0, 100, 200, 510], [0, 4.2, 0, 0], [0, 9, 30, 40])]) == [([0, 50, 255], [0, 2, 0])]


def test_a_simplified_dot_is_two_equal_points():
    assert simplify([([5], [7])]) == [([0, 0], [0, 0])]


def test_simplifying_a_closed_loop_keeps_its_shape():
    ((x, y),) = simplify([circle(500)])
    radius = np.hypot(np.array(x) - 127.5, np.array(y) - 127.5)
    assert 10 < len(x) < 40
    assert (x[0], y[0]) == (x[-1], y[-1])
    assert radius.min() > 124 and radius.max() < 129


def test_raw_drawings_are_simplified_as_published(data_root):
    folder = data_root / "quickdraw" / "full"
    same, rendered, published = 0, [], []
    for path in sorted((folder / "raw").glob("*.ndjson"))[::5]:
        simple = {record["key_id"]: record["drawing"] for record in map(json.loads, open_lines(folder, path.stem))}
        for record in map(json.loads, path.read_text().splitlines()):
            if record["key_id"] in simple:
                rendered.append(simplify(record["drawing"]))
                published.append(simple[record["key_id"]])
                same += [list(stroke) for stroke in rendered[-1]] == published[-1]
    assert len(published) > 500
    assert same >= 0.9 * len(published)
    difference = rasterize(rendered).astype(int) - rasterize(published)
    assert np.abs(difference).mean() <= 0.2


def open_lines(folder, name):
    return (folder / "simplified" / f"{name}.ndjson").read_text().splitlines()
