"""Few drawings: what ``jaxdoodle train`` makes of small sets of one's own.

Five classes of 22 drawings each, of which 36 % are held out as ``jaxdoodle train`` holds them out, with no option
given; scored on 150 other drawings of each class. The classes are chosen anew for each seed. Here: 77.0 %. What a
network of other classes adds is measured by ``new_classes``.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset, load_dataset
from jaxdoodle.data.splits import split_by_hash
from jaxdoodle.metrics import format_accuracy
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.preprocessing.config import QUICKDRAW
from jaxdoodle.run import config_to_json
from jaxdoodle.training import TrainConfig, evaluate, fit
from jaxdoodle.training.hardware import compile_cache
from jaxdoodle.training.plan import choose

#: Mean accuracy that small sets reach.
GOAL = 0.75
CHOICES, CLASSES, DRAWINGS = 10, 5, 22
#: Drawings of each class that score.
SCORED = 150


def run(out_dir: Path, *, seeds: int | None = None, data_dir: Path | None = None) -> int:
    """Train all, print and record each score. 0 if the mean reaches the goal, else 1.

    Args:
      out_dir: Folder of the record and the figure.
      seeds: Number of choices of classes; ``None``: as declared above.
      data_dir: The data root.
    """
    compile_cache.enable()
    data = all_drawings(data_dir)
    small = [_small_set(data, seed) for seed in range(seeds or CHOICES)]
    print(f"mean {mean(small):.2%} of {len(small)} choices of classes")
    Record(
        "few_drawings",
        "python -m experiments few_drawings",
        data={"name": data.name, "classes": len(data.classes), "drawings": len(data)},
        machine=describe_machine(),
        extra={"mean_accuracy": mean(small), "scored_per_class": SCORED},
        runs=tuple(small),
    ).write(out_dir / "record.json")
    plot(small, out_dir / "choices.png")
    return 0 if mean(small) >= GOAL else 1


def all_drawings(data_dir: Path | None) -> Dataset:
    """All drawings of Quick, Draw!, which a study splits in its own way."""
    splits = load_dataset("quickdraw", root=data_dir, classes="all", validation=0).in_memory()
    parts = [splits.train, splits.test]
    images, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels"))
    return replace(splits.train, images=images, labels=labels)


def _draw(data: Dataset, names: Sequence[str], count: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """``count`` drawings of each class, and ``SCORED`` others."""
    chosen = data.select(names)
    chosen = chosen.take(rng.permutation(len(chosen)))
    rank = chosen.index_in_class
    return chosen.take(rank < count), chosen.take((rank >= count) & (rank < count + SCORED))


def _choose_classes(data: Dataset, count: int, drawings: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Names of classes that have so many drawings, and those that score."""
    enough = np.flatnonzero(data.counts >= drawings + SCORED)
    return tuple(data.classes[label] for label in rng.choice(enough, count, replace=False))


def _small_set(data: Dataset, seed: int) -> Record:
    rng = np.random.default_rng(seed)
    names = _choose_classes(data, CLASSES, DRAWINGS, rng)
    mine, others = _draw(data, names, DRAWINGS, rng)
    splits = split_by_hash(mine, QUICKDRAW)
    config = TrainConfig(seed=seed, outliers=0)
    spec = digit_cnn(names)
    result = fit(spec, splits.train, splits.validation, config)
    score = evaluate(spec, result.params, others)
    print(f"small set, seed {seed}: {format_accuracy(score.correct, score.total)}, {', '.join(names)}", flush=True)
    return Record(
        "small set",
        config=config_to_json(choose(config, splits.train)),
        data={"classes": list(names), "train": len(splits.train)},
        scores={"others": score._asdict()},
        extra={"train_seconds": result.train_seconds, "compile_seconds": result.compile_seconds},
    )


def mean(runs: Sequence[Record]) -> float:
    """Mean accuracy of the choices of classes."""
    return statistics.mean(_accuracy(one) for one in runs)


def _accuracy(one: Record) -> float:
    score: dict[str, Any] = one.scores["others"]
    return score["correct"] / score["total"]


def plot(runs: Sequence[Record], path: Path) -> None:
    """A bar for each choice of classes, a line at the mean: accuracy on other drawings."""
    note = f"{DRAWINGS} drawings of each of {CLASSES} classes, {SCORED} other drawings of each; the line is the mean"
    with figure(path, 2.6, "Small sets", note) as page:
        axes = page.add_subplot(xlabel="choice of classes", ylabel="right (%)", ylim=(0, 100))
        axes.bar(range(len(runs)), [100 * _accuracy(one) for one in runs], color=BLUE)
        axes.axhline(100 * mean(runs), color=ORANGE)
