"""``jaxdoodle evaluate``: score a model on a test set, and compare it with another."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.cli.options import add_dataset, add_layers, count, layers_of, reading_of
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import Record
from jaxdoodle.core.types import NDArray
from jaxdoodle.core.validation import is_count, is_number
from jaxdoodle.data import NAMES, Dataset, load_dataset
from jaxdoodle.data.dataset import SPLIT_NAMES, without_classes
from jaxdoodle.data.splits import VALIDATION_FRACTION
from jaxdoodle.inference import Model
from jaxdoodle.metrics import confusion_counts, format_accuracy, in_top, mcnemar, mean_recall, most_confused
from jaxdoodle.preprocessing.resample import recentered

#: Rows or columns by which images may be smaller or larger than a model's: LeNet-5 borders 28x28 digits with 2 zeros,
#: others cut the 4 empty ones.
MAX_DIFFERENCE = 8
#: With at least so many classes it is also told how often the right one is among so many.
FROM_CLASSES, TOP = 20, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="A model file, the folder of a run, digits or sketches.")
    add_layers(parser)
    add_dataset(parser.add_argument_group("Data"), required=False)
    option = parser.add_argument_group("Scores").add_argument
    text = "Set to score: test (default), validation, train, all three, or an extra test set of the dataset."
    option("--set", default="test", metavar="all|train|validation|test", help=text)
    option("--against", metavar="MODEL", help="Another model, compared on the same images.")
    option("--lines", type=count, default=5, metavar="N", help="Number of worst classes and confusions (default 5).")
    option("--json", action="store_true", help="Print one JSON object, with the confusion matrix.")


def run(options: argparse.Namespace) -> int:
    layers = layers_of(options.layers)
    model = Model.load(options.model, layers)
    classes = model.classes
    other = Model.load(options.against, layers) if options.against else None
    if other is not None and other.classes != classes:
        raise InputError(f"{options.against}: has other classes than {options.model}; they cannot be compared.")
    dataset = _dataset(options, model)
    predicted, among = _classify(model, dataset)
    matrix = confusion_counts(dataset.labels, predicted, len(classes))
    correct, total = int(np.trace(matrix)), len(dataset)
    recall = mean_recall(matrix)
    comparison = _compare(dataset, predicted, other) if other is not None else None
    absent = [name for name, count in zip(classes, matrix.sum(axis=1), strict=True) if not count]
    if options.json:
        found = {
            "set": options.set,
            "correct": correct,
            "total": total,
            "mean_recall": recall,
            **({f"in_top_{TOP}": among} if among else {}),
            "confusion": matrix.tolist(),
        }
        found["absent_classes"] = absent
        print(json.dumps(found | ({"against": comparison} if comparison else {})))
        return 0
    score = f"{format_accuracy(correct, total)}, mean recall {100 * recall:.2f} %"
    if among:
        score += f", {100 * among / total:.2f} % among the {TOP} most probable"
    print(f"{dataset.name} {options.set}: {score}{without_classes(absent, classes)}")
    present = np.flatnonzero(matrix.any(axis=1))
    for index in sorted(present, key=lambda i: matrix[i, i] / matrix[i].sum())[: options.lines]:
        print(f"  {classes[index]:20} {matrix[index, index]:6,} of {matrix[index].sum():6,} right")
    for true, guess, how_often in most_confused(matrix, options.lines):
        print(f"  {classes[true]} taken for {classes[guess]}: {how_often:,}")
    if comparison:
        verdict = "which chance explains" if comparison["p_value"] > 0.05 else "which is hardly chance"
        first, second = (f"{comparison[name]:,}" for name in ("only_first", "only_second"))
        print(f"{options.against}: {format_accuracy(comparison['correct'], total)}")
        only = f"{first} drawings only {options.model} has right, {second} only {options.against}"
        print(f"  {only}; McNemar's exact p = {comparison['p_value']:.2g}, {verdict}")
    return 0


def _dataset(options: argparse.Namespace, model: Model) -> Dataset:
    """The set that is asked for: of ``--dataset``, else of what the model was trained on.

    The splits are divided as for the training of the model, by what its file says, unless an option says otherwise.
    """
    name, trained = options.dataset, model.provenance
    if name is None:
        name = trained.get("dataset")
        if name not in NAMES and (path := _recorded(options.model)) is not None:
            print(f"scored on {path}, which the run was trained on by its record", file=sys.stderr)
            name = path
        elif name not in NAMES:
            raise InputError(
                f"{options.model}: was trained on {name!r}, which is none of {', '.join(NAMES)}; --dataset is needed."
            )
    settings = {"seed": trained["seed"]} if is_count(trained.get("seed")) else {}
    validation, per_class = trained.get("validation"), trained.get("per_class")
    same = options.dataset is None or Path(options.dataset).name.startswith(str(trained.get("dataset")))
    settings["validation"] = validation if is_number(validation) else VALIDATION_FRACTION
    settings["per_class"] = options.per_class or (per_class if same and is_count(per_class) else None)
    settings |= reading_of(options)
    for flag in ("transpose", "recognized_only"):
        settings[flag] |= same and trained.get(flag) is True
    splits = load_dataset(
        name, classes=model.classes, root=options.data_dir, preprocessing=model.preprocessing, **settings
    )
    if options.set == "all":
        parts = [each.in_memory() for each in splits.sets.values() if each is not None][: len(SPLIT_NAMES)]
        images, labels = (np.concatenate([getattr(part, what) for part in parts]) for what in ("images", "labels"))
        dataset = replace(splits.test, images=images, labels=labels)
    elif options.set in splits.sets:
        dataset = splits.sets[options.set]
    else:
        raise InputError(f"{name} has no set {options.set!r}; it has {', '.join(splits.sets)} and all.")
    if not len(dataset):
        raise InputError(f"the {options.set} set of {name} is empty; there is nothing to score.")
    size, found = model.preprocessing.image_shape, dataset.images.shape[1:]
    if size[2] != found[2] or max(abs(n - m) for n, m in zip(size[:2], found[:2], strict=True)) > MAX_DIFFERENCE:
        raise InputError(f"{options.model}: takes images of {size}; {dataset.name} has {found}.")
    return dataset


def _recorded(model: str) -> str | None:
    """The path of the data that the record beside a model names, where it is still there."""
    path = Path(model)
    record = (path if path.is_dir() else path.parent) / "record.json"
    name = Record.read(record).options.get("dataset") if record.exists() else None
    return name if isinstance(name, str) and Path(name).exists() else None


def _classify(model: Model, dataset: Dataset, slice_size: int = 4096) -> tuple[NDArray[np.int64], int]:
    """The most probable class of each image, int64 (n,), and how many classes are among the ``TOP`` most probable.

    The latter is 0 for a model of few classes. Images on disk are read a slice at a time; those of another size than
    the model's are cut, or bordered with zeros, evenly on all sides.
    """
    shape, predicted, among = model.preprocessing.image_shape, [], 0
    for start in range(0, len(dataset), slice_size):
        part = slice(start, start + slice_size)
        logits = model.logits(recentered(dataset.images[part], shape))
        predicted.append(logits.argmax(axis=1))
        if len(model.classes) >= FROM_CLASSES:
            among += int(in_top(logits, dataset.labels[part], TOP).sum())
    return np.concatenate(predicted), among


def _compare(dataset: Dataset, predicted: NDArray[np.int64], other: Model) -> dict[str, Any]:
    """The scores of another model on the same images, and McNemar's exact test."""
    others, _ = _classify(other, dataset)
    return {"correct": int((others == dataset.labels).sum()), **asdict(mcnemar(dataset.labels, predicted, others))}
