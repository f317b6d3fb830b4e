"""What networks say of drawings that are none of their own, and how honest their probabilities are.

The digit reports show their networks digits alone. Here networks that know digits, or ten kinds of doodles, are shown
each other's drawings, other doodles, scribbles, noise and blank pages, as pictures that are prepared like any other.
Two scores compete: the energy (log-sum-exp of the logits) and the largest logit; each has its threshold where 95 % of
the validation drawings stay above. The temperature is fitted on the same drawings; what it does is counted on test.

Blank pages are always refused, by preparation. With 95 % of its own kept, the digit CNN refuses 83 % of doodles and
86 % of scribbles (AUROC 0.96 and 0.97), 80 and 88 % when trained with augmentation; an MLP half of that, and a
network of ten doodles three in ten of everything, digits included: to it they are drawings, too. The largest logit
does as well as the energy, to a point. Probabilities are honest to 0.3 % for digits and 1.2 % for doodles as trained;
the temperature helps the doodles alone, and little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import NoDrawingError
from jaxdoodle.core.record import describe_data, describe_machine, to_json, write_json
from jaxdoodle.data import Splits, load_dataset
from jaxdoodle.inference.calibration import fit_abstention
from jaxdoodle.inference.model import Model, energy
from jaxdoodle.metrics import auroc, calibration_error, negative_log_likelihood
from jaxdoodle.nn.architectures import digit_cnn, mlp
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.plots.style import BLUE, GREEN, INK, MUTED, ORANGE, RED, figure
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.pipeline import preprocess
from jaxdoodle.run import train_model
from jaxdoodle.training import compile_cache
from jaxdoodle.training.augmentation import Augment
from jaxdoodle.training.config import TrainConfig

SEEDS = (0, 1, 2)
KEEP = 0.95
#: Classes of which there are more than 2,300 drawings.
KNOWN = ("airplane", "apple", "banana", "bicycle", "bird", "book", "cat", "fish", "flower", "house")
#: Of each foreign kind, where there are as many.
SHOWN = 1_000
SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "energy": energy,
    "largest logit": lambda logits: logits.max(axis=1).astype(np.float64),
}


@dataclass(frozen=True)
class Net:
    network: Callable[[Sequence[str]], ModelSpec]
    dataset: str
    config: TrainConfig
    foreign: tuple[str, ...]


CONFIG = TrainConfig(epochs=5, batch_size=64, schedule="one_cycle", learning_rate=3e-3)
ALWAYS = ("scribbles", "noise", "blank pages")
NETS = {
    "digit CNN": Net(digit_cnn, "mnist", CONFIG, ("doodles", *ALWAYS)),
    "digit CNN, augmented": Net(digit_cnn, "mnist", replace(CONFIG, augment=Augment()), ("doodles", *ALWAYS)),
    "digit MLP": Net(lambda classes: mlp(classes, (128,)), "mnist", CONFIG, ("doodles", *ALWAYS)),
    "doodle CNN": Net(digit_cnn, "quickdraw", replace(CONFIG, epochs=8), ("digits", "other doodles", *ALWAYS)),
}


def run(out_dir: Path) -> int:
    """Train, show, print; write ``record.json`` and a picture to ``out_dir``. 1 if a blank page is ever accepted."""
    compile_cache.enable()
    sides = {
        name: load_dataset(name, classes=KNOWN if name == "quickdraw" else None) for name in ("mnist", "quickdraw")
    }
    kinds = foreign_pictures(sides)
    record: dict[str, Any] = {"experiment": "abstention", "command": "python -m experiments abstention", "keep": KEEP}
    record |= {"machine": describe_machine(), "nets": {}}
    first_runs = {}
    for name, net in NETS.items():
        splits = sides[net.dataset]
        preprocessed = {kind: prepare_all(kinds[kind], splits.preprocessing) for kind in net.foreign}
        runs = []
        for seed in SEEDS:
            title = f"{name}, seed {seed}"
            folder = out_dir / f"{name}-{seed}".replace(" ", "-")
            done = train_model(net.network(splits.classes), splits, replace(net.config, seed=seed), folder, title=title)
            model = Model.load(done.model_path)
            runs.append({"seed": seed, **measure(model, splits, preprocessed)})
            first_runs.setdefault(name, (model, splits, preprocessed))
        record["nets"][name] = {"config": to_json(net.config), "data": describe_data(splits), "runs": runs}
    write_json(out_dir / "record.json", record)
    draw(first_runs, out_dir / "scores.png")
    print(markdown(record))
    blank = [one["refused"]["blank pages"] for net in record["nets"].values() for one in net["runs"]]
    return 0 if all(counts["energy"] == counts["of"] for counts in blank) else 1


def foreign_pictures(sides: dict[str, Splits]) -> dict[str, list[np.ndarray]]:
    """Pictures, uint8, by kind: what at least one of the networks does not know."""
    rng = np.random.default_rng(0)
    every = load_dataset("quickdraw", classes="all", per_class=20)
    images, labels = (np.concatenate([getattr(s, what) for s in every.sets.values()]) for what in ("images", "labels"))
    known = np.isin(labels, [every.classes.index(name) for name in KNOWN])
    digits = sides["mnist"].test.images

    def some(rows: np.ndarray) -> list[np.ndarray]:
        return list(rows[rng.permutation(len(rows))[:SHOWN], ..., 0])

    blank = [np.full((side, side), level, np.uint8) for side in (28, 100, 400) for level in (0, 40, 128, 255)]
    return {
        "doodles": some(images),
        "other doodles": some(images[~known]),
        "digits": some(digits),
        "scribbles": [scribble(rng) for _ in range(SHOWN // 2)],
        "noise": [rng.integers(0, 256, (side, side), np.uint8) for side in (28, 60, 120) for _ in range(SHOWN // 12)],
        "blank pages": blank,
    }


def scribble(rng: np.random.Generator, side: int = 140) -> np.ndarray:
    """A pen that wanders, as uint8 (side, side): it keeps its course for a while, and turns back at the edge."""
    place, course, turn = rng.uniform(40, 100, 2), rng.uniform(0, 2 * np.pi), 0.0
    rows, columns = np.indices((side, side))
    ink = np.zeros((side, side), bool)
    for _ in range(rng.integers(80, 300)):
        turn = 0.9 * turn + rng.normal(0, 0.12)
        course += turn
        place = place + 3 * np.array([np.sin(course), np.cos(course)])
        if not (10 < place).all() or not (place < side - 10).all():
            place, course = np.clip(place, 11, side - 11), course + np.pi + rng.normal(0, 0.5)
        ink |= (rows - place[0]) ** 2 + (columns - place[1]) ** 2 < 16
    return np.where(ink, np.uint8(255), np.uint8(0))


def prepare_all(pictures: Sequence[np.ndarray], preprocessing: Preprocessing) -> tuple[np.ndarray, int]:
    """The bitmaps ``(n, 28, 28)``, and of how many pictures preparation itself says that they show no drawing."""
    bitmaps, refused = [], 0
    for picture in pictures:
        try:
            bitmaps.append(preprocess(picture, preprocessing).bitmap)
        except NoDrawingError:
            refused += 1
    return np.array(bitmaps, np.uint8).reshape(-1, *preprocessing.image_shape[:2]), refused


def measure(model: Model, splits: Splits, preprocessed: dict[str, tuple[np.ndarray, int]]) -> dict[str, Any]:
    """All that the record says of one network: counts of the test set and of each foreign kind, by either score."""
    chosen, own = (model.logits(side.images) for side in (splits.validation, splits.test))
    labels = splits.test.labels
    temperature = model.temperature
    found: dict[str, Any] = {
        "right": {"correct": int((own.argmax(axis=1) == labels).sum()), "of": len(labels)},
        "temperature": temperature,
        "calibration": {
            when: {
                "error": round(calibration_error(_softmax(own / t), labels), 5),
                "negative_log_likelihood": round(negative_log_likelihood(own / t, labels), 5),
            }
            for when, t in (("before", 1.0), ("after", temperature))
        },
        "thresholds": {score: round(fit_abstention(by(chosen), KEEP), 4) for score, by in SCORES.items()},
        "kept": {"of": len(own)},
        "refused": {
            kind: {"of": len(bitmaps) + blank, "unprepared": blank} for kind, (bitmaps, blank) in preprocessed.items()
        },
        "auroc": {kind: {} for kind in preprocessed},
    }
    for score, by in SCORES.items():
        threshold = fit_abstention(by(chosen), KEEP)
        found["kept"][score] = int((by(own) >= threshold).sum())
        for kind, (bitmaps, refused) in preprocessed.items():
            foreign = np.append(by(model.logits(bitmaps)), np.full(refused, -np.inf))
            found["refused"][kind][score] = int((foreign < threshold).sum())
            found["auroc"][kind][score] = round(auroc(by(own), foreign), 5)
    return found


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits.astype(np.float64) - energy(logits)[:, None])


COLUMNS = {"digits or doodles": ("doodles", "digits")} | {kind: (kind,) for kind in ("other doodles", *ALWAYS)}


def markdown(record: dict[str, Any]) -> str:
    """The README's table: means over the seeds, by energy / by largest logit; in brackets the AUROC."""
    titles = ["network", "calibration error, fitted", "own kept", *(f"{kind} refused" for kind in COLUMNS)]
    rows = [titles, ["---"] * len(titles)]
    for name, net in record["nets"].items():
        rows.append([name, *_cells(net["runs"])])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _cells(runs: list[dict[str, Any]]) -> Iterator[str]:
    def mean(path: Sequence[str], of: Sequence[str] = ()) -> float:
        return float(np.mean([_at(one, path) / (_at(one, of) if of else 1) for one in runs]))

    before, after = (100 * mean(("calibration", when, "error")) for when in ("before", "after"))
    yield f"{before:.2f} %, {after:.2f} %"
    yield " / ".join(f"{100 * mean(('kept', score), ('kept', 'of')):.1f}" for score in SCORES) + " %"
    for kinds in COLUMNS.values():
        shown = [kind for kind in kinds if kind in runs[0]["refused"]]
        for kind in shown:
            shares = (100 * mean(("refused", kind, score), ("refused", kind, "of")) for score in SCORES)
            areas = (mean(("auroc", kind, score)) for score in SCORES)
            yield " / ".join(f"{share:.1f}" for share in shares) + " % (" + " / ".join(f"{a:.3f}" for a in areas) + ")"
        if not shown:
            yield ""


