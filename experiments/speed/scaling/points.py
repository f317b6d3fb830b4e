"""Images a second and peak memory against batch size, width, classes, set size and devices: points and figure."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.speed.harness.machine import MEGABYTE, peak_bytes
from jaxdoodle.core.machine import cores
from jaxdoodle.core.record import Record
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, GREEN, ORANGE, RED, figure

#: Axis -> its title in the figure, and its values.
AXES: dict[str, tuple[str, Sequence[int]]] = {
    "batch": ("digit CNN: batch size", (8, 16, 32, 64, 128, 256, 512, 1024)),
    "width": ("784-n-n-10, batch 128: width n", (32, 64, 128, 256, 512, 1024, 2048)),
    "classes": ("sketch CNN, batch 128: classes", (5, 10, 50, 100, 345)),
    "in memory": ("digit CNN, batch 128: images in the set", (50_000, 200_000, 800_000)),
    "on disk": ("digit CNN, batch 128: images in the set", (50_000, 200_000, 800_000)),
}


def device_counts() -> list[int]:
    """One, and the largest number of cores that divides every batch size."""
    sizes = [case(axis, value)[1] for axis, (_, values) in AXES.items() for value in values]
    split = math.gcd(cores(), *sizes) if jax.default_backend() == "cpu" else 1
    return sorted({1, split})


def case(axis: str, value: int) -> tuple[ModelSpec, int, int]:
    """Network, batch size, images in the set."""
    names = [str(number) for number in range(value if axis == "classes" else 10)]
    match axis:
        case "batch":
            return digit_cnn(names), value, max(4096, 4 * value)
        case "width":
            return mlp(names, (value, value)), 128, 128 * max(10, 40_000 // value)
        case "classes":
            return sketch_cnn(names), 128, 1280
    return digit_cnn(names), 128, value


def measure(axis: str, value: int, devices: int) -> dict[str, float]:
    """One point, in a process that has not used JAX before: seconds to compile, images a second, peak bytes."""
    from jaxdoodle.data.dataset import Dataset
    from jaxdoodle.training import TrainConfig, loop
    from jaxdoodle.training.hardware import devices as cpu_devices

    if devices > 1:
        cpu_devices.use_cpu_devices(devices)
    spec, batch_size, count = case(axis, value)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(spec.classes), count).astype(np.int32)
    with tempfile.TemporaryDirectory() as folder:
        images = on_disk(Path(folder), count) if axis == "on disk" else noise(rng, count)
        data = Dataset("noise", images, labels, spec.classes)
        epochs = max(1, min(5, 20_000 // count))
        config = TrainConfig(
            epochs=epochs + 1,
            batch_size=batch_size,
            learning_rate=1e-4,
            schedule="constant",
            devices=devices,
            outliers=0,
        )
        result = loop.fit(spec, data, None, config)
    rate = statistics.median(epoch.training.total / epoch.seconds for epoch in result.history[1:])
    return {"compile_seconds": result.compile_seconds, "images_per_second": rate, "peak_bytes": peak_bytes()}


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 256, (count, 28, 28, 1), dtype=np.uint8)


def on_disk(folder: Path, count: int) -> Any:
    """The same as one file of bitmaps, written in parts."""
    from jaxdoodle.data.bitmaps import BitmapFile, Bitmaps
    from jaxdoodle.data.readers.quickdraw import bitmaps_header

    rng, path = np.random.default_rng(0), folder / "noise.npy"
    with open(path, "wb") as file:
        shape = {"descr": "|u1", "fortran_order": False, "shape": (count, 784)}
        np.lib.format.write_array_header_1_0(file, shape)
        for start in range(0, count, 10_000):
            file.write(noise(rng, min(10_000, count - start)).tobytes())
    return Bitmaps((BitmapFile(path, *bitmaps_header(path)),), np.arange(count, dtype=np.int32))


#: The panels of the figure: axes, and the value shown.
PANELS = (
    (("batch",), "images_per_second"),
    (("width",), "images_per_second"),
    (("classes",), "images_per_second"),
    (("in memory", "on disk"), "images_per_second"),
    (("in memory", "on disk"), "peak_bytes"),
)
UNITS = {"images_per_second": ("images a second", 1), "peak_bytes": ("peak memory (MB)", MEGABYTE)}


def draw(points: Sequence[Record], path: Path) -> None:
    """A panel for each of ``PANELS``, a line for each axis in it and each number of devices."""
    counts = sorted({point.config["devices"] for point in points})
    split = "".join(f", or {count} of one core each" for count in counts if count > 1)
    note = f"Training, forward and backward, float32; one device that has all cores{split}"
    with figure(path, 8.0, "How training scales", note) as page:
        grid = page.subplots(3, 2).ravel()
        grid[-1].remove()
        for axes, (drawn, what) in zip(grid, PANELS, strict=False):
            unit, size = UNITS[what]
            for (one, devices), color in zip(product(drawn, counts), (BLUE, ORANGE, GREEN, RED), strict=False):
                line = [point for point in points if (point.config["axis"], point.config["devices"]) == (one, devices)]
                label = f"{devices} device{'s' * (devices > 1)}" + (f", {one}" if len(drawn) > 1 else "")
                at, values = [point.config["value"] for point in line], [point.extra[what] / size for point in line]
                axes.plot(at, values, "o-", color=color, markersize=3.5, label=label)
            axes.set_xscale("log", base=2)
            axes.set_xticks(sorted({value for one in drawn for value in AXES[one][1]}))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}" if value < 10_000 else f"{value / 1000:g}k")
            axes.tick_params(axis="x", labelrotation=45)
            axes.yaxis.set_major_formatter("{x:,.0f}")
            axes.set_ylim(bottom=0)
            axes.set_xlabel(AXES[drawn[0]][0])
            axes.set_ylabel(unit)
            axes.legend()
