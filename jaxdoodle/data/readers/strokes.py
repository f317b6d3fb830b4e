"""Drawings in strokes as datasets: ``.ndjson``, ``.bin``, ``.svg``, ``.json``, sketch-rnn ``.npz``, Kaggle's CSV.

The class of a drawing is its ``word``; without one, the folder of its file where several folders hold such files, else
the name of the file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import NAMED, Found, Part, Wanted, base_name, class_name, split_of
from jaxdoodle.data.readers.quickdraw import PER_CLASS
from jaxdoodle.data.splits import drawers_to_test
from jaxdoodle.strokes import sketch_rnn
from jaxdoodle.strokes.drawing import shortened
from jaxdoodle.strokes.readers import MAX_BYTES, READERS, described, scan_described

SUFFIXES = tuple(READERS)


def read_stroke_files(folder: Path, files: Sequence[Path], wanted: Wanted) -> Found:
    """The drawings of ``.ndjson``, ``.bin``, ``.svg`` and ``.json`` files; at most ``PER_CLASS`` of a class by default.

    Raises ``InputError`` where there is none.
    """
    parts: dict[str, Part] = {}
    counts: dict[str, dict[str, int]] = {}
    parents = {file.parent for file in files} - {folder}
    drawers: list[str] = []  # of the training drawings
    unrecognized = 0
    for file in files:
        above = [split for part in file.relative_to(folder).parts[:-1] if (split := split_of(part))] if parents else []
        split = above[0] if above else "train"
        by_folder = file.parent != folder and split_of(file.parent.name) is None
        own = class_name(file.parent.name if by_folder else base_name(file))
        for found in _scanned(file, wanted):
            drawing, record = found
            if wanted.recognized_only and record.get("recognized") in (False, "False", 0):
                unrecognized += 1
                continue
            name = class_name(str(record.get("word") or own))
            if wanted.takes(name, counts.setdefault(split, {}), PER_CLASS):
                part = parts.setdefault(split, Part([], []))
                part.items.append(drawing)
                part.labels.append(name)  # type: ignore[attr-defined]  # a list here
                if split == "train":
                    drawer = record.get("drawer")
                    drawers.append(drawer.strip() if isinstance(drawer, str) else "")
    by = _divide(parts, drawers)
    less = f" without {unrecognized:,} that were not recognized" if unrecognized else ""
    return Found(f"drawings in strokes{less}{by}", parts, strokes=True)


def _divide(parts: dict[str, Part], drawers: Sequence[str]) -> str:
    """Make the drawings of some people the test split, if there is none; what was done, in words."""
    if set(parts) != {"train"} or not (chosen := drawers_to_test(drawers, parts["train"].labels)):
        return ""
    part = parts["train"]
    rows = {"train": list[int](), "test": list[int]()}
    for row, drawer in enumerate(drawers):
        rows["test" if drawer in chosen else "train"].append(row)
    for split, own in rows.items():
        parts[split] = Part([part.items[row] for row in own], [part.labels[row] for row in own])
    shown = ", ".join(map(shortened, chosen[:NAMED])) + ", ..." * (len(chosen) > NAMED)
    return f"; the test split is the drawings of {len(chosen):,} of {len(set(drawers) - {''}):,} people ({shown})"


def _scanned(file: Path, wanted: Wanted) -> Iterator[tuple[Any, dict[str, Any]]]:
    try:
        for found in scan_described(file):
            if isinstance(found, InputError):
                wanted.broken(found)
            else:
                yield found
    except InputError as error:
        wanted.broken(error)


def read_sketch_rnn(files: Sequence[Path], wanted: Wanted) -> Found:
    """The published ``.npz`` files of sketch-rnn, one for each class; their train, valid and test are kept."""
    parts: dict[str, Part] = {}
    for file in files:
        name = class_name(base_name(file).removesuffix(".full").removeprefix("sketchrnn_"))
        if wanted.classes is not None and name not in wanted.classes:
            continue
        for split, drawings in sketch_rnn.read(file).items():
            part = parts.setdefault("validation" if split == "valid" else split, Part([], []))
            chosen = drawings[: wanted.per_class or PER_CLASS]
            part.items.extend(chosen)
            part.labels.extend([name] * len(chosen))  # type: ignore[attr-defined]
    return Found("sketch-rnn files", parts, strokes=True)


def read_kaggle_csv(files: Sequence[Path], wanted: Wanted) -> Found:
    """Kaggle's Quick, Draw! tables: columns ``drawing``, ``word``, ``recognized``, in any order."""
    csv.field_size_limit(MAX_BYTES)
    part, counts, unrecognized = Part([], []), dict[str, int](), 0
    for file in files:
        with reading(file), open(file, encoding="utf-8", errors="replace", newline="") as stream:
            for number, row in enumerate(csv.DictReader(stream), start=2):
                if wanted.recognized_only and row.get("recognized") == "False":
                    unrecognized += 1
                    continue
                name = class_name(row.get("word") or base_name(file))
                if wanted.classes is not None and name not in wanted.classes:
                    continue
                try:
                    drawing, _ = described(row)
                except InputError as error:
                    wanted.broken(InputError(f"{file}: line {number}: {error}"))
                    continue
                if wanted.takes(name, counts, PER_CLASS):
                    part.items.append(drawing)
                    part.labels.append(name)  # type: ignore[attr-defined]
    less = f" without {unrecognized:,} that were not recognized" if unrecognized else ""
    return Found(f"drawings in strokes in CSV{less}", {"train": part}, strokes=True)
