"""The points and the figure of how training scales."""

import pytest
from PIL import Image

from experiments.speed.scaling import points as scaling
from jaxdoodle.core.record import Record


@pytest.mark.parametrize("axis", scaling.AXES)
def test_every_value_of_an_axis_is_what_varies(axis):
    for value in scaling.AXES[axis][1]:
        spec, batch_size, count = scaling.case(axis, value)
        units = getattr(spec.layers[1], "units", None)
        found = {"batch": batch_size, "width": units, "classes": spec.output_shape[0]}.get(axis, count)
        assert found == value and spec.output_shape == (len(spec.classes),)


@pytest.mark.parametrize("axis", ["batch", "width", "classes"])
def test_rates_are_compared_on_whole_batches(axis):
    left = {value: count % size for value in scaling.AXES[axis][1] for _, size, count in [scaling.case(axis, value)]}
    assert set(left.values()) == {0}, left


@pytest.mark.parametrize(("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2]), (7, [1]), (64, [1, 8])])
def test_the_processor_is_split_so_that_batches_can_be_sharded(cores, counts, monkeypatch):
    monkeypatch.setattr(scaling, "cores", lambda: cores)
    assert scaling.device_counts() == counts
    sizes = [scaling.case(axis, value)[1] for axis in scaling.AXES for value in scaling.AXES[axis][1]]
    assert not any(size % devices for size in sizes for devices in counts)


def test_a_gpu_is_not_split(monkeypatch):
    monkeypatch.setattr(scaling, "cores", lambda: 8)
    monkeypatch.setattr(scaling.jax, "default_backend", lambda: "gpu")
    assert scaling.device_counts() == [1]


@pytest.mark.usefixtures("as_users_run")
def test_images_that_an_epoch_leaves_out_are_not_counted(monkeypatch):
    from jaxdoodle.training import loop

    fits, fit = [], loop.fit
    monkeypatch.setattr(loop, "fit", lambda *arguments: fits.append(fit(*arguments)) or fits[-1])
    found = scaling.measure("on disk", 520, 1)  # read in runs of 32: eight are left out
    rates = [512 / epoch.seconds for epoch in fits[0].history[1:]]
    assert found["images_per_second"] == pytest.approx(sorted(rates)[len(rates) // 2])


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize("axis", ["in memory", "on disk"])
def test_a_point_is_measured_wherever_the_set_is(axis):
    found = scaling.measure(axis, 512, 1)
    assert set(found) == {"compile_seconds", "images_per_second", "peak_bytes"} and min(found.values()) > 0


def test_the_figure_has_a_line_for_each_number_of_devices(tmp_path):
    points = [
        Record(
            config={"axis": axis, "value": value, "devices": devices},
            extra={"images_per_second": 1000.0 * devices, "peak_bytes": 2**28},
        )
        for axis, (_, values) in scaling.AXES.items()
        for value in values
        for devices in (1, 2)
    ]
    scaling.draw(points, tmp_path / "two.png")
    scaling.draw([point for point in points if point.config["devices"] == 1], tmp_path / "one.png")
    two, one = (Image.open(tmp_path / name).convert("RGB") for name in ("two.png", "one.png"))
    fourth = (213, 94, 0)

    def has_fourth(image):
        return any(max(abs(a - b) for a, b in zip(c, fourth, strict=True)) < 12 for _, c in image.getcolors(2**20))

    assert has_fourth(two) and not has_fourth(one)
