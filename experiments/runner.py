"""Run a declared experiment: every variant with every seed, beside what the report says."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.declaration import Experiment, Variant
from jaxdoodle.cli.progress import Progress
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.core.types import NDArray
from jaxdoodle.data import Dataset, Splits, load_dataset
from jaxdoodle.data.catalog import load_outliers
from jaxdoodle.inference import Model
from jaxdoodle.metrics import format_accuracy
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots import curves
from jaxdoodle.plots.run_figures import draw_figures
from jaxdoodle.run import Run, config_to_json, describe_data, train_model
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache
from jaxdoodle.training.plan import choose, make_plan

__all__ = ["COST_TOLERANCE", "group", "load_splits", "print_table", "run", "train_once", "with_seeds"]

#: How far a cost may be from the one that the report prints.
COST_TOLERANCE = 0.02


def run(
    name: str,
    experiment: Experiment,
    out_dir: Path,
    *,
    variants: Sequence[str] | None = None,
    seed: int | None = None,
    seeds: int = 1,
    epochs: int | None = None,
    classes: str | None = None,
    per_class: int | None = None,
    gradients: str | None = None,
    data_dir: Path | None = None,
) -> int:
    """Train, print, and write ``out_dir/record.json`` after each seed, with figures of the first variant.

    Variants that the record holds already and that are not run again stay in it, and so do seeds of the same recipe
    right before or after these. A run that was stopped goes on with the first seed that it has not finished.

    Args:
      name: Of the experiment.
      experiment: What it declares.
      out_dir: Folder for the record, the figures, and a folder for each run.
      variants: Names of those to run; ``None``: all.
      seed: The first seed; ``None``: the experiment's own.
      seeds: Number of seeds.
      epochs: In place of what each variant declares.
      classes: In place of what the experiment declares.
      per_class: In place of what the experiment declares.
      gradients: ``"hand"`` or ``"autodiff"``.
      data_dir: The data root; ``None``: the default one.

    Returns:
      0, or 1 if a cost that the report prints is missed.
    """
    compile_cache.enable()
    path = out_dir / "record.json"
    before = {one.name: one for one in Record.read(path).runs} if path.exists() else {}
    records = dict(before)
    splits = load_splits(experiment, classes, per_class, data_dir)
    print(splits.summary)
    changes: dict[str, Any] = {"epochs": epochs, "gradients": gradients}
    changes = {option: value for option, value in changes.items() if value is not None}
    given = {"classes": classes, "per_class": per_class, "gradients": gradients}
    first_seed = experiment.seed if seed is None else seed
    missed = list[str]()
    for variant_name in _chosen(experiment, variants):
        variant, runs = experiment.variants[variant_name], list[Record]()
        is_first = variant_name == next(iter(experiment.variants))
        models = {**_models(variant, out_dir.parent), "outliers": _outliers(variant, splits, data_dir)}
        for number in range(first_seed, first_seed + seeds):
            title = f"{name}, {variant_name}, seed {number}"
            model_dir = out_dir / f"{variant_name}-{number}".replace(" ", "-").replace(",", "")
            figures = partial(_draw, experiment, out_dir, f"{name}, {variant_name}") if is_first and not runs else None
            arguments = _arguments(variant, splits, changes | {"seed": number})
            one = train_once(*arguments, model_dir, title, costs=experiment.costs, figures=figures, **models)
            for set_name in ("test", *splits.extra_tests):
                counts = one.scores[set_name]
                print(f"{title}: {set_name} {format_accuracy(counts['correct'], counts['total'])}")
            runs.append(one)
            found = with_seeds(before.get(variant_name), group(variant_name, runs))
            records[variant_name] = replace(found, command=_command(name, found, given))
            record = Record(name, extra={"reported": dict(experiment.reported)}, runs=tuple(records.values()))
            record.write(path)
        if is_first:
            missed += _missed_costs(experiment, runs[0])
    print_table(record)
    for line in missed:
        print(line)
    return 1 if missed else 0


def train_once(
    spec: ModelSpec,
    splits: Splits,
    config: TrainConfig,
    out_dir: Path,
    title: str,
    *,
    costs: Iterable[int] = (),
    figures: Callable[[Run], None] | None = None,
    **given: Any,
) -> Record:
    """Train with a progress bar, and write ``out_dir/record.json``; or read it, so that a stopped study goes on.

    It is read if its title, config, data, and machine with versions and commit are those of this run; in a clone that
    differs from its commit, never. Without outliers unless the config says how many.

    Args:
      spec: The network.
      splits: The data.
      config: How to train.
      out_dir: Folder of the model file and the record.
      title: Name of the run in its record.
      costs: Steps whose cost the record keeps.
      figures: Draws what a run that was trained now shows.
      given: See ``train_model``.
    """
    config = replace(config, outliers=config.outliers or 0.0)
    path, machine, recorded = out_dir / "record.json", describe_machine(), config_to_json(choose(config, splits.train))
    if path.exists() and (out_dir / "model.npz").exists() and not str(machine["commit"]).endswith("-dirty"):
        done = Record.read(path)
        if (done.name, done.config, done.machine) == (title, recorded, machine) and done.data == describe_data(splits):
            return done
    with Progress(title, make_plan(config, splits.train).epochs, len(splits.train)) as progress:
        found = train_model(spec, splits, config, out_dir, title=title, callbacks=[progress], **given)
    if found.result.interrupted:
        raise KeyboardInterrupt  # a record is of whole runs
    if figures:
        figures(found)
    losses = found.result.step_losses
    kept = {str(step): losses[step] for step in costs if step < len(losses)}
    record = replace(found.record, extra=found.record.extra | ({"costs": kept} if kept else {}))
    record.write(path)
    return record


def group(name: str, runs: Sequence[Record]) -> Record:
    """Give runs that differ by their seed as one record that says once what they share.

    Args:
      name: Of the record.
      runs: Records of single runs. Epochs are kept of the first alone.
    """
    first = runs[0]
    shared = {key: first.extra[key] for key in ("spec", "parameters")}
    config = {key: value for key, value in first.config.items() if key != "seed"}
    alone = (
        Record(
            config={"seed": one.config["seed"]},
            epochs=one.epochs if one is first else (),
            scores=one.scores,
            extra={key: value for key, value in one.extra.items() if key not in shared},
        )
        for one in runs
    )
    return Record(name, "", config, first.data, first.machine, extra=shared, runs=tuple(alone))


def with_seeds(before: Record | None, found: Record) -> Record:
    """A group with the seeds of another one of the same recipe, data and network, if together they leave no seed out.

    Args:
      before: The other; of a seed that both have, its run is dropped.
      found: The group. Runs of the other say on which machine and commit they ran, which may be others.
    """
    if before is None or (before.config, before.data, before.extra) != (found.config, found.data, found.extra):
        return found
    kept = (replace(one, machine=one.machine or before.machine) for one in before.runs)
    by_seed = {one.config["seed"]: one for one in (*kept, *found.runs)}
    if max(by_seed) - min(by_seed) >= len(by_seed):
        return found
    first, *others = (by_seed[seed] for seed in sorted(by_seed))
    return replace(found, runs=(first, *(replace(one, epochs=()) for one in others)))


def load_splits(
    experiment: Experiment, classes: str | None = None, per_class: int | None = None, data_dir: Path | None = None
) -> Splits:
    """Load the experiment's data, with the further test sets that it names."""
    splits = load_dataset(
        experiment.dataset,
        root=data_dir,
        classes=classes or experiment.classes,
        per_class=per_class or experiment.per_class,
        validation=experiment.validation,
    )
    further = {name: _whole(load_dataset(name, root=data_dir, classes=splits.classes)) for name in experiment.test_on}
    return replace(splits, extra_tests={**splits.extra_tests, **further})


