"""The input contract under test: real digits and doodles drawn anew on canvases of every kind, and prepared again.

For each condition: how many each of three networks names right from the published bitmaps, how many from what
``preprocess`` makes of the canvases, and how many pictures are refused. All networks are trained on published bitmaps
alone; no drawing here was trained on. The goal: within 0.3 points of the published bitmaps on any canvas, within 1
point with any pen of half to three times the published width.

Here, of 2,000 each, mean of three networks, on any canvas: digits 1,968.7 as published and 1,973.0 as prepared, doodles
1,627.0 and 1,622.3, 0.23 points less. With pens of half to three times the width: 1,923.7 digits (2.25 points less) and
1,598.7 doodles (1.42 less), so the second goal is missed. It is met up to 1.5 times the pen by digits; from twice on
lines have run together (a closed eye, an 8 without holes), and at three times 9 digits and 7 doodles of 100 are lost.
Stretched by up to a half, doodles lose 4.6 points. Of all these pictures none is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from experiments.studies.canvases import Canvas, Subject, canvas_of, of_digit, of_doodle
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import describe_machine, to_json, write_json
from jaxdoodle.data import load_dataset
from jaxdoodle.data.audit.strokes import SAME_DRAWING
from jaxdoodle.data.catalog import data_root
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from jaxdoodle.inference.model import Model
from jaxdoodle.metrics import wilson_interval
from jaxdoodle.nn.architectures import digit_cnn, sketch_cnn
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.run import train_model
from jaxdoodle.strokes.raster import rasterize
from jaxdoodle.strokes.readers import read_drawings
from jaxdoodle.training import compile_cache
from jaxdoodle.training.augmentation import Augment
from jaxdoodle.training.config import TrainConfig

#: The classes of which most drawings are at hand in strokes.
CLASSES = (
    "cat,monkey,camera,television,bicycle,airplane,headphones,eye,map,calculator,paint can,computer,paintbrush,"
    "crayon,dragon,guitar,basketball,lollipop"
)
CONFIGS = {"digits": TrainConfig(epochs=5, augment=Augment()), "doodles": TrainConfig(epochs=12, augment=Augment())}
PENS = (0.5, 0.75, 1.5, 2.0, 2.5, 3.0)
#: By name, the canvases and how many drawings; the first two are the goals.
CONDITIONS: dict[str, tuple[Canvas, int]] = {
    "any canvas": (Canvas(), 2000),
    "any canvas, pen 0.5 to 3": (Canvas(pen=(0.5, 3)), 2000),
    **{f"pen {pen:g}": (Canvas(pen=(pen, pen)), 300) for pen in PENS},
    "thin grey on white, 254 px": (Canvas((254, 254), (0.5, 0.95), (0.4, 0.6), 0.6, 1.0, 1.0, "array"), 300),
    "the same, stretched": (Canvas((254, 254), (0.4, 0.65), (0.4, 0.6), 0.6, 1.0, 1.5, "array"), 300),
    "thick white on black, 128 px": (Canvas((128, 128), (0.5, 0.95), (1.5, 2.5), 1.0, 0.0, 1.0, "array"), 300),
    "black on white, 396 px": (Canvas((396, 396), (0.5, 0.95), (1.0, 1.0), 0.0, 1.0, 1.0, "array"), 300),
    "photographs": (Canvas((300, 800), (0.3, 0.8), (0.5, 1.2), file="photograph"), 500),
}
SEED = 0
#: Of the networks: which drawings it gets right differs from one to the next as much as between conditions.
SEEDS = (0, 1, 2)


def run(out_dir: Path) -> int:
    """Train, draw, prepare, and write ``record.json``; networks that are in ``out_dir`` already are used again.

    0 if both goals are met, else 1.
    """
    compile_cache.enable()
    record: dict[str, Any] = {
        "experiment": "preprocessing",
        "command": "python -m experiments preprocessing",
        "seed": SEED,
        "seeds of the networks": SEEDS,
        "machine": describe_machine(),
        "conditions": {name: to_json(canvas) for name, (canvas, _) in CONDITIONS.items()},
        "sets": {},
    }
    for name, of in (("digits", _digits), ("doodles", _doodles)):
        bitmaps, labels, subjects, models = of(out_dir)
        scores = [dict(model.provenance["scores"]) for model in models]
        record["sets"][name] = {"config": to_json(CONFIGS[name]), "scores": scores}
        record["sets"][name]["conditions"] = {}
        for condition, (canvas, count) in CONDITIONS.items():
            found = _compare(bitmaps[:count], labels[:count], subjects[:count], canvas, models)
            record["sets"][name]["conditions"][condition] = found
            print(f"{name}, {condition}: {found}", flush=True)
            write_json(out_dir / "record.json", record)
    _draw(record, out_dir / "preprocessing.png")
    goals = dict(zip(CONDITIONS, (0.003, 0.01), strict=False))
    counts = [(one["conditions"][name], goal) for one in record["sets"].values() for name, goal in goals.items()]
    return int(any(mean(one["published"]) - mean(one["prepared"]) > goal * one["total"] for one, goal in counts))


def _digits(out_dir: Path) -> tuple[np.ndarray, np.ndarray, list[Subject], list[Model]]:
    splits = load_dataset("mnist")
    models = _models(out_dir / "digits", digit_cnn(splits.classes), splits, CONFIGS["digits"])
    chosen = np.random.default_rng(SEED).permutation(len(splits.test))[:2000]
    bitmaps = splits.test.images[chosen, ..., 0]
    return bitmaps, splits.test.labels[chosen], [of_digit(bitmap) for bitmap in bitmaps], models


def _doodles(out_dir: Path) -> tuple[np.ndarray, np.ndarray, list[Subject], list[Model]]:
    """Drawings on the test and validation sides whose published bitmap is in their own row."""
    splits = load_dataset("quickdraw", classes=CLASSES.split(","), validation=0.1)
    models = _models(out_dir / "doodles", sketch_cnn(splits.classes), splits, CONFIGS["doodles"])
    unseen = {image.tobytes() for side in (splits.test, splits.validation) for image in side.images}
    folder, bitmaps, labels, subjects = data_root(None) / "quickdraw" / "full", [], [], []
    for label, name in enumerate(splits.classes):
        strokes = list(read_drawings(folder / "simplified" / f"{name}.ndjson"))
        published = open_bitmaps(folder / "numpy_bitmap" / f"{name}.npy")[: len(strokes)].reshape(-1, 28, 28)
        for drawing, bitmap, own in zip(strokes, published, rasterize(strokes), strict=True):
            if bitmap.tobytes() in unseen and np.abs(bitmap.astype(int) - own).mean() <= SAME_DRAWING:
                bitmaps.append(bitmap)
                labels.append(label)
                subjects.append(of_doodle(drawing))
    chosen = np.random.default_rng(SEED).permutation(len(bitmaps))[:2000]
    return np.stack(bitmaps)[chosen], np.array(labels)[chosen], [subjects[i] for i in chosen], models


def _models(folder: Path, spec: Any, splits: Any, config: TrainConfig) -> list[Model]:
    """A network for each of ``SEEDS``."""
    paths = [folder / str(seed) / "model.npz" for seed in SEEDS]
    for seed, path in zip(SEEDS, paths, strict=True):
        if not path.exists():
            name = f"preparation, {folder.name}, {seed}"
            train_model(spec, splits, replace(config, seed=seed), path.parent, title=name)
    return [Model.load(path) for path in paths]


def _compare(
    bitmaps: np.ndarray, labels: np.ndarray, subjects: Sequence[Subject], canvas: Canvas, models: list[Model]
) -> dict[str, Any]:
    """How many each network has right, as published and as prepared, and how many are refused, which are not right."""
    rng, preprocessed, refused = np.random.default_rng(SEED), np.zeros_like(bitmaps), np.zeros(len(bitmaps), bool)
    for index, subject in enumerate(subjects):
        try:
            preprocessed[index] = preprocess(canvas_of(subject, canvas, rng), models[0].preprocessing).bitmap
        except InputError as error:
            print(error)
            refused[index] = True
    published, found = (
        np.stack([model.logits(images).argmax(axis=1) for model in models]) for images in (bitmaps, preprocessed)
    )
    return {
        "published": (published == labels).sum(axis=1).tolist(),
        "prepared": ((found == labels) & ~refused).sum(axis=1).tolist(),
        "same class": ((found == published) & ~refused).sum(axis=1).tolist(),
        "refused": int(refused.sum()),
        "total": len(labels),
    }


def _draw(record: dict[str, Any], path: Path) -> None:
    """Right from the prepared canvases, with 95 % intervals; a cross marks the published bitmaps."""
    note = "Right of all, mean of the networks: dots as prepared, with 95 % intervals; crosses as published"
    with figure(path, 4.2, "preparation: drawn anew, prepared, named", note) as page:
        pair = page.subplots(1, 2, sharey=True)
        for axes, (name, found), color in zip(pair, record["sets"].items(), (BLUE, ORANGE), strict=True):
            for row, one in enumerate(found["conditions"].values()):
                published, preprocessed = mean(one["published"]), mean(one["prepared"])
                low, high = wilson_interval(round(preprocessed), one["total"])
                axes.plot([100 * low, 100 * high], [row, row], color=color)
                axes.plot(100 * preprocessed / one["total"], row, "o", color=color)
                axes.plot(100 * published / one["total"], row, "x", color="black")
            axes.set(title=name, xlabel="% right")
        pair[0].set_yticks(range(len(CONDITIONS)), list(CONDITIONS))
        pair[0].invert_yaxis()
