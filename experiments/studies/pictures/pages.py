"""Drawings with something else on the paper, by kind: right, wrong, wrong with confidence, refused.

Real digits and doodles that no network was trained on are put on pages of every kind (``studies/pictures/paper``), and
``Model.predict`` answers: of ``digits``, which comes with the package, and of a network of eight doodles. The goals: of
no kind more than 3 points fewer right than of clean pages, and at most 1 % wrong where the answer is said to be 90 %
sure or more.

The kinds were there before the preprocessing was, and its constants and those of ``inference.model`` were chosen on
pages of these kinds, with the first ``SEEN`` drawings of an order that the seed gives. Those measured come after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments import runner
from experiments.studies.pictures.canvases import Renderer, of_digit
from experiments.studies.pictures.paper import KINDS, PENS, page_of
from experiments.studies.pictures.preprocessing import drawn_doodles
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import load_dataset
from jaxdoodle.data.catalog import load_outliers
from jaxdoodle.inference.model import Model
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.run import config_to_json
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache
from jaxdoodle.training.steps.augmentation import Augment

CLASSES = "clock,headphones,pizza,apple,tree,pants,airplane,banana"
#: How the network of doodles is trained: with as many outliers as ``jaxdoodle train`` shows by itself.
CONFIG = TrainConfig(epochs=12, augment=Augment(), ema_decay=0.999, outliers=0.25)
SEED = 0
#: How many drawings of each set were looked at while the preprocessing was made.
SEEN = 120
#: An answer is confident from this probability on; at most so many of all may be confident and wrong.
CONFIDENT, MOST_SURE = 0.9, 0.01
#: Most that a kind may have fewer right than clean pages, as a fraction of all.
LOSS = 0.03
OUTCOMES = ("right", "wrong", "sure", "refused")


def run(out_dir: Path, *, drawings: int = 1000, data_dir: Path | None = None) -> int:
    """Train, draw, predict, and write ``record.json``; a network that is in ``out_dir`` already is used again.

    Args:
      out_dir: Where it is, and the record will be.
      drawings: Of each set, on a page of each kind; fewer where there are no more.
      data_dir: The data root.

    Returns 0 if both goals are met by every kind, else 1.
    """
    compile_cache.enable()
    config = {"seed": SEED, "drawings": drawings, "confident": CONFIDENT}
    found = []
    for name, load in (("digits", _digits), ("doodles", _doodles)):
        model, trained, renderers, labels = load(out_dir, drawings, data_dir)
        counts = []
        for kind in (*KINDS, *PENS):
            rng = np.random.default_rng((SEED, SEEN))
            counts.append({"name": kind} | count(model, [page_of(render, kind, rng) for render in renderers], labels))
            print(f"{name}, {counts[-1]}", flush=True)
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


def count(model: Model, pages: Sequence[Any], labels: Sequence[str]) -> dict[str, int]:
    """How many pages of known answers ``predict`` gets right, wrong, of these with confidence, and refuses."""
    counts = dict.fromkeys(OUTCOMES, 0)
    for guess, label in zip(model.predict_all(pages), labels, strict=True):
        outcome = "refused" if guess.abstained else "right" if guess.label == label else "wrong"
        counts[outcome] += 1
        counts["sure"] += outcome == "wrong" and guess.top(1)[0][1] >= CONFIDENT
    return counts


def missed(images: Record) -> list[str]:
    """The kinds of pages that miss a goal."""
    kinds = {one["name"]: one for one in images.extra["kinds"]}
    clean, names = kinds["clean"], []
    for name, found in kinds.items():
        total = found["right"] + found["wrong"] + found["refused"]
        if found["right"] < clean["right"] - LOSS * total or found["sure"] > MOST_SURE * total:
            names.append(name)
    return names


#: A model, how it was trained, pages as functions that draw them, and what they show.
Loaded = tuple[Model, dict[str, Any], list[Renderer], list[str]]


def _digits(out_dir: Path, drawings: int, data_dir: Path | None) -> Loaded:
    splits = load_dataset("mnist", root=data_dir, validation=0.2)
    chosen = np.random.default_rng(SEED).permutation(len(splits.test))[SEEN:][:drawings]
    renderers = [of_digit(bitmap) for bitmap in splits.test.images[chosen, ..., 0]]
    labels = [splits.classes[i] for i in splits.test.labels[chosen]]
    return Model.load("digits"), {"model": "digits"}, renderers, labels


def _doodles(out_dir: Path, drawings: int, data_dir: Path | None) -> Loaded:
    splits = load_dataset("quickdraw", root=data_dir, classes=CLASSES.split(","), validation=0.2)
    _, labels, renderers = drawn_doodles(splits, data_dir)
    chosen = np.random.default_rng(SEED).permutation(len(labels))[SEEN:][:drawings]
    others = load_outliers("quickdraw", splits, data_dir)
    runner.train_once(digit_cnn(splits.classes), splits, CONFIG, out_dir / "doodles", "pages, doodles", outliers=others)
    trained = {key: value for key, value in config_to_json(CONFIG).items() if key != "seed"}
    shown = [splits.classes[labels[i]] for i in chosen]
    return Model.load(out_dir / "doodles" / "model.npz"), trained, [renderers[i] for i in chosen], shown


def draw(record: Record, path: Path) -> None:
    """Of each kind: right, refused, wrong, and wrong with confidence."""
    note = "Right (blue), refused (white), wrong (light), wrong and 90 % sure (orange)"
    with figure(path, 8.5, "pages: something else on the paper", note) as page:
        pair = page.subplots(1, 2, sharey=True)
        for axes, images in zip(pair, record.runs, strict=True):
            kinds = images.extra["kinds"]
            for row, one in enumerate(kinds):
                share = 100 / (one["right"] + one["wrong"] + one["refused"])
                wrong, sure = share * one["wrong"], share * one["sure"]
                axes.barh(row, share * one["right"], color=BLUE)
                axes.barh(row, wrong - sure, left=100 - wrong, color=ORANGE, alpha=0.4)
                axes.barh(row, sure, left=100 - sure, color=ORANGE)
            axes.set(title=images.name, xlabel="% of pages", xlim=(0, 100))
        pair[0].set_yticks(range(len(kinds)), [one["name"] for one in kinds])
        pair[0].invert_yaxis()
