"""The ``export`` verb of the command line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats import FORMATS, export, quantize
from jaxdoodle.inference import model_file
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.model_file import ModelFile

#: Training drawings that int8 is calibrated on.
CALIBRATION = 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("model", metavar="MODEL", help="a model.npz")
    option("--format", required=True, choices=FORMATS)
    option("-o", "--out", required=True, type=Path, metavar="PATH", help="the file to write")
    option("--quantize", choices=("int8",), help="compute in 8 bits (onnx, html, c), and say what that changes")
    option("--dataset", help="to calibrate and measure int8 on (the one that the model was trained on)")
    option("--data-dir", metavar="DIR", help="the data root (default: $JAXDOODLE_DATA, else data/)")


def run(options: argparse.Namespace) -> int:
    """Write the file, and for int8 say how the answers change. Raises ``InputError``."""
    model = model_file.read(options.model)
    images, lines = _calibrate(model, options) if options.quantize else (None, [])
    export(model, options.format, options.out, options.quantize, images)
    print(f"{options.out}: {options.format}, {os.path.getsize(options.out):,} bytes")
    for line in lines:
        print(line)
    return 0


def _calibrate(model: ModelFile, options: argparse.Namespace) -> tuple[np.ndarray | None, list[str]]:
    """Images to calibrate on, ``None`` for the goldens, and what int8 does to the accuracy."""
    from jaxdoodle.data import load_dataset

    name = options.dataset or model.provenance.get("dataset")
    try:
        if not isinstance(name, str):
            raise InputError("the model does not say what it was trained on.")
        splits = load_dataset(name, root=options.data_dir, classes=model.spec.classes)
    except InputError as error:
        if options.dataset:
            raise
        return None, [
            f"int8 is calibrated on the model's {len(model.golden_inputs)} golden images, and not measured: {error}",
            "--dataset NAME calibrates and measures it on a dataset",
        ]
    chosen = np.random.default_rng(0).permutation(len(splits.train))[:CALIBRATION]
    images, test = splits.train.images[np.sort(chosen)], splits.test
    before = Model(model).logits(test.images).argmax(axis=1)
    after = quantize.logits(model, quantize.int8_steps(model, images), test.images).argmax(axis=1)
    right = [int((found == test.labels).sum()) for found in (before, after)]
    return images, [
        f"on the {len(test):,} test drawings of {name}, float32 is right on {right[0]:,}, int8 on {right[1]:,} "
        f"({100 * (right[1] - right[0]) / len(test):+.2f} points); {int((before != after).sum()):,} answers differ"
    ]
