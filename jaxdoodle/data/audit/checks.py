"""What may be wrong with a dataset, found by looking at it: faults spoil what is learnt or measured, notes may not.

Each check takes the sides of a dataset and yields what it finds, one line each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset, Splits
from jaxdoodle.data.near_duplicates import describe, near_pairs
from jaxdoodle.inference import Model
from jaxdoodle.preprocessing.config import Preprocessing
from jaxdoodle.preprocessing.pipeline import preprocess

#: Part of the drawings that people get wrong wherever they draw: up to here a note, beyond it a fault.
TOLERATED = 0.01
#: Times that the largest class may be the smallest.
UNEVEN = 10
#: Fainter than this is paper.
PAPER = 32
#: Part of the pixels that ink covers where somebody has scribbled.
SCRIBBLED = 0.6
#: Pixels of ink, the least that is a drawing and not a dot.
LEAST_INK = 8
#: Times the contract's pen, as measured on bitmaps: 1.26 in all of Quick, Draw!, where crossings and corners of a few
#: pixels count as pen, and 1.9 with pens one and a half times as wide.
MEASURED_PENS = (0.75, 1.6)
#: Correlation of pixels side by side, the least that drawings have; those of a table read the wrong way have less.
LEAST_SMOOTH = 0.35
SAMPLE = 1_000
PREPARED = 50  # a picture takes a millisecond or more to prepare
FEW = 10  # drawings of a class, too few to judge it by
SHOWN = 5

#: What may have been done to all drawings of a set.
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as they are": lambda x: x,
    "with rows and columns exchanged": lambda x: x.swapaxes(1, 2),
    "turned left by 90 degrees": lambda x: np.rot90(x, 1, (1, 2)),
    "turned right by 90 degrees": lambda x: np.rot90(x, -1, (1, 2)),
    "upside down": lambda x: np.rot90(x, 2, (1, 2)),
    "mirrored left to right": lambda x: x[:, :, ::-1],
    "mirrored top to bottom": lambda x: x[:, ::-1],
    "with ink and paper exchanged": lambda x: 255 - x,
}


@dataclass(frozen=True)
class Finding:
    """Something found: by which check, whether it is a fault, in one line, and the rows concerned of which set."""

    check: str
    fault: bool
    text: str
    side: str = ""
    rows: tuple[int, ...] = ()


def examine(splits: Splits, model: Model | None = None) -> list[Finding]:
    """Everything that the checks find in the sides of a dataset, faults first; and how a model fits it."""
    sides = {side: splits.sets[side] for side in ("train", "validation", "test") if len(splits.sets[side])}
    if not sides:
        return [Finding("class balance", True, "there is no drawing")]
    found = [finding for check in CHECKS for finding in check(sides)]
    if not any(finding.check == "orientation" for finding in found):  # else there are no drawings to read
        found += _placement(sides, splits.preprocessing, "what is assumed of this kind of dataset", fault=False)
        found += _labels_across(sides)
        if model is not None:
            found += _model(sides, model)
    return sorted(found, key=lambda finding: not finding.fault)


def _exact(sides: dict[str, Dataset]) -> Iterator[Finding]:
    for a, b in combinations(sides, 2):
        first = dict(zip(sides[a].digests[::-1].tolist(), range(len(sides[a]) - 1, -1, -1), strict=True))
        rows = np.flatnonzero(np.isin(sides[b].digests, sides[a].digests))
        if len(rows):
            pairs = [f"{b}[{row}] is {a}[{first[sides[b].digests[row].item()]}]" for row in rows[:SHOWN]]
            text = f"{_of(rows, sides[b])} {b} drawings are also in {a}: {_list(pairs, len(rows))}"
            yield Finding("exact duplicates", True, text, b, tuple(rows.tolist()))
    for side, data in sides.items():
        _, kept = np.unique(data.digests, return_index=True)
        rows = np.setdiff1d(np.arange(len(data)), kept)
        if len(rows):
            text = f"{_of(rows, data)} {side} drawings repeat an earlier one: {_list(rows[:SHOWN], len(rows))}"
            yield Finding("exact duplicates", False, text, side, tuple(rows.tolist()))


def _contradictions(sides: dict[str, Dataset]) -> Iterator[Finding]:
    digests = np.concatenate([data.digests for data in sides.values()])
    labels = np.concatenate([data.labels for data in sides.values()])
    pairs = np.unique(np.stack([digests, labels.astype(np.uint64)], axis=1), axis=0)
    drawings, counts = np.unique(pairs[:, 0], return_counts=True)
    several = drawings[counts > 1]
    if len(several):
        classes = next(iter(sides.values())).classes
        names = [" and ".join(classes[int(n)] for n in pairs[pairs[:, 0] == one, 1]) for one in several[:SHOWN]]
        share = len(several) / len(drawings)
        text = f"{len(several):,} drawings have more than one label: {_list(names, len(several))}"
        yield Finding("contradictory labels", share > TOLERATED, text)


def _near(sides: dict[str, Dataset]) -> Iterator[Finding]:
    """Of drawings that occur several times only the first counts: exact duplicates are another check's."""
    names = list(sides)
    digests = np.concatenate([data.digests for data in sides.values()])
    _, kept = np.unique(digests, return_index=True)
    place = np.concatenate([np.arange(len(data)) for data in sides.values()])
    owner = np.repeat(np.arange(len(names)), [len(data) for data in sides.values()])
    described = np.concatenate([describe(data.images) for data in sides.values()])
    kept.sort()
    pairs = kept[near_pairs(described[kept])]
    for a, b in [*combinations(range(len(names)), 2), *zip(range(len(names)), range(len(names)), strict=True)]:
        chosen = pairs[(owner[pairs[:, 0]] == a) & (owner[pairs[:, 1]] == b)]
        if len(chosen):
            rows = np.unique(place[chosen[:, 1]])
            shown = [f"{names[b]}[{place[j]}] and {names[a]}[{place[i]}]" for i, j in chosen[:SHOWN]]
            where = f"also in {names[a]}" if a != b else "there twice"
            text = f"{_of(rows, sides[names[b]])} {names[b]} drawings are, all but exactly, {where}"
            fault = a != b and len(rows) > TOLERATED * len(sides[names[b]])
            listing = _list(shown, len(chosen))
            yield Finding("near duplicates", fault, f"{text}: {listing}", names[b], tuple(rows.tolist()))


