"""``jaxdoodle train``: train a network, score it, and write a model file, a record and figures."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from jaxdoodle.cli.options import (
    Parser,
    add_config,
    add_dataset,
    add_layers,
    config_of,
    count,
    counts,
    names,
    reading_of,
)
from jaxdoodle.cli.train import hardware as hardware_options
from jaxdoodle.cli.train import network, outcome, repeat, run_folder, seeds
from jaxdoodle.cli.train.effects import refuse_idle
from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.core.record import Record, to_json
from jaxdoodle.data.splits import VALIDATION_FRACTION
from jaxdoodle.nn import ACTIVATIONS, losses, penalties
from jaxdoodle.training.config import DataConfig, OptimizerConfig, RegularizationConfig, TrainConfig


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
    option = model.add_argument
    option("--model", default="cnn", help="Name (mlp, cnn, sketch-cnn), or a spec as JSON file (default cnn).")
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
    text = 'Factor of each class in the loss: numbers with commas between, or "balanced" (default none).'
    option("--class-weights", type=_class_weights, metavar="X,X", help=text)
    add_config(regularization, RegularizationConfig)
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
        augment=options.augment,
        class_weights=options.class_weights,
    )
    network.refuse_unknown(options.model)
    compile_cache.enable()
    with hardware_options.on_hardware(options, config) as (config, first):
        if options.seeds > 1:
            code = _train_seeds(options, config, first)
        else:
            code, _ = _train(options, config, first)
        if code and (options.cluster or options.coordinator):
            raise SystemExit(code)  # the other processes need not wait
        return code
    return 0


def _train_seeds(options: argparse.Namespace, config: TrainConfig, first: bool) -> int:
    """Train from several seeds, and show and record mean, spread and interval; the exit code."""
    if options.resume is not None:
        raise InputError("--resume goes on with one seed; its folder is RUN/seed-N.")
    wanted = options.out or Path("runs") / f"{Path(options.dataset).name}-{Path(options.model).stem}-seeds"
    out_dir = run_folder.claim(wanted, overwrite=options.overwrite) if first else wanted
    code, records = seeds.train_each(options, config, out_dir, lambda own, config: _train(own, config, first))
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


def _train(options: argparse.Namespace, config: TrainConfig, first: bool) -> tuple[int, Record | None]:
    """Train; the ``first`` of several processes, or the only one, shows and writes what comes of it.

    Returns:
      The exit code, and the record of a run that was not interrupted.
    """
    from jaxdoodle.cli.progress import Progress
    from jaxdoodle.data import load_dataset
    from jaxdoodle.data.catalog import load_other_classes
    from jaxdoodle.run import bytes_of_run, config_to_json, describe_data, train_model
    from jaxdoodle.training import Checkpoints
    from jaxdoodle.training.callbacks import MetricsFiles, TensorBoard
    from jaxdoodle.training.plan import choose, make_plan, summarize

    chosen = {name: getattr(options, name) for name in ("classes", "per_class", "validation", "seed")}
    chosen |= reading_of(options) | {"preprocessing": options.preprocessing}
    splits = load_dataset(options.dataset, root=options.data_dir, **chosen)
    source = repeat.source_of(options)
    before = repeat.read_record(source)
    spec = network.recorded(before, options) or network.named(options, splits.classes, splits.preprocessing.image_shape)
    params, taken = network.start(options, spec, splits)
    title = f"{splits.name}, {Path(options.model).stem}"
    drawings, settings = describe_data(splits) if first else {}, config_to_json(choose(config, splits.train))
    loading = {"root": options.data_dir, **chosen}
    others = load_other_classes(options.dataset, splits, **loading) if settings["outliers"] else None
    if first and source and before and repeat.is_exact(options):
        same = {"devices": before.config.get("devices")} if options.resume is not None else {}  # they may change
        repeat.refuse_difference(source, before, settings | same, drawings)
    quiet = options.quiet or not first
    show = (lambda *line: None) if quiet else print
    command, given = options.command, repeat.options_of(options)
    if before and options.resume is not None:
        out_dir, command = run_folder.unfinished(options.resume), before.command
    else:
        wanted = options.out or Path("runs") / f"{splits.name}-{Path(options.model).stem}"
        out_dir = run_folder.claim(wanted, overwrite=options.overwrite) if first else wanted
        if out_dir != wanted:
            show(f"{wanted} holds a run; this one goes to {out_dir}")
    checkpoints = Checkpoints(out_dir / run_folder.CHECKPOINTS, interval=options.checkpoint_interval)

    if not quiet:
        show(splits.summary)  # counts duplicates, which takes a while
    show(spec.summary())
    show(summarize(config, splits.train) + taken)
    if others is not None:
        show(f"outliers: {len(others):,} drawings of other classes of {splits.name} are among them")
    logs: list[Any] = [MetricsFiles(out_dir)] if first else []
    if first and options.log == "tensorboard":
        logs.append(TensorBoard(out_dir / "tensorboard"))
    try:
        if first:
            run_folder.reserve(out_dir, bytes_of_run(spec))
            begun = Record(title, command, settings, drawings, options=given, extra={"spec": to_json(spec.to_dict())})
            begun.write(out_dir / run_folder.BEGUN)
        with Progress(title, make_plan(config, splits.train).epochs, len(splits.train), quiet=quiet) as progress:
            run = train_model(
                spec,
                splits,
                config,
                out_dir,
                title=title,
                command=command,
                options=given,
                params=params,
                outliers=others,
                teacher=network.teacher(options),
                callbacks=[progress, *logs],
                checkpoints=checkpoints,
            )
    except (FailedError, InputError):  # it would fail again
        if first and options.resume is None:
            run_folder.forget(out_dir)
        raise
    except KeyboardInterrupt:
        return outcome.say_how_to_go_on(out_dir, checkpoints.caught), None

    outcome.tell(run, out_dir, title, show, quiet=options.quiet)
    if run.result.interrupted:
        return outcome.say_how_to_go_on(out_dir, checkpoints.caught), None
    run_folder.forget(out_dir)
    return 0, run.record


def _class_weights(text: str) -> str | tuple[float, ...]:
    return text if text == "balanced" else tuple(float(part) for part in text.split(","))
