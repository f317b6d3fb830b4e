"""Run a declared experiment: every variant with every seed, against what the report claims."""

from __future__ import annotations

import json
import shlex
import statistics
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from experiments.declaration import Experiment, Variant
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import describe_data, describe_machine, record_of, write_json
from jaxdoodle.data import Dataset, Splits, load_dataset
from jaxdoodle.metrics import format_accuracy
from jaxdoodle.plots import curves
from jaxdoodle.plots.run_figures import draw_figures
from jaxdoodle.run import Run, train_model

#: How far a cost may be from the one that the report prints.
COST_TOLERANCE = 0.02


def run(name: str, experiment: Experiment, options: Namespace, out_dir: Path) -> int:
    """Train, print, and write ``out_dir/record.json`` with figures of the first variant. 1 if costs are missed."""
    _earlier(out_dir / "record.json")
    splits = load_splits(experiment, options)
    print(splits.summary)
    missed = []
    for variant_name in _chosen(experiment, options.variants):
        variant = _with_options(experiment.variants[variant_name], options)
        runs = []
        first_seed = experiment.seed if options.seed is None else options.seed
        for seed in range(first_seed, first_seed + options.seeds):
            title = f"{name}, {variant_name}, seed {seed}"
            model_dir = out_dir / f"{variant_name}-{seed}".replace(" ", "-").replace(",", "")
            done = train_model(*_arguments(variant, splits, seed), model_dir, title=title)
            if done.fit.interrupted:
                raise KeyboardInterrupt  # a record is of whole runs
            runs.append(done)
            for set_name in ("test", *splits.extra_tests):
                print(f"{title}: {set_name} {format_accuracy(*done.scores[set_name][1:])}")
        if variant_name == _first(experiment):
            shown = runs[0]
            predicted = shown.predicted["test"]
            draw_figures(shown.spec, shown.splits, shown.fit, predicted, out_dir, title=f"{name}, {variant_name}")
            if experiment.costs:
                _draw_costs(experiment, runs[0], out_dir, title=name)
                missed += _missed_costs(experiment, runs[0])
        write_record(out_dir / "record.json", name, experiment, splits, {variant_name: runs}, options)
    print_table(out_dir / "record.json")
    for line in missed:
        print(line)
    return 1 if missed else 0


def load_splits(experiment: Experiment, options: Namespace) -> Splits:
    """The experiment's data, with the further test sets that it names."""
    splits = load_dataset(
        experiment.dataset,
        root=options.data_dir,
        classes=options.classes or experiment.classes,
        per_class=options.per_class or experiment.per_class,
        validation=experiment.validation,
    )
    real = {name: load_dataset(name, root=options.data_dir, classes=splits.classes) for name in experiment.test_on}
    whole = {f"real {name}": _whole(other) for name, other in real.items()}
    return replace(splits, extra_tests={**splits.extra_tests, **whole})


def write_record(
    path: Path, name: str, experiment: Experiment, splits: Splits, runs: dict[str, list[Run]], options: Namespace
) -> None:
    """Write the record of these variants; those that it holds already and that were not run again stay."""
    record: dict[str, Any] = {"experiment": name, "claims": dict(experiment.claims), "variants": {}}
    record["variants"] = _earlier(path)
    for variant_name, done in runs.items():
        records = [record_of(one) | _costs_of(experiment, one) for one in done]
        for later in records[1:]:
            del later["history"], later["spec"]  # as in the first; the scores are what differs
        record["variants"][variant_name] = {
            "command": _command(name, variant_name, done, options),
            "data": describe_data(splits),
            "machine": describe_machine(),
            "runs": records,
        }
    write_json(path, record)


