"""Bitmaps rendered from Quick, Draw!'s strokes against the published ones: by pixel, and by what a network answers.

Every drawing that is there in both forms, simplified strokes and published bitmap, is rendered by
``strokes.raster.rasterize``. The sketch network, trained on published bitmaps for two epochs, classifies both: the most
likely class should be the same, right or wrong. ``preprocessing.render``, which also takes raw drawings, has to tell
from the coordinates that these are simplified: the record counts the drawings that it renders the same.

Row i of a class's bitmaps is line i of its strokes, but for a few classes where the rows are in another order: a
drawing more than 5 of 255 away from its row is compared with the bitmap of its class that is nearest; the record
counts these by class.

Here, 15,792 drawings of 345 classes: the mean pixel is 0.10 of 255 off, the worst drawing 0.56, and the network names
the same class for 15,747 (99.7 %); 5,942 drawings a second of one core.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import runner
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import Record
from jaxdoodle.data import load_dataset
from jaxdoodle.data.audit.strokes import SAME_DRAWING
from jaxdoodle.data.catalog import data_root
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.inference.model import Model
from jaxdoodle.metrics import wilson_interval
from jaxdoodle.nn.architectures import sketch_cnn
from jaxdoodle.plots.style import figure
from jaxdoodle.preprocessing.config import QUICKDRAW
from jaxdoodle.preprocessing.render import render_drawings
from jaxdoodle.strokes.drawing import Drawing
from jaxdoodle.strokes.raster import rasterize
from jaxdoodle.strokes.readers import read_drawings
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache

Bitmaps = NDArray[np.uint8]  # (n, 28, 28)
CONFIG = TrainConfig(epochs=2, schedule="constant")
SHOWN = 10  # drawings in the figure
DARKEST = 32  # difference of a pixel, of 255, that is shown as black
LARGEST_ERROR = 1.0  # the goal: mean of 255 over all pixels
LEAST_AGREEMENT = 0.995  # the goal: of the drawings


def run(out_dir: Path, *, data_dir: Path | None = None) -> int:
    """Train, render, compare; write ``record.json`` to ``out_dir``. 0 if both goals are met, else 1."""
    compile_cache.enable()
    root = data_root(data_dir)
    splits = load_dataset("quickdraw", root=root, classes="all", validation=0.0)
    trained = runner.train_once(sketch_cnn(splits.classes), splits, CONFIG, out_dir / "model", "rendering")
    model = Model.load(out_dir / "model" / "model.npz")

    rendered, published, labels, moved, seconds, same_by_render = [], [], [], [], 0.0, 0
    for name, strokes, bitmaps in _both_forms(root / "quickdraw" / "full"):
        start = time.process_time()
        rendered.append(rasterize(strokes))
        seconds += time.process_time() - start
        apart = np.abs(render_drawings(strokes, QUICKDRAW).astype(int) - rendered[-1])
        same_by_render += int((apart.max(axis=(1, 2)) <= 1).sum())
        rows, elsewhere = _rows(rendered[-1], bitmaps)
        published.append(bitmaps[rows])
        labels += [splits.classes.index(name)] * len(strokes)
        if elsewhere:
            moved.append({"class": name, "drawings": elsewhere})
    if not rendered:
        raise InputError(f"{root}: holds no class both as .ndjson and as .npy.")

    found = _compare(np.concatenate(rendered), np.concatenate(published), np.array(labels), model)
    ok = found["pixel_error"]["mean"] <= LARGEST_ERROR and found["same_class"] >= LEAST_AGREEMENT * found["drawings"]
    rate = round(len(labels) / seconds)
    network = replace(trained, name="sketch_cnn", data={}, machine={})
    extra = found | {"same_by_render": same_by_render, "rows_found_by_content": moved}
    Record(
        "rendering",
        "python -m experiments rendering",
        {"goals": {"pixel_error": LARGEST_ERROR, "agreement": LEAST_AGREEMENT}},
        trained.data | {"classes": len(splits.classes)},
        trained.machine,
        extra=extra | {"drawings_per_cpu_second": rate, "ok": bool(ok)},
        runs=(network,),
    ).write(out_dir / "record.json")
    draw_worst(np.concatenate(rendered), np.concatenate(published), out_dir / "worst.png")
    error = found["pixel_error"]
    print(f"mean error {error['mean']:.3f} of 255; of one drawing at most {error['largest_of_a_drawing']:.3f}")
    low, high = wilson_interval(found["same_class"], found["drawings"])
    interval = f"95 % interval {100 * low:.2f} to {100 * high:.2f} %"
    print(f"same class for {found['same_class']:,} of {found['drawings']:,} drawings; {interval}")
    print(f"{rate:,} drawings a second of one core")
    return 0 if ok else 1


def _both_forms(folder: Path) -> Iterator[tuple[str, list[Drawing], Bitmaps]]:
    """Of each class held in both forms: its name, its strokes, and its bitmaps, ``(n, 28, 28)``."""
    for path in sorted((folder / "simplified").glob("*.ndjson")):
        bitmaps = folder / "numpy_bitmap" / f"{path.stem}.npy"
        if bitmaps.exists():
            yield path.stem, list(read_drawings(path)), open_bitmaps(bitmaps).reshape(-1, 28, 28)


def _rows(rendered: Bitmaps, bitmaps: Bitmaps) -> tuple[NDArray[np.intp], int]:
    """Which bitmap shows each drawing, and how many of them are in another row than their line."""
    rows = np.arange(len(rendered)) % len(bitmaps)
    away = np.flatnonzero(np.abs(bitmaps[rows].astype(int) - rendered).mean(axis=(1, 2)) > SAME_DRAWING)
    for index in away:
        rows[index] = np.abs(bitmaps.astype(int) - rendered[index]).mean(axis=(1, 2)).argmin()
    return rows, len(away)


def draw_worst(rendered: Bitmaps, published: Bitmaps, path: Path) -> None:
    """The drawings that differ most: published, rendered, and the difference on a scale of ``DARKEST``."""
    error = np.abs(rendered.astype(int) - published)
    worst = np.argsort(-error.mean(axis=(1, 2)), kind="stable")[:SHOWN]
    note = (
        f"The {SHOWN} of {len(rendered):,} drawings that differ most. Black is a difference of {DARKEST} of 255 or more"
    )
    with figure(path, 2.2, "rendering: published and rendered by jaxdoodle", note) as page:
        axes = page.add_subplot()
        axes.axis("off")
        rows = {
            "published": published[worst],
            "jaxdoodle": rendered[worst],
            "difference": np.minimum(error[worst] * (255 / DARKEST), 255),
        }
        for row, (name, images) in enumerate(rows.items()):
            axes.text(-0.1, row + 0.5, name, ha="right", va="center_baseline")
            for column, image in enumerate(images):
                place = (column + 0.04, column + 0.96, row + 0.96, row + 0.04)
                axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, extent=place)
        axes.set(xlim=(-1.2, SHOWN), ylim=(3, 0), aspect="equal")


def _compare(rendered: Bitmaps, published: Bitmaps, labels: NDArray[np.integer], model: Model) -> dict[str, Any]:
    error = np.abs(rendered.astype(int) - published)
    by_rendered, by_published = (model.logits(bitmaps).argmax(axis=1) for bitmaps in (rendered, published))
    right = {"jaxdoodle": int((by_rendered == labels).sum()), "published": int((by_published == labels).sum())}
    return {
        "drawings": len(rendered),
        "pixel_error": {
            "mean": float(error.mean()),
            "largest_of_a_drawing": float(error.mean(axis=(1, 2)).max()),
            "largest_of_a_pixel": int(error.max()),
        },
        "same_class": int((by_rendered == by_published).sum()),
        "right_class": right,
    }
