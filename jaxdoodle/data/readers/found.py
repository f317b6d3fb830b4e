"""What a reader finds in a file or folder: labeled bitmaps, pictures or drawings in strokes, by split."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray

#: Broken items up to which a dataset is read, as a fraction, and how many of them are named.
MOST_BROKEN, NAMED = 0.05, 5
#: Sides of bitmaps that networks take as they are; larger images are reduced like pictures.
SIDES = (8, 64)
#: What the publishers' downloads put before the name of a class.
PREFIX = re.compile(r"^(?:full_(?:numpy_bitmap|binary|simplified|raw)_|sketchrnn_)")
#: The names of splits, as folders, files and arrays have them.
SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train", "test": "test", "testing": "test", "t10k": "test",
    "tra": "train", "tes": "test",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
}  # fmt: skip
#: Names of the columns of labels in tables, the first that a table has.
LABEL_COLUMNS = (
    "label", "fine_label", "labels", "class", "target", "y", "digit", "character", "emotion", "letter", "category",
    "breed", "classid", "class_id", "class id", "word",
)  # fmt: skip
#: Names of the columns that say the split of each row.
SPLIT_COLUMNS = {"split", "set", "subset", "data set", "dataset"}
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
NAMES_OF_TEN = {r"fashion[-_ ]?mnist": GARMENTS, "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")}
#: What else the name of such a file or folder may say.
OF_NO_MEANING = r"(?:[^a-z]|train(?:ing)?|test(?:ing)?|t10k|images?|imgs?|labels?|data(?:set)?|ubyte|idx)*"


class Broken:
    """The items of a dataset that cannot be read: left out, counted and named, or raised where that is not wanted."""

    def __init__(self, skip: bool = True) -> None:
        self.skip, self.texts = skip, list[str]()

    def __call__(self, error: InputError) -> None:
        if not self.skip:
            raise error
        self.texts.append(str(error))

    def settle(self, read: int) -> str:
        """One line on what was left out; "" for nothing. Raises ``InputError`` where that is more than 5 %."""
        if not self.texts:
            return ""
        first = "; ".join(text.rstrip(".") for text in self.texts[:NAMED])
        more = "; ..." * (len(self.texts) > NAMED)
        counts = f"{len(self.texts):,} of {read + len(self.texts):,}"
        if len(self.texts) > MOST_BROKEN * (read + len(self.texts)):
            share = f"{100 * MOST_BROKEN:.0f} %"
            raise InputError(f"{counts} drawings cannot be read, more than {share} (the first: {first}{more}).")
        return f"left out {counts} drawings that cannot be read: {first}{more}"


@dataclass(frozen=True)
class Wanted:
    """What is to be read: the options of ``load_dataset`` that readers need, and where they report what is broken."""

    classes: tuple[str, ...] | None = None
    per_class: int | None = None
    recognized_only: bool = False
    broken: Broken = field(default_factory=Broken)

    def takes(self, name: str, counts: dict[str, int], default: int | None = None) -> bool:
        """Whether one more drawing of a class is wanted; it is then counted."""
        most = self.per_class or default
        if (self.classes is not None and name not in self.classes) or (most and counts.get(name, 0) >= most):
            return False
        counts[name] = counts.get(name, 0) + 1
        return True


@dataclass
class Part:
    """The items of one split, with the class name of each: an array of images, pictures, or drawings in strokes."""

    items: Any
    labels: Sequence[str]


@dataclass
class Found:
    """All of a dataset. ``parts`` has "train" and may have "validation" and "test".

    ``kind``: what it is, in words. ``classes``: their order; ``None`` for the sorted names. ``strokes``: whether the
    items are drawings in strokes. ``left_out``: what was not read, a line each.
    """

    kind: str
    parts: Mapping[str, Part]
    classes: tuple[str, ...] | None = None
    strokes: bool = False
    left_out: list[str] = field(default_factory=list)


def class_name(text: str) -> str:
    """The name of a class in the name of a file or folder: composed (NFC), without what publishers put before it."""
    return unicodedata.normalize("NFC", PREFIX.sub("", text.strip()))


def split_of(name: str) -> str | None:
    """The split that a word in a name says: ``fashion-mnist_test``, ``testSet`` -> ``test``."""
    words = re.findall(r"t10k|[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def label_column(header: Iterable[str]) -> int | None:
    """The place of the column of labels among the names of columns; ``None`` where none says so."""
    names = [name.strip().lower() for name in header]
    return next((names.index(name) for name in LABEL_COLUMNS if name in names), None)


def split_column(header: Iterable[str]) -> int | None:
    """The place of the column that says the split of each row; ``None`` where there is none."""
    return next((n for n, name in enumerate(header) if name.strip().lower() in SPLIT_COLUMNS), None)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Class names sorted, numbers by their value."""
    return tuple(sorted(set(names), key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name)))