def print_table(path: Path) -> None:
    """The record as a table: one row for each variant and set, all seeds together."""
    record = json.loads(path.read_text())
    table = Table(title=f"{record['experiment']} (the report: {_claims(record['claims'])})")
    for column in ("variant", "parameters", "set", "right", "of", "% mean (lowest to highest)", "n", "train s"):
        table.add_column(column)
    for variant_name, variant in record["variants"].items():
        runs = variant["runs"]
        for set_name in runs[0]["scores"]:
            correct = [one["scores"][set_name]["correct"] for one in runs]
            total = runs[0]["scores"][set_name]["total"]
            percent = [100 * c / total for c in correct]
            spread = f"{statistics.mean(percent):.2f} ({min(percent):.2f} to {max(percent):.2f})"
            seconds = f"{statistics.median(one['train_seconds'] for one in runs):.1f}"
            cells = (f"{runs[0]['parameters']:,}", set_name, f"{statistics.mean(correct):,.1f}", f"{total:,}", spread)
            table.add_row(variant_name, *cells, str(len(runs)), seconds)
    console = Console()
    console.width = max(console.width, 120)
    console.print(table)


def _arguments(variant: Variant, splits: Splits, seed: int) -> tuple:
    if variant.divisor is not None:
        splits = replace(splits, preprocessing=replace(splits.preprocessing, divisor=variant.divisor))
    return variant.network(splits.classes), splits, replace(variant.config, seed=seed)


def _with_options(variant: Variant, options: Namespace) -> Variant:
    changes = {name: getattr(options, name) for name in ("epochs", "gradients") if getattr(options, name) is not None}
    return replace(variant, config=replace(variant.config, **changes))


def _chosen(experiment: Experiment, names: Sequence[str] | None) -> Sequence[str]:
    for name in names or ():
        if name not in experiment.variants:
            raise InputError(f"no variant {name!r}; this experiment has: {'; '.join(experiment.variants)}.")
    return names or list(experiment.variants)


def _first(experiment: Experiment) -> str:
    return next(iter(experiment.variants))


def _whole(splits: Splits) -> Dataset:
    """All drawings of a dataset: none of them was trained on."""
    sides = (splits.train, splits.validation, splits.test)
    images, labels = (np.concatenate([getattr(side, name) for side in sides]) for name in ("images", "labels"))
    return Dataset(splits.name, images, labels, splits.classes)


def _costs_of(experiment: Experiment, done: Run) -> dict[str, Any]:
    found = {str(step): done.fit.step_losses[step] for step in experiment.costs if step < len(done.fit.step_losses)}
    return {"costs": found} if found else {}


def _missed_costs(experiment: Experiment, done: Run) -> list[str]:
    """One line for each cost of the report, from its first that counts, which this run does not meet."""
    found = dict(enumerate(done.fit.step_losses))
    return [
        f"seed {done.config.seed}: cost at step {step} is {found.get(step, float('nan')):.6f}; "
        f"the report has {cost:.6f}, to be met within {COST_TOLERANCE:.0%}."
        for step, cost in experiment.costs.items()
        if step >= experiment.costs_from and not abs(found.get(step, np.nan) / cost - 1) <= COST_TOLERANCE
    ]


def _draw_costs(experiment: Experiment, done: Run, out_dir: Path, title: str) -> None:
    path, images = out_dir / "cost.png", len(done.splits.train)
    curves.cost_curve(done.fit.step_losses, experiment.costs, path, title=title, images=images)


def _earlier(path: Path) -> dict[str, Any]:
    """The variants that a record holds already; none where there is no record yet."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["variants"] if path.exists() else {}
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: is no record of an experiment; expected JSON with the variants run so far."
        ) from None


def _command(name: str, variant_name: str, runs: list[Run], options: Namespace) -> str:
    """What to type to run these again."""
    config = runs[0].config
    words = ["python", "-m", "experiments", name, "--variants", variant_name, "--epochs", str(config.epochs)]
    words += ["--seed", str(config.seed), "--seeds", str(len(runs))]
    for option in ("classes", "per_class", "gradients"):
        if (value := getattr(options, option)) is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return shlex.join(words)


def _claims(claims: dict[str, float]) -> str:
    return ", ".join(f"{name} {100 * value:.2f} %" for name, value in claims.items()) or "claims no figure"
