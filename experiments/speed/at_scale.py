"""Train on 345 classes of 100,000 drawings that stay on disk: peak memory and reading speed.

    python -m experiments.speed.at_scale --folder DIR          writes 27 GB there, once, and runs/at_scale.json

Reading is timed alone, after the system was told to forget the files (which Linux can be); training, on some of the
drawings, from disk and from memory in turn. Every figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.harness import process
from experiments.speed.harness.machine import MEGABYTE, command, peak_bytes
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import synthetic
from jaxdoodle.data.bitmaps import PIXELS, Bitmaps
from jaxdoodle.data.catalog import load_dataset
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.readers.quickdraw import IN_MEMORY
from jaxdoodle.training.batches import CHUNK, RUN, SAMPLING, DataLoader, chunk_sizes, prefetch
from jaxdoodle.training.config import DataConfig, TrainConfig

#: Network -> number of times it is trained from disk and from memory.
ROUNDS = {"digit_cnn": 3, "sketch_cnn": 1}
DISTINCT = 500  # drawings that a file repeats, each time with other dots in a corner


def main() -> int:
    parser = _parser()
    options = parser.parse_args()
    if options.classes * options.per_class * PIXELS <= IN_MEMORY:
        parser.error(
            f"{options.classes} classes of {options.per_class:,} would be trained on from memory: ask for more."
        )
    if options.measure:
        found = MEASURES[options.measure](options)
        print(json.dumps({"peak_megabytes": _peak()} | found))
        return 0
    write_drawings(options.folder, options.classes, options.per_class)
    os.environ.update(process.ENVIRONMENT)
    record = Record(
        "at_scale",
        command("experiments.speed.at_scale"),
        machine=describe_machine(),
        extra={"load_before": os.getloadavg()},
    )
    for name in MEASURES:
        found = Record(name, extra=_in_a_process(name))
        print(f"{name}: {json.dumps(found.extra)}", flush=True)
        record = replace(record, runs=(*record.runs, found))
        record.write(options.out)
    return 0


def write_drawings(folder: Path, classes: int, per_class: int) -> None:
    """A ``.npy`` file a class, where it is not there already; no drawing comes twice."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    kinds = [synthetic.generate(name, DISTINCT, rng).reshape(-1, PIXELS) for name in synthetic.CLASSES]
    for label in range(classes):
        path = folder / f"class {label:03}.npy"
        if path.exists():
            continue
        file = np.lib.format.open_memmap(path.with_suffix(".part"), "w+", np.uint8, (per_class, PIXELS))
        for start in range(0, per_class, DISTINCT):
            part = kinds[label % len(kinds)][: per_class - start].copy()
            number = (label * per_class + start + np.arange(len(part), dtype="<u4")).view(np.uint8)
            part[:, :4] = number.reshape(-1, 4)
            file[start : start + len(part)] = part
        file.flush()
        path.with_suffix(".part").rename(path)


def splitting(options: argparse.Namespace) -> dict[str, Any]:
    """Load the splits and count duplicates: the hashes are computed, or read where they were."""
    started = time.perf_counter()
    splits = _load(options)
    loaded = time.perf_counter()
    summary = splits.summary
    return {
        "load_seconds": round(loaded - started, 1),
        "summary": summary,
        "summary_seconds": round(time.perf_counter() - loaded, 1),
    }


def reading(options: argparse.Namespace, sampling: str) -> dict[str, Any]:
    """Read chunks alone, from files that the system has dropped from its cache."""
    data = _load(options).train
    _forget(data.images)
    sizes = chunk_sizes(data, sampling, batch_size=128)
    loader = DataLoader(data, DataConfig(sampling=sampling), sizes)
    places = [divmod(number, len(sizes)) for number in range(options.chunks)]
    started, drawings, seen = time.perf_counter(), 0, np.zeros(len(data.classes), np.int64)
    for images, labels, _ in prefetch(loader, places):
        drawings += len(images)
        seen += np.bincount(labels, minlength=len(seen))
    seconds = time.perf_counter() - started
    return {
        "chunks_of_an_epoch": len(sizes),
        "drawings": drawings,
        "drawings_a_second": round(drawings / seconds),
        "of_a_class": [int(seen.min()), int(seen.max())],
    }


def training(options: argparse.Namespace, network: str) -> dict[str, Any]:
    """Train an epoch on some of the drawings, from disk and from memory in turn."""
    from jaxdoodle.nn import architectures
    from jaxdoodle.training import loop

    whole = _load(options).train
    begins = np.random.default_rng(0).permutation(len(whole) // RUN)[: options.chunks * CHUNK // PIXELS // RUN]
    some = whole.take((np.sort(begins)[:, None] * RUN + np.arange(RUN)).ravel())
    spec = getattr(architectures, network)(some.classes)
    places: dict[str, Dataset] = {"disk": some}
    rates: dict[str, list[int]] = {"disk": [], "memory": []}
    found: dict[str, Any] = {"drawings": len(some), "drawings_a_second": rates, "loss": {}}
    for _ in range(ROUNDS[network]):
        for where in rates:
            _forget(some.images)
            result = loop.fit(spec, places[where], None, TrainConfig(epochs=1, outliers=0))
            rates[where].append(round(result.history[0].training.total / result.train_seconds))
            found["loss"][where] = [round(float(np.mean(part)), 2) for part in _ends(result.step_losses)]
            found.setdefault("peak_megabytes", _peak())  # with what is in memory for comparison it would be more
            places.setdefault("memory", replace(some, images=some.images[:]))
    return found


MEASURES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "splitting, first time": splitting,
    "splitting, again": splitting,
    **{f"reading, {name}": lambda options, name=name: reading(options, name) for name in SAMPLING},
    **{f"training {name}": lambda options, name=name: training(options, name) for name in ROUNDS},
}


def _load(options: argparse.Namespace) -> Any:
    return load_dataset(str(options.folder), per_class=options.per_class)


def _forget(images: Bitmaps) -> None:
    """Ask the system to drop the files from its cache."""
    for file in images.files:
        descriptor = os.open(file.path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def _in_a_process(name: str) -> dict[str, Any]:
    return json.loads(process.run("-m", "experiments.speed.at_scale", *sys.argv[1:], "--measure", name)[0])


def _peak() -> int:
    return round(peak_bytes() / MEGABYTE)


def _ends(losses: list[float], count: int = 50) -> tuple[list[float], list[float]]:
    return losses[:count], losses[-count:]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed.at_scale", description=__doc__, allow_abbrev=False
    )
    option = parser.add_argument
    option("--folder", type=Path, required=True, help="folder of the drawings: 27 GB, unless fewer are asked for")
    option("--classes", type=int, default=345, help="number of classes (default 345)")
    option("--per-class", type=int, default=100_000, help="drawings of a class (default 100,000)")
    option("--chunks", type=int, default=8, help="chunks to read or train on, 42,000 drawings each (default 8)")
    option(
        "--out", type=Path, default=Path("runs/at_scale.json"), help="file of the record (default runs/at_scale.json)"
    )
    option("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
