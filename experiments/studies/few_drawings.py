"""Few drawings: what ``jaxdoodle train`` makes of small sets of one's own, and what a network of other classes adds.

Small sets: five classes of 22 drawings each, of which 36 % are held out as ``jaxdoodle train`` holds them out, with no
option given; scored on 150 other drawings of each class. The classes are chosen anew for each seed.

New classes: ten classes of 10, 30 and 100 training drawings each, with the same network, again with no option given;
from nothing, and from the weights of one that was trained on the other 335 classes of Quick, Draw! and has seen no
drawing of the ten. Its last layer is drawn anew; all layers are trained. Scored on 150 other drawings of each class.

Here: 77.0 % of small sets; of new classes 65.8, 78.4 and 84.8 % from nothing and 71.7, 80.9 and 86.2 % from the other
classes, with 10, 30 and 100 drawings. What other classes add is much with ten drawings and little with a hundred.
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
#: Of the classes that are learned anew, and how many training drawings each has.
DRAWS, NEW_CLASSES, SIZES = 3, 10, (10, 30, 100)
#: Drawings of each class that score.
SCORED = 150
#: How the network of the other classes is trained.
OTHERS = TrainConfig(
    epochs=6, batch_size=128, learning_rate=2e-3, schedule="one_cycle", sampling="balanced", augment=True, outliers=0
)


def run(out_dir: Path, *, seeds: int | None = None, data_dir: Path | None = None) -> int:
    """Train all, print and record each score. 0 if the mean of the small sets reaches the goal, else 1.

    Args:
      out_dir: Folder of the record and the figure.
      seeds: Number of choices of classes and of draws; ``None``: as declared above.
      data_dir: The data root.
    """
    compile_cache.enable()
    data = all_drawings(data_dir)
    small = [_small_set(data, seed) for seed in range(seeds or CHOICES)]
    new = _new_classes(data, range(seeds or DRAWS))
    mean = _mean(small)
    print(f"small sets: mean {mean:.2%} of {len(small)} choices of classes")
    for size in SIZES:
        found = {start: _mean(_of(new, size, start)) for start in ("nothing", "other classes")}
        print(f"{size} drawings a class: {found['nothing']:.2%} from nothing, {found['other classes']:.2%} from others")
    Record(
        "few_drawings",
        "python -m experiments few_drawings",
        data={"name": data.name, "classes": len(data.classes), "drawings": len(data)},
        machine=describe_machine(),
        extra={"mean_accuracy": mean, "scored_per_class": SCORED, "other_classes": config_to_json(OTHERS)},
        runs=(*small, *new),
    ).write(out_dir / "record.json")
    draw(new, out_dir / "new_classes.png")
    return 0 if mean >= GOAL else 1


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


def _new_classes(data: Dataset, draws: Sequence[int]) -> list[Record]:
    rng = np.random.default_rng(0)
    names = _choose_classes(data, min(NEW_CLASSES, len(data.classes) - 2), max(SIZES), rng)
    rest = data.select([name for name in data.classes if name not in names])
    old = digit_cnn(rest.classes)
    base = fit(old, rest, None, OTHERS)
    last = base.history[-1]
    print(f"{len(rest.classes)} other classes: {last.training} while training, {base.train_seconds:.0f} s", flush=True)
    spec, found = digit_cnn(names), []
    for size in SIZES:
        for seed in draws:
            mine, others = _draw(data, names, size, np.random.default_rng([seed, size]))
            config = TrainConfig(seed=seed, outliers=0)
            for start, params in (("nothing", None), ("other classes", base.params)):  # of another last layer
                result = fit(spec, mine, None, config, params=params)
                score = evaluate(spec, result.params, others)
                print(f"{size} a class, draw {seed}, from {start}: {score}", flush=True)
                found.append(
                    Record(
                        "new classes",
                        config=config_to_json(choose(config, mine)),
                        data={"classes": list(names), "train": len(mine), "per_class": size},
                        scores={"others": score._asdict()},
                        extra={"start": start, "train_seconds": result.train_seconds},
                    )
                )
    return found


def _of(runs: Sequence[Record], size: int, start: str) -> list[Record]:
    return [one for one in runs if one.data["per_class"] == size and one.extra["start"] == start]


def _mean(runs: Sequence[Record]) -> float:
    return statistics.mean(_accuracy(one) for one in runs)


def _accuracy(one: Record) -> float:
    score: dict[str, Any] = one.scores["others"]
    return score["correct"] / score["total"]


def draw(runs: Sequence[Record], path: Path) -> None:
    """A dot for each draw, a line through the means: accuracy on unseen drawings by training drawings of each class."""
    classes = len(runs[0].data["classes"])
    note = f"{classes} classes, {runs[0].scores['others']['total']:,} other drawings; a dot is a draw, lines are means"
    with figure(path, 3.4, "New classes, few drawings", note) as page:
        axes = page.add_subplot(xlabel="training drawings of each class", ylabel="right (%)", xscale="log")
        for start, color in (("other classes", BLUE), ("nothing", ORANGE)):
            found = {size: [100 * _accuracy(one) for one in _of(runs, size, start)] for size in SIZES}
            for size, scores in found.items():
                axes.plot([size] * len(scores), scores, "o", color=color, markersize=3)
            axes.plot(SIZES, [statistics.mean(scores) for scores in found.values()], color=color, label=f"from {start}")
        axes.set_xticks(SIZES, [str(size) for size in SIZES])
        axes.minorticks_off()
        axes.legend(loc="lower right")
