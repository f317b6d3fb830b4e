"""``jaxdoodle export``: write a model for another program."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.cli.options import add_data_dir, add_layers, layers_of
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import FORMATS, format_of, quantize, quantized, refuse, write
from jaxdoodle.formats.fold import InferenceLayer
from jaxdoodle.inference import model_file

#: Training drawings that int8 is calibrated on.
CALIBRATION = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    suffixes = ", ".join(known.suffix for known in FORMATS.values() if known.suffix)
    parser.add_argument("model", metavar="MODEL", help="A model file, the folder of a run, digits or sketches.")
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="PATH", help="The file to write; for js the folder."
    )
    parser.add_argument("--format", choices=FORMATS, help=f"Default: what the suffix of PATH says ({suffixes}).")
    add_layers(parser)
    int8 = parser.add_argument_group("8-bit integers")
    int8.add_argument(
        "--quantize", choices=("int8",), help="Compute in 8 bits (onnx, html, js, c), or keep weights so (npz)."
    )
    int8.add_argument("--dataset", help="Calibrate and measure on it (default: what the model was trained on).")
    add_data_dir(int8)


def run(options: argparse.Namespace) -> int:
    """Write the file, and for int8 print how the accuracy changes. Raises ``InputError``."""
    format = options.format or format_of(options.out)
    model = model_file.read(options.model, layers_of(options.layers))
    refuse(model, format, options.quantize)
    layers: Sequence[InferenceLayer] | None = None
    lines: list[str] = []
    if options.quantize:
        model, layers, lines = _quantized(model, options, format)
    for path in write(model, options.out, format, layers):
        files = path.iterdir() if path.is_dir() else [path]
        print(f"{path}: {format}, {sum(map(os.path.getsize, files)):,} bytes")
    for line in lines:
        print(line)
    return 0


def _quantized(
    model: model_file.ModelFile, options: argparse.Namespace, format: str
) -> tuple[model_file.ModelFile, Sequence[InferenceLayer] | None, list[str]]:
    """The model or its layers in int8, and in words what that changes."""
    from jaxdoodle.data import load_dataset

    name = options.dataset or model.provenance.get("dataset")
    try:
        if not isinstance(name, str):
            raise InputError("the model does not say what it was trained on.")
        splits = load_dataset(name, root=options.data_dir, classes=model.spec.classes)
    except InputError as error:
        if options.dataset:
            raise
        count = len(model.golden_inputs)
        return *quantized(model, format, model.golden_inputs), [
            f"int8 is calibrated on {count} reference examples of the model and not measured: {error}",
            "--dataset NAME calibrates and measures it on a dataset",
        ]
    chosen = np.random.default_rng(0).permutation(len(splits.train))[:CALIBRATION]
    (rounded, layers), test = quantized(model, format, splits.train.images[np.sort(chosen)]), splits.test
    before = model.network.logits(test.images).argmax(axis=1)
    logits = rounded.network.logits(test.images) if layers is None else quantize.logits(model, layers, test.images)
    after = logits.argmax(axis=1)
    right = [int((found == test.labels).sum()) for found in (before, after)]
    return (
        rounded,
        layers,
        [
            f"on the {len(test):,} test drawings of {name}, float32 is right on {right[0]:,}, int8 on {right[1]:,} "
            f"({100 * (right[1] - right[0]) / len(test):+.2f} points); {int((before != after).sum()):,} answers differ"
        ],
    )
