"""The ``import`` verb of the command line."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights.importer import LAYOUTS, import_weights
from jaxdoodle.inference import model_file
from jaxdoodle.nn.architectures import ACTIVATIONS
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

PREPROCESSINGS = {"mnist": MNIST, "quickdraw": QUICKDRAW}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    option = parser.add_argument
    option("weights", type=Path, metavar="WEIGHTS", help=".pkl, .npz, .safetensors or .weights.h5")
    option("-o", "--out", required=True, type=Path, metavar="PATH", help="the model.npz to write")
    option(
        "--preprocessing",
        choices=PREPROCESSINGS,
        default="mnist",
        help="the training images' (default mnist)",
    )
    option("--divisor", type=float, default=255.0, help="of the pixels: 255 (default), or 1 for raw bytes")
    option("--classes", help="names with commas between (0,1,2,...)")
    option("--activation", choices=ACTIVATIONS, help="between the layers, where the weights leave it open")
    option("--layout", choices=LAYOUTS, help="of the weights, where their shapes leave it open")
    option("--spec", type=Path, metavar="FILE", help="the network as JSON, where the shapes leave it open")


def run(options: argparse.Namespace) -> int:
    """Write the model file. Raises ``InputError``."""
    spec = None
    if options.spec:
        try:
            spec = ModelSpec.from_json(options.spec.read_text(encoding="utf-8"))
        except (InputError, UnicodeDecodeError) as error:
            raise InputError(f"{options.spec}: {error}") from None
    preprocessing = replace(PREPROCESSINGS[options.preprocessing], divisor=options.divisor)
    classes = tuple(options.classes.split(",")) if options.classes else ()
    model = import_weights(options.weights, preprocessing, classes, options.activation, spec, options.layout)
    model_file.write(options.out, model)
    print(model.spec.summary())
    print(f"{options.out} holds the model")
    return 0
