"""Checks of the drawings of a dataset. A fault makes training or scores wrong; a note may be harmless.

Each check yields its findings on a split, or across the splits, that have a drawing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.dataset import SPLIT_NAMES, Dataset, Splits
from jaxdoodle.data.near_duplicates import compute_descriptors, find_near_duplicates
from jaxdoodle.preprocessing import Preprocessing, preprocess
from jaxdoodle.preprocessing.resample import center_of

#: Fraction of bad drawings that any collection has: up to here a note, above it a fault.
TOLERATED = 0.01
#: A largest class of more than so many times the smallest is noted.
UNEVEN = 10
#: A pixel below this value is background.
BACKGROUND = 32
#: Fraction of a drawing's pixels above which the ink is a scribble.
SCRIBBLED = 0.6
#: Pixels of ink, the fewest that make a drawing; fewer are a dot.
LEAST_INK = 8
#: Range of the measured stroke width over that of the preprocessing. Measured on bitmaps: 1.26 in all of Quick, Draw!
#: (crossings and corners of a few pixels count as width), and 1.9 where strokes are one and a half times as wide.
MEASURED_WIDTHS = (0.75, 1.6)
#: Lowest correlation of neighboring pixels in drawings; a table that is read along the wrong axis has less.
LEAST_SMOOTH = 0.35
SAMPLE = 1_000  # drawings of a split that are examined where looking at all would be slow
PREPROCESSED = 50  # drawings of a split that are preprocessed: each takes a millisecond or more
FEW = 10  # a class with fewer drawings is not judged
SHOWN = 5  # examples in a finding's text

#: What may have been done to all drawings of a dataset, and how to undo it: uint8 ``(n, h, w, 1)`` to the same.
TURNS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "as they are": lambda x: x,
    "with rows and columns exchanged": lambda x: x.swapaxes(1, 2),
    "turned left by 90 degrees": lambda x: np.rot90(x, 1, (1, 2)),
    "turned right by 90 degrees": lambda x: np.rot90(x, -1, (1, 2)),
    "upside down": lambda x: np.rot90(x, 2, (1, 2)),
    "mirrored left to right": lambda x: x[:, :, ::-1],
    "mirrored top to bottom": lambda x: x[:, ::-1],
    "with ink and background exchanged": lambda x: 255 - x,
}


@dataclass(frozen=True)
class Finding:
    """One result of an audit.

    Attributes:
      check: Name of the check that found it.
      fault: Whether it makes training or scores wrong; else it is a note.
      text: The finding in one line.
      split: The split that it concerns; ``""`` where it concerns none, or several.
      rows: The rows of that split that it concerns, ascending.
    """

    check: str
    fault: bool
    text: str
    split: str = ""
    rows: tuple[int, ...] = ()


class Classifier(Protocol):
    """The members of a model that an audit reads; ``jaxdoodle.inference.Model`` has them."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""

    @property
    def preprocessing(self) -> Preprocessing:
        """How the images that the model was trained on were prepared."""

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores ``(n, classes)`` of images ``(n, height, width, channels)``."""


def audit_splits(splits: Splits, model: Classifier | None = None) -> list[Finding]:
    """Run every check on the train, validation and test split.

    Args:
      splits: The dataset, its images in memory (``Splits.in_memory``).
      model: A model that should fit the dataset; ``None`` for the drawings alone.

    Returns:
      The findings, faults first.
    """
    sets = {split: splits.sets[split] for split in SPLIT_NAMES if len(splits.sets[split])}
    if not sets:
        return [Finding("class balance", True, "there is no drawing")]
    found = [finding for check in CHECKS_ACROSS for finding in check(sets)]
    found += [finding for check in CHECKS for split, data in sets.items() for finding in check(split, data)]
    if "train" not in sets:
        found.append(Finding("class balance", True, "there is no training drawing"))
    if not any(finding.check == "orientation" for finding in found):  # else the images are no drawings
        found += _placement(sets, splits.preprocessing, "the usual preprocessing of this kind of dataset", fault=False)
        found += _labels_across(sets)
        if model is not None:
            found += _model(sets, model)
    return sorted(found, key=lambda finding: not finding.fault)


def _exact(sets: dict[str, Dataset]) -> Iterator[Finding]:
    for a, b in combinations(sets, 2):
        first = dict(zip(sets[a].digests[::-1].tolist(), range(len(sets[a]) - 1, -1, -1), strict=True))
        rows = np.flatnonzero(np.isin(sets[b].digests, sets[a].digests))
        if len(rows):
            pairs = [f"{b}[{row}] is {a}[{first[sets[b].digests[row].item()]}]" for row in rows[:SHOWN]]
            shown = _list(pairs, len(rows))
            yield from _some("exact duplicates", f"are also in {a}", b, rows, sets[b], tolerated=0, shown=shown)
    for split, data in sets.items():
        _, kept = np.unique(data.digests, return_index=True)
        rows = np.setdiff1d(np.arange(len(data)), kept)
        yield from _some("exact duplicates", "repeat an earlier one", split, rows, data, tolerated=1)


def _contradictions(sets: dict[str, Dataset]) -> Iterator[Finding]:
    digests = np.concatenate([data.digests for data in sets.values()])
    labels = np.concatenate([data.labels for data in sets.values()])
    pairs = np.unique(np.stack([digests, labels.astype(np.uint64)], axis=1), axis=0)
    drawings, counts = np.unique(pairs[:, 0], return_counts=True)
    several = drawings[counts > 1]
    if len(several):
        classes = next(iter(sets.values())).classes
        names = [" and ".join(classes[int(n)] for n in pairs[pairs[:, 0] == one, 1]) for one in several[:SHOWN]]
        share = len(several) / len(drawings)
        text = f"{len(several):,} drawings have more than one label: {_list(names, len(several))}"
        yield Finding("contradictory labels", share > TOLERATED, text)


def _near(sets: dict[str, Dataset]) -> Iterator[Finding]:
    """Near duplicates among distinct drawings: exact duplicates are found by another check."""
    names = list(sets)
    digests = np.concatenate([data.digests for data in sets.values()])
    _, kept = np.unique(digests, return_index=True)
    row = np.concatenate([np.arange(len(data)) for data in sets.values()])
    owner = np.repeat(np.arange(len(names)), [len(data) for data in sets.values()])
    descriptors = np.concatenate([compute_descriptors(data.images) for data in sets.values()])
    kept.sort()
    pairs = kept[find_near_duplicates(descriptors[kept])]
    for a, b in [*combinations(range(len(names)), 2), *zip(range(len(names)), range(len(names)), strict=True)]:
        chosen = pairs[(owner[pairs[:, 0]] == a) & (owner[pairs[:, 1]] == b)]
        if len(chosen):
            rows = np.unique(row[chosen[:, 1]])
            pairs_shown = [f"{names[b]}[{row[j]}] and {names[a]}[{row[i]}]" for i, j in chosen[:SHOWN]]
            text, tolerated = (f"of {names[a]} drawings", TOLERATED) if a != b else ("of others", 1)
            text, shown = f"are near duplicates {text}", _list(pairs_shown, len(chosen))
            yield from _some("near duplicates", text, names[b], rows, sets[names[b]], tolerated, shown)


def _balance(split: str, data: Dataset) -> Iterator[Finding]:
    lacking = [name for name, count in zip(data.classes, data.counts, strict=True) if not count]
    if lacking:
        text = f"no {split} drawing of {_list(lacking[:SHOWN], len(lacking))}"
        yield Finding("class balance", split == "train", text, split)
    least, most = int(data.counts.argmin()), int(data.counts.argmax())
    if 0 < data.counts[least] * UNEVEN < data.counts[most]:
        sizes = [f"{data.counts[k]:,} of {data.classes[k]}" for k in (most, least)]
        yield Finding("class balance", False, f"{split} drawings are {sizes[0]} but {sizes[1]}", split)


def _values(split: str, data: Dataset) -> Iterator[Finding]:
    highest = int(data.images.max())
    if highest < 128:
        text = f"{split} pixels reach {highest} only; expected 255 for ink"
        yield Finding("value scale", True, f"{text} (multiply by {255 // max(highest, 1)})", split)


def _polarity(split: str, data: Dataset) -> Iterator[Finding]:
    x = data.images[..., 0]
    border = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    corners = x[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    rows = np.flatnonzero((np.median(border, axis=1) > 127) & (corners > 127).all(axis=1))
    yield from _some("polarity", "are dark ink on white; expected white ink (255) on black", split, rows, data)


def _ink(split: str, data: Dataset) -> Iterator[Finding]:
    ink = (data.images >= BACKGROUND).sum(axis=(1, 2, 3))
    yield from _some("empty drawings", "are empty", split, np.flatnonzero(ink == 0), data)
    dots = np.flatnonzero((0 < ink) & (ink < LEAST_INK))
    yield from _some("empty drawings", f"are a dot of less than {LEAST_INK} pixels", split, dots, data)
    rows = np.flatnonzero((data.images >= 128).mean(axis=(1, 2, 3)) > SCRIBBLED)
    text = f"are ink on more than {100 * SCRIBBLED:.0f} % of their pixels"
    yield from _some("scribbled drawings", text, split, rows, data, tolerated=1)


def _orientation(split: str, data: Dataset) -> Iterator[Finding]:
    """A table of drawings that is read along the wrong axis has the right shape but shows no lines."""
    x = _sample(data).images[..., 0].astype(np.float32)
    x = x - x.mean(axis=(1, 2), keepdims=True)
    scale = float((x**2).mean()) or 1.0
    across, down = float((x[:, :, 1:] * x[:, :, :-1]).mean()) / scale, float((x[:, 1:] * x[:, :-1]).mean()) / scale
    if min(across, down) < LEAST_SMOOTH:
        text = f"{split} pixels correlate by {across:.2f} with the next and by {down:.2f} with the one below"
        hint = "expected lines; were columns read as drawings, or rows cut at the wrong length?"
        yield Finding("orientation", True, f"{text}; {hint}", split)


def _labels_across(sets: dict[str, Dataset]) -> Iterator[Finding]:
    """Whether train and test agree on labels and orientation: the nearest class mean of train classifies test."""
    if not {"train", "test"} <= set(sets):
        return
    train = sets["train"]
    means = _class_means(compute_descriptors(train.images), train)

    def classify(images: NDArray[Any]) -> NDArray[Any]:
        return (compute_descriptors(images) @ means.T * 2 - (means**2).sum(axis=1)).argmax(axis=1)

    yield from _classified("the nearest class mean of train", classify, sets["test"])


def _model(sets: dict[str, Dataset], model: Classifier) -> Iterator[Finding]:
    data = sets.get("test") or next(iter(sets.values()))
    unknown = [name for name in data.classes if name not in model.classes]
    absent = [name for name in model.classes if name not in data.classes]
    for fault, names, text in (
        (True, unknown, "classes that the model does not know"),
        (False, absent, "classes of the model without a drawing"),
    ):
        if names:
            yield Finding("model's classes", fault, f"{text}: {_list(names[:SHOWN], len(names))}")
    if not unknown and not absent and data.classes != model.classes:
        moved = sum(a != b for a, b in zip(data.classes, model.classes, strict=True))
        text = f"the dataset lists the model's classes in another order, {moved} of {len(data.classes)} differ"
        yield Finding("model's classes", False, f"{text}; classes are compared by name")
    if model.preprocessing.image_shape != data.images.shape[1:]:
        sizes = f"{model.preprocessing.image_shape}; the drawings are {data.images.shape[1:]}"
        yield Finding("model's preprocessing", True, f"the model takes images of {sizes}")
        return
    yield from _placement(sets, model.preprocessing, "the model's preprocessing", fault=True)
    known = [name for name in data.classes if name in model.classes]
    if known:
        order = np.array([known.index(name) if name in known else -1 for name in model.classes])
        data = data.select(known)
        yield from _classified("the model", lambda images: order[model.logits(images).argmax(axis=1)], data)


def _placement(sets: dict[str, Dataset], preprocessing: Preprocessing, expected: str, fault: bool) -> Iterator[Finding]:
    """How preprocessing would change these drawings: those of a training set should stay as they are."""
    for split, data in sets.items():
        scales, moves, widths = [], [], []
        for image in _sample(data, PREPROCESSED).images[..., 0]:
            try:
                preprocessed = preprocess(image, preprocessing)
            except InputError:
                continue
            scales.append(preprocessed.scale)
            widths.append(preprocessed.stroke_width * preprocessed.scale)
            top, left, bottom, right = preprocessed.box
            middle = (top + bottom - 1) / 2, (left + right - 1) / 2
            found = center_of(image, preprocessing) if preprocessing.centering == "mass" else middle
            moves.append(np.subtract(found, preprocessing.center))
        if not scales:
            continue
        scale, width, (down, across) = np.median(scales), np.median(widths), np.median(moves, axis=0)
        low, high = (part * (preprocessing.stroke_width or width) for part in MEASURED_WIDTHS)
        moved = f"{down:+.1f} px down and {across:+.1f} px across from {preprocessing.center}"
        longest = preprocessing.longest_side
        for wrong, text in (
            (abs(scale - 1) > 0.1, f"longest side {longest / scale:.1f}, not {longest:.1f} px"),
            (max(abs(down), abs(across)) > 1, f"center of {preprocessing.centering} {moved}"),
            (not low <= width <= high, f"strokes {width:.1f} px wide, not {low:.1f} to {high:.1f}"),
        ):
            if wrong:
                text = f"half of the {split} drawings or more differ from {expected}: {text}"
                yield Finding("placement", fault, text, split)


def _classified(name: str, classify: Callable[[NDArray[Any]], NDArray[Any]], data: Dataset) -> Iterator[Finding]:
    """Whether a classifier, called ``name``, does better on turned drawings or with exchanged labels."""
    data = _sample(data)
    correct = {k: int((classify(np.ascontiguousarray(f(data.images))) == data.labels).sum()) for k, f in TURNS.items()}
    plain, best = correct["as they are"], max(correct, key=lambda turn: correct[turn])
    counts = f"{name} classifies {plain:,} of {len(data):,} drawings correctly"
    if correct[best] - plain > 0.2 * len(data):
        yield Finding("orientation", True, f"{counts} as they are, but {correct[best]:,} {best}")
        return
    predicted = classify(data.images)
    answers = np.zeros((len(data.classes), len(data.classes) + 1), int)
    np.add.at(answers, (data.labels, predicted), 1)  # none of these classes is -1
    recall = answers.diagonal() / np.maximum(data.counts, 1)
    taken = []
    for label, true in enumerate(data.classes):
        total, other = data.counts[label], int(answers[label, :-1].argmax())
        # "o" and "O" look alike; where names were exchanged, the recall of the other class is low as well
        if total >= FEW and answers[label, other] > 0.5 * total and recall[label] < 0.1 and recall[other] < 0.25:
            taken.append(f"{true} for {data.classes[other]}")
    if taken:
        text = f"{counts}; labels and names do not fit: it takes {_list(taken[:SHOWN], len(taken))}"
        yield Finding("label order", True, text)
    elif name == "the model":
        yield Finding("model's score", False, counts)


#: The checks that need the drawings alone: of all splits together, and of each.
CHECKS_ACROSS = (_exact, _contradictions, _near)
CHECKS = (_balance, _values, _polarity, _ink, _orientation)


def _some(
    check: str, text: str, split: str, rows: NDArray[Any], data: Dataset, tolerated: float = TOLERATED, shown: str = ""
) -> Iterator[Finding]:
    """A finding on ``rows``: a fault where they are more than the tolerated fraction."""
    if len(rows):
        shown = shown or _list(rows[:SHOWN], len(rows))
        text = f"{len(rows):,} of {len(data):,} {split} drawings {text}: {shown}"
        yield Finding(check, len(rows) > tolerated * len(data), text, split, tuple(rows.tolist()))


def _class_means(descriptors: NDArray[Any], data: Dataset) -> NDArray[Any]:
    sums = np.zeros((len(data.classes), descriptors.shape[1]), np.float32)
    np.add.at(sums, data.labels, descriptors)
    means = sums / np.maximum(data.counts, 1)[:, None].astype(np.float32)
    means[data.counts == 0] = 1e3  # no drawing is near a class without drawings
    return means


def _sample(data: Dataset, most: int = SAMPLE) -> Dataset:
    """At most ``most`` drawings, evenly spread."""
    return data if len(data) <= most else data.take(spread(len(data), most))


def _list(shown: Sequence[object] | NDArray[Any], total: int) -> str:
    return ", ".join(map(str, shown)) + ", ..." * (total > len(shown))
