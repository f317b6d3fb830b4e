"""A user's own drawings: a folder with one sub-folder of pictures for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.data.dataset import Dataset, choose_classes
from jaxdoodle.inference.contract import InputContract
from jaxdoodle.inference.errors import InputError
from jaxdoodle.inference.preprocess import preprocess

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pgm")


def read_picture_folder(
    folder: Path, contract: InputContract, classes: Sequence[str] | None = None, per_class: int | None = None
) -> Dataset:
    """Every picture, prepared by ``contract``; a class is a sub-folder's name, sorted unless ``classes`` are given.

    Hidden files, and files that are no pictures by their suffix, are passed over. Raises ``InputError`` at a class
    without a picture, and at a picture that cannot be read or holds no drawing.
    """
    folders = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir() and not _hidden(path)}
    if not folders:
        raise InputError(f"{folder}: no sub-folders; expected one of pictures for each class.")
    classes = choose_classes(classes, tuple(folders), lambda name: f"{folder / name}: not found")
    images, labels = [], []
    for label, name in enumerate(classes):
        pictures = [path for path in sorted(folders[name].iterdir()) if path.suffix.lower() in SUFFIXES]
        pictures = [path for path in pictures if not _hidden(path)][:per_class]
        if not pictures:
            raise InputError(f"{folders[name]}: no pictures; expected {', '.join(SUFFIXES)} files.")
        images += [_prepare(path, contract) for path in pictures]
        labels += [label] * len(pictures)
    stacked = np.stack(images)[..., None]
    return Dataset(folder.resolve().name, stacked, np.array(labels, np.int32), classes)


def _prepare(path: Path, contract: InputContract) -> np.ndarray:
    try:
        return preprocess(path, contract).bitmap
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from None


def _hidden(path: Path) -> bool:
    return path.name.startswith(".")
