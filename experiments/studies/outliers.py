"""Outliers: networks that were shown drawings of no class, and how many of other kinds they refuse.

Each network is trained with and without them, at equal seeds; its threshold keeps 95 % of the validation drawings. They
are generated ones, real doodles of Quick, Draw!, of every second class that the network does not know, and for the
doodle network three times as many scribbles as there are generated ones. What it is to refuse is of kinds and drawings
that no training showed: doodles of the other classes, scribbles of another generator, horizontal lines. Beside them
stand the kinds that are shown: generated drawings of another seed, and test drawings of the classes that were shown.
The doodle network begins with the layers of the pretrained ``sketches``, with and without outliers: they have seen
drawings of all 345 classes.

Runs that the record holds, with the same config, are not repeated: one that was stopped goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import runner, table
from experiments.pretrained import sketches
from experiments.studies.abstention import KNOWN
from experiments.studies.refused import measure, what_to_refuse
from jaxdoodle.core.record import Record
from jaxdoodle.data import Splits, load_dataset
from jaxdoodle.inference.model import Model
from jaxdoodle.nn.architectures import digit_cnn, mlp
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, MUTED, figure
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache

SEEDS = 3
#: Share of each kind that is to be refused, in the mean over the seeds.
GOALS = {"held_out_classes": 0.97, "scribbles": 0.97, "lines": 1.0}
DOODLE_GOALS = {"held_out_classes": 0.6, "scribbles": 0.9}


@dataclass(frozen=True)
class Net:
    """A network, its data, how it is trained, what is to be reached, and the pretrained model that it begins with."""

    network: Callable[[Sequence[str]], ModelSpec]
    dataset: str
    config: TrainConfig
    goals: dict[str, float]
    start: str | None = None


LONG = TrainConfig(epochs=12, batch_size=64, schedule="one_cycle", learning_rate=3e-3, outliers=1.0)
NETS = {
    "digit MLP": Net(lambda classes: mlp(classes, (128,)), "mnist", replace(LONG, outliers=2.0), GOALS),
    "digit CNN": Net(digit_cnn, "mnist", replace(LONG, epochs=5), GOALS),
    "doodle CNN": Net(sketches.network, "quickdraw", replace(LONG, epochs=3), DOODLE_GOALS, "sketches"),
}


def run(
    out_dir: Path, *, variants: Sequence[str] | None = None, seeds: int = SEEDS, data_dir: Path | None = None
) -> int:
    """Train and measure; write ``record.json`` to ``out_dir``. 1 where a goal is missed, else 0.

    Args:
      out_dir: Folder of the record; networks that it holds and that are not run again stay in it.
      variants: Names of the networks to run; ``None``: all.
      seeds: Number of seeds.
      data_dir: The data root.
    """
    compile_cache.enable()
    path = out_dir / "record.json"
    record = Record.read(path) if path.exists() else Record("outliers", "python -m experiments outliers")
    for dataset, names in itertools.groupby(variants or NETS, lambda name: NETS[name].dataset):
        splits = load_dataset(dataset, root=data_dir, classes=KNOWN if dataset == "quickdraw" else None)
        kinds, others = what_to_refuse(splits, data_dir)
        for name in names:
            for title, config in both(name).items():
                found = _train(title, replace(NETS[name], config=config), splits, others, kinds, seeds, out_dir)
                record = with_group(record, found)
                record.write(path)
    draw(record, out_dir / "refused.png")
    print(table.outliers_table(record))
    groups = {group.name: group for group in record.runs}
    return int(not all(reached(groups[f"{name}, outliers"], NETS[name].goals) for name in variants or NETS))


def both(name: str) -> dict[str, TrainConfig]:
    """How a network is trained without and with outliers, by the title in the record."""
    config = NETS[name].config
    return {name: replace(config, outliers=0.0), f"{name}, outliers": config}


def _train(
    title: str,
    net: Net,
    splits: Splits,
    others: NDArray[np.uint8],
    kinds: dict[str, tuple[NDArray[np.uint8], int]],
    seeds: int,
    out_dir: Path,
) -> Record:
    """Train with each seed, and measure."""
    runs = []
    params = Model.load(net.start).file.params if net.start else None
    for seed in range(seeds):
        folder = out_dir / f"{title}-{seed}".replace(" ", "-").replace(",", "")
        config = replace(net.config, seed=seed)
        given: dict[str, Any] = {"params": params, "outliers": others if config.outliers else None}
        one = runner.train_once(net.network(splits.classes), splits, config, folder, f"{title}, seed {seed}", **given)
        extra = measure(Model.load(folder / "model.npz"), splits, kinds)
        print(title, seed, one.scores["test"], extra["refused"], flush=True)
        runs.append(replace(one, extra=one.extra | extra))
    return runner.group(title, runs)


def with_group(record: Record, group: Record) -> Record:
    """The record with a group, in place of one of that title, in the order of ``NETS``."""
    groups = {one.name: one for one in record.runs} | {group.name: group}
    ordered = tuple(groups[title] for name in NETS for title in both(name) if title in groups)
    return replace(record, machine=group.machine, runs=ordered)


def draw(record: Record, path: Path) -> None:
    """For each network, the share of each kind that it refuses without and with outliers."""
    pairs = list(zip(record.runs[::2], record.runs[1::2], strict=True))
    note = "Thresholds keep 95 % of the validation drawings; means over the seeds. Gray: trained on drawings of the "
    note += "classes alone; blue: shown outliers. A generated outlier is of another seed than those shown"
    with figure(path, 2.2 * len(pairs), "outliers: what is refused", note) as page:
        for axes, both in zip(page.subplots(len(pairs), 1, squeeze=False)[:, 0], pairs, strict=True):
            kinds = list(both[0].runs[0].extra["refused"])
            for net, shift, color in zip(both, (-0.2, 0.2), (MUTED, BLUE), strict=True):
                shares = [100 * refused_share(net, kind) for kind in kinds]
                bars = axes.barh(np.arange(len(kinds)) + shift, shares, height=0.38, color=color)
                axes.bar_label(bars, [f"{share:.1f}" for share in shares], padding=3, color=MUTED, fontsize=7)
            axes.set_yticks(np.arange(len(kinds)), [kind.replace("_", " ") for kind in kinds])
            axes.set(title=both[0].name, xlim=(0, 108), ylim=(len(kinds) - 0.5, -0.5), xlabel="% refused")


def refused_share(group: Record, kind: str) -> float:
    """The share of a kind that a network refuses, in the mean over its seeds."""
    counts = [one.extra["refused"][kind] for one in group.runs]
    return float(np.mean([count["refused"] / count["total"] for count in counts]))


def reached(group: Record, goals: dict[str, float]) -> bool:
    """Whether the mean share of each kind is refused that is to be."""
    return all(refused_share(group, kind) >= goal for kind, goal in goals.items())
