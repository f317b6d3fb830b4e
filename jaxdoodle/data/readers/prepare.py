"""What a reader found -> images of one size in three splits, and the preprocessing that makes such images.

Images that are small and of one size are used as they are, and their preprocessing is measured (or given). Pictures of
other sizes, and drawings in strokes, are brought to the images that a preprocessing describes.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import DataWarning, InputError, did_you_mean
from jaxdoodle.core.files import reading
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.bitmaps import Bitmaps
from jaxdoodle.data.dataset import Dataset, Splits, choose_classes
from jaxdoodle.data.readers import recognize
from jaxdoodle.data.readers.found import SIDES, Found, Part, Wanted
from jaxdoodle.data.readers.source import name_of, unpacked
from jaxdoodle.data.readers.words import in_order
from jaxdoodle.data.splits import split_by_hash, split_training
from jaxdoodle.preprocessing import QUICKDRAW, Preprocessing, preprocess, render_drawings
from jaxdoodle.preprocessing.config import NAMED
from jaxdoodle.preprocessing.inputs.pictures import array_of, open_picture
from jaxdoodle.preprocessing.measure import BACKGROUND_LEVELS, EVEN_BORDER, MEASURED, as_is, measure
from jaxdoodle.preprocessing.pipeline import ground
from jaxdoodle.preprocessing.resample import box_of

#: What ``--preprocessing`` takes beside a file.
CHOICES = (*NAMED, "measured", "as-is")
#: Pictures of other sizes that are tried as drawings, and the fraction that has to show one.
TRIED, DRAWINGS = 40, 0.8
#: Of more pictures than so many, these are looked at for lines, edges and shadows beside the drawing: if none has any,
#: they are not looked for on the others, which takes as long as all the rest.
MANY, LOOKED_AT = 2_000, 100
#: Most by which the channels of a gray pixel differ, of 255: lossy WebP makes it 1, saving anew somewhat more.
CHROMA = 8
#: Fraction of images of an even border from which on they are drawings, so that the polarity of each is known.
EVEN_IMAGES = 0.9
#: Labels that are numbers of the images, or measurements: a fraction of the images, from so many on.
MOST_SINGLE, LEAST_SINGLE = 0.5, 50
#: Images that pictures become which are no drawings.
PICTURE_SIZE = 32
#: Characters are taller than wide; where so many of them are wider than tall, rows and columns are exchanged.
WIDER = 0.75


def load_path(
    path: Path, wanted: Wanted, validation: float, preprocessing: str | Path | Preprocessing, transpose: bool
) -> Splits:
    """The dataset in a file or folder, or in an archive. The arguments are those of ``load_dataset``."""
    chosen = choose_preprocessing(preprocessing)
    with unpacked(path) as (place, root):
        found = recognize.read(place, wanted)
        names = found.classes or in_order(name for part in found.parts.values() for name in part.labels)
        train = found.parts["train"]
        listed = isinstance(train.items, np.ndarray) or found.kind.startswith("pictures with ")
        several = len(set(train.labels)) if listed and not wanted.per_class else 0
        if several > max(MOST_SINGLE * len(train.labels), LEAST_SINGLE):
            counts = f"{several:,} classes in {len(train.labels):,} images"
            raise InputError(f"{path}: {counts}; expected several of a class.")
        if len(names) == 1 and found.kind == "pictures in folders":
            said = "".join(f"; {text}" for text in found.left_out)
            raise InputError(f"{path}: all of one class, {names[0]}: no folder, name or table tells others{said}.")
        numbers = names and all(map(str.isdecimal, names))
        unnamed = "; its classes are numbers, which a classes.txt beside it may name" if numbers else ""
        classes = choose_classes(wanted.classes, names, lambda name: f"{path}: no class {name!r}{unnamed}")
        if not found.strokes and isinstance(train.labels, list):  # a published test set is not cut
            late = isinstance(train.items, np.ndarray) and len(found.parts) > 1  # by ``split_training``
            most = {"train": None if late else wanted.per_class}
            found.parts = {split: wanted.of(part, most.get(split)) for split, part in found.parts.items()}
            if not found.parts["train"].labels:
                raise InputError(f"{path}: no training picture of {', '.join(classes)}.")
        datasets, expected, said = _images(found, name_of(path), classes, wanted, chosen, transpose)
        flat_axes = found.flat_axes or expected.flat_axes
        exchanged = flat_axes.translate(str.maketrans("hw", "wh"))
        expected = replace(expected, flat_axes=exchanged if transpose else flat_axes)
        broken = wanted.broken.settle(sum(map(len, datasets.values()))).replace(str(root), str(path))
    for text in filter(None, [broken, *found.left_out]):
        warnings.warn(DataWarning(f"{path}: {text}."), stacklevel=3)
    notes = [f"read as {found.kind}", said]
    if advice := _transposed(datasets["train"], expected) if not transpose else "":
        warnings.warn(DataWarning(f"{path}: {advice}"), stacklevel=3)
    splits = _split(datasets, expected, validation, wanted.per_class)
    return replace(splits, notes=tuple(filter(None, notes)))


def choose_preprocessing(chosen: str | Path | Preprocessing) -> Preprocessing | str:
    """A preprocessing by its name or from a JSON file; "measured" and "as-is" as they are. Raises ``InputError``."""
    if isinstance(chosen, Preprocessing):
        return chosen
    name = os.fspath(chosen)
    if name in CHOICES:
        return NAMED.get(name, name)
    path = Path(name)
    if not path.is_file():
        raise InputError(
            f"{name}: no preprocessing; expected {', '.join(CHOICES)} or a JSON file{did_you_mean(name, CHOICES)}"
        )
    try:
        with reading(path):
            return Preprocessing.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _images(
    found: Found, name: str, classes: Sequence[str], wanted: Wanted, chosen: Preprocessing | str, transpose: bool
) -> tuple[dict[str, Dataset], Preprocessing, str]:
    """The datasets by split, the preprocessing that makes their images, and what was found, in words."""
    parts = dict(found.parts)
    if isinstance(parts["train"].items, Bitmaps):  # on disk, with labels that are numbers
        part = parts["train"]
        data = Dataset(name, part.items, np.asarray(part.labels, np.int32), tuple(classes))
        some = part.items[spread(len(data), MEASURED)]
        return {"train": data}, *_preprocessing_of(some, chosen)
    if not isinstance(parts["train"].items, np.ndarray) and not found.strokes:
        parts = {split: _opened(part, wanted) for split, part in parts.items()}
        if not parts["train"].labels:
            raise InputError(f"no training picture can be read; the first: {wanted.broken.texts[0]}")
    arrays = [part.items for part in parts.values()]
    if all(isinstance(a, np.ndarray) and max(a.shape[1:3]) <= SIDES[1] for a in arrays) and not found.strokes:
        parts, expected, said = _bitmaps(parts, found, chosen, transpose)
    else:
        parts, expected, said = _made(parts, found, wanted, chosen, transpose)
    index = {each: label for label, each in enumerate(classes)}
    datasets = {}
    for split, part in parts.items():
        labels = np.array(
            [index.get(label, -1) if isinstance(label, str) else label for label in part.labels], np.int32
        )
        known = labels >= 0
        datasets[split] = Dataset(name, np.ascontiguousarray(part.items[known]), labels[known], tuple(classes))
    return datasets, expected, said


def _bitmaps(
    parts: dict[str, Part], found: Found, chosen: Preprocessing | str, transpose: bool
) -> tuple[dict[str, Part], Preprocessing, str]:
    """Images of one size, used as they are but for channels that say nothing; measured unless told."""
    arrays = {split: _channels(part.items) for split, part in parts.items()}
    if any(array.shape[3] == 3 for array in arrays.values()):
        arrays = {s: np.repeat(a, 3, axis=3) if a.shape[3] == 1 else a for s, a in arrays.items()}
    if transpose:
        arrays = {split: np.ascontiguousarray(array.swapaxes(1, 2)) for split, array in arrays.items()}
    parts = {split: Part(arrays[split], part.labels) for split, part in parts.items()}
    shape = arrays["train"].shape[1:]
    if len({array.shape[1:] for array in arrays.values()}) > 1:
        sizes = "; ".join(f"{split} {array.shape[1:]}" for split, array in arrays.items())
        raise InputError(f"the splits hold images of several sizes: {sizes}.")
    if isinstance(chosen, Preprocessing) and chosen.image_shape != shape:
        made = {split: Part(np.stack([_one(i, chosen) for i in p.items]), p.labels) for split, p in parts.items()}
        return made, chosen, f"brought to {chosen.describe()}"
    expected, said = _preprocessing_of(arrays["train"], chosen)
    if chosen != "measured":
        return parts, expected, said
    alike, count = _of_one_polarity(arrays)
    if count:
        text = f"{count:,} of {sum(map(len, arrays.values())):,} images have the background that others have as ink"
        if (inverted := measure(alike["train"])).reason:
            text += "; they are used as they are"
        else:
            parts = {split: Part(alike[split], part.labels) for split, part in parts.items()}
            expected, said = inverted.preprocessing, f"measured: {inverted}"
            text += "; they are inverted"
        found.left_out.append(text)
    return parts, expected, said


def _preprocessing_of(images: NDArray[Any], chosen: Preprocessing | str) -> tuple[Preprocessing, str]:
    """The preprocessing of images that are used as they are, and where it is from, in words."""
    if chosen == "measured":
        measured = measure(images)
        return measured.preprocessing, f"measured: {measured}"
    asked = chosen if isinstance(chosen, Preprocessing) else as_is(images.shape[1:])
    return asked, f"preprocessing: {asked.describe()}, as asked for"


def _of_one_polarity(arrays: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], int]:
    """Drawings on light and on dark, those that are fewer inverted, and their number; 0 of other images."""
    light = {}
    even = 0.0
    for split, array in arrays.items():
        border = np.concatenate([array[:, 0], array[:, -1], array[:, :, 0], array[:, :, -1]], axis=1)
        fractions = [(near <= BACKGROUND_LEVELS).mean(axis=(1, 2)) for near in (border, 255 - border)]
        light[split] = fractions[1] >= EVEN_BORDER
        even += float((np.maximum(*fractions) >= EVEN_BORDER).sum())
    total, count = sum(map(len, light.values())), int(sum(each.sum() for each in light.values()))
    if even < EVEN_IMAGES * total or not min(count, total - count) or any(a.shape[3] > 1 for a in arrays.values()):
        return arrays, 0
    odd = {split: each == (2 * count <= total) for split, each in light.items()}
    made = {split: np.where(odd[split][:, None, None, None], 255 - array, array) for split, array in arrays.items()}
    return made, min(count, total - count)


def _made(
    parts: dict[str, Part], found: Found, wanted: Wanted, chosen: Preprocessing | str, transpose: bool
) -> tuple[dict[str, Part], Preprocessing, str]:
    """Drawings in strokes, rendered; pictures of any sizes, preprocessed."""
    some = parts["train"].items
    if isinstance(some, np.ndarray):
        some = [_Opened(one, "") for one in some]
    if isinstance(chosen, Preprocessing):
        expected = chosen
    elif found.strokes:
        expected = QUICKDRAW
    else:
        expected = as_is(_picture_shape(some)) if chosen == "as-is" else _tried(some)
    paper = not found.strokes and _may_be_paper(some, expected)
    make: Callable[[Any], NDArray[np.uint8]]
    make = (
        (lambda one: render_drawings([one], expected)[0]) if found.strokes else lambda one: _one(one, expected, paper)
    )
    made = {}
    for split, part in parts.items():
        images, labels = [], []
        for item, label in zip(part.items, part.labels, strict=True):
            try:
                image = make(item.content if isinstance(item, _Opened) else item)
            except InputError as error:
                named = f"{item.name}: " if isinstance(item, _Opened) else ""
                wanted.broken(InputError(f"{named}{str(error).removeprefix('the image: ')}"))
                continue
            image = image.reshape(expected.image_shape)
            images.append(image.swapaxes(0, 1) if transpose else image)
            labels.append(label)
        empty = np.zeros((0, *expected.image_shape), np.uint8)
        made[split] = Part(np.stack(images) if images else empty, labels)
    what = "rendered as" if found.strokes else "preprocessed to"
    return made, expected, f"{what} {expected.describe()}"


def _one(image: Any, preprocessing: Preprocessing, paper: bool = True) -> NDArray[np.uint8]:
    return preprocess(image, preprocessing, paper=paper).bitmap.reshape(preprocessing.image_shape)


def _may_be_paper(items: Sequence[Any], preprocessing: Preprocessing) -> bool:
    """Whether pictures may show more than a drawing each: they are few, or some of them do."""
    for row in spread(len(items), LOOKED_AT) if len(items) > MANY else ():
        with suppress(InputError):
            if (_one(items[row].content, preprocessing) != _one(items[row].content, preprocessing, False)).any():
                return True
    return len(items) <= MANY


def _tried(items: Sequence[Any]) -> Preprocessing:
    """``QUICKDRAW`` if nearly all of some pictures show a drawing, else as they are."""
    some = [items[i].content for i in spread(len(items), TRIED)]
    drawn = 0
    for content in some:
        try:
            drawn += not _is_color(content) and bool(preprocess(content, QUICKDRAW).bitmap.any())
        except InputError:
            pass
    return QUICKDRAW if drawn >= DRAWINGS * len(some) else as_is(_picture_shape(items))


def _is_color(pixels: NDArray[Any]) -> bool:
    """Whether a picture is more than one ink on one background: its hues are many, as in photographs."""
    if pixels.ndim < 3 or pixels.shape[2] < 3:
        return False
    colors = pixels[..., :3].astype(np.int16)
    colored = (colors.max(axis=2) - colors.min(axis=2)) > 40
    return bool(colored.mean() > 0.5)


def _picture_shape(items: Sequence[Any]) -> tuple[int, int, int]:
    gray = all(_channels(one.content[None]).shape[3] == 1 for one in items[:TRIED])
    return (PICTURE_SIZE, PICTURE_SIZE, 1 if gray else 3)


class _Opened:
    """The pixels of a picture of any size, and its name."""

    def __init__(self, content: NDArray[Any], name: str) -> None:
        self.content, self.name = content, name


def _opened(part: Part, wanted: Wanted) -> Part:
    """The pixels of pictures: one array where all are small and of one size, else a list."""
    opened: list[_Opened] = []
    labels: list[str] = []
    for item, label in zip(part.items, part.labels, strict=True):
        name = item if isinstance(item, str) else f"picture {len(labels)}"
        try:
            if isinstance(item, np.ndarray):
                pixels = item
            else:
                pixels = array_of(open_picture(io.BytesIO(item) if isinstance(item, bytes) else item))
        except InputError as error:
            wanted.broken(InputError(f"{name}: {error}"))
            continue
        opened.append(_Opened(pixels[..., None] if pixels.ndim == 2 else pixels, name))
        labels.append(label)
    shapes = {one.content.shape[:2] for one in opened}
    sides = [side for shape in shapes for side in shape]
    if len(shapes) == 1 and SIDES[0] <= min(sides) and max(sides) <= SIDES[1]:
        widest = max(_channels(one.content[None]).shape[3] for one in opened)
        alike = [_channels(one.content[None], widest)[0] for one in opened]
        return Part(np.stack(alike).astype(np.uint8), labels)
    return Part(opened, labels)


def _channels(images: NDArray[Any], wanted: int | None = None) -> NDArray[Any]:
    """Images (n, h, w, c) with one channel where all three are alike in every pixel.

    What is transparent becomes white or, where the rest is white, black.
    """
    if images.shape[3] == 4:
        pixels: NDArray[Any] = images / np.float32(255)
        colors, alpha = pixels[..., :3], pixels[..., 3:]
        images = np.rint(255 * (colors * alpha + ground(pixels) * (1 - alpha))).astype(np.uint8)
    if images.shape[3] == 3 and wanted != 3 and np.ptp(images, axis=3).max(initial=0) <= CHROMA:
        images = images[..., 1:2]
    return np.repeat(images, 3, axis=3) if wanted == 3 and images.shape[3] == 1 else images


def _transposed(train: Dataset, preprocessing: Preprocessing) -> str:
    """Advice where characters are wider than tall, so that rows and columns seem to be exchanged; "" elsewhere."""
    drawn = len(train) and not preprocessing.as_is and not isinstance(train.images, Bitmaps)
    if not drawn or not all(len(name) == 1 for name in train.classes):
        return ""
    some = train.images[:: -(-len(train) // 500)].mean(axis=3)
    background = np.median(some[:, 0])
    boxes = np.array(
        [box_of(ink) for image in some if (ink := np.abs(image - background).astype(np.float32)).max() > 0]
    )
    if not len(boxes):
        return ""
    tall, wide = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    different = np.abs(tall - wide) > 1
    share = float((wide > tall)[different].mean()) if different.any() else 0.0
    if share < WIDER:
        return ""
    found = f"{100 * share:.0f} % of the characters are wider than tall"
    return f"the images seem to be transposed, as EMNIST's are ({found}); --transpose exchanges rows and columns."


def _split(datasets: dict[str, Dataset], expected: Preprocessing, validation: float, per_class: int | None) -> Splits:
    """The splits that the dataset has; those that it lacks are taken from train."""
    train, test, kept = datasets["train"], datasets.get("test"), datasets.get("validation")
    if test is None:  # where only validation is published, it is what others test on
        test, kept = kept, None
    if test is None:
        return split_by_hash(train, expected, validation)
    if kept is None:
        return split_training(train, test, expected, validation, None, per_class)
    within = np.ones(len(train), bool) if per_class is None else train.index_in_class < per_class
    return Splits(train.take(within), kept, test, expected)
