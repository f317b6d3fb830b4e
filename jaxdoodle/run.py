"""One run: train, score, calibrate, write the model file, hold NumPy to JAX, and record all of it.

``jaxdoodle train`` and every experiment go through here, so the records of one are read like those of the other.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import DataWarning, FailedError, InputError
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record, to_json
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.inference import calibration, model_file
from jaxdoodle.inference.agreement import Agreement, compare
from jaxdoodle.inference.model import Model, energy
from jaxdoodle.metrics import beats_chance, confusion_counts, mean_recall, mean_recall_in_top
from jaxdoodle.nn import ModelSpec, SoftmaxCrossEntropy
from jaxdoodle.training import Checkpoints, Epoch, Evaluation, TrainConfig, TrainResult, fit, predict, score
from jaxdoodle.training.hardware.processes import NotFirst, is_first
from jaxdoodle.training.loop import Callback
from jaxdoodle.training.plan import choose
from jaxdoodle.training.steps.losses import LossGiven, as_loss
from jaxdoodle.training.steps.optimizers import Optimizer, Schedule

__all__ = ["PARITY", "ParityError", "Run", "config_to_json", "describe_data", "train_model"]

#: Test images that a model file holds as golden inputs.
REFERENCE_EXAMPLES = 16
#: Largest difference between the logits of the NumPy network and JAX's, relative to the largest logit.
PARITY = 1e-5
#: What a run writes besides weights: header and golden images of the model file, record, figures, losses.
FIXED_BYTES = 2**24
#: Of the weights: one in the model file and five in each of two checkpoints (weights, average, best, optimizer's two).
COPIES = 11
#: With more classes than this, a record leaves out the counts by class, and says how many are among the ``TOP``.
MOST_CLASSES, TOP = 20, 5


class ParityError(FailedError):
    """NumPy, reading the model file, gives other logits than JAX."""


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What a run gave.

    Args:
      spec: The network.
      splits: The data that were scored: of a set on disk, a sample.
      config: How it was trained.
      result: Parameters and history.
      scores: Name of the set -> loss and counts in evaluation mode.
      predicted: Name of the set -> predicted labels, int64 ``(n,)``.
      parity: Largest difference between NumPy's and JAX's logits on the test set, relative to the largest logit.
      model_path: The model file.
      record: All of it as JSON values.
      warning: What to try where the test score is no better than chance; else empty.
    """

    spec: ModelSpec
    splits: Splits
    config: TrainConfig
    result: TrainResult
    scores: dict[str, Evaluation]
    predicted: dict[str, NDArray[np.int64]]
    parity: float
    model_path: Path
    record: Record
    warning: str = ""

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {score}" for name, score in self.scores.items())
        return f"Run({self.record.name}: {scores}; {self.model_path})"

    def _repr_html_(self) -> str:
        rows = [("set", "correct", "loss"), *((k, f"{v}", f"{v.loss:.4f}") for k, v in self.scores.items())]
        return "<table>" + "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows) + "</table>"