def _balance(sides: dict[str, Dataset]) -> Iterator[Finding]:
    if "train" not in sides:
        yield Finding("class balance", True, "there is no training drawing")
    for side, data in sides.items():
        lacking = [name for name, count in zip(data.classes, data.counts, strict=True) if not count]
        if lacking:
            text = f"no {side} drawing of {_list(lacking[:SHOWN], len(lacking))}"
            yield Finding("class balance", side == "train", text, side)
        least, most = int(data.counts.argmin()), int(data.counts.argmax())
        if 0 < data.counts[least] * UNEVEN < data.counts[most]:
            sizes = [f"{data.counts[k]:,} of {data.classes[k]}" for k in (most, least)]
            yield Finding("class balance", False, f"{side} drawings are {sizes[0]} but {sizes[1]}", side)


def _values(sides: dict[str, Dataset]) -> Iterator[Finding]:
    for side, data in sides.items():
        highest = int(data.images.max())
        if highest < 128:
            text = f"{side} pixels reach {highest} only; expected 255 for ink"
            yield Finding("value scale", True, f"{text} (multiply by {255 // max(highest, 1)})", side)


def _polarity(sides: dict[str, Dataset]) -> Iterator[Finding]:
    for side, data in sides.items():
        x = data.images[..., 0]
        border = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
        corners = x[:, [0, 0, -1, -1], [0, -1, 0, -1]]
        rows = np.flatnonzero((np.median(border, axis=1) > 127) & (corners > 127).all(axis=1))
        text = f"{_of(rows, data)} {side} drawings are dark ink on white; expected white ink (255) on black"
        yield from _some("polarity", text, side, rows, data)


