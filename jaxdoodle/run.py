"""One run, whole: train, score, calibrate, write the model file, and hold NumPy to what JAX says.

``jaxdoodle train`` and every experiment go through here, so what one writes the other can read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxdoodle.cli.progress import Progress
from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.core.record import describe_data, describe_machine
from jaxdoodle.data.dataset import Splits
from jaxdoodle.inference import calibration, model_file
from jaxdoodle.inference.model import Model, energy
from jaxdoodle.nn.losses import SoftmaxCrossEntropy
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training import Evaluation, TrainConfig, TrainResult, fit, predict, score

GOLDENS = 16
#: Largest difference between the logits of the NumPy network and JAX's, relative to the largest logit.
PARITY = 1e-5


class ParityError(FailedError):
    """The exported model does not say what the trained one says."""


@dataclass(frozen=True, eq=False)
class Run:
    """What a run found. ``scores`` and ``predicted`` labels are by the name of the set, as in ``splits.sets``."""

    spec: ModelSpec
    splits: Splits
    config: TrainConfig
    fit: TrainResult
    scores: dict[str, Evaluation]
    predicted: dict[str, np.ndarray]
    parity: float
    model_path: Path


def train_model(spec: ModelSpec, splits: Splits, config: TrainConfig, out_dir: Path, *, title: str) -> Run:
    """Train, score every set once in evaluation mode, and write ``out_dir/model.npz``.

    Of a set that is on disk a sample is scored: ``Run.splits`` is what was. Raises ``ParityError`` if the NumPy network
    reads the file back and disagrees with JAX by more than ``PARITY``.
    """
    model_file.refuse_unfit(spec)
    if not len(splits.test):
        raise InputError(f"{splits.name}: no drawing is left to test on; more drawings per class are needed.")
    out_dir.mkdir(parents=True, exist_ok=True)
    divisor, train, sizes = splits.preprocessing.divisor, splits.train, describe_data(splits)["sizes"]
    splits = splits.in_memory()
    with Progress(title, config.epochs, len(train)) as progress:
        result = fit(spec, train, splits.validation, config, divisor=divisor, on_epoch=progress)

    outputs = {
        name: predict(spec, result.params, dataset.images, divisor=divisor)
        for name, dataset in splits.sets.items()
        if len(dataset)
    }
    scores = {name: score(found, splits.sets[name].labels, config.loss) for name, found in outputs.items()}

    model_path = out_dir / "model.npz"
    model_file.write(model_path, _model_file(spec, splits, sizes, config, result, scores, outputs))
    parity = _relative_difference(Model.load(model_path).logits(splits.test.images), outputs["test"])
    if not parity <= PARITY:
        raise ParityError(f"{model_path}: NumPy and JAX differ by {parity:.1e} of the largest logit; at most {PARITY}.")
    predicted = {name: found.argmax(axis=1) for name, found in outputs.items()}
    return Run(spec, splits, config, result, scores, predicted, parity, model_path)


def _model_file(
    spec: ModelSpec,
    splits: Splits,
    sizes: dict[str, int],
    config: TrainConfig,
    result: TrainResult,
    scores: dict[str, Evaluation],
    outputs: dict[str, np.ndarray],
) -> model_file.ModelFile:
    provenance = {
        "dataset": splits.name,
        "split": sizes,
        "seed": config.seed,
        "best_epoch": result.best_epoch,
        "scores": {name: {"correct": score.correct, "total": score.total} for name, score in scores.items()},
        **describe_machine(),
    }
    temperature, abstain_below = 1.0, None
    if "validation" in outputs and isinstance(config.loss, SoftmaxCrossEntropy):
        temperature = calibration.fit_temperature(outputs["validation"], splits.validation.labels)
        abstain_below = calibration.fit_abstention(energy(outputs["validation"]))
    return model_file.ModelFile(
        spec,
        result.params,
        splits.preprocessing,
        golden_inputs=splits.test.images[:GOLDENS],
        golden_logits=outputs["test"][:GOLDENS],
        temperature=temperature,
        abstain_below=abstain_below,
        provenance=provenance,
    )


def _relative_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
