"""Several digits on one page: how many pages are divided into their digits, read in order, and answered.

A page holds one to eight digits of MNIST's test set, or of strokes that do not touch (a 4, a 5, a 7 of two), in rows,
of sizes, pens, inks, distances and slants drawn anew for every page; on plain paper, or with what paper brings. The
model is the one of digits that comes with the package. A page is divided right where each digit is found, alone and
whole: its box and the found one have at least 0.7 of both in common. It is read right where the rows are, too.

Of a page with several, ``predict`` says so; where it gives one digit instead, that is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from experiments.studies.pictures.canvases import cut, of_digit
from experiments.studies.pictures.paper import KINDS
from experiments.studies.pictures.paper.sheets import PAPERS, Sheet, by_hand, lines
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.data import load_dataset
from jaxdoodle.inference import Model, PagePrediction, Prediction
from jaxdoodle.plots.style import figure

#: Pages of plain paper, and of each kind of paper.
PLAIN, OTHER = 1_000, 100
#: The goal: part of the plain pages that are divided right.
GOAL = 0.95
#: Pages of the figure.
SHOWN = 8
#: Most digits of a page, and rows of it.
MOST, MOST_ROWS = 8, 3
#: Kinds of paper; plain paper is as frequent as all the others together.
PAPER = ("frame", "ruled", "margin", "shadow", "dust", "colored", "pencil", "edges")
#: Digits of two strokes that need not touch, (x, y) from 0 to 1.
IN_STROKES = {
    4: ([(0.45, 0.0), (0.05, 0.6), (0.75, 0.6)], [(0.6, 0.35), (0.58, 1.0)]),
    5: ([(0.2, 0.06), (0.15, 0.42), (0.5, 0.4), (0.66, 0.68), (0.45, 0.97), (0.05, 0.92)], [(0.3, 0.0), (0.75, 0.0)]),
    7: ([(0.05, 0.02), (0.7, 0.0), (0.3, 1.0)], [(0.2, 0.5), (0.66, 0.48)]),
}


@dataclass(frozen=True)
class Page:
    """A page and what is on it.

    Args:
      image: As a user's program would hand it in.
      kind: Of the paper.
      boxes: (top, left, bottom, right) of each digit, in the order of reading.
      rows: Indices of the digits of each row.
      labels: Of the digits.
    """

    image: Any
    kind: str
    boxes: list[tuple[int, int, int, int]]
    rows: list[list[int]]
    labels: list[int]


def run(out_dir: Path, *, seed: int = 0, data_dir: Path | None = None) -> int:
    """Make the pages, divide and answer them; write ``record.json`` to ``out_dir``. 0 where the goal is met, else 1.

    Args:
      out_dir: Folder of the record.
      seed: Of the pages.
      data_dir: The data root.
    """
    test, model = load_dataset("mnist", root=data_dir).test, Model.load("digits")
    runs, shown = [], []
    for kind in ("clean", *PAPER):
        rng, counts = np.random.default_rng((seed, len(runs))), Counter[str]()
        for number in range(PLAIN if kind == "clean" else OTHER):
            page = page_of(test.images[..., 0], test.labels, rng, kind)
            found = model.predict_many(page.image)
            counts.update(judged(page, found, model.predict(page.image)))
            if number == 0 or (kind == "clean" and number < SHOWN - len(PAPER)):
                shown.append(found.picture())
        runs.append(Record(kind, extra={"counts": dict(sorted(counts.items()))}))
        print(kind, dict(counts), flush=True)
    plain = runs[0].extra["counts"]
    config = {"goal": GOAL, "seed": seed, "common_area": SHARED}
    Record("several", "python -m experiments several", config, machine=describe_machine(), runs=tuple(runs)).write(
        out_dir / "record.json"
    )
    draw(shown, out_dir / "pages.png")
    return int(plain["divided"] < GOAL * plain["pages"])


def judged(page: Page, found: PagePrediction, alone: Prediction) -> Iterator[str]:
    """What a page counts as: each name once, ``digits`` and ``right`` for each of its digits."""
    yield "pages"
    yield from ["digits"] * len(page.labels)
    if len(page.labels) > 1:
        yield "of_several"
        yield "of_several_answered_as_one" if not alone.abstained else "of_several_refused"
    boxes = [one.box for one in found.drawings]
    if len(boxes) == len(page.boxes) and all(any(shared(a, b) >= SHARED for a in boxes) for b in page.boxes):
        yield "divided"
    if matches(boxes, page.boxes) and [len(row.drawings) for row in found.rows] == [len(row) for row in page.rows]:
        yield "read"
        labels = [str(label) for label in page.labels]
        answers = [one.prediction for one in found.drawings]
        yield from ["right"] * sum(one.label == label for one, label in zip(answers, labels, strict=True))
        unknown = [one.abstained for one in answers]
        yield from ["unknown"] * sum(unknown)
        if [one.label for one in answers] == labels:
            yield "all_digits_right"


def draw(pictures: Sequence[Image.Image], path: Path) -> None:
    """Pages with their boxes and answers."""
    with figure(path, 5.5, "several: pages as they are divided and answered", "Red: unknown") as sheet:
        for axes, picture in zip(sheet.subplots(3, 4).flat, [*pictures, *[None] * 12], strict=False):
            axes.axis("off")
            if picture is not None:
                axes.imshow(picture)


def page_of(images: NDArray[np.uint8], labels: NDArray[Any], rng: np.random.Generator, kind: str | None = None) -> Page:
    """A page with some of the digits."""
    kind = kind or ("clean" if rng.random() < 0.5 else PAPER[rng.integers(len(PAPER))])
    count = int(rng.integers(1, MOST + 1))
    cuts = np.sort(rng.choice(np.arange(1, count), min(count - 1, int(rng.integers(0, MOST_ROWS))), replace=False))
    rows = [list(map(int, row)) for row in np.split(np.arange(count), cuts)]
    base, pen = rng.uniform(36, 130), rng.uniform(0.5, 1.8)
    least = rng.choice((0.9, 0.75, 0.5))
    slant = rng.uniform(-8, 8) if rng.random() < 0.5 else 0.0
    gap, gap_down = rng.uniform(0.08, 0.8), rng.uniform(0.15, 0.8)
    inks, chosen = [], []
    for _ in range(count):
        index = int(rng.integers(len(images)))
        size, label = base * rng.uniform(least, 1), int(labels[index])
        if label in IN_STROKES and rng.random() < 0.5:
            ink = _in_strokes(label, size, pen, rng)
        else:
            ink = cut(of_digit(images[index])(round(size), pen))
        chosen.append(label)
        inks.append(_turned(ink, slant))
    places, y = {}, 0.0
    for row in rows:
        high = max(inks[i].shape[0] for i in row)
        x = rng.uniform(0, 0.5) * base
        for i in row:
            height, width = inks[i].shape
            places[i] = (y + (high - height) * rng.uniform(0.2, 0.8), x)
            x += width + base * gap * rng.uniform(0.7, 1.3) + 2
        y += high + base * gap_down * rng.uniform(0.8, 1.2) + 2
    turn = np.deg2rad(slant)
    corners = []
    for i in range(count):
        (top, left), (height, width) = places[i], inks[i].shape
        row, column = top + height / 2, left + width / 2
        corners.append((row * np.cos(turn) - column * np.sin(turn) - height / 2,
                        row * np.sin(turn) + column * np.cos(turn) - width / 2))  # fmt: skip
    room = base * rng.uniform(0.3, 1.5, 4)
    at = np.rint(np.array(corners) - np.min(corners, axis=0) + room[:2]).astype(int)
    sizes = np.array([ink.shape for ink in inks])
    height, width = (int(n) for n in np.ceil((at + sizes).max(axis=0) + room[2:]))
    sheet = np.zeros((height, width), np.float32)
    boxes = []
    for (top, left), ink in zip(at, inks, strict=True):
        part = sheet[top : top + ink.shape[0], left : left + ink.shape[1]]
        np.maximum(part, ink, out=part)
        boxes.append((int(top), int(left), int(top + ink.shape[0]), int(left + ink.shape[1])))
    around = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    tone = rng.uniform(0, 0.65) if rng.random() < 0.4 else rng.uniform(0, 0.2)
    color = tuple(np.clip(tone + rng.uniform(-0.1, 0.1, 3), 0, 1))
    wide = max(1.5, 0.09 * base * pen)
    found = Sheet(
        sheet, boxes[0] if kind in ("ruled", "dust") else around, wide, color, PAPERS[rng.integers(len(PAPERS))]
    )
    return Page(KINDS[kind](found, rng), kind, boxes, rows, chosen)


def _in_strokes(label: int, size: float, pen: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A digit of two strokes that come near each other, at times."""
    scale, wide = size, max(1.5, 0.1 * size * pen)
    paths = []
    for path in IN_STROKES[label]:
        moved = np.array(path) * (rng.uniform(0.8, 1.1), 1) + rng.normal(0, 0.02, 2)
        paths.append(by_hand([tuple(p) for p in moved * scale + 2 * wide], 0.006 * size, rng))
    side = round(scale * 1.2 + 4 * wide)
    return np.asarray(cut(lines((side, side), paths, wide)), np.float32)


def _turned(ink: NDArray[Any], degrees: float) -> NDArray[np.float32]:
    if not degrees:
        return np.asarray(ink, np.float32)
    page = Image.fromarray(np.uint8(np.rint(255 * np.clip(ink, 0, 1))))
    turned = np.asarray(page.rotate(-degrees, Image.Resampling.BICUBIC, expand=True), np.float32) / 255
    return np.asarray(cut(np.where(turned < 0.05, np.float32(0), turned)), np.float32)


def matches(found: Sequence[tuple[float, ...]], boxes: Sequence[tuple[float, ...]]) -> bool:
    """Whether each box was found, and nothing else, in this order."""
    return len(found) == len(boxes) and all(shared(a, b) >= SHARED for a, b in zip(found, boxes, strict=True))


#: A digit is found where its box and the found one share this part of both together.
SHARED = 0.7


def shared(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """The area that two boxes have in common, as a part of both together."""
    down, across = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(down, 0.0) * max(across, 0.0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
