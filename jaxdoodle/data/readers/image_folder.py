"""A user's own drawings: a folder with one sub-folder of pictures for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.dataset import Dataset, choose_classes
from jaxdoodle.preprocessing import Preprocessing, inputs, preprocess
from jaxdoodle.preprocessing.pictures import PICTURE_FORMATS


def read_image_folder(
    folder: Path, preprocessing: Preprocessing, classes: Sequence[str] | None = None, per_class: int | None = None
) -> Dataset:
    """Every picture, preprocessed; the classes are the names of the sub-folders, sorted unless ``classes`` are given.

    Hidden files, and files whose suffix is not that of a picture, are skipped. Raises ``InputError`` at a class
    without a picture, and at a picture that cannot be read or on which nothing is drawn.
    """
    folders = {path.name: path for path in _visible(folder) if path.is_dir()}
    if not folders:
        raise InputError(f"{folder}: no dataset in it; expected a sub-folder of pictures for each class.")
    classes = choose_classes(classes, tuple(folders), lambda name: f"{folder / name}: no such folder")
    images, labels = [], []
    for label, name in enumerate(classes):
        pictures = [path for path in _visible(folders[name]) if inputs.suffix_of(path) in PICTURE_FORMATS][:per_class]
        if not pictures:
            raise InputError(f"{folders[name]}: no pictures; expected files in {' '.join(PICTURE_FORMATS)}.")
        images += [preprocess(path, preprocessing).bitmap for path in pictures]
        labels += [label] * len(pictures)
    return Dataset(folder.resolve().name, np.stack(images)[..., None], np.array(labels, np.int32), classes)


def _visible(folder: Path) -> list[Path]:
    """The entries of a folder, sorted, without those that file managers and archivers add (.DS_Store, __MACOSX)."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))
