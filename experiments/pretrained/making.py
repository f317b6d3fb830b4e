"""From a trained network to a model that comes with the package: weights in int8, measured as they are shipped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import runner
from experiments.declaration import Experiment
from experiments.studies.abstention import preprocess_all
from experiments.studies.refused import letters, measure, what_to_refuse
from jaxdoodle.core.record import Record
from jaxdoodle.core.types import NDArray
from jaxdoodle.data import Dataset
from jaxdoodle.formats.quantize import round_weights
from jaxdoodle.inference import Model, model_file
from jaxdoodle.inference.calibration import fit_abstention
from jaxdoodle.inference.model import energy
from jaxdoodle.metrics import confusion_counts, in_top, mean_recall, mean_recall_in_top
from jaxdoodle.run import TOP

#: Part of the validation drawings that is answered where outliers were shown: of doodles, the digits refused 97.3 %
#: where 95 % of digits are kept, and 96.1 % where 97 % are.
KEEP = 0.97


def run(
    name: str,
    experiment: Experiment,
    out_dir: Path,
    *,
    variants: Sequence[str] | None = None,
    seed: int | None = None,
    seeds: int = 1,
    epochs: int | None = None,
    data_dir: Path | None = None,
) -> int:
    """Train, and write the last variant's first seed as ``out_dir/NAME.npz``, its scores in the record.

    Args:
      name: Of the model.
      experiment: How it is trained.
      out_dir: Folder of the record and the model.
      variants: Names of those to train; ``None``: the first.
      seed: In place of the experiment's first.
      seeds: Number of seeds.
      epochs: In place of what the variant declares.
      data_dir: The data root; ``None``: the default one.

    Returns:
      The exit code.
    """
    variants = variants or [next(iter(experiment.variants))]
    given: dict[str, Any] = {"variants": variants, "seed": seed, "seeds": seeds, "epochs": epochs, "data_dir": data_dir}
    missed = runner.run(name, experiment, out_dir, **given)
    variant, first_seed = variants[-1], experiment.seed if seed is None else seed
    trained = model_file.read(out_dir / f"{variant}-{first_seed}" / "model.npz")
    splits = runner.load_splits(experiment, data_dir=data_dir)
    test, shown = splits.test, experiment.variants[variant].config.outliers
    if shown:
        scores_of_own = energy(_logits(Model.from_file(trained), splits.validation))
        trained = replace(trained, abstain_below=fit_abstention(scores_of_own, KEEP))
    shipped = round_weights(trained)
    path = out_dir / f"{name}.npz"
    model_file.write(path, shipped)
    files = {"float32": trained, "int8": shipped}
    scores = {what: score(_logits(Model.from_file(file), test), test) for what, file in files.items()}
    shipped_as: dict[str, Any] = scores | {"bytes": path.stat().st_size}
    record = Record.read(out_dir / "record.json")
    if shown:
        kinds = what_to_refuse(splits, data_dir)[0] | {"letters": preprocess_all(letters(), splits.preprocessing)}
        shipped_as |= measure(Model.from_file(shipped), splits, kinds)
    together = {variant.name: _together(variant, out_dir, test) for variant in record.runs}
    replace(record, extra=record.extra | {"shipped": shipped_as, "together": together}).write(out_dir / "record.json")
    print(path, json.dumps(shipped_as, indent=1), sep="\n")
    return missed


def _logits(model: Model, test: Dataset) -> NDArray[np.float32]:
    return np.concatenate([model.logits(test.images[i : i + 4096]) for i in range(0, len(test), 4096)])


def _together(variant: Record, out_dir: Path, test: Dataset) -> dict[str, Any]:
    """Scores of what all models of a variant answer in the mean, and of the first, if it learned mirrored images too,
    with its answers to the mirrored ones."""
    models = [Model.load(out_dir / f"{variant.name}-{one.config['seed']}" / "model.npz") for one in variant.runs]
    answers = {"models": [model.probabilities(_logits(model, test)) for model in models]}
    if (variant.config["augment"] or {}).get("mirror"):
        mirrored = replace(test, images=test.images[:, :, ::-1])
        turned = [model.probabilities(_logits(model, mirrored)) for model in models]
        answers |= {"mirrored": [answers["models"][0], turned[0]], "models_mirrored": answers["models"] + turned}
    return {name: score(np.sum(one, axis=0), test) for name, one in answers.items()}


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