def names_of_labels(labels: NDArray[Any], source: str) -> list[str]:
    """Numbers as class names; letters for EMNIST's parts, by the ``source``, and for 26 numbers from 0 or 1.

    One-hot rows count as the column of their one, the rest 0 or -1. The labels 1 to 10 without 0 are the digits as
    MATLAB has them. Raises ``InputError`` at other rows of several numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and 1 not in labels.shape:
        values = np.unique(labels)
        one_hot = values.tolist() in ([0, 1], [-1, 1]) and ((labels == 1).sum(axis=1) == 1).all()
        if not one_hot:
            first = ", ".join(map(str, labels[:1].ravel()[:NAMED].tolist())) + ", ..." * (labels.shape[1] > NAMED)
            found = f"labels {labels.shape}, the first {first}"
            raise InputError(f"{source}: holds {found}; expected one for each image, or one-hot rows.")
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if labels.dtype.kind not in "iufb":
        return [class_name(x.decode() if isinstance(x, bytes) else str(x)) for x in labels.tolist()]
    if not np.array_equal(labels, labels.astype(np.int64)):
        raise InputError(f"{source}: labels are whole numbers or names; found {labels[labels % 1 != 0][0]:g}.")
    numbers = labels.astype(np.int64)
    if not len(numbers):
        return []
    names = letters_of(int(numbers.min()), int(numbers.max()), source)
    return [names[n] for n in numbers.tolist()] if names else list(map(str, numbers.tolist()))


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


def as_images(array: NDArray[Any], source: str, column_major: bool = False) -> NDArray[Any]:
    """An array of images as (n, h, w, c): with or without channels, channels first, or flat.

    Raises ``InputError`` where no images have this shape.
    """
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4:
        if array.shape[3] not in (1, 3, 4) and array.shape[1] in (1, 3):
            return np.moveaxis(array, 1, 3)
        if array.shape[3] in (1, 3, 4):
            return array
    if array.ndim == 2:
        for channels in (1, 3):
            side = math.isqrt(array.shape[1] // channels)
            if side * side * channels == array.shape[1] and side > 1:
                if channels == 3:
                    return _colors(array, side)
                images = array.reshape(-1, side, side)
                return (images.swapaxes(1, 2) if column_major else images)[..., None]
    expected = "(n, height, width), (n, height, width, 1 or 3), or flat and square"
    raise InputError(f"{source}: holds {array.dtype} {array.shape}; expected images {expected}.")


def _colors(array: NDArray[Any], side: int) -> NDArray[Any]:
    """Flat RGB images: plane by plane or pixel by pixel, whichever is smoother."""
    planes = np.moveaxis(array.reshape(-1, 3, side, side), 1, 3)
    pixels = array.reshape(-1, side, side, 3)
    rough = [float(np.abs(np.diff(x[:100].astype(np.float32), axis=2)).mean()) for x in (planes, pixels)]
    return planes if rough[0] <= rough[1] else pixels


def as_bytes(arrays: Sequence[NDArray[Any]], source: str) -> tuple[list[NDArray[np.uint8]], str]:
    """Pixels of any range as uint8 from 0 to 255, all arrays alike, and the range that they had ("" for 0 to 255)."""
    if any(array.dtype.kind not in "biuf" for array in arrays):
        raise InputError(f"{source}: holds {arrays[0].dtype}; expected the numbers of images.")
    if not min((array.size for array in arrays), default=0):
        raise InputError(f"{source}: holds no images, or none in a split.")
    _of_one_range(arrays, source)
    low, high = min(float(a.min()) for a in arrays), max(float(a.max()) for a in arrays)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(f"{source}: holds pixels that are no numbers (NaN or infinite).")
    floats = any(array.dtype.kind == "f" for array in arrays)
    if low >= 0 and all(array.dtype == np.uint8 for array in arrays) and high > 16:
        return [np.asarray(array) for array in arrays], ""
    if low >= 0 and high > 1:
        low, high = 0.0, float(next((top for top in (16, 255, 1023, 4095, 16383, 65535) if high <= top), high))
    elif floats and -0.5 <= low and high <= 1.5:  # resampled beyond its range here and there
        low, high = 0.0, 1.0
    elif floats and -1 <= low and high <= 1:
        low, high = -1.0, 1.0
    elif low >= 0:
        low, high = 0.0, 1.0
    scaled = [np.rint(np.clip((a.astype(np.float32) - low) * (255 / (high - low)), 0, 255)) for a in arrays]
    return [a.astype(np.uint8) for a in scaled], "" if (low, high) == (0, 255) else f"{low:g} to {high:g}"


def _of_one_range(arrays: Sequence[NDArray[Any]], source: str) -> None:
    """Raises ``InputError`` where some arrays hold fractions and others numbers above 1; blank ones are either."""
    tops = [(a.dtype.kind, a.max(initial=0)) for a in arrays if a.dtype.kind in "biuf"]
    if len({bool(kind in "fb" and top <= 1) for kind, top in tops if top > 0}) > 1:
        raise InputError(f"{source}: holds pixels up to 1 in some arrays and up to 255 in others; expected one range.")


def bytes_of_each(rows: Iterable[Any], source: str) -> list[NDArray[np.uint8]]:
    """Images of numbers in any range as bytes: all at once where their shapes are alike, else each by itself."""
    try:
        arrays = [np.array(row) for row in rows]
    except ValueError:
        raise InputError(
            f"{source}: holds rows of several lengths in one image; expected the numbers of images."
        ) from None
    _of_one_range(arrays, source)
    blocks = [np.stack(arrays)] if len({array.shape for array in arrays}) == 1 else [array[None] for array in arrays]
    images, _ = as_bytes([as_images(block, source) for block in blocks], source)
    return [image for block in images for image in block]


def found_arrays(
    kind: str,
    pairs: Mapping[str, tuple[NDArray[Any], Sequence[str]]],
    source: str,
    wanted: Wanted,
    column_major: bool = False,
) -> Found:
    """Arrays of images with the class names of each, by split; those with a pixel that is no number are left out."""
    images = {split: as_images(array, source, column_major) for split, (array, _) in pairs.items()}
    kept = {}
    for split, (_, labels) in pairs.items():
        if len(labels) != len(array := images[split]):
            raise InputError(f"{source}: {len(labels):,} labels for {len(array):,} {split} images.")
        if min(array.shape[1:3]) < SIDES[0]:
            found = f"{array.shape[1]} x {array.shape[2]}"
            raise InputError(f"{source}: images of {found}; expected {SIDES[0]} pixels a side or more.")
        numbers = np.ones(len(array), bool)
        if array.dtype.kind == "f":
            numbers = np.isfinite(array).all(axis=(1, 2, 3))
            for row in np.flatnonzero(~numbers):
                wanted.broken(InputError(f"{source}: {split} image {row}: a pixel is NaN or infinite."))
        kept[split] = [label for label, good in zip(labels, numbers, strict=True) if good]
        images[split] = array if numbers.all() else array[numbers]
    pixels, scale = as_bytes(list(images.values()), source)
    kind += f", pixels from {scale}" if scale else ""
    return Found(kind, {split: Part(array, kept[split]) for split, array in zip(images, pixels, strict=True)})


def base_name(path: Path) -> str:
    """The name of a file without its suffixes: ``cat.full.ndjson.gz`` -> ``cat.full``."""
    name = path.name.removesuffix(".gz").removesuffix(".zip")
    return name.rsplit(".", 1)[0] if "." in name[1:] else name
