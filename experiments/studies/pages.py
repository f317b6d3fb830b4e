"""Drawings with something else on the paper, by kind: right, wrong, wrong with confidence, refused.

Real digits and doodles that no network was trained on are put on pages of every kind (``studies/paper``), and
``Model.predict`` answers. Every other drawing is for tuning: by it the constants of the preprocessing and of
``inference.model`` were chosen. The rest is held out, and by it alone the goals are judged: of no kind more than 3
points fewer right than of clean pages, and at most 1 % wrong where the answer is said to be 90 % sure or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import runner
from experiments.studies.canvases import Renderer, of_digit
from experiments.studies.paper import KINDS, PENS, page_of
from experiments.studies.preprocessing import drawn_doodles
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import load_dataset
from jaxdoodle.inference.model import Model
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.run import config_to_json
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache
from jaxdoodle.training.steps.augmentation import Augment

CLASSES = "clock,headphones,pizza,apple,tree,pants,airplane,banana"
CONFIGS = {
    "digits": TrainConfig(epochs=6, augment=Augment(), ema_decay=0.999),
    "doodles": TrainConfig(epochs=12, augment=Augment(), ema_decay=0.999),
}
SEED = 0
HALVES = ("tuned", "held_out")
#: An answer is confident from this probability on; at most so many of all may be confident and wrong.
CONFIDENT, MOST_SURE = 0.9, 0.01
#: Most that a kind may have fewer right than clean pages, as a fraction of all.
LOSS = 0.03
OUTCOMES = ("right", "wrong", "sure", "refused")


def run(out_dir: Path, *, drawings: int = 1000, data_dir: Path | None = None) -> int:
    """Train, draw, predict, and write ``record.json``; networks that are in ``out_dir`` already are used again.

    Args:
      out_dir: Where they are, and the record will be.
      drawings: Of each set, on a page of each kind; half of them are held out.
      data_dir: The data root.

    Returns 0 if both goals are met by every kind, else 1.
    """
    compile_cache.enable()
    config = {"seed": SEED, "drawings": drawings, "confident": CONFIDENT}
    found = []
    for name, load in (("digits", _digits), ("doodles", _doodles)):
        model, renderers, labels = load(out_dir, drawings, data_dir)
        counts = []
        for kind in (*KINDS, *PENS):
            rng = np.random.default_rng(SEED)
            counts.append({"name": kind} | count(model, [page_of(render, kind, rng) for render in renderers], labels))
            print(f"{name}, {counts[-1]}", flush=True)
        trained = {key: value for key, value in config_to_json(CONFIGS[name]).items() if key != "seed"}
        scores = dict(model.provenance["scores"])
        found.append(Record(name, config=trained, scores=scores, extra={"kinds": counts}))
    record = Record(
        "pages",
        f"python -m experiments pages --drawings {drawings}",
        config,
        machine=describe_machine(),
        runs=tuple(found),
    )
    record.write(out_dir / "record.json")
    draw(record, out_dir / "pages.png")
    return int(any(missed(one) for one in record.runs))


def count(model: Model, pages: Sequence[Any], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """The outcomes of ``predict`` for pages of known answers: of every other one from the first, and of the rest.

    Returns:
      ``{"tuned": ..., "held_out": ...}``, of each how many are right, wrong, of these sure, and refused.
    """
    counts = {half: dict.fromkeys(OUTCOMES, 0) for half in HALVES}
    for index, (guess, label) in enumerate(zip(model.predict_all(pages), labels, strict=True)):
        outcome = "refused" if guess.abstained else "right" if guess.label == label else "wrong"
        half = counts[HALVES[index % 2]]
        half[outcome] += 1
        half["sure"] += outcome == "wrong" and guess.top(1)[0][1] >= CONFIDENT
    return counts


def missed(images: Record) -> list[str]:
    """The kinds of pages that miss a goal on the drawings held out."""
    kinds = {one["name"]: one["held_out"] for one in images.extra["kinds"]}
    clean, names = kinds["clean"], []
    for name, found in kinds.items():
        total = found["right"] + found["wrong"] + found["refused"]
        if found["right"] < clean["right"] - LOSS * total or found["sure"] > MOST_SURE * total:
            names.append(name)
    return names


def _digits(out_dir: Path, drawings: int, data_dir: Path | None) -> tuple[Model, list[Renderer], list[str]]:
    splits = load_dataset("mnist", root=data_dir, validation=0.2)
    chosen = np.random.default_rng(SEED).permutation(len(splits.test))[:drawings]
    renderers = [of_digit(bitmap) for bitmap in splits.test.images[chosen, ..., 0]]
    return _model(out_dir, "digits", splits), renderers, [splits.classes[i] for i in splits.test.labels[chosen]]


def _doodles(out_dir: Path, drawings: int, data_dir: Path | None) -> tuple[Model, list[Renderer], list[str]]:
    splits = load_dataset("quickdraw", root=data_dir, classes=CLASSES.split(","), validation=0.2)
    _, labels, renderers = drawn_doodles(splits, data_dir)
    chosen = np.random.default_rng(SEED).permutation(len(labels))[:drawings]
    model = _model(out_dir, "doodles", splits)
    return model, [renderers[i] for i in chosen], [splits.classes[labels[i]] for i in chosen]


def _model(out_dir: Path, name: str, splits: Any) -> Model:
    path = out_dir / name / "model.npz"
    if not path.exists():
        runner.train(digit_cnn(splits.classes), splits, CONFIGS[name], path.parent, f"pages, {name}")
    return Model.load(path)


def draw(record: Record, path: Path) -> None:
    """Of each kind, on the drawings held out: right, refused, wrong, and wrong with confidence."""
    note = "Drawings held out: right (blue), refused (white), wrong (light), wrong and 90 % sure (orange)"
    with figure(path, 8.5, "pages: something else on the paper", note) as page:
        pair = page.subplots(1, 2, sharey=True)
        for axes, images in zip(pair, record.runs, strict=True):
            kinds = images.extra["kinds"]
            for row, one in enumerate(kinds):
                found = one["held_out"]
                share = 100 / (found["right"] + found["wrong"] + found["refused"])
                wrong, sure = share * found["wrong"], share * found["sure"]
                axes.barh(row, share * found["right"], color=BLUE)
                axes.barh(row, wrong - sure, left=100 - wrong, color=ORANGE, alpha=0.4)
                axes.barh(row, sure, left=100 - sure, color=ORANGE)
            axes.set(title=images.name, xlabel="% of pages", xlim=(0, 100))
        pair[0].set_yticks(range(len(kinds)), [one["name"] for one in kinds])
        pair[0].invert_yaxis()
