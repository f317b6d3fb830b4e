"""``jaxdoodle evaluate``: score a model on a test set, and compare it with another."""

from __future__ import annotations

import argparse
import json
from typing import Any

from jaxdoodle.cli.options import add_dataset, count, model_path
from jaxdoodle.core.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model file, or the folder of a run")
    add_dataset(parser)
    parser.add_argument("--set", default="test", help="test (default), or a further test set")
    parser.add_argument("--lines", type=count, default=5, help="how many of the worst classes and confusions (5)")
    parser.add_argument("--against", metavar="MODEL", help="another model, to compare on the same drawings")
    parser.add_argument("--json", action="store_true", help="one JSON object, with the confusion matrix")


def run(options: argparse.Namespace) -> int:
    import numpy as np

    from jaxdoodle.data import load_dataset
    from jaxdoodle.inference import Model
    from jaxdoodle.metrics import confusion_counts, format_accuracy, most_confused

    model = Model.load(model_path(options.model))
    classes = model.classes
    other = Model.load(model_path(options.against)) if options.against else None
    if other is not None and other.classes != classes:
        raise InputError(f"{options.against}: knows other classes than {options.model}; there is nothing to compare.")
    splits = load_dataset(options.dataset, root=options.data_dir, classes=classes, per_class=options.per_class)
    sets = {"test": splits.test, **splits.extra_tests}  # a model has seen the others, or was chosen by them
    if options.set not in sets:
        raise InputError(f"{options.dataset} has no test set {options.set!r}; it has {', '.join(sets)}.")
    dataset = sets[options.set]
    if not len(dataset):
        raise InputError(f"the {options.set} set of {options.dataset} is empty; there is nothing to score.")
    if model.preprocessing.image_shape != dataset.images.shape[1:]:
        size = dataset.images.shape[1:]
        raise InputError(
            f"{options.model}: takes images of {model.preprocessing.image_shape}; {dataset.name} has {size}."
        )
    predicted = _classify(model, dataset.images)
    matrix = confusion_counts(dataset.labels, predicted, len(classes))
    correct, total = int(np.trace(matrix)), len(dataset)
    comparison = _compare(dataset, predicted, other) if other is not None else None
    if options.json:
        found = {"set": options.set, "correct": correct, "total": total, "confusion": matrix.tolist()}
        print(json.dumps(found | ({"against": comparison} if comparison else {})))
        return 0
    print(f"{dataset.name} {options.set}: {format_accuracy(correct, total)}")
    for index in np.argsort(matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1))[: options.lines]:
        if matrix[index].any():
            print(f"  {classes[index]:20} {matrix[index, index]:6,} of {matrix[index].sum():6,} right")
    for true, guess, how_often in most_confused(matrix, options.lines):
        print(f"  {classes[true]} taken for {classes[guess]}: {how_often:,}")
    if comparison:
        verdict = "which chance explains" if comparison["p_value"] > 0.05 else "which is hardly chance"
        print(f"{options.against}: {format_accuracy(comparison['correct'], total)}")
        print(
            f"  {comparison['only_first']:,} drawings only {options.model} has right, "
            f"{comparison['only_second']:,} only {options.against}; "
            f"McNemar's exact p = {comparison['p_value']:.2g}, {verdict}"
        )
    return 0


def _classify(model: Any, images: Any, slice_size: int = 4096) -> Any:
    """The most probable class of each image, int64 (n,). Images on disk are read a slice at a time."""
    import numpy as np

    starts = range(0, len(images), slice_size)
    return np.concatenate([model.logits(images[start : start + slice_size]).argmax(axis=1) for start in starts])


def _compare(dataset: Any, predicted: Any, other: Any) -> dict[str, Any]:
    """How another model does on the same drawings, by McNemar's exact test."""
    from dataclasses import asdict

    from jaxdoodle.metrics import mcnemar

    others = _classify(other, dataset.images)
    return {"correct": int((others == dataset.labels).sum()), **asdict(mcnemar(dataset.labels, predicted, others))}
