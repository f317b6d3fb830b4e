"""The words by which people name splits, columns, arrays and classes: one vocabulary for every reader."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

#: The names of splits, as folders, files, arrays and cells have them.
SPLIT_WORDS = {
    "train": "train", "training": "train", "trainings": "train", "trainval": "train", "trn": "train", "tra": "train",
    "tr": "train",
    "test": "test", "testing": "test", "t10k": "test", "tes": "test", "te": "test", "eval": "test",
    "evaluation": "test", "privatetest": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "va": "validation", "publictest": "validation",
}  # fmt: skip
#: Names of the columns that say the split of each row; "is_test" and "train_test_split" say whether it is the first.
SPLIT_COLUMNS = {"split", "set", "subset", "data_set", "dataset", "usage", "partition", "phase"}
OF_ONE_SPLIT = re.compile("is_?[a-z]+|.*split.*")
#: Numbers of the splits, where all are there: CelebA, WILDS.
NUMBERED = {"0": "train", "1": "validation", "2": "test"}
TRUE, FALSE = {"1", "1.0", "true", "t", "yes"}, {"0", "0.0", "false", "f", "no"}
#: Names of the columns of labels in tables, the first that a table has.
LABEL_COLUMNS = (
    "label", "fine_label", "labels", "class", "class_id", "classid", "target", "y", "digit", "character", "emotion",
    "letter", "category", "breed", "diagnosis", "dx", "word",
)  # fmt: skip
#: Cells that say nothing.
MISSING = {"", "?", "nan", "na", "null", "none"}
#: Words in the names of arrays, and of the columns of parquet.
IMAGES = {"x", "image", "images", "img", "imgs", "data", "features", "fea", "pixels", "picture", "png", "arr_0"}
LABELS = {"y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "classes", "gnd", "arr_1"}
#: Words of arrays and files that list the classes.
CLASSES = LABELS | {"category", "categories", "classnames", "classmap", "mapping", "words", "wnids", "batches_meta"}
#: Words of folders that divide a dataset into numbered parts.
PARTS = {"part", "fold", "batch", "chunk", "shard", "images"}
#: What follows the word of a split without a space: testset, trainimages, Trainingsdaten.
TAILS = {"set", "sets", "data", "daten", *IMAGES, *LABELS}
#: Names of a column of numbers of the rows: pandas writes its index without one.
INDEX = {"", "unnamed_0", "index", "id"}
#: What the publishers' downloads put before the name of a class.
PREFIX = re.compile(r"^(?:full_(?:numpy_bitmap|binary|simplified|raw)_|sketchrnn_)")
NUMBER = re.compile("[0-9]+")


@cache
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case: ``trainImages``, ``train_images`` and ``trainimages`` have the same."""
    words = list[str]()
    for word in re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()):
        head = next((head for head in _HEADS if word.startswith(head) and _is_tail(word[len(head) :])), "")
        words += [head, word[len(head) :]] if head else [word]
    return tuple(words)


_HEADS = sorted(SPLIT_WORDS, key=len, reverse=True)


def _is_tail(text: str) -> bool:
    return text in TAILS or text.isdecimal()


@cache
def plain(name: str) -> str:
    """A name as the lists above have it: ``Class ID``, ``class-id`` and ``classId`` are ``class_id``."""
    return "_".join(words_of(name)) or name.strip().lower()


def says(name: str, listed: Collection[str]) -> bool:
    """Whether a word of a name, or two of them, are in a list."""
    words = words_of(name)
    return any(word in listed for word in [*words, *("_".join(words[n : n + 2]) for n in range(len(words)))])


@cache
def split_of(name: str) -> str | None:
    """The split that a word in a name says: ``fashion-mnist_test``, ``testSet``, ``Testing`` -> ``test``."""
    return split_called(name) or next(filter(None, map(SPLIT_WORDS.get, words_of(name))), None)


def split_above(path: Path) -> str | None:
    """The split that a folder in a relative path says, the first of them."""
    return next(filter(None, map(split_of, path.parts[:-1])), None)


