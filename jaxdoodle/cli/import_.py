"""``jaxdoodle import``: weights of another program as a model file, with its measured accuracy."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from jaxdoodle.cli.options import add_data_dir, read_spec
from jaxdoodle.core.errors import InputError
from jaxdoodle.formats.weights import LAYOUTS, check_set, import_weights
from jaxdoodle.inference import model_file
from jaxdoodle.nn import ACTIVATIONS
from jaxdoodle.preprocessing.config import MNIST, NAMED

FORMATS = "Keras, PyTorch, ONNX, safetensors, NumPy, pickle, JSON or MATLAB"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, metavar="WEIGHTS", help=f"A file of {FORMATS}; nothing in it is run.")
    parser.add_argument("-o", "--out", required=True, type=Path, metavar="PATH", help="The model file to write.")
    parser.add_argument("--classes", help="Class names with commas between them (default: 0,1,2,...).")
    text = "Dataset to measure the import on, which decides what is open (default: mnist or doodles if at hand)."
    parser.add_argument("--check", metavar="DATASET", help=f"{text} none: do not measure.")
    add_data_dir(parser)
    images = parser.add_argument_group("images that the weights were trained on")
    kinds = "As in MNIST (default) or in Quick, Draw!"
    images.add_argument("--preprocessing", choices=NAMED, default="mnist", help=kinds)
    text = "What pixels were divided by: 255, or 1 for raw bytes (default: what the check finds, else 255)."
    images.add_argument("--divisor", type=float, metavar="X", help=text)
    text = "Mean and standard deviation of the inputs after the division."
    images.add_argument("--mean-std", metavar="MEAN,STD", help=text)
    network = parser.add_argument_group("network, where neither the file nor the check decides")
    network.add_argument("--activation", choices=ACTIVATIONS, help="Activation between the layers.")
    network.add_argument("--layout", choices=LAYOUTS, help="Order of the axes of the weights.")
    network.add_argument("--spec", metavar="FILE", help="The whole network, a spec as JSON.")


def run(options: argparse.Namespace) -> int:
    """Write the model file. Raises ``InputError``."""
    spec = read_spec(options.spec) if options.spec else None
    classes = tuple(options.classes.split(",")) if options.classes else ()
    check = None if options.check == "none" else check_set(options.check, classes, options.data_dir)
    model = import_weights(
        options.weights,
        NAMED[options.preprocessing],
        classes,
        options.activation,
        spec,
        options.layout,
        scaling=_scaling(options),
        check=check,
        say=lambda line: print(line, file=sys.stderr if line.startswith("WARNING") else sys.stdout),
    )
    model_file.write(options.out, model)
    print(model.spec.summary())
    print(f"{options.out} holds the model")
    return 0


def _scaling(options: argparse.Namespace) -> tuple[float, float, float] | None:
    if options.divisor is None and options.mean_std is None:
        return None
    try:
        mean, std = map(float, (options.mean_std or "0,1").split(","))
    except ValueError:
        raise InputError(f"--mean-std is two numbers with a comma between; got {options.mean_std!r}.") from None
    divisor = 255.0 if options.divisor is None else options.divisor
    MNIST.from_dict({**MNIST.to_dict(), "divisor": divisor, "mean": mean, "std": std})  # refuses what cannot be
    return divisor, mean, std
