from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate

from experiments.reports import worked_example
from experiments.reports.filters import FILTERS, house
from jaxdoodle.core.record import Record

RECORD = Path(worked_example.__file__).parents[1] / "records" / "worked_example" / "record.json"


def _found(out_dir):
    return Record.read(out_dir / "record.json").extra


def test_the_example_gives_what_it_does_on_paper_and_not_what_the_slides_print(tmp_path, capsys):
    assert worked_example.run(tmp_path) == 0
    outputs = _found(tmp_path)["outputs"]
    assert outputs == {
        "conv": [[-1, 3, 1], [-3, 1, 2], [2, 1, -3]],
        "relu": [[0, 3, 1], [0, 1, 2], [2, 1, 0]],
        "pool": [[3]],
    }
    printed = capsys.readouterr().out
    for step, matrix in outputs.items():
        assert matrix != worked_example.PRINTED[step]
        assert f"{step}: {matrix}" in printed
    for picture in ("steps.png", "filters.png"):
        with Image.open(tmp_path / picture) as image:
            assert image.format == "PNG"


def test_the_committed_record_is_what_the_example_gives_today(tmp_path):
    worked_example.run(tmp_path)
    today, committed = Record.read(tmp_path / "record.json"), Record.read(RECORD)
    for record in (today, committed):
        assert record.machine.pop("versions").keys() == {"jaxdoodle", "numpy", "jax", "scipy"}
        differences = record.extra.pop("filters_largest_difference_from_scipy")
        assert max(differences.values()) < worked_example.FILTER_TOLERANCE
    assert today == committed


@pytest.mark.parametrize("name", ["by_network", "by_layers", "by_scipy"])
def test_a_wrong_number_of_any_implementation_fails_the_run(name, monkeypatch, tmp_path):
    right = getattr(worked_example, name)
    monkeypatch.setattr(worked_example, name, lambda *args: [y + (y == 3) for y in right(*args)])
    assert worked_example.run(tmp_path) == 1
    assert _found(tmp_path)["as_worked_by_hand"][name.removeprefix("by_")] is False


@pytest.mark.parametrize("name", ["by_network", "by_layers"])
def test_a_wrong_filter_of_any_implementation_fails_the_run(name, monkeypatch, tmp_path):
    right = getattr(worked_example, name)
    monkeypatch.setattr(worked_example, name, lambda *args: [y if len(y) < 9 else y * 1.001 for y in right(*args)])
    assert worked_example.run(tmp_path) == 1
    assert not _found(tmp_path)["ok"]


def test_the_filters_do_what_their_names_say():
    picture = house()
    response = {name: correlate(picture, kernel, "valid", "direct") for name, kernel in FILTERS.items()}
    inner = picture[1:-1, 1:-1]
    np.testing.assert_array_equal(response["identity"], inner)
    assert np.std(response["box blur"]) < np.std(inner) < np.std(response["sharpen"])
    for name in ("edge detection", "Sobel, vertical edges", "Sobel, horizontal edges"):
        flat, step = np.ones((3, 3)), np.tile([1.0, 1.0, 0.0], (3, 1))
        assert np.sum(FILTERS[name] * flat) == 0
        along = step.T if "horizontal" in name else step
        assert np.sum(FILTERS[name] * along) > 0
    assert np.sum(FILTERS["Sobel, vertical edges"] * step.T) == 0
    assert np.sum(FILTERS["Sobel, horizontal edges"] * step) == 0


def test_the_drawing_leaves_room_for_darker_and_lighter():
    picture = house()
    assert picture.shape == (96, 96) and picture.dtype == np.float32
    assert picture.min() == pytest.approx(0.3) and picture.max() == pytest.approx(0.7)
