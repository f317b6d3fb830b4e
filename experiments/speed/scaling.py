"""How training scales: images a second and peak memory against batch size, width, classes, set size and devices.

Every point is a process of its own that trains on noise: what the images show does not change the work. With
``--out DIR`` (runs/scaling) it leaves ``scaling.json`` and ``scaling.png`` there; with ``--processes``, instead,
``processes.json``: one process, one with two devices, and two, on a set on disk, with the bytes that each reads.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.speed import process
from experiments.speed.machine import MEGABYTE, command, peak_bytes
from jaxdoodle.core.machine import cores, describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, GREEN, ORANGE, RED, figure
from jaxdoodle.training.hardware.devices import BATCH, make_mesh

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


#: Number of processes, and of devices of all, one core each.
GROUPS = ((1, 1), (1, 2), (2, 2))
#: Drawings on disk: one chunk.
DRAWINGS = 40_000
SUMS = 200  # of gradients, whose mean time is that of one


def measure_group(count: int, devices: int) -> dict[str, Any]:
    """Processes that train one digit CNN on a set on disk, batch 128 a device: what each found."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        on_disk(Path(folder), DRAWINGS)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        points = [json.dumps([folder, port, count, devices, number]) for number in range(count)]
        workers = [process.start("-m", "experiments.speed.scaling", "--member", point) for point in points]
        try:
            found = [process.listen(worker) for worker in workers]
        finally:
            for worker in workers:
                process.stop(worker)
    return {
        "drawings_per_second": found[0]["drawings_per_second"],
        "processor_seconds": [one["processor_seconds"] for one in found],
        "bytes_read": [one["bytes_read"] for one in found],
        "seconds_of_a_sum": found[0]["seconds_of_a_sum"],
        "parameters": found[0]["parameters"],
    }


def measure_member(folder: str, port: int, count: int, devices: int, number: int) -> dict[str, Any]:
    """One of these processes: drawings a second of all, bytes that it read in two epochs, seconds of a sum."""
    from contextlib import nullcontext

    from jaxdoodle.data import bitmaps
    from jaxdoodle.data.dataset import Dataset
    from jaxdoodle.data.readers.quickdraw import bitmaps_header
    from jaxdoodle.training import TrainConfig, loop
    from jaxdoodle.training.hardware import devices as cpu_devices
    from jaxdoodle.training.hardware import processes

    cpu_devices.use_cpu_devices(devices // count)
    read_rows, read = bitmaps.read_rows, [0]

    def counted(file: Any, rows: Any, targets: Any, images: Any) -> None:
        read[0] += len(rows) * bitmaps.PIXELS
        read_rows(file, rows, targets, images)

    bitmaps.read_rows = counted
    spec, path = digit_cnn([str(number) for number in range(10)]), Path(folder) / "noise.npy"
    labels = np.random.default_rng(0).integers(0, 10, DRAWINGS).astype(np.int32)
    file = bitmaps.BitmapFile(path, *bitmaps_header(path))
    data = Dataset("noise", bitmaps.all_drawings([file]), labels, spec.classes)
    with processes.join(f"127.0.0.1:{port}", count, number) if count > 1 else nullcontext():
        config = TrainConfig(epochs=2, batch_size=128 * devices, learning_rate=1e-4, devices=devices, outliers=0)
        clock: list[float] = []  # of the processor: seconds that others do not lengthen
        result = loop.fit(spec, data, None, config, callbacks=[lambda *_: clock.append(time.process_time())])
        epoch = result.history[1]
        return {
            "drawings_per_second": epoch.training.total / epoch.seconds,
            "processor_seconds": clock[1] - clock[0],
            "bytes_read": read[0],
            "seconds_of_a_sum": _seconds_of_a_sum(spec.param_count, devices),
            "parameters": spec.param_count,
        }


def _seconds_of_a_sum(numbers: int, devices: int) -> float:
    """How long the mean of so many float32 over the devices takes, one after the other."""
    mesh, whole = make_mesh(devices), jax.sharding.PartitionSpec()

    def sums(x: Any) -> Any:
        return jax.lax.scan(lambda x, _: (jax.lax.pmean(x, BATCH), None), x, None, length=SUMS)[0]

    compiled = jax.jit(jax.shard_map(sums, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False))
    x, took = compiled(np.ones(numbers, np.float32)), []
    for _ in range(5):
        started = time.perf_counter()
        x = compiled(x).block_until_ready()
        took.append((time.perf_counter() - started) / SUMS)
    return statistics.median(took)


def time_groups(rounds: int, path: Path) -> None:
    """Measure each of ``GROUPS`` in turn, so many times, and write the record."""
    found: dict[tuple[int, int], list[dict[str, Any]]] = {group: [] for group in GROUPS}
    load = os.getloadavg()
    for _ in range(rounds):
        for group, heard in found.items():
            heard.append(measure_group(*group))
            print(*group, json.dumps(heard[-1]), flush=True)
    runs = []
    for (count, devices), heard in found.items():
        extra = {
            key: [one[key] for one in heard] for key in ("drawings_per_second", "processor_seconds", "seconds_of_a_sum")
        }
        extra |= {key: heard[0][key] for key in ("bytes_read", "parameters")}
        runs.append(Record(config={"processes": count, "devices": devices}, extra=extra))
    extra = {"load_before": load, "load_after": os.getloadavg(), "drawings": DRAWINGS, "epochs": 2}
    name, words = "processes", command("experiments.speed.scaling")
    Record(name, words, machine=describe_machine(), extra=extra, runs=tuple(runs)).write(path)


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


def main() -> int:
    options = _parser().parse_args()
    if options.point or options.member:
        found = measure(*options.point) if options.point else measure_member(*options.member)
        print(json.dumps(found), flush=True)
        return 0
    os.environ.update(process.ENVIRONMENT)
    if options.processes:
        time_groups(options.rounds, options.out / "processes.json")
        return 0
    record = Record(
        "scaling",
        command("experiments.speed.scaling"),
        machine=describe_machine(),
        extra={"load_before": os.getloadavg()},
    )
    for axis in AXES:
        for value, devices in product(AXES[axis][1], device_counts()):
            heard, *_ = process.run("-m", "experiments.speed.scaling", "--point", json.dumps([axis, value, devices]))
            found = json.loads(heard.splitlines()[-1])
            point = Record(config={"axis": axis, "value": value, "devices": devices}, extra=found)
            record = replace(record, runs=(*record.runs, point))
            rate, peak = found["images_per_second"], found["peak_bytes"] / MEGABYTE
            print(f"{axis:9} {value:9,} on {devices}: {rate:10,.0f} images/s, {peak:7,.0f} MB", flush=True)
    record = replace(record, extra=record.extra | {"load_after": os.getloadavg()})
    record.write(options.out / "scaling.json")
    draw(record.runs, options.out / "scaling.png")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed.scaling", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, default=Path("runs/scaling"), help="folder of record and figure")
    parser.add_argument("--processes", action="store_true", help="measure one process, and two, instead")
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds of --processes (default 5)")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--member", type=json.loads, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
