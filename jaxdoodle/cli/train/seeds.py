"""``--seeds``: the same training from several seeds in turn, and what they have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from jaxdoodle.core.record import Record
from jaxdoodle.metrics import mean_interval
from jaxdoodle.training.config import TrainConfig

__all__ = ["summarize", "train_each"]

#: ``train(options, config) -> (exit code, record)`` of one run.
TrainOne = Callable[[argparse.Namespace, TrainConfig], tuple[int, Record | None]]


def train_each(
    options: argparse.Namespace, config: TrainConfig, out_dir: Path, train: TrainOne
) -> tuple[int, list[Record]]:
    """Train from each seed, into ``out_dir/seed-N``: exactly the run that ``--seed N`` alone is.

    In turn: in one program for all seeds, dropout and augmentation would draw other numbers than for one.

    Args:
      options: Of the command, with ``seeds``.
      config: How to train; its seed is the first.
      out_dir: Folder of all.
      train: Trains from one seed.

    Returns:
      The exit code of the last, and the record of each; none where this process does not write.
    """
    from jaxdoodle.training.hardware.processes import NotFirst

    records: list[Record] = []
    given = {name: option for name, option in options.given.items() if name != "seeds"} | {"seed": "--seed"}
    for seed in range(config.seed, config.seed + options.seeds):
        own = {"seed": seed, "out": out_dir / f"seed-{seed}", "config": None, "given": given}
        with suppress(NotFirst):
            code, record = train(argparse.Namespace(**{**vars(options), **own}), replace(config, seed=seed))
            if record is None:
                return code, records
            records.append(record)
    return 0, records


def summarize(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The accuracies of several seeds.

    Args:
      records: Of the runs, two or more.

    Returns:
      Name of the set -> ``mean``, sample standard ``deviation`` and Student's 95 % ``interval`` of the mean.
    """
    found = {}
    for name in records[0].scores:
        values = [record.scores[name]["correct"] / record.scores[name]["total"] for record in records]
        found[name] = {"mean": mean(values), "deviation": stdev(values), "interval": list(mean_interval(values))}
    return found