def _at(record: Any, path: Sequence[str]) -> Any:
    for name in path:
        record = record[name]
    return record


def draw(runs: dict[str, tuple[Model, Splits, dict[str, tuple[np.ndarray, int]]]], path: Path) -> None:
    """For each network with its first seed: the energy of its own and of foreign drawings, and how honest it is."""
    note = "Left: energy of what preparation lets through; the line is the threshold that keeps 95 % of the validation "
    note += "drawings. Right: test drawings by how sure the network is; on the grey line it is honest"
    with figure(path, 2.3 * len(runs), "abstention: what is its own, and how sure it is", note) as page:
        panels = page.subplots(len(runs), 2, width_ratios=(1.9, 1))
        for (left, right), (name, (model, splits, preprocessed)) in zip(panels, runs.items(), strict=True):
            own = model.logits(splits.test.images)
            kinds = {"own": energy(own)} | {
                kind: energy(model.logits(b)) for kind, (b, _) in preprocessed.items() if len(b)
            }
            edges = np.linspace(*np.quantile(np.concatenate(list(kinds.values())), (0.001, 0.995)), 60)
            colors = (BLUE, ORANGE, GREEN, RED, MUTED)
            for (kind, scores), color in zip(kinds.items(), colors, strict=False):
                share = np.histogram(scores, edges)[0] / len(scores)
                left.stairs(
                    100 * share, edges, color=color, label=kind, fill=kind == "own", alpha=0.45 if kind == "own" else 1
                )
            left.axvline(fit_abstention(energy(model.logits(splits.validation.images)), KEEP), color=INK, lw=1)
            left.set(title=name, xlabel="energy", ylabel="% of a kind")
            left.legend(fontsize=7)
            right.plot([0, 1], [0, 1], color=MUTED, lw=0.8)
            for t, label, color in ((1.0, "as trained", ORANGE), (model.temperature, "temperature fitted", BLUE)):
                right.plot(*_reliability(_softmax(own / t), splits.test.labels), "o-", color=color, ms=3, label=label)
            right.set(xlabel="sure", ylabel="right", xlim=(0, 1), ylim=(0, 1))
            right.legend(fontsize=7, loc="upper left")


def _reliability(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability and part that is right of tenths, where there are 10 drawings or more."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((sure * 10).astype(int), 9)
    counts, total, good = (np.bincount(place, weights=w, minlength=10) for w in (None, sure, right))
    shown = counts >= 10
    return total[shown] / counts[shown], good[shown] / counts[shown]
