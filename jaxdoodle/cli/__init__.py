"""The ``jaxdoodle`` command. Each verb imports what it needs when it runs: predicting needs NumPy alone."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jaxdoodle
from jaxdoodle.core.errors import FailedError, InputError, install_hint

#: Verbs with a module of their own, which has ``add_arguments(parser)`` and ``run(options) -> exit code``.
VERBS = {
    "check": ("jaxdoodle.cli.check", "the gradient doctor, on our rules or on a file of yours"),
    "export": ("jaxdoodle.cli.export", "a model as safetensors, onnx, html, zipapp or c"),
    "import": ("jaxdoodle.cli.import_", "other people's weights as a model file"),
    "draw": ("jaxdoodle.cli.draw", "a page or a window to draw in, answered as you draw"),
    "predict": ("jaxdoodle.cli.predict", "what pictures and drawings show; needs NumPy and Pillow alone"),
}
#: The same below ``data``.
DATA_VERBS = {
    "get": ("jaxdoodle.cli.data.get", "fetch a dataset, from its publishers or a mirror"),
    "doctor": ("jaxdoodle.cli.data.audit", "what is wrong with a dataset, and does a model fit it"),
    "show": (
        "jaxdoodle.cli.data.show",
        "pictures of a dataset: contact sheets, sizes, the most and least typical, strokes",
    ),
    "draw": ("jaxdoodle.cli.data.render", "one drawing as a picture: png, svg, or a gif that draws itself"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. 0: done; 1: the check or the training failed; 2: the input is at fault."""
    words = sys.argv[1:] if argv is None else list(argv)

    def run() -> int:
        options = _parser(words[:2]).parse_args(words)
        return options.run(options)

    return exit_code_of(run)


def exit_code_of(action: Callable[[], int]) -> int:
    """Run ``action``; what the user can mend becomes one line on stderr and an exit code, not a traceback."""
    try:
        return action()
    except InputError as error:
        return _complain(error, 2)
    except FailedError as error:
        return _complain(error, 1)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("jax", "jaxlib", "optax", "rich", "matplotlib"):
            raise
        return _complain(f"{error.name} is not installed; {install_hint('train')}.", 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has had enough
        return 0
    except OSError as error:
        return _complain(": ".join(str(part) for part in (error.filename, error.strerror) if part) + ".", 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)


def _complain(what: object, code: int) -> int:
    print(f"jaxdoodle: {what}", file=sys.stderr)
    return code


def train(options: argparse.Namespace) -> int:
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


def evaluate(options: argparse.Namespace) -> int:
    import numpy as np

    from jaxdoodle.data import load_dataset
    from jaxdoodle.inference import Model
    from jaxdoodle.metrics import confusion_counts, format_accuracy, most_confused

    model = Model.load(options.model)
    classes = model.classes
    other = Model.load(options.against) if options.against else None
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


def data_list(options: argparse.Namespace) -> int:
    from jaxdoodle.data import data_root, list_datasets

    for entry in list_datasets(data_root(options.data_dir)):
        print(f"{entry.name:12} {'yes' if entry.present else 'no ':3}  {entry.text}")
    return 0


def data_verify(options: argparse.Namespace) -> int:
    from jaxdoodle.data import data_root, verify

    root = data_root(options.data_dir)
    checks = verify(root)
    if not checks:
        raise InputError(f"{root}: holds no dataset to verify.")
    for check in checks:
        if not check.ok:
            print(check.text if str(check.path) in check.text else f"{check.path}: {check.text}")
    sound = sum(check.ok for check in checks)
    print(f"{root}: {sound} of {len(checks)} files are sound")
    return 0 if sound == len(checks) else 1


def _parser(chosen: Sequence[str]) -> argparse.ArgumentParser:
    """All verbs; of those that have a module of their own, the options of the ``chosen`` ones alone."""
    parser = argparse.ArgumentParser(prog="jaxdoodle", description=jaxdoodle.__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"jaxdoodle {jaxdoodle.__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    trained = _add(verbs, "train", train, "train a network, score it, and write a model file")
    if "train" in chosen:
        _add_train(trained)
    _add_verbs(verbs, VERBS, chosen)

    scored = _add(verbs, "evaluate", evaluate, "score a model on a dataset")
    scored.add_argument("model", metavar="MODEL", help="a model.npz")
    _add_dataset(scored)
    scored.add_argument("--set", default="test", help="test (default), or a further test set")
    scored.add_argument("--lines", type=count, default=5, help="how many of the worst classes and confusions (5)")
    scored.add_argument("--against", metavar="MODEL", help="another model, to compare on the same drawings")
    scored.add_argument("--json", action="store_true", help="one JSON object, with the confusion matrix")

    data = verbs.add_parser("data", help="the datasets: what is there, and is it sound").add_subparsers(
        required=True, metavar="COMMAND"
    )
    for name, run, text in (
        ("list", data_list, "what is there, and what is missing"),
        ("verify", data_verify, "look into every file"),
    ):
        _add_data_dir(_add(data, name, run, text))
    _add_verbs(data, DATA_VERBS, chosen)
    return parser


def _add_verbs(verbs: Any, table: Mapping[str, tuple[str, str]], chosen: Sequence[str]) -> None:
    for verb, (module, text) in table.items():
        parser = verbs.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
        if verb in chosen:
            command = importlib.import_module(module)
            command.add_arguments(parser)
            parser.set_defaults(run=command.run)


def _add_train(parser: argparse.ArgumentParser) -> None:
    from jaxdoodle.nn.architectures import ACTIVATIONS

    _add_dataset(parser)
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


def _add(verbs: Any, name: str, run: Callable, text: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    text = "doodles (built in), mnist, mnist-mini, quickdraw, or a folder of your own drawings"
    parser.add_argument("--dataset", required=True, help=text)
    parser.add_argument("--per-class", type=count, metavar="N", help="the most drawings of each class")
    _add_data_dir(parser)


def _add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help="the data root (default: $JAXDOODLE_DATA, else data/)")


def count(text: str) -> int:
    """A positive integer, for ``argparse``."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"at least 1; got {value}")
    return value


def counts(text: str) -> tuple[int, ...]:
    return tuple(count(part) for part in text.split(",")) if text else ()


if __name__ == "__main__":
    sys.exit(main())
