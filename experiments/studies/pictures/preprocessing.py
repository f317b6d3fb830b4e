"""Preprocessing under test: real digits and doodles drawn anew on canvases of every kind, and preprocessed again.

For each condition it counts how many images each of three networks classifies correctly from the published bitmaps, and
from what ``preprocess`` makes of the canvases, and how many images are rejected. All networks are trained on published
bitmaps alone; no drawing here was trained on. The goal: within 0.3 points of the published bitmaps on any canvas,
within 1 point with any stroke width of half to three times the published one.

Here, of 2,000 each, mean of three networks, on any canvas: digits 1,968.7 as published and 1,973.0 preprocessed,
doodles 1,627.0 and 1,622.3, 0.23 points less. With half to three times the stroke width: 1,923.7 digits (2.25 points
less) and 1,598.7 doodles (1.42 less), so the second goal is missed. Digits meet it up to 1.5 times the width; from
twice on lines have run together (a closed eye, an 8 without holes), and at three times 9 digits and 7 doodles of 100
are lost. Stretched by up to a half, doodles lose 4.6 points. Of all these images none is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import runner
from experiments.studies.pictures.canvases import Canvas, Renderer, canvas_of, of_digit, of_doodle
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record, to_json
from jaxdoodle.data import Splits, load_dataset
from jaxdoodle.data.audit.strokes import SAME_DRAWING
from jaxdoodle.data.catalog import data_root
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.inference.model import Model
from jaxdoodle.metrics import wilson_interval
from jaxdoodle.nn.architectures import digit_cnn, sketch_cnn
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.run import config_to_json
from jaxdoodle.strokes.raster import rasterize
from jaxdoodle.strokes.readers import read_drawings
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache
from jaxdoodle.training.steps.augmentation import Augment

#: The classes of which most drawings are at hand in strokes.
CLASSES = (
    "cat,monkey,camera,television,bicycle,airplane,headphones,eye,map,calculator,paint can,computer,paintbrush,"
    "crayon,dragon,guitar,basketball,lollipop"
)
CONFIGS = {"digits": TrainConfig(epochs=5, augment=Augment()), "doodles": TrainConfig(epochs=12, augment=Augment())}
STROKE_WIDTHS = (0.5, 0.75, 1.5, 2.0, 2.5, 3.0)
#: Name -> canvases and number of drawings; the first two are the goals.
CONDITIONS: dict[str, tuple[Canvas, int]] = {
    "any canvas": (Canvas(), 2000),
    "any canvas, stroke width 0.5 to 3": (Canvas(stroke_width=(0.5, 3)), 2000),
    **{f"stroke width {width:g}": (Canvas(stroke_width=(width, width)), 300) for width in STROKE_WIDTHS},
    "thin grey on white, 254 px": (Canvas((254, 254), (0.5, 0.95), (0.4, 0.6), 0.6, 1.0, 1.0, "array"), 300),
    "the same, stretched": (Canvas((254, 254), (0.4, 0.65), (0.4, 0.6), 0.6, 1.0, 1.5, "array"), 300),
    "thick white on black, 128 px": (Canvas((128, 128), (0.5, 0.95), (1.5, 2.5), 1.0, 0.0, 1.0, "array"), 300),
    "black on white, 396 px": (Canvas((396, 396), (0.5, 0.95), (1.0, 1.0), 0.0, 1.0, 1.0, "array"), 300),
    "photographs": (Canvas((300, 800), (0.3, 0.8), (0.5, 1.2), file="photograph"), 500),
}
SEED = 0
#: Seeds of the networks: which drawings one classifies correctly varies with the seed as much as with the condition.
SEEDS = (0, 1, 2)


def run(out_dir: Path, *, data_dir: Path | None = None) -> int:
    """Train, draw, preprocess, and write ``record.json``; networks that are in ``out_dir`` already are used again.

    Returns 0 if both goals are met, else 1.
    """
    compile_cache.enable()
    canvases = [{"name": name} | to_json(canvas) for name, (canvas, _) in CONDITIONS.items()]
    record = Record(
        "preprocessing",
        "python -m experiments preprocessing",
        {"seed": SEED, "canvases": canvases},
        machine=describe_machine(),
    )
    for name, load_images in (("digits", _digits), ("doodles", _doodles)):
        bitmaps, labels, renderers, models = load_images(out_dir, data_dir)
        found: list[dict[str, Any]] = []
        config = {key: value for key, value in config_to_json(CONFIGS[name]).items() if key != "seed"}
        networks = tuple(
            Record(config={"seed": seed}, scores=dict(model.provenance["scores"]))
            for seed, model in zip(SEEDS, models, strict=True)
        )
        for condition, (canvas, count) in CONDITIONS.items():
            counts = _compare(bitmaps[:count], labels[:count], renderers[:count], canvas, models)
            found.append({"name": condition} | counts)
            print(f"{name}, {condition}: {counts}", flush=True)
        images = Record(name, config=config, extra={"conditions": found}, runs=networks)
        record = replace(record, runs=(*record.runs, images))
        record.write(out_dir / "record.json")
    draw(record, out_dir / "preprocessing.png")
    goals = dict(zip(CONDITIONS, (0.003, 0.01), strict=False))
    counted = [(one, goals[one["name"]]) for images in record.runs for one in images.extra["conditions"][: len(goals)]]
    return int(any(mean(one["published"]) - mean(one["preprocessed"]) > goal * one["total"] for one, goal in counted))


#: Bitmaps ``(n, 28, 28)``, labels ``(n,)``, what draws each at any size, and the networks.
Images = tuple[NDArray[np.uint8], NDArray[np.integer], list[Renderer], list[Model]]


def _digits(out_dir: Path, data_dir: Path | None) -> Images:
    splits = load_dataset("mnist", root=data_dir)
    models = _models(out_dir / "digits", digit_cnn(splits.classes), splits, CONFIGS["digits"])
    chosen = np.random.default_rng(SEED).permutation(len(splits.test))[:2000]
    bitmaps = splits.test.images[chosen, ..., 0]
    return bitmaps, splits.test.labels[chosen], [of_digit(bitmap) for bitmap in bitmaps], models


def _doodles(out_dir: Path, data_dir: Path | None) -> Images:
    splits = load_dataset("quickdraw", root=data_dir, classes=CLASSES.split(","), validation=0.1)
    models = _models(out_dir / "doodles", sketch_cnn(splits.classes), splits, CONFIGS["doodles"])
    bitmaps, labels, renderers = drawn_doodles(splits, data_dir)
    chosen = np.random.default_rng(SEED).permutation(len(bitmaps))[:2000]
    return bitmaps[chosen], labels[chosen], [renderers[i] for i in chosen], models


def drawn_doodles(
    splits: Splits, data_dir: Path | None
) -> tuple[NDArray[np.uint8], NDArray[np.integer], list[Renderer]]:
    """Drawings of the test and validation sets whose published bitmap is in their own row: with labels and strokes."""
    unseen = {image.tobytes() for data in (splits.test, splits.validation) for image in data.images}
    folder, bitmaps, labels, renderers = data_root(data_dir) / "quickdraw" / "full", [], [], []
    for label, name in enumerate(splits.classes):
        drawings = list(read_drawings(folder / "simplified" / f"{name}.ndjson"))
        published = open_bitmaps(folder / "numpy_bitmap" / f"{name}.npy")[: len(drawings)].reshape(-1, 28, 28)
        for drawing, bitmap, rendered in zip(drawings, published, rasterize(drawings), strict=True):
            if bitmap.tobytes() in unseen and np.abs(bitmap.astype(int) - rendered).mean() <= SAME_DRAWING:
                bitmaps.append(bitmap)
                labels.append(label)
                renderers.append(of_doodle(drawing))
    return np.stack(bitmaps), np.array(labels), renderers


def _models(folder: Path, spec: ModelSpec, splits: Splits, config: TrainConfig) -> list[Model]:
    """A network for each of ``SEEDS``."""
    for seed in SEEDS:
        title = f"preprocessing, {folder.name}, {seed}"
        runner.train_once(spec, splits, replace(config, seed=seed), folder / str(seed), title)
    return [Model.load(folder / str(seed) / "model.npz") for seed in SEEDS]


def _compare(
    bitmaps: NDArray[np.uint8],
    labels: NDArray[np.integer],
    renderers: Sequence[Renderer],
    canvas: Canvas,
    models: list[Model],
) -> dict[str, Any]:
    """Correct answers of each network as published and preprocessed; rejected images count as wrong."""
    rng, preprocessed, rejected = np.random.default_rng(SEED), np.zeros_like(bitmaps), np.zeros(len(bitmaps), bool)
    for index, render in enumerate(renderers):
        try:
            preprocessed[index] = preprocess(canvas_of(render, canvas, rng), models[0].preprocessing).bitmap
        except InputError as error:
            print(error)
            rejected[index] = True
    published, found = (
        np.stack([model.logits(images).argmax(axis=1) for model in models]) for images in (bitmaps, preprocessed)
    )
    return {
        "published": (published == labels).sum(axis=1).tolist(),
        "preprocessed": ((found == labels) & ~rejected).sum(axis=1).tolist(),
        "same_class": ((found == published) & ~rejected).sum(axis=1).tolist(),
        "rejected": int(rejected.sum()),
        "total": len(labels),
    }


def draw(record: Record, path: Path) -> None:
    """Accuracy on preprocessed canvases, with 95 % intervals; a cross marks the published bitmaps."""
    note = "Accuracy, mean of the networks: dots preprocessed, with 95 % intervals; crosses as published"
    with figure(path, 4.2, "preprocessing: drawn anew, preprocessed, classified", note) as page:
        pair = page.subplots(1, 2, sharey=True)
        for axes, images, color in zip(pair, record.runs, (BLUE, ORANGE), strict=True):
            for row, one in enumerate(images.extra["conditions"]):
                published, preprocessed = mean(one["published"]), mean(one["preprocessed"])
                low, high = wilson_interval(round(preprocessed), one["total"])
                axes.plot([100 * low, 100 * high], [row, row], color=color)
                axes.plot(100 * preprocessed / one["total"], row, "o", color=color)
                axes.plot(100 * published / one["total"], row, "x", color="black")
            axes.set(title=images.name, xlabel="% correct")
        pair[0].set_yticks(range(len(CONDITIONS)), list(CONDITIONS))
        pair[0].invert_yaxis()