def _ink(sides: dict[str, Dataset]) -> Iterator[Finding]:
    for side, data in sides.items():
        ink = (data.images >= PAPER).sum(axis=(1, 2, 3))
        for text, rows in (
            ("are empty", np.flatnonzero(ink == 0)),
            (f"are a dot of less than {LEAST_INK} pixels", np.flatnonzero((0 < ink) & (ink < LEAST_INK))),
        ):
            yield from _some("empty drawings", f"{_of(rows, data)} {side} drawings {text}", side, rows, data)
        rows = np.flatnonzero((data.images >= 128).mean(axis=(1, 2, 3)) > SCRIBBLED)
        if len(rows):
            text = f"{_of(rows, data)} {side} drawings are ink on more than {100 * SCRIBBLED:.0f} % of their pixels"
            listing = _list(rows[:SHOWN], len(rows))
            yield Finding("scribbled drawings", False, f"{text}: {listing}", side, tuple(rows.tolist()))


def _orientation(sides: dict[str, Dataset]) -> Iterator[Finding]:
    """A table of drawings read along the wrong axis has the right shape, but no lines in it."""
    for side, data in sides.items():
        x = _sample(data).images[..., 0].astype(np.float32)
        x = x - x.mean(axis=(1, 2), keepdims=True)
        scale = float((x**2).mean()) or 1.0
        across, down = float((x[:, :, 1:] * x[:, :, :-1]).mean()) / scale, float((x[:, 1:] * x[:, :-1]).mean()) / scale
        if min(across, down) < LEAST_SMOOTH:
            text = f"{side} pixels correlate by {across:.2f} with the next and by {down:.2f} with the one below"
            hint = "expected lines; were columns read as drawings, or rows cut at the wrong length?"
            yield Finding("orientation", True, f"{text}; {hint}", side)


def _labels_across(sides: dict[str, Dataset]) -> Iterator[Finding]:
    """Do the sides speak of the same classes, the same way up? The nearest class mean of one side reads the other."""
    if not {"train", "test"} <= set(sides):
        return
    train = sides["train"]
    means = _class_means(describe(train.images), train)

    def read(images: np.ndarray) -> np.ndarray:
        return (describe(images) @ means.T * 2 - (means**2).sum(axis=1)).argmax(axis=1)

    yield from _reading("the nearest class mean of train", read, sides["test"])


def _model(sides: dict[str, Dataset], model: Model) -> Iterator[Finding]:
    data = sides.get("test") or next(iter(sides.values()))
    unknown = [name for name in data.classes if name not in model.classes]
    absent = [name for name in model.classes if name not in data.classes]
    for fault, names, text in (
        (True, unknown, "classes that the model does not know"),
        (False, absent, "classes of the model without a drawing"),
    ):
        if names:
            yield Finding("model's classes", fault, f"{text}: {_list(names[:SHOWN], len(names))}")
    if not unknown and not absent and data.classes != model.classes:
        places = sum(a != b for a, b in zip(data.classes, model.classes, strict=True))
        text = f"the dataset lists the model's classes in another order, at {places} of {len(data.classes)} places"
        yield Finding("model's classes", False, f"{text}; names decide, not places")
    if model.preprocessing.image_shape != data.images.shape[1:]:
        sizes = f"{model.preprocessing.image_shape}; the drawings are {data.images.shape[1:]}"
        yield Finding("model's contract", True, f"the model takes images of {sizes}")
        return
    yield from _placement(sides, model.preprocessing, "the model's contract", fault=True)
    known = [name for name in data.classes if name in model.classes]
    if known:
        places = np.array([known.index(name) if name in known else -1 for name in model.classes])
        yield from _reading("the model", lambda images: places[model.logits(images).argmax(axis=1)], data.select(known))


