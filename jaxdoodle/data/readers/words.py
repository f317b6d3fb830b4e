"""The words by which people name splits, columns, arrays and classes: one vocabulary for every reader."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

#: The names of splits, as folders, files, arrays and cells have them.
SPLIT_WORDS = {
    "train": "train", "training": "train", "trainings": "train", "trn": "train", "tra": "train", "tr": "train",
    "test": "test", "testing": "test", "t10k": "test", "tes": "test", "te": "test", "eval": "test",
    "evaluation": "test", "privatetest": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "publictest": "validation",
}  # fmt: skip
#: Names of the columns that say the split of each row; "is_test" and its like say whether it is that one.
SPLIT_COLUMNS = {"split", "set", "subset", "data set", "dataset", "usage", "partition", "phase"}
OF_ONE_SPLIT = re.compile(r"is[_ ]?([a-z]+)")
TRUE = {"1", "1.0", "true", "t", "yes"}
#: Names of the columns of labels in tables, the first that a table has.
LABEL_COLUMNS = (
    "label", "fine_label", "labels", "class", "target", "y", "digit", "character", "emotion", "letter", "category",
    "breed", "classid", "class_id", "class id", "word",
)  # fmt: skip
#: Words in the names of arrays, and of the columns of parquet.
IMAGES = {"x", "image", "images", "img", "imgs", "data", "features", "fea", "pixels", "picture", "png", "arr_0"}
LABELS = {"y", "label", "labels", "lbl", "lbls", "target", "targets", "class", "classes", "gnd", "arr_1"}
#: Words of arrays and files that list the classes.
CLASSES = LABELS | {"category", "categories", "classnames", "classmap", "mapping", "words", "wnids"}
#: What follows the word of a split without a space: testset, trainimages, Trainingsdaten.
TAILS = {"set", "sets", "data", "daten", *IMAGES, *LABELS}
#: Names of a column of numbers of the rows: pandas writes its index without one.
INDEX = {"", "unnamed: 0", "index", "id"}
#: What the publishers' downloads put before the name of a class.
PREFIX = re.compile(r"^(?:full_(?:numpy_bitmap|binary|simplified|raw)_|sketchrnn_)")
NUMBER = re.compile("[0-9]+")


def words_of(name: str) -> list[str]:
    """The words of a name in lower case: ``trainImages``, ``train_images`` and ``trainimages`` have the same."""
    words = []
    for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()):
        head = next((head for head in _HEADS if word.startswith(head) and _is_tail(word[len(head) :])), "")
        words += [head, word[len(head) :]] if head else [word]
    return [*words, *("_".join(words[n : n + 2]) for n in range(len(words)))]  # arr_0


_HEADS = sorted(SPLIT_WORDS, key=len, reverse=True)


def _is_tail(text: str) -> bool:
    return text in TAILS or text.isdecimal()


@cache
def split_of(name: str) -> str | None:
    """The split that a word in a name says: ``fashion-mnist_test``, ``testSet``, ``Testing`` -> ``test``."""
    return next((SPLIT_WORDS[word] for word in [name.lower(), *words_of(name)] if word in SPLIT_WORDS), None)


def role_of(name: str) -> tuple[str | None, str | None]:
    """The split and the kind (images, labels, split) that the words of the name of an array say."""
    words = words_of(name)
    last = name.rpartition(" ")[2].lower()  # behind the name of a file
    if last in SPLIT_COLUMNS - {"dataset"}:
        return None, "split"
    of_images = not IMAGES.isdisjoint(words) or name.lower().endswith("dataset")
    of_labels = not LABELS.isdisjoint(words) or last in LABEL_COLUMNS
    return split_of(name), "labels" if of_labels else "images" if of_images else None


def label_column(header: Iterable[str]) -> int | None:
    """The place of the column of labels among the names of columns; ``None`` where none says so."""
    names = [name.strip().lower() for name in header]
    return next((names.index(name) for name in LABEL_COLUMNS if name in names), None)


def split_column(header: Iterable[str]) -> int | None:
    """The place of the column that says the split of each row; ``None`` where there is none."""
    return next((n for n, name in enumerate(header) if _says_split(name.strip().lower())), None)


def _says_split(column: str) -> bool:
    match = OF_ONE_SPLIT.fullmatch(column)
    return column in SPLIT_COLUMNS or bool(match and match[1] in SPLIT_WORDS)


def split_in(column: str, cell: str) -> str | None:
    """The split that a cell says in the column of this name."""
    if (match := OF_ONE_SPLIT.fullmatch(column.strip().lower())) and match[1] in SPLIT_WORDS:
        split = SPLIT_WORDS[match[1]]
        return split if cell.strip().lower() in TRUE else "test" if split == "train" else "train"
    return split_of(cell.strip())


def pixel_columns(header: Sequence[str]) -> list[int]:
    """The columns that are pixels by their names; [] where they are no image."""
    named = [n for n, name in enumerate(header) if re.fullmatch(r"pixel.*|(?!unnamed).*\d.*", name)]
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
