"""The points and the picture of how training scales."""

import pytest
from PIL import Image

from benchmarks import scaling


@pytest.mark.parametrize("axis", scaling.AXES)
def test_every_value_of_an_axis_is_a_case_with_whole_batches(axis):
    for value in scaling.AXES[axis][1]:
        spec, batch_size, count = scaling.case(axis, value)
        assert count >= batch_size and spec.output_shape == (len(spec.classes),)
    varied = {"batch": batch_size, "width": spec.layers[1], "classes": len(spec.classes)}.get(axis, count)
    assert value in (varied, getattr(varied, "units", None))


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("axis", ["in memory", "on disk"])
def test_a_point_is_measured_wherever_the_set_is(axis):
    found = scaling.measure(axis, 512, 1)
    assert set(found) == {"compile_seconds", "images_per_second", "peak_bytes"} and min(found.values()) > 0


def test_the_picture_has_a_line_for_each_number_of_devices(tmp_path):
    points = [
        {"axis": axis, "value": value, "devices": devices, "images_per_second": 1000.0 * devices, "peak_bytes": 2**28}
        for axis, (_, values) in scaling.AXES.items()
        for value in values
        for devices in (1, 2)
    ]
    scaling.draw(points, tmp_path / "two.png")
    scaling.draw([point for point in points if point["devices"] == 1], tmp_path / "one.png")
    two, one = (Image.open(tmp_path / name).convert("RGB") for name in ("two.png", "one.png"))
    fourth = (213, 94, 0)

    def has_fourth(picture):
        return any(max(abs(a - b) for a, b in zip(c, fourth, strict=True)) < 12 for _, c in picture.getcolors(2**20))

    assert has_fourth(two) and not has_fourth(one)
