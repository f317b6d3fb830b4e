"""What each step of the best recipe of 784-128-64-10 buys: each is left out of it, one at a time.

The recipe is the one of ``digit_mlp_deep``, "distilled", with 20 epochs in place of 100. Every row is trained from
the same seeds as the whole, so that a difference is that of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments import runner, table
from experiments.declaration import Experiment, Variant
from experiments.reports import digit_mlp_deep
from jaxdoodle.core.record import Record
from jaxdoodle.nn.losses import SoftmaxCrossEntropy
from jaxdoodle.plots.style import BLUE, figure
from jaxdoodle.training.steps.augmentation import Augment

SEEDS, EPOCHS = 3, 20
BEST = digit_mlp_deep.EXPERIMENT.variants["distilled"]
WHOLE = "the whole recipe"


def recipe(teacher: Sequence[str] = BEST.teacher, **changes: Any) -> Variant:
    """The recipe but for ``changes`` of its config."""
    return Variant(BEST.network, replace(BEST.config, epochs=EPOCHS, **changes), teacher=teacher)


RECIPES = Experiment(
    dataset=digit_mlp_deep.EXPERIMENT.dataset,
    validation=digit_mlp_deep.EXPERIMENT.validation,
    variants={
        WHOLE: recipe(),
        "labels in place of the teacher": recipe(teacher=()),
        "smoothed labels in place of the teacher": recipe(teacher=(), loss=SoftmaxCrossEntropy(0.1)),
        "the teacher and the labels, 0.9 to 0.1": recipe(teacher_weight=0.9),
        "images as they are": recipe(augment=None),
        "turned, sheared, zoomed and shifted alone": recipe(augment=Augment(elastic=0)),
        "bent alone": recipe(augment=Augment(rotate=0, shear=0, zoom=0, shift=0)),
        "weights not averaged": recipe(ema_decay=None),
        "a constant rate of 0.001": recipe(schedule="constant", learning_rate=1e-3),
        "SGD with momentum in place of Adam": recipe(optimizer="momentum", learning_rate=0.1),
    },
)


def run(out_dir: Path, *, seeds: int = SEEDS, epochs: int | None = None, data_dir: Path | None = None) -> int:
    """Train all, print and draw what each change costs. 0.

    Args:
      out_dir: Folder of the record, the figure, and a folder for each run.
      seeds: Number of seeds of each row, two or more.
      epochs: In place of 20.
      data_dir: The data root.
    """
    runner.run("ablation", RECIPES, out_dir, seeds=seeds, epochs=epochs, data_dir=data_dir)
    found = Record.read(out_dir / "record.json")
    rows, machine = tuple(replace(row, command="") for row in found.runs), found.runs[0].machine
    record = replace(found, command="python -m experiments ablation", machine=machine, extra={}, runs=rows)
    record.write(out_dir / "record.json")
    print(table.ablation_table(record))
    draw(record, out_dir / "ablation.png")
    return 0


def draw(record: Record, path: Path) -> None:
    """The wrong answers of each row: a dot for each seed."""
    total = record.runs[0].runs[0].scores["test"]["total"]
    note = f"a dot for each seed, {len(record.runs[0].runs)}; wrong of {total:,} test digits"
    with figure(path, 4.0, "The recipe of 784-128-64-10, and with one change", note) as page:
        axes = page.add_subplot(xlabel="wrong")
        for row, variant in enumerate(reversed(record.runs)):
            wrong = [total - one.scores["test"]["correct"] for one in variant.runs]
            axes.plot(wrong, [row] * len(wrong), "o", color=BLUE, alpha=0.7)
        axes.set_yticks(range(len(record.runs)), [variant.name for variant in reversed(record.runs)])
        axes.set_xlim(left=0)
