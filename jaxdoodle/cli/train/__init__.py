"""``jaxdoodle train``: train a network, score it, and write a model file, a record and figures."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from jaxdoodle.cli.options import (
    Parser,
    add_config,
    add_dataset,
    add_layers,
    config_of,
    count,
    counts,
    names,
)
from jaxdoodle.cli.train import hardware as hardware_options
from jaxdoodle.cli.train import network, one_run, repeat, run_folder, seeds
from jaxdoodle.cli.train.effects import refuse_idle
from jaxdoodle.core.errors import InputError
from jaxdoodle.data.splits import VALIDATION_FRACTION
from jaxdoodle.nn import ACTIVATIONS, losses, penalties
from jaxdoodle.training.config import DataConfig, OptimizerConfig, RegularizationConfig, TrainConfig
from jaxdoodle.training.steps.augmentation import Augment


def add_arguments(parser: Parser) -> None:
    data, model, optimizer, regularization, hardware, output = (
        parser.add_argument_group(title)
        for title in ("Data", "Model", "Optimizer", "Regularization", "Hardware", "Output")
    )
    add_dataset(data)
    data.add_argument("--classes", metavar="NAMES", help='Class names with commas between, or "all".')
    text = f"Fraction of the training images held out for validation (default {VALIDATION_FRACTION})."
    data.add_argument("--validation", type=float, default=VALIDATION_FRACTION, metavar="X", help=text)
    text = "How images are made: measured (default), as-is, mnist, quickdraw, or a JSON file of Preprocessing."
    data.add_argument("--preprocessing", default="measured", metavar="NAME", help=text)
    add_config(data, DataConfig)
    text = "Train from so many seeds, --seed and the next ones, and record mean, spread and interval (default 1)."
    data.add_argument("--seeds", type=count, default=1, metavar="N", help=text)
    text = "Train them in one program (default: on a GPU or TPU, where that is possible), or in turn."
    data.add_argument("--seeds-at-once", action=argparse.BooleanOptionalAction, help=text)
    option = model.add_argument
    option(
        "--model",
        default="cnn",
        help="Name (mlp, cnn, sketch-cnn), or a spec as JSON file (default: that of --init, or cnn).",
    )
    option("--hidden", type=counts, default=(128,), metavar="N,N", help="Units of mlp's hidden layers (default 128).")
    option("--activation", choices=ACTIVATIONS, default="relu", help="Activation function of mlp (default relu).")
    option("--drop-rate", type=float, default=0.0, metavar="X", help="Fraction that mlp's dropout drops (default 0.0).")
    add_layers(model)
    text = "Start from this model: every layer whose shape fits is taken, the others are drawn anew."
    option("--init", metavar="MODEL", help=text)
    add_config(optimizer, OptimizerConfig)
    option = regularization.add_argument
    text = "Learn what these models, with commas between, answer to the augmented images, beside the labels."
    option("--teacher", type=names, default=(), metavar="MODEL,MODEL", help=text)
    option("--l1", type=float, default=0.0, metavar="X", help="Rate of the penalty sum |w| (default 0.0).")
    option("--l2", type=float, default=0.0, metavar="X", help="Rate of the penalty sum w^2 (default 0.0).")
    text = "Fraction of a label that is spread over all classes (default 0.0)."
    option("--label-smoothing", type=float, default=0.0, metavar="X", help=text)
    text = "Move, turn and bend the training images, anew at every step (default: on small sets, without --epochs)."
    option("--augment", action=argparse.BooleanOptionalAction, help=text)
    text = "Pixels by which strokes are widened on either side, at most, in half of these images (default 0.0)."
    option("--dilate", type=float, default=0.0, metavar="X", help=text)
    text = 'Factor of each class in the loss: numbers with commas between, or "balanced" (default none).'
    option("--class-weights", type=_class_weights, metavar="X,X", help=text)
    add_config(regularization, RegularizationConfig)
    text = "Show drawings of these datasets among the outliers, too: names, paths, scribbles, signs; with commas."
    option("--outliers-of", type=names, default=(), metavar="NAME,NAME", help=text)
    hardware_options.add_arguments(hardware)
    text = "Folder for model, record and figures (default runs/DATASET-MODEL); NAME-2, ... where it holds a run."
    output.add_argument("--out", type=Path, metavar="DIR", help=text)
    output.add_argument("--overwrite", action="store_true", help="Remove the run that the folder holds.")
    text = "Repeat a run: options from its record.json or folder, or a TOML file; those on the command line win."
    output.add_argument("--config", type=Path, metavar="FILE", help=text)
    text = "Go on with the run in this folder from its last checkpoint (default: the one unfinished in runs/)."
    output.add_argument("--resume", nargs="?", const="", metavar="RUN", help=text)
    text = "Seconds of training before the first checkpoint and between two (default 30)."
    output.add_argument("--checkpoint-interval", type=float, default=30.0, metavar="X", help=text)
    text = "Write losses and accuracies of each epoch as TensorBoard reads them, too."
    output.add_argument("--log", choices=("tensorboard",), help=text)
    output.add_argument("--quiet", action="store_true", help="Print nothing but errors.")
    parser.expand = partial(repeat.expand, parser)


def run(options: argparse.Namespace) -> int:
    from jaxdoodle.training.hardware import compile_cache

    repeat.refuse_beside_resume(options)
    refuse_idle(options)
    config = TrainConfig(
        **config_of(options, TrainConfig),
        loss=losses.SoftmaxCrossEntropy(options.label_smoothing),
        penalties=(penalties.L1(options.l1),) * bool(options.l1) + (penalties.L2(options.l2),) * bool(options.l2),
        augment=Augment(dilate=options.dilate) if options.dilate else options.augment,
        class_weights=options.class_weights,
    )
    network.refuse_unknown(options.model)
    compile_cache.enable()
    with hardware_options.on_hardware(options, config) as (config, first):
        if options.seeds > 1:
            code = _train_seeds(options, config, first)
        else:
            code, _ = one_run.train(options, config, first)
        if code and (options.cluster or options.coordinator):
            raise SystemExit(code)  # the other processes need not wait
        return code
    return 0


def _train_seeds(options: argparse.Namespace, config: TrainConfig, first: bool) -> int:
    """Train from several seeds, and show and record mean, spread and interval; the exit code."""
    if options.resume is not None:
        raise InputError("--resume goes on with one seed; its folder is RUN/seed-N.")
    wanted = options.out or Path("runs") / f"{Path(options.dataset).name}-{network.name_of(options)}-seeds"
    out_dir = run_folder.claim(wanted, overwrite=options.overwrite) if first else wanted
    code, records = seeds.train_each(options, config, out_dir, first)
    if code or not records:
        return code
    found = seeds.summarize(records)
    given = repeat.options_of(options)
    whole = replace(records[0], command=options.command, options=given, epochs=(), scores={}, extra={"seeds": found})
    replace(whole, runs=tuple(records)).write(out_dir / "record.json")
    for name, one in found.items():
        low, high = (100 * end for end in one["interval"])
        text = f"deviation {100 * one['deviation']:.2f}, 95 % interval of the mean {low:.2f} to {high:.2f}"
        if not options.quiet:
            print(f"{name:10} {100 * one['mean']:.2f} % is the mean of {len(records)} seeds; {text}")
    return 0


def _class_weights(text: str) -> str | tuple[float, ...]:
    return text if text == "balanced" else tuple(float(part) for part in text.split(","))