def train_model(
    spec: ModelSpec,
    splits: Splits,
    config: TrainConfig,
    out_dir: Path,
    *,
    title: str,
    command: str = "",
    options: Mapping[str, Any] = {},  # noqa: B006 - read alone
    params: Sequence[Mapping[str, Any]] | None = None,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: LossGiven | None = None,
    outliers: NDArray[np.uint8] | None = None,
    teacher: Sequence[Model] = (),
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    result: TrainResult | None = None,
) -> Run:
    """Train, score every set once in evaluation mode, and write ``out_dir/model.npz``.

    Args:
      spec: The network.
      splits: The data. Of a set that is on disk, a sample is scored.
      config: How to train.
      out_dir: Folder for the model file; made where it is missing.
      title: Name of the run in its record.
      command: Command line that repeats the run, for its record.
      options: Options of the command that were given, for its record.
      params: The parameters to start from; see ``fit``.
      optimizer: In place of the config's; see ``fit``. The record names such objects, which no ``--config`` repeats.
      schedule: In place of the config's; see ``fit``.
      loss: In place of the config's; see ``fit``.
      outliers: Drawings of other classes; see ``fit``.
      teacher: Models whose answers are learnt; see ``fit``.
      callbacks: Each is called after every epoch; see ``fit``.
      checkpoints: Where to keep checkpoints, and go on from; see ``fit``.
      result: What training with these arguments gave, of several seeds at once; ``None``: it is trained.

    Returns:
      The run and its record. The record is not written.

    Raises:
      NotFirst: Of several processes this is not number 0, which alone scores and writes.
      InputError: The test set is empty, or the network does not fit the data or a model file.
      ParityError: The NumPy network reads the file and differs from JAX by more than ``PARITY``.
    """
    model_file.refuse_unfit(spec)
    if not len(splits.test):
        raise InputError(f"{splits.name}: no drawing is left to test on; more drawings per class are needed.")
    if len(splits.train.absent_classes) > len(splits.classes) - 2:
        raise InputError(f"{splits.name}: all drawings to train on are of one class; a classifier needs two or more.")
    if is_first():
        out_dir.mkdir(parents=True, exist_ok=True)
    given: dict[str, Any] = {"params": params, "optimizer": optimizer, "schedule": schedule, "loss": loss}
    recorded = config_to_json(choose(config, splits.train, loss))
    after: dict[str, Any] = {"callbacks": callbacks, "checkpoints": checkpoints}
    on_disk, splits = splits, splits.in_memory()
    if result is None:
        more = {**given, **after, "outliers": outliers, "teacher": teacher}
        result = fit(spec, on_disk.train, splits.validation, config, **more)
    if not is_first():
        raise NotFirst
    config = config if loss is None else replace(config, loss=as_loss(loss, config.gradients))
    outputs = {name: predict(spec, result.params, dataset) for name, dataset in splits.sets.items() if len(dataset)}
    scores = {name: score(logits, splits.sets[name].labels, config.loss) for name, logits in outputs.items()}
    data, machine = describe_data(on_disk), describe_machine()
    provenance = {
        "dataset": splits.name,
        "split": data["sizes"],
        "seed": config.seed,
        "best_epoch": result.best_epoch,
        "scores": {name: {"correct": score.correct, "total": score.total} for name, score in scores.items()},
        **{name: value for name, value in splits.loaded.items() if value is not None},
        **machine,
    }
    calibrated = _calibrate(outputs, splits, config, bool(recorded["outliers"]))
    file = model_file.ModelFile(
        spec,
        result.params,
        splits.preprocessing,
        golden_inputs=splits.test.images[:REFERENCE_EXAMPLES],
        golden_logits=outputs["test"][:REFERENCE_EXAMPLES],
        provenance=provenance,
        **calibrated,
    )
    model_path = out_dir / "model.npz"
    model_file.write(model_path, file)
    model = Model.load(model_path, tuple(spec.layer_classes))
    parity = _parity(model, splits.test.images, outputs["test"], model_path)
    compared = _compare(model, splits)
    predicted = {name: logits.argmax(axis=1) for name, logits in outputs.items()}
    record = Record(
        title,
        command,
        recorded,
        data,
        machine,
        tuple(_epoch(epoch) for epoch in result.history),
        {name: score._asdict() | _by_class(splits.sets[name], outputs[name]) for name, score in scores.items()},
        {
            "spec": spec.to_dict() | {"classes": len(spec.classes)},
            "parameters": spec.param_count,
            **_objects(given, callbacks),
            **({} if outliers is None else {"outliers_of_other_classes": len(outliers)}),
            **({"teacher": [_described(one) for one in teacher]} if teacher else {}),
            "best_epoch": result.best_epoch,
            "interrupted": result.interrupted,
            "compile_seconds": round(result.compile_seconds, 3),
            "train_seconds": round(result.train_seconds, 3),
            "numpy_parity": parity,
            "predict_on_raw_images": {name: asdict(agreement) for name, agreement in compared.items()},
            "model_sha256": hashlib.sha256(model_path.read_bytes()).hexdigest(),
        },
        options=dict(options),
    )
    warning = _warn_of_chance(scores["test"], splits.test, config)
    return Run(spec, splits, config, result, scores, predicted, parity, model_path, record, warning)


def _calibrate(
    outputs: Mapping[str, NDArray[np.float32]], splits: Splits, config: TrainConfig, outliers: bool
) -> dict[str, Any]:
    """``temperature`` and ``abstain_below`` of the model file, as far as the loss makes the outputs logits."""
    if "validation" not in outputs:
        return {}
    logits, found = outputs["validation"], dict[str, Any]()
    is_softmax = isinstance(config.loss, SoftmaxCrossEntropy)
    if is_softmax:
        found["temperature"] = calibration.fit_temperature(logits, splits.validation.labels)
    if is_softmax or outliers:
        found["abstain_below"] = calibration.fit_abstention(energy(logits))
    return found