def split_called(name: str) -> str | None:
    """The split that has this name and no other word: ``Test``, but not ``testSet``."""
    return SPLIT_WORDS.get(name.strip().lower())


def role_of(name: str) -> tuple[str | None, str | None]:
    """The split and the kind (images, labels, split) that the words of the name of an array say."""
    before, _, own = name.rpartition(" ")  # the name of its file or group
    if plain(own) in SPLIT_COLUMNS - {"dataset"} or _is_of_one_split(own):
        return split_of(before), "split"
    of_images = says(name, IMAGES) or name.lower().endswith("dataset")
    of_labels = says(name, LABELS) or plain(own) in LABEL_COLUMNS
    return split_of(name), "labels" if of_labels else "images" if of_images else None


def label_column(header: Iterable[str]) -> int | None:
    """The place of the column of labels among the names of columns; ``None`` where none is called so."""
    names = list(map(plain, header))
    known = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
    loose = [n for n, name in enumerate(names) if says(name, LABELS - {"y"})]
    return loose[0] if known is None and len(loose) == 1 else known


def split_column(header: Iterable[str]) -> int | None:
    """The place of the column that says the split of each row; ``None`` where there is none."""
    names = enumerate(header)
    return next((n for n, name in names if plain(name) in SPLIT_COLUMNS or _is_of_one_split(name)), None)


def _is_of_one_split(column: str) -> bool:
    return bool(OF_ONE_SPLIT.fullmatch(plain(column)) and split_of(column.removeprefix("is")))


def splits_in(column: str, cells: Iterable[Any]) -> list[str | None]:
    """The split that each cell of a column says; ``None`` where it says none.

    Where a column says yes or no and only one of them is written, an empty cell is the other.
    """
    texts = [text_of(cell).strip().lower() for cell in cells]
    told = set(texts) - MISSING
    if told == NUMBERED.keys() and (plain(column) == "split" or says(column, {"partition"})):
        return [NUMBERED.get(text) for text in texts]
    if not _is_of_one_split(column) or not told <= TRUE | FALSE:
        return [split_of(text) for text in texts]
    first = split_of(column.removeprefix("is")) or "train"
    other = "test" if first == "train" else "train"
    empty = None if told & TRUE and told & FALSE else other if told & TRUE else first
    return [first if text in TRUE else other if text in FALSE else empty for text in texts]


def text_of(value: Any) -> str:
    """A text that may be held as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def pixel_columns(header: Sequence[str]) -> list[int]:
    """The columns that are pixels by their names, in the order of their numbers; [] where they are no image."""
    named = [n for n, name in enumerate(map(plain, header)) if re.fullmatch(r"pixel.*|(?!unnamed).*\d.*", name)]
    parts = {n: re.split(r"(\d+)", header[n].strip()) for n in named}
    alike = {(part[0], *part[2:]) for part in parts.values()}
    if len(alike) == 1 and all(len(part) > 2 for part in parts.values()):  # one number each, and else alike
        named.sort(key=lambda n: int(parts[n][1]))
    return named if is_image(len(named)) else []


def is_image(count: int) -> bool:
    """Whether so many numbers are an image: a square, or three."""
    return count >= 16 and any(count % c == 0 and math.isqrt(count // c) ** 2 * c == count for c in (1, 3))


def class_name(text: str) -> str:
    """The name of a class in the name of a file or folder: composed (NFC), without what publishers put before it."""
    return unicodedata.normalize("NFC", PREFIX.sub("", text.strip()))


def base_name(path: Path) -> str:
    """The name of a file without its suffixes: ``cat.full.ndjson.gz`` -> ``cat.full``."""
    name = path.name.removesuffix(".gz").removesuffix(".zip")
    return name.rsplit(".", 1)[0] if "." in name[1:] else name


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Class names sorted, numbers by their value."""
    return tuple(sorted(set(names), key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name)))
