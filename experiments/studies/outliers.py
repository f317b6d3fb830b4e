"""Outliers: networks that were shown drawings of no class, and how many of other kinds they refuse.

Each network is trained with and without them, at equal seeds; its threshold keeps 95 % of the validation drawings. What
it is to refuse is of kinds and drawings that no training showed: real doodles of Quick, Draw!, scribbles of another
generator, horizontal lines; and for the doodle network drawings of every second class that it does not know, as those
of the others are shown. Beside them stand the kinds that are shown: generated drawings of another seed, and test
drawings of the classes that were shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments import runner, table
from experiments.studies.abstention import KNOWN, SHOWN, preprocess_all, scribble
from jaxdoodle.core.record import Record
from jaxdoodle.data import Splits, load_dataset
from jaxdoodle.data.synthetic.outliers import generate_outliers
from jaxdoodle.inference.model import Model, energy
from jaxdoodle.metrics import auroc
from jaxdoodle.nn.architectures import digit_cnn, mlp, sketch_cnn
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, MUTED, figure
from jaxdoodle.training.config import TrainConfig
from jaxdoodle.training.hardware import compile_cache

SEEDS = 3
#: Training drawings of each class that are shown, and test drawings that are to be refused.
PER_CLASS = 100
#: Share of each kind that is to be refused, in the mean over the seeds.
GOALS = {"doodles": 0.97, "scribbles": 0.97, "lines": 1.0}
DOODLE_GOALS = {"held_out_classes": 0.6, "scribbles": 0.9}


@dataclass(frozen=True)
class Net:
    """A network, its data, how it is trained, and what is to be reached."""

    network: Callable[[Sequence[str]], ModelSpec]
    dataset: str
    config: TrainConfig
    goals: dict[str, float]


LONG = TrainConfig(epochs=12, batch_size=64, schedule="one_cycle", learning_rate=3e-3, outliers=1.0)
NETS = {
    "digit MLP": Net(lambda classes: mlp(classes, (128,)), "mnist", LONG, GOALS),
    "digit CNN": Net(digit_cnn, "mnist", replace(LONG, epochs=5), GOALS),
    "doodle CNN": Net(sketch_cnn, "quickdraw", replace(LONG, epochs=8, learning_rate=2e-3), DOODLE_GOALS),
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
    path, command = out_dir / "record.json", "python -m experiments outliers"
    groups = {group.name: group for group in Record.read(path).runs} if path.exists() else {}
    for name in variants or NETS:
        net = NETS[name]
        splits = load_dataset(net.dataset, root=data_dir, classes=KNOWN if net.dataset == "quickdraw" else None)
        kinds, others = what_to_refuse(splits, data_dir)
        for title, config in {name: replace(net.config, outliers=0.0), f"{name}, outliers": net.config}.items():
            runs = []
            for seed in range(seeds):
                folder = out_dir / f"{title}-{seed}".replace(" ", "-").replace(",", "")
                given = {"outliers": others if config.outliers else None}
                spec, own = net.network(splits.classes), replace(config, seed=seed)
                found = runner.train(spec, splits, own, folder, f"{title}, seed {seed}", **given)
                extra = measure(Model.load(found.model_path), splits, kinds)
                print(title, seed, found.scores["test"], extra["refused"], flush=True)
                runs.append(replace(found.record, extra=found.record.extra | extra))
            groups[title] = runner.group(title, runs)
        ordered = tuple(groups[title] for each in NETS for title in (each, f"{each}, outliers") if title in groups)
        record = Record("outliers", command, {}, machine=ordered[0].machine, runs=ordered)
        record.write(path)
        draw(record, out_dir / "refused.png")
    print(table.outliers_table(record))
    return int(not all(reached(groups[f"{name}, outliers"], NETS[name].goals) for name in variants or NETS))


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


def what_to_refuse(
    splits: Splits, data_dir: Path | None = None
) -> tuple[dict[str, tuple[NDArray[np.uint8], int]], NDArray[np.uint8] | None]:
    """Bitmaps by kind with the number that preprocessing rejects; and drawings of other classes to be shown.

    Args:
      splits: Digits or doodles.
      data_dir: The data root.
    """
    rng, shape = np.random.default_rng(0), splits.train.images.shape[1:]
    every = load_dataset("quickdraw", root=data_dir, classes="all", per_class=PER_CLASS)
    names = [name for name in every.classes if name not in splits.classes]

    def of_classes(split: str, names: Sequence[str]) -> NDArray[np.uint8]:
        data = every.sets[split]
        return data.images[np.isin(data.labels, [every.classes.index(name) for name in names])]

    def some(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return list(images[rng.permutation(len(images))[:SHOWN], ..., 0])

    found = {"scribbles": [scribble(rng) for _ in range(SHOWN)], "lines": lines()}
    others = None
    if splits.preprocessing.centering == "mass":
        found["doodles"] = some(of_classes("test", names))
    else:
        others = of_classes("train", names[::2])
        found |= {"held_out_classes": some(of_classes("test", names[1::2]))}
        found |= {"shown_classes": some(of_classes("test", names[::2]))}
    kinds = {kind: preprocess_all(images, splits.preprocessing) for kind, images in found.items()}
    generated = generate_outliers(splits.preprocessing, SHOWN, np.random.default_rng(99), classes=splits.classes)
    kinds["generated"] = generated.reshape(-1, *shape[:2]), 0
    return kinds, others


def lines(side: int = 100) -> list[NDArray[np.uint8]]:
    """Horizontal lines, up to a slope of 1 in 10, of several lengths, widths and heights on the page."""
    rows, columns = np.indices((side, side))
    pages = []
    for slope in (-0.1, 0.0, 0.1):
        for half in (20, 30, 40):
            for width in (2, 4, 6):
                middle = side // 2 + slope * (columns - side // 2)
                ink = (np.abs(rows - middle) < width / 2) & (np.abs(columns - side // 2) <= half)
                pages.append(np.where(ink, np.uint8(255), np.uint8(0)))
    return pages


def measure(model: Model, splits: Splits, kinds: dict[str, tuple[NDArray[np.uint8], int]]) -> dict[str, Any]:
    """Of a network: the test drawings that it keeps, and by kind those that it refuses, with the area under the ROC."""
    own = model.logits(splits.test.images)
    kept = {"kept": int((~model.abstains(own)).sum()), "total": len(own)}
    refused, areas = {}, {}
    for kind, (bitmaps, rejected) in kinds.items():
        logits = model.logits(bitmaps)
        refused[kind] = {"refused": int(model.abstains(logits).sum()) + rejected, "total": len(bitmaps) + rejected}
        areas[kind] = round(auroc(energy(own), np.append(energy(logits), np.full(rejected, -np.inf))), 5)
    return {"own": kept, "refused": refused, "auroc": areas}