def _parity(model: Model, images: NDArray[np.uint8], expected: NDArray[np.float32], path: Path) -> float:
    """How far NumPy's logits are from JAX's, as a part of the largest. Raises ``ParityError`` beyond ``PARITY``."""
    parity = float(np.abs(model.logits(images) - expected).max() / np.abs(expected).max())
    if not parity <= PARITY:
        raise ParityError(f"{path}: NumPy and JAX differ by {parity:.1e} of the largest logit; at most {PARITY}.")
    return parity


def _compare(model: Model, splits: Splits) -> dict[str, Agreement]:
    """For training and test set, predictions of raw images beside those of the network; a warning where they differ."""
    compared = {}
    for name in ("train", "test"):
        if len(dataset := splits.sets[name]):
            compared[name] = found = compare(model, dataset.images, dataset.labels)
            if not found.agrees:
                text = f"{splits.name}: predictions of raw {name} images are not those of the network: {found}."
                warnings.warn(DataWarning(text), stacklevel=3)
    return compared


def _warn_of_chance(score: Evaluation, test: Dataset, config: TrainConfig) -> str:
    """What to try where a test score is no better than that of one answer to all; else empty."""
    if beats_chance(score.correct, test.counts):
        return ""
    free = config.epochs is None and config.steps is None
    length = "more steps" if free else "no length, which is then chosen by the size of the set, or more steps"
    return (
        f"{score}: no better than always answering {test.classes[int(test.counts.argmax())]}, by the interval. Try "
        f"{length}, another learning rate, more drawings; `jaxdoodle data audit` looks for faults in the drawings"
    )


def describe_data(splits: Splits) -> dict[str, Any]:
    """Describe a dataset as a record holds it: name, classes, sizes and digests, duplicates, preprocessing."""
    return {
        "name": splits.name,
        "classes": list(splits.classes),
        "sizes": {name: len(dataset) for name, dataset in splits.sets.items()},
        "digests": {name: dataset.digest for name, dataset in splits.sets.items()},
        "duplicates": splits.overlap_text,
        "preprocessing": splits.preprocessing.to_dict(),
    }


def bytes_of_run(spec: ModelSpec) -> int:
    """An upper bound of the bytes that a run writes: model file, figures, and two checkpoints."""
    return FIXED_BYTES + COPIES * 4 * spec.param_count


def config_to_json(config: TrainConfig) -> dict[str, Any]:
    """Give the fields of ``config`` as JSON values."""
    return {field.name: to_json(getattr(config, field.name)) for field in fields(config)}


def _objects(given: Mapping[str, Any], callbacks: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """The names of Python objects that a run was given, but for those of this package; ``{}`` without any."""
    names: dict[str, Any] = {name: _name_of(value) for name, value in given.items() if value is not None}
    own = [_name_of(callback) for callback in callbacks]
    others = [name for name in own if not name.startswith("jaxdoodle.")]
    found = names | ({"callbacks": others} if others else {})
    return {"objects": found} if found else {}


def _name_of(thing: Any) -> str:
    """Where an object is defined: of an optax optimizer, the function that made it."""
    made = getattr(thing, "update", thing)
    made = made if hasattr(made, "__qualname__") else type(thing)
    return f"{made.__module__}.{made.__qualname__.partition('.<locals>')[0]}"


def _described(model: Model) -> dict[str, Any]:
    """What a record says of a network of the teacher."""
    spec = model.file.spec
    return {"spec": spec.to_dict() | {"classes": len(spec.classes)}, "parameters": spec.param_count}


def _epoch(epoch: Epoch) -> dict[str, Any]:
    return {
        "epoch": epoch.number,
        "training": epoch.training._asdict(),
        "validation": epoch.validation._asdict() if epoch.validation else None,
        "seconds": round(epoch.seconds, 3),
    }


def _by_class(dataset: Dataset, logits: NDArray[np.float32]) -> dict[str, Any]:
    """The mean recall; of few classes counts in their order, of many the mean recall among the first answers."""
    predicted, count = logits.argmax(axis=1), len(dataset.classes)
    recall = {"mean_recall": round(mean_recall(confusion_counts(dataset.labels, predicted, count)), 5)}
    if count > MOST_CLASSES:
        return recall | {f"mean_recall_in_top_{TOP}": round(mean_recall_in_top(logits, dataset.labels, TOP), 5)}
    correct = np.bincount(dataset.labels[predicted == dataset.labels], minlength=count)
    total = np.bincount(dataset.labels, minlength=count)
    return recall | {"correct_by_class": correct.tolist(), "total_by_class": total.tolist()}