def print_table(record: Record) -> None:
    """Print the record as a table: one row for each variant and set, all seeds together."""
    reported = ", ".join(f"{name} {100 * value:.2f} %" for name, value in record.extra["reported"].items())
    table = Table(title=f"{record.name} (the report: {reported or 'no figure'})")
    for column in ("variant", "parameters", "set", "correct", "total", "% mean (lowest to highest)", "n", "train s"):
        table.add_column(column)
    for variant in record.runs:
        runs = variant.runs
        for set_name in runs[0].scores:
            correct = [one.scores[set_name]["correct"] for one in runs]
            total = runs[0].scores[set_name]["total"]
            percent = [100 * c / total for c in correct]
            spread = f"{statistics.mean(percent):.2f} ({min(percent):.2f} to {max(percent):.2f})"
            seconds = f"{statistics.median(one.extra['train_seconds'] for one in runs):.1f}"
            parameters = f"{variant.extra['parameters']:,}"
            cells = (parameters, set_name, f"{statistics.mean(correct):,.1f}", f"{total:,}", spread)
            table.add_row(variant.name, *cells, str(len(runs)), seconds)
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)


def _arguments(variant: Variant, splits: Splits, changes: Mapping[str, Any]) -> tuple[ModelSpec, Splits, TrainConfig]:
    if variant.divisor is not None:
        splits = replace(splits, preprocessing=replace(splits.preprocessing, divisor=variant.divisor))
    return variant.network(splits.classes), splits, replace(variant.config, **changes)


