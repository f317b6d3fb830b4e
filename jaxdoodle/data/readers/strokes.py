"""Drawings in strokes as datasets: ``.ndjson``, ``.bin``, ``.svg``, ``.json``, sketch-rnn ``.npz``, Kaggle's CSV.

The class of a drawing is its ``word`` or ``label``; without one, the folder of its file where several folders hold
such files, else the name of the file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.found import Found, Part, Wanted, some_of
from jaxdoodle.data.readers.quickdraw import PER_CLASS
from jaxdoodle.data.readers.words import base_name, class_name, split_above, split_of
from jaxdoodle.data.splits import drawers_to_test
from jaxdoodle.strokes import sketch_rnn
from jaxdoodle.strokes.drawing import shortened
from jaxdoodle.strokes.readers import MAX_BYTES, READERS, described, scan_described

SUFFIXES = tuple(READERS)


def read_stroke_files(folder: Path, files: Sequence[Path], wanted: Wanted) -> Found:
    """The drawings of files; see ``read_strokes``."""
    return read_strokes(((file, _scanned(file)) for file in files), folder, wanted)


def read_strokes(files: Iterable[tuple[Path, Iterable[Any]]], folder: Path, wanted: Wanted) -> Found:
    """Drawings with their records, or the errors in their place, by file; at most ``PER_CLASS`` of a class by default.

    Raises ``InputError`` where there is none.
    """
    parts: dict[str, Part] = {}
    counts: dict[str, dict[str, int]] = {}
    drawers: list[str] = []  # of the training drawings
    unrecognized = 0
    for file, scanned in files:
        split = split_above(file.relative_to(folder)) or "train"
        by_folder = file.parent != folder and split_of(file.parent.name) is None
        own = class_name(file.parent.name if by_folder and file.suffix.lower() != ".csv" else base_name(file))
        for found in scanned:
            if isinstance(found, InputError):
                wanted.broken(found)
                continue
            drawing, record = found
            if wanted.recognized_only and record.get("recognized") in (False, "False", 0):
                unrecognized += 1
                continue
            name = class_name(str(record.get("word") or record.get("label") or own))
            most = split == "train" and wanted.per_class or PER_CLASS
            if wanted.takes(name, counts.setdefault(split, {}), most):
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
    shown = some_of(map(shortened, chosen))
    return f"; the test split is the drawings of {len(chosen):,} of {len(set(drawers) - {''}):,} people ({shown})"


def _scanned(file: Path) -> Iterator[Any]:
    """The drawings of a file with their records, or the errors in their place."""
    try:
        if file.suffix.lower() not in SUFFIXES:
            yield from _scan_csv(file)
        elif file.suffix.lower() != ".json" or (records := _records(file)) is None:
            yield from scan_described(file)
        else:
            for number, record in enumerate(records):
                yield _described(f"{file}: record {number}", record)
    except InputError as error:
        yield error


def _scan_csv(file: Path) -> Iterator[Any]:
    """Kaggle's Quick, Draw! tables: columns ``drawing``, ``word``, ``recognized``, in any order."""
    csv.field_size_limit(MAX_BYTES)
    with reading(file), open(file, encoding="utf-8", errors="replace", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), start=2):
            yield _described(f"{file}: line {number}", row)


def _records(file: Path) -> list[Any] | None:
    """A list of objects that say the class of each drawing; ``None`` where a file is none."""
    try:
        with reading(file):
            found = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return None
    named = isinstance(found, list) and found and all(isinstance(one, dict) for one in found)
    return found if named and {"word", "label"} & found[0].keys() else None


def _described(place: str, record: Any) -> Any:
    try:
        return described(record)
    except InputError as error:
        return InputError(f"{place}: {error}")


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
