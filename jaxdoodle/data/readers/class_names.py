"""The names that labels stand for: as a dataset lists them beside itself, or as it is known by its name."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import some_of
from jaxdoodle.data.readers.words import CLASSES, INDEX, LABEL_COLUMNS, base_name, class_name, plain, says, text_of

#: Keys of letters in EMNIST's files: its classes by the name of the part.
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
EMNIST = {
    "byclass": "0123456789" + LETTERS + LETTERS.lower(),
    "bymerge": "0123456789" + LETTERS + "abdefghnqrt",
    "balanced": "0123456789" + LETTERS + "abdefghnqrt",
    "letters": LETTERS,
}
#: Datasets in the form of MNIST, by the name of the file or of its folder: the names of their classes.
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SYLLABLES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
NAMES_OF_TEN = {r"fashion[-_ ]?mnist": GARMENTS, "kmnist": SYLLABLES}
#: What else the name of such a file or folder may say.
OF_NO_MEANING = r"(?:[^a-z]|train(?:ing)?|test(?:ing)?|t10k|images?|imgs?|labels?|data(?:set)?|ubyte|idx)*"
#: Files that may list names of classes, and the bytes of one at most.
YAML = (".yaml", ".yml")
LISTS, MOST_BYTES = (".txt", ".csv", ".json", ".names", *YAML), 2**20


def names_of_labels(labels: NDArray[Any], source: str) -> list[str]:
    """Labels as texts.

    One-hot rows count as the column of their one, the rest 0 or -1. Raises ``InputError`` at other rows of several
    numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and 1 not in labels.shape:
        values = np.unique(labels)
        one_hot = values.tolist() in ([0, 1], [-1, 1]) and ((labels == 1).sum(axis=1) == 1).all()
        if not one_hot:
            found = f"labels {labels.shape}, the first {some_of(labels[:1].ravel().tolist())}"
            raise InputError(f"{source}: holds {found}; expected one for each image, or one-hot rows.")
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "iufb":
        return [class_name(text_of(label)) for label in labels.tolist()]
    for label in labels.tolist():
        if not math.isfinite(label) or label % 1:
            raise InputError(f"{source}: labels are whole numbers or names; found {label:g}.")
    return [str(int(label)) for label in labels.tolist()]


def letters_of(lowest: int, highest: int, source: str) -> dict[int, str] | None:
    """The names that numbers stand for, letters or those of a known dataset; ``None`` where they are numbers."""
    here = [part for part in Path(source.lower()).parts if part != "raw"][-2:]  # torchvision has NAME/raw/FILE
    for name, known in NAMES_OF_TEN.items():
        whole = re.compile(f"(?:{name}){OF_NO_MEANING}")
        if 0 <= lowest and highest <= 9 and any(whole.fullmatch(base_name(Path(part))) for part in here):
            return dict(enumerate(known))
    low = "/".join(here)
    part = next((part for part in EMNIST if part in low), None) if "emnist" in low else None
    if (lowest, highest) in ((0, 25), (1, 26)):
        part = "letters"
    first = int(part == "letters" and highest != 25)
    if part is None or lowest < first or highest - first >= len(EMNIST[part]):
        return None
    return {number + first: name for number, name in enumerate(EMNIST[part])}


def known_names(paths: Sequence[Path], labels: set[str]) -> dict[str, str]:
    """Label -> name, of a dataset that is known by the name of one of the paths, or of 26 numbers; else {}."""
    if not labels or not all(map(str.isdecimal, labels)):
        return {}
    lowest, highest = min(map(int, labels)), max(map(int, labels))
    names = next(filter(None, (letters_of(lowest, highest, str(path)) for path in paths)), {})
    return {str(number): name for number, name in names.items() if name in GARMENTS + SYLLABLES or number <= highest}


def numbered(names: Sequence[str], labels: set[str]) -> dict[str, str]:
    """Label -> name, of names in the order of their numbers; {} where the labels are others.

    The numbers count from 0, or from 1 where the last is as many as there are names.
    """
    if not labels or not all(label.isdecimal() for label in labels):
        return {}
    numbers = sorted(map(int, labels))
    first = int(numbers[0] >= 1 and numbers[-1] == len(names))
    return {str(n): name for n, name in enumerate(names, first)} if numbers[-1] - first < len(names) else {}


def names_beside(files: Sequence[Path], labels: set[str], notes: list[str]) -> dict[str, str]:
    """Label -> name, in the order of the classes, by the first of some files that lists all ``labels``; else {}.

    Such a file is called ``classes.txt``, ``label_map.json``, ``kmnist_classmap.csv`` or the like. It has a name a
    line, or a label and its name; in JSON a list, or an object from label to name or the other way; in YAML ``names``.
    ``notes``: told of names that are fewer than the labels.
    """
    for file in files:
        listing = file.suffix.lower() in LISTS and (says(file.stem, CLASSES) or file.suffix.lower() in YAML)
        if listing and file.is_file() and file.stat().st_size <= MOST_BYTES:
            listed = _listed(file)
            names = listed if isinstance(listed, Mapping) else numbered(listed, labels)
            alike = len(set(names.values())) < len(names) or names.keys() == set(names.values())
            if labels <= names.keys() and not alike:
                return {label: class_name(name) for label, name in names.items()}
            if 1 < len(listed) < len(labels) and all(map(str.isdecimal, labels)):
                counts = f"{len(listed):,} classes; there are {len(labels):,}"
                notes.append(f"left out {file.name}, which names {counts}")
    return {}


def _listed(file: Path) -> Mapping[str, str] | Sequence[str]:
    text = file.read_text(encoding="utf-8-sig", errors="replace")
    if file.suffix.lower() in YAML:
        return _names_in_yaml(text)
    if file.suffix.lower() == ".json":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return []
        if isinstance(value, dict):
            pairs = {str(key): str(one) for key, one in value.items() if isinstance(one, str | int)}
            numbers = all(isinstance(one, int) for one in value.values())
            turned = {one: key for key, one in pairs.items()} if numbers else pairs
            return turned if len(turned) == len(pairs) else []
        return [str(one) for one in value] if isinstance(value, list) else []
    delimiter = next((mark for mark in ",;\t" if mark in text), " ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    if not rows or min(map(len, rows)) < 2:
        return lines
    if {*INDEX, *LABEL_COLUMNS} & set(map(plain, rows[0])):
        rows = rows[1:]
    if "mapping" in file.stem.lower() and all(row[1].isdecimal() for row in rows):  # EMNIST's: codes of characters
        return {row[0]: chr(min(int(row[1]), 0x10FFFF)) for row in rows}
    pairs = {row[0]: " ".join(row[1:]) if delimiter == " " else row[-1] for row in rows}
    if all(name.isdecimal() and not label.isdecimal() for label, name in pairs.items()):
        pairs = {name: label for label, name in pairs.items()}
    return pairs if len(pairs) == len(rows) else []


def _names_in_yaml(text: str) -> Sequence[str]:
    """The classes that YOLO's ``data.yaml`` lists as ``names``: in brackets or braces, or a line each."""
    inline = re.search(r"^names:\s*[\[{]([^\]}]*)[\]}]", text, re.M)
    lines = re.search(r"^names:[ \t]*\n((?:[ \t]*(?:-|\d+:).*\n?)+)", text, re.M)
    found = inline[1].split(",") if inline else lines[1].splitlines() if lines else []
    return [re.sub(r"^\s*(?:-|\d+:)?\s*", "", one).strip(" '\"") for one in found if one.strip()]
