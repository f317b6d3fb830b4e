"""``--seeds``: the same training from several seeds, in turn or at once, and what they have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from jaxdoodle.cli.train import one_run, run_folder
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import Record
from jaxdoodle.metrics import mean_interval
from jaxdoodle.training.config import TrainConfig

__all__ = ["summarize", "train_each"]


def train_each(
    options: argparse.Namespace, config: TrainConfig, out_dir: Path, first: bool
) -> tuple[int, list[Record]]:
    """Train from each seed, into ``out_dir/seed-N``: the run that ``--seed N`` alone is, at once but for rounding.

    Args:
      options: Of the command, with ``seeds`` and ``seeds_at_once``.
      config: How to train; its seed is the first.
      out_dir: Folder of all.
      first: Whether this process is the first of several, or the only one.

    Returns:
      The exit code, not 0 where a seed was interrupted, and the records of the others; none where this process does not
      write.

    Raises:
      InputError: They cannot be trained at once, and that was asked for.
    """
    import jax

    from jaxdoodle.training.hardware.processes import NotFirst
    from jaxdoodle.training.seeds import FASTER, refusal

    wanted = options.seeds_at_once
    if wanted or (wanted is None and jax.default_backend() in FASTER):
        runs = [one_run.prepare(own, one, first) for own, one in _each(options, config, out_dir)]
        if not (why := refusal(config, [one.splits.train for one in runs])):
            return _train_at_once(runs)
        for path in (*(one.out_dir for one in runs), out_dir):
            run_folder.forget(path)
        if wanted:
            raise InputError(f"--seeds-at-once: {why}.")
        if first and not options.quiet:
            print(f"jaxdoodle: the seeds are trained in turn: {why}", file=sys.stderr)
    records: list[Record] = []
    for own, one in _each(options, config, out_dir):
        with suppress(NotFirst):
            code, record = one_run.train(own, one, first)
            if record is None:
                return code, records
            records.append(record)
    return 0, records


def _each(
    options: argparse.Namespace, config: TrainConfig, out_dir: Path
) -> Iterator[tuple[argparse.Namespace, TrainConfig]]:
    """The options and the config of each seed alone."""
    given = {name: option for name, option in options.given.items() if name not in ("seeds", "seeds_at_once")}
    for seed in range(config.seed, config.seed + options.seeds):
        own = {"seed": seed, "out": out_dir / f"seed-{seed}", "config": None, "given": given | {"seed": "--seed"}}
        yield argparse.Namespace(**{**vars(options), **own}), replace(config, seed=seed)


def _train_at_once(runs: Sequence[one_run.OneRun]) -> tuple[int, list[Record]]:
    """All seeds in one program; the exit code, and the record of each."""
    from jaxdoodle.training.seeds import fit_seeds

    spec, splits, config, seeds = runs[0].spec, runs[0].splits, runs[0].config, [one.config.seed for one in runs]
    try:
        with ExitStack() as stack:
            runs[0].introduce()
            for one in runs:
                stack.enter_context(one.forgotten_if_it_fails())
                one.begin()
            progress = runs[0].progress(f"{runs[0].record.name}, seed {seeds[0]} of {len(seeds)} at once")
            callbacks = [one.logs() for one in runs]
            callbacks[0].append(stack.enter_context(progress))
            results = fit_seeds(
                spec,
                splits.train,
                splits.validation,
                config,
                seeds,
                **runs[0].given,
                callbacks=callbacks,
                checkpoints=[one.checkpoints for one in runs],
            )
    except KeyboardInterrupt:
        return max([one.say_how_to_go_on() for one in runs]), []
    codes, records = [0], []
    for one, result in zip(runs, results, strict=True):
        with one.forgotten_if_it_fails():
            run = one.train(result=result)
        code, record = one.tell(run)
        codes.append(code)
        records += [record] if record else []
    return max(codes), records  # where some were interrupted, others may have stopped early


def summarize(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The accuracies of several seeds.

    Args:
      records: Of the runs, two or more.

    Returns:
      Name of the set -> ``mean``, sample standard ``deviation`` and Student's 95 % ``interval`` of the mean, as far as
      it lies between 0 and 1.
    """
    found = {}
    for name in records[0].scores:
        values = [record.scores[name]["correct"] / record.scores[name]["total"] for record in records]
        lower, upper = mean_interval(values)
        found[name] = {"mean": mean(values), "deviation": stdev(values), "interval": [max(lower, 0.0), min(upper, 1.0)]}
    return found