def _placement(sides: dict[str, Dataset], preprocessing: Preprocessing, whose: str, fault: bool) -> Iterator[Finding]:
    """How pictures of these drawings would be changed before they were predicted: training ones are not."""
    for side, data in sides.items():
        scales, moves, pens = [], [], []
        for image in _sample(data, PREPARED).images[..., 0]:
            try:
                preprocessed = preprocess(image, preprocessing)
            except InputError:
                continue
            scales.append(preprocessed.scale)
            pens.append(preprocessed.stroke_width * preprocessed.scale)
            top, left, bottom, right = preprocessed.box
            if preprocessing.centering == "mass":
                moves.append(np.subtract(_mass(image), preprocessing.center))
            else:
                moves.append(np.subtract(((top + bottom - 1) / 2, (left + right - 1) / 2), preprocessing.center))
        if not scales:
            continue
        scale, pen, (down, across) = np.median(scales), np.median(pens), np.median(moves, axis=0)
        low, high = (part * (preprocessing.stroke_width or pen) for part in MEASURED_PENS)
        for wrong, text in (
            (
                abs(scale - 1) > 0.1,
                f"longest side {preprocessing.longest_side / scale:.1f}, not {preprocessing.longest_side:.1f} px",
            ),
            (
                max(abs(down), abs(across)) > 1,
                f"center of {preprocessing.centering} {down:+.1f} px down and {across:+.1f} px across from "
                f"{preprocessing.center}",
            ),
            (not low <= pen <= high, f"pen {pen:.1f} px wide, not {low:.1f} to {high:.1f}"),
        ):
            if wrong:
                yield Finding(
                    "placement", fault, f"half of the {side} drawings or more are not as {whose} says: {text}", side
                )


def _reading(who: str, read: Callable[[np.ndarray], np.ndarray], data: Dataset) -> Iterator[Finding]:
    """Is a set read better another way up, or with its labels exchanged?"""
    data = _sample(data)
    right = {turn: int((read(np.ascontiguousarray(f(data.images))) == data.labels).sum()) for turn, f in TURNS.items()}
    plain, best = right["as they are"], max(right, key=lambda turn: right[turn])
    counts = f"{who} has {plain:,} of {len(data):,} drawings right"
    if right[best] - plain > 0.2 * len(data):
        yield Finding("orientation", True, f"{counts} as they are, but {right[best]:,} {best}")
        return
    predicted = read(data.images)
    answers = np.zeros((len(data.classes), len(data.classes) + 1), int)
    np.add.at(answers, (data.labels, predicted), 1)  # none of these classes is -1
    kept = answers.diagonal() / np.maximum(data.counts, 1)
    taken = []
    for label, name in enumerate(data.classes):
        total, other = data.counts[label], int(answers[label, :-1].argmax())
        # o and O are alike; where names were exchanged, little that goes by the other name is read as that either
        if total >= FEW and answers[label, other] > 0.5 * total and kept[label] < 0.1 and kept[other] < 0.25:
            taken.append(f"{name} for {data.classes[other]}")
    if taken:
        text = f"{counts}; labels and names do not fit: it takes {_list(taken[:SHOWN], len(taken))}"
        yield Finding("label order", True, text)
    elif who == "the model":
        yield Finding("model's reading", False, counts)


#: Every check of the drawings alone.
CHECKS = (_exact, _contradictions, _near, _balance, _values, _polarity, _ink, _orientation)


def _some(check: str, text: str, side: str, rows: np.ndarray, data: Dataset) -> Iterator[Finding]:
    """A finding on some of the drawings: a fault where they are more than people get wrong anyway."""
    if len(rows):
        listing = _list(rows[:SHOWN], len(rows))
        yield Finding(check, len(rows) > TOLERATED * len(data), f"{text}: {listing}", side, tuple(rows.tolist()))


def _class_means(described: np.ndarray, data: Dataset) -> np.ndarray:
    sums = np.zeros((len(data.classes), described.shape[1]), np.float32)
    np.add.at(sums, data.labels, described)
    means = sums / np.maximum(data.counts, 1)[:, None].astype(np.float32)
    means[data.counts == 0] = 1e3  # nothing is near a class without drawings
    return means


def _mass(image: np.ndarray) -> tuple[float, float]:
    ink = image.astype(np.float64)
    total = ink.sum() or 1.0
    return float(ink.sum(axis=1) @ np.arange(len(ink)) / total), float(
        ink.sum(axis=0) @ np.arange(ink.shape[1]) / total
    )


def _sample(data: Dataset, most: int = SAMPLE) -> Dataset:
    """At most ``most`` drawings, evenly spread."""
    return data if len(data) <= most else data.take(np.linspace(0, len(data) - 1, most).astype(int))


def _of(rows: np.ndarray, data: Dataset) -> str:
    return f"{len(rows):,} of {len(data):,}"


def _list(shown: Sequence[object] | np.ndarray, total: int) -> str:
    return ", ".join(map(str, shown)) + ", ..." * (total > len(shown))
