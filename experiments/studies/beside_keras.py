"""Beside Keras: the network of ``sketches`` on the same drawings for as many epochs, as Keras trains it out of the box.

Adam at 0.001, batches of 128, every drawing once an epoch, the weights of the epoch that is best on the validation set,
stopped after five epochs without a better one. ``sketches`` has class-balanced sampling, augmentation, label smoothing,
a moving average of the weights and a schedule, each one field of ``TrainConfig``. What is compared is the mean recall,
in which each class counts alike: here 49.4 %, and 77.9 % among the first five guesses, ``sketches`` 61.0 and 85.5 (one
seed each). Of all drawings Keras has more right, 67.3 and 65.8 %: a few classes have most of them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

from experiments import runner, table
from experiments.pretrained import making, sketches
from experiments.speed.runtimes.with_keras import sequential
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import Dataset, Splits
from jaxdoodle.plots.style import BLUE, ORANGE, figure
from jaxdoodle.run import TOP, describe_data

SEEDS = 1
BATCH_SIZE, LEARNING_RATE, PATIENCE = 128, 1e-3, 5
#: What ``sketches`` is to be ahead by, in both scores.
GOAL = 0.02
#: Score of a record -> what a reader calls it.
SCORES = {"mean_recall": "mean recall", f"mean_recall_in_top_{TOP}": f"mean recall in the first {TOP}"}


def run(out_dir: Path, *, epochs: int | None = None, seeds: int | None = None, data_dir: Path | None = None) -> int:
    """Train with Keras; write ``record.json`` after each seed, and a figure. 0 if ``sketches`` is ahead by the goal.

    Args:
      out_dir: Folder of the record and the figure.
      epochs: The most epochs; ``None``: as many as ``sketches`` has.
      seeds: How many; ``None``: as declared above.
      data_dir: The data root.
    """
    variant = sketches.EXPERIMENT.variants["balanced"]
    epochs = epochs or variant.config.epochs
    assert epochs is not None
    splits = runner.load_splits(sketches.EXPERIMENT, data_dir=data_dir)
    runs = list[Record]()
    for seed in range(seeds or SEEDS):
        runs.append(_train(splits, epochs, seed))
        config = {"epochs": epochs, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE, "patience": PATIENCE}
        machine = describe_machine()
        machine["versions"] |= _versions()
        command = "python -m experiments beside_keras"
        record = Record("beside_keras", command, config, describe_data(splits), machine, runs=tuple(runs))
        record.write(out_dir / "record.json")
    ours = Record.read(table.RECORDS / "sketches" / "record.json").runs[0].runs
    for score, name in SCORES.items():
        print(f"{name}: {mean(ours, score):.2%} here, {mean(runs, score):.2%} by Keras")
    plot(ours, runs, out_dir / "scores.png")
    return 0 if all(mean(ours, score) - mean(runs, score) >= GOAL for score in SCORES) else 1


def _train(splits: Splits, epochs: int, seed: int) -> Record:
    import keras

    keras.utils.set_random_seed(seed)
    net = sequential(sketches.network(splits.classes))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(LEARNING_RATE), loss, metrics=["accuracy"])
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=PATIENCE, restore_best_weights=True)
    clock, processor = time.perf_counter(), time.process_time()
    fitted = net.fit(
        *_arrays(splits.train),
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=_arrays(splits.validation),
        callbacks=[stop],
        verbose=2,
    )
    seconds = {"train_seconds": time.perf_counter() - clock, "processor_seconds": time.process_time() - processor}
    sets = {"validation": splits.validation, "test": splits.test}
    logits = {name: net.predict(_arrays(data)[0], batch_size=1024, verbose=0) for name, data in sets.items()}
    return Record(
        config={"seed": seed},
        scores={name: making.score(logits[name], data) for name, data in sets.items()},
        extra={name: round(value, 1) for name, value in seconds.items()} | {"epochs": len(fitted.epoch)},
    )


def _versions() -> dict[str, str]:
    import keras

    backend = keras.backend.backend()
    return {"keras": keras.__version__, backend: import_module(backend).__version__}


def _arrays(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return data.images.astype(np.float32) / 255, data.labels


def mean(runs: Sequence[Record], score: str) -> float:
    """The mean of a test score over runs."""
    return statistics.mean(one.scores["test"][score] for one in runs)


def plot(ours: Sequence[Record], theirs: Sequence[Record], path: Path) -> None:
    """A dot for each seed in a row for each trainer, a panel for each score; a line at each mean."""
    note = f"The same network on the same drawings of 345 classes; a dot for each seed ({len(ours)} and {len(theirs)})"
    with figure(path, 1.8, "sketches beside Keras", note) as page:
        for axes, (score, name) in zip(page.subplots(1, 2, sharey=True), SCORES.items(), strict=True):
            for row, (runs, color) in enumerate(((theirs, ORANGE), (ours, BLUE))):
                values = [100 * one.scores["test"][score] for one in runs]
                axes.plot(values, [row] * len(values), "o", color=color)
                axes.plot([100 * mean(runs, score)] * 2, [row - 0.25, row + 0.25], color=color)
            axes.set(xlabel=f"{name} on the test set (%)", yticks=(0, 1), yticklabels=("Keras", "jaxdoodle"))
            axes.set_ylim(-0.6, 1.6)