def _models(variant: Variant, runs_dir: Path) -> dict[str, Any]:
    """The trained models that a variant needs, as ``train_model`` takes them.

    Raises:
      InputError: One that another run makes is missing.
    """
    teacher = []
    for name in variant.teacher:
        experiment, made_before, run = name.partition("/")
        path = runs_dir / name / "model.npz"
        if made_before and not path.exists():
            raise InputError(f"{path} is missing, a model to learn from; {experiment} writes it with its run {run}.")
        teacher.append(Model.load(path if made_before else name))
    return {"teacher": teacher, "params": Model.load(variant.start).file.params if variant.start else None}


def _outliers(variant: Variant, splits: Splits, data_dir: Path | None) -> NDArray[np.uint8] | None:
    """The drawings of other datasets that a variant shows as outliers."""
    found = [load_outliers(name, splits, data_dir) for name in variant.outliers_of]
    return np.concatenate(found) if found else None


def _chosen(experiment: Experiment, names: Sequence[str] | None) -> Sequence[str]:
    for name in names or ():
        if name not in experiment.variants:
            raise InputError(f"no variant {name!r}; this experiment has: {'; '.join(experiment.variants)}.")
    return names or list(experiment.variants)


def _whole(splits: Splits) -> Dataset:
    """All drawings of a dataset: none of them was trained on."""
    parts = (splits.train, splits.validation, splits.test)
    images, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("images", "labels"))
    return Dataset(splits.name, images, labels, splits.classes)


def _missed_costs(experiment: Experiment, run: Record) -> list[str]:
    """One line for each cost of the report, from its first that counts, which this run does not meet."""
    found = {int(step): cost for step, cost in run.extra.get("costs", {}).items()}
    return [
        f"seed {run.config['seed']}: cost at step {step} is {found.get(step, float('nan')):.6f}; "
        f"the report has {cost:.6f}, to be met within {COST_TOLERANCE:.0%}."
        for step, cost in experiment.costs.items()
        if step >= experiment.costs_from and not abs(found.get(step, np.nan) / cost - 1) <= COST_TOLERANCE
    ]


def _draw(experiment: Experiment, out_dir: Path, title: str, run: Run) -> None:
    """Draw the figures of a run, with its costs beside those that the report prints."""
    draw_figures(run.spec, run.splits, run.result, run.predicted["test"], out_dir, title=title)
    if experiment.costs:
        path, images = out_dir / "cost.png", len(run.splits.train)
        curves.cost_curve(run.result.step_losses, experiment.costs, path, title=title, images=images)


def _command(name: str, variant: Record, given: Mapping[str, Any]) -> str:
    """What to type to run a variant's seeds again."""
    words = ["python", "-m", "experiments", name, "--variants", variant.name, "--epochs", str(variant.config["epochs"])]
    words += ["--seed", str(variant.runs[0].config["seed"]), "--seeds", str(len(variant.runs))]
    for option, value in given.items():
        if value is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)
