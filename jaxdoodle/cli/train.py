"""``jaxdoodle train``: train a network, score it, and write a model file, a record and figures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.cli.options import add_dataset, counts
from jaxdoodle.core.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from jaxdoodle.nn.architectures import ACTIVATIONS

    add_dataset(parser)
    option = parser.add_argument
    option("--classes", help='names with commas between, or "all"')
    option("--model", default="cnn", metavar="MODEL", help="mlp, cnn (default), sketch-cnn, or a spec as JSON file")
    option("--hidden", type=counts, default=(128,), metavar="N,N", help="hidden sizes of mlp (128)")
    option("--activation", choices=ACTIVATIONS, default="relu", help="of mlp (relu)")
    option("--drop-rate", type=float, default=0.0, help="dropout of mlp: the fraction dropped (0)")
    option("--out", type=Path, metavar="DIR", help="for model, record and figures (runs/DATASET-MODEL)")
    option("--validation", type=float, default=0.2, help="fraction of the training drawings held out (0.2)")
    option("--epochs", type=int, default=10, help="(10)")
    option("--batch-size", type=int, default=128, help="(128)")
    option("--optimizer", default="adam", help="sgd, momentum, adam (default), adamw, ...")
    option("--learning-rate", type=float, default=1e-3, help="its highest value (0.001)")
    option("--schedule", default="cosine", help="constant, cosine (default), one_cycle, exponential, inverse_time")
    option("--schedule-decay", type=float, default=0.0, help="exponential: factor an epoch; inverse_time: rate a step")
    option("--l1", type=float, default=0.0, help="rate of the penalty sum |w|")
    option("--l2", type=float, default=0.0, help="rate of the penalty sum w^2")
    option("--label-smoothing", type=float, default=0.0, help="fraction of a label that goes to all classes")
    option("--augment", action="store_true", help="move, turn and bend training images anew at every step")
    option("--clip-norm", type=float, help="bound on the norm of the gradient")
    option("--ema-decay", type=float, help="decay of a moving average of the weights, e.g. 0.999")
    option(
        "--sampling",
        choices=("natural", "balanced"),
        default="natural",
        help="every drawing once an epoch (natural), or every class equally often",
    )
    option("--matmul-precision", choices=("float32", "bfloat16"), default="float32", help="of matrix products, on GPUs")
    option("--gradients", choices=("hand", "autodiff"), default="hand", help="how gradients are computed (hand)")
    option("--devices", type=int, default=1, help="share each batch among so many processor cores (1)")
    option("--seed", type=int, default=0, help="(0)")


def run(options: argparse.Namespace) -> int:
    from jaxdoodle.core.record import describe_data, describe_machine, record_of, write_json
    from jaxdoodle.data import load_dataset
    from jaxdoodle.metrics import format_accuracy
    from jaxdoodle.nn import losses, penalties
    from jaxdoodle.plots.run_figures import draw_figures
    from jaxdoodle.run import train_model
    from jaxdoodle.training import compile_cache, devices
    from jaxdoodle.training.augmentation import Augment
    from jaxdoodle.training.loop import TrainConfig

    config = TrainConfig(
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        learning_rate=options.learning_rate,
        schedule=options.schedule,
        schedule_decay=options.schedule_decay,
        loss=losses.SoftmaxCrossEntropy(options.label_smoothing),
        penalties=(penalties.L1(options.l1),) * bool(options.l1) + (penalties.L2(options.l2),) * bool(options.l2),
        augment=Augment() if options.augment else None,
        clip_norm=options.clip_norm,
        ema_decay=options.ema_decay,
        gradients=options.gradients,
        devices=options.devices,
        sampling=options.sampling,
        matmul_precision=options.matmul_precision,
        seed=options.seed,
    )
    compile_cache.enable()
    if config.devices > 1:
        devices.use_cpu_devices(config.devices)
    splits = load_dataset(
        options.dataset,
        root=options.data_dir,
        classes=options.classes,
        per_class=options.per_class,
        validation=options.validation,
        seed=options.seed,
    )
    spec = _network(options, splits.classes)
    title = f"{splits.name}, {Path(options.model).stem}"
    out_dir = options.out or Path("runs") / f"{splits.name}-{Path(options.model).stem}"

    print(splits.summary)
    print(spec.summary())
    run = train_model(spec, splits, config, out_dir, title=title)
    record = {"data": describe_data(splits), "machine": describe_machine(), **record_of(run)}
    write_json(out_dir / "record.json", record)
    draw_figures(run.spec, run.splits, run.fit, run.predicted["test"], out_dir, title=title)

    result = run.fit
    print(f"compiled in {result.compile_seconds:.1f} s, trained in {result.train_seconds:.1f} s", end="; ")
    print(f"kept epoch {result.best_epoch} of {len(result.history)}" + ", interrupted" * result.interrupted)
    for name, score in run.scores.items():
        print(f"{name:10} {format_accuracy(score.correct, score.total)}")
    print(f"{run.model_path} holds the model; record.json and figures are beside it")
    return 0


def _network(options: argparse.Namespace, classes: Sequence[str]) -> Any:
    """The spec that ``--model`` names, for these classes."""
    from dataclasses import replace

    from jaxdoodle.nn.architectures import ACTIVATIONS, digit_cnn, mlp, sketch_cnn
    from jaxdoodle.nn.spec import ModelSpec, SpecError

    if options.model == "mlp":
        return mlp(classes, options.hidden, ACTIVATIONS[options.activation], options.drop_rate)
    if options.model == "cnn":
        return digit_cnn(classes)
    if options.model == "sketch-cnn":
        return sketch_cnn(classes)
    try:
        spec = ModelSpec.from_json(Path(options.model).read_text(encoding="utf-8"))
        return replace(spec, classes=spec.classes or tuple(classes))
    except (SpecError, UnicodeDecodeError) as error:
        raise InputError(f"{options.model}: {error}") from None
