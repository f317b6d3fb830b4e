"""``jaxdoodle import``: weights of another program as a model file."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from jaxdoodle.cli.options import read_spec
from jaxdoodle.formats.weights import LAYOUTS, import_weights
from jaxdoodle.inference import model_file
from jaxdoodle.nn import ACTIVATIONS
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

PREPROCESSINGS = {"mnist": MNIST, "quickdraw": QUICKDRAW}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help="A .pkl, .npz, .safetensors or .weights.h5 file.")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="PATH", help="The model file to write.")
    parser.add_argument("--classes", help="Class names with commas between them (default: 0,1,2,...).")
    images = parser.add_argument_group("images that the weights were trained on")
    kinds = "As in MNIST (default) or in Quick, Draw!"
    images.add_argument("--preprocessing", choices=PREPROCESSINGS, default="mnist", help=kinds)
    text = "What pixels were divided by: 255 (default), or 1 for raw bytes."
    images.add_argument("--divisor", type=float, default=255.0, help=text)
    network = parser.add_argument_group("network, where the shapes of the weights leave it open")
    network.add_argument("--activation", choices=ACTIVATIONS, help="Activation between the layers.")
    network.add_argument("--layout", choices=LAYOUTS, help="Order of the axes of the weights.")
    network.add_argument("--spec", metavar="FILE", help="The whole network, a spec as JSON.")


def run(options: argparse.Namespace) -> int:
    """Write the model file. Raises ``InputError``."""
    spec = read_spec(options.spec) if options.spec else None
    preprocessing = replace(PREPROCESSINGS[options.preprocessing], divisor=options.divisor)
    classes = tuple(options.classes.split(",")) if options.classes else ()
    model = import_weights(options.weights, preprocessing, classes, options.activation, spec, options.layout)
    model_file.write(options.out, model)
    print(model.spec.summary())
    print(f"{options.out} holds the model")
    return 0
