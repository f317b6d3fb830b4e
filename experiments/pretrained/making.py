"""From a trained network to a model that comes with the package: weights in int8, measured as they are shipped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import runner
from experiments.declaration import Experiment
from jaxdoodle.core.record import Record
from jaxdoodle.core.types import NDArray
from jaxdoodle.data import Dataset
from jaxdoodle.formats.quantize import round_weights
from jaxdoodle.inference import Model, model_file
from jaxdoodle.metrics import confusion_counts, in_top, mean_recall, mean_recall_in_top
from jaxdoodle.run import TOP


def run(
    name: str,
    experiment: Experiment,
    out_dir: Path,
    *,
    seed: int | None = None,
    seeds: int = 1,
    epochs: int | None = None,
    data_dir: Path | None = None,
) -> int:
    """Train the experiment's one variant, and write the first seed as ``out_dir/NAME.npz``, its scores in the record.

    Args:
      name: Of the model.
      experiment: How it is trained.
      out_dir: Folder of the record and the model.
      seed: In place of the experiment's first.
      seeds: Number of seeds.
      epochs: In place of what the variant declares.
      data_dir: The data root; ``None``: the default one.

    Returns:
      The exit code.
    """
    given = {"seed": seed, "seeds": seeds if seeds > 1 else None, "epochs": epochs}
    missed = runner.run(name, experiment, out_dir, seed=seed, seeds=seeds, epochs=epochs, data_dir=data_dir)
    [variant] = experiment.variants
    trained = model_file.read(out_dir / f"{variant}-{experiment.seed if seed is None else seed}" / "model.npz")
    shipped = round_weights(trained)
    path = out_dir / f"{name}.npz"
    model_file.write(path, shipped)
    test = runner.load_splits(experiment, data_dir=data_dir).test
    files = {"float32": trained, "int8": shipped}
    scores = {what: score(_logits(Model.from_file(file), test), test) for what, file in files.items()}
    shipped_as = scores | {"bytes": path.stat().st_size}
    record = Record.read(out_dir / "record.json")
    command = f"python -m experiments {name}"
    command += "".join(f" --{option} {value}" for option, value in given.items() if value is not None)
    runs = tuple(replace(one, command=command) for one in record.runs)
    replace(record, extra=record.extra | {"shipped": shipped_as}, runs=runs).write(out_dir / "record.json")
    print(path, json.dumps(shipped_as, indent=1), sep="\n")
    return missed


def _logits(model: Model, test: Dataset) -> NDArray[np.float32]:
    return np.concatenate([model.logits(test.images[i : i + 4096]) for i in range(0, len(test), 4096)])


def score(logits: NDArray[np.float32], test: Dataset) -> dict[str, Any]:
    """Counts and mean recalls of logits ``(n, classes)``, of the first answer and of the first ``TOP``."""
    matrix = confusion_counts(test.labels, logits.argmax(axis=1), len(test.classes))
    return {
        "correct": int(np.trace(matrix)),
        "total": len(test),
        "mean_recall": mean_recall(matrix),
        f"in_top_{TOP}": int(in_top(logits, test.labels, TOP).sum()),
        f"mean_recall_in_top_{TOP}": mean_recall_in_top(logits, test.labels, TOP),
    }
