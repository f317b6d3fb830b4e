"""Datasets by name, and the folder they lie in."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdoodle.core import user_cache
from jaxdoodle.core.errors import InputError
from jaxdoodle.data import synthetic
from jaxdoodle.data.dataset import Dataset, Splits, choose_classes
from jaxdoodle.data.readers.idx import IDX_NAME, read_idx_folder, read_mnist
from jaxdoodle.data.readers.image_folder import read_picture_folder
from jaxdoodle.data.readers.mini_mnist import CSV_FILES, read_csv_folder, read_mini_mnist
from jaxdoodle.data.readers.quickdraw import PER_CLASS, official_order, read_bitmaps
from jaxdoodle.data.splits import VALIDATION_FRACTION, split_by_hash, split_training, without
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW

NAMES = ("doodles", "mnist", "mnist-mini", "quickdraw")
#: Where a data root holds them, as their publishers do.
FOLDERS = {"mnist": "mnist", "mnist-mini": "mnist_mini", "quickdraw": "quickdraw/full/numpy_bitmap"}
CATEGORIES_FILE = "quickdraw/categories.txt"
STROKES_FOLDER = "quickdraw/full/simplified"
#: Those of Bilal Ahmad, "Doodle Classifier": what doodles and quickdraw are unless other classes are asked for.
REPORT_CLASSES = ("headphones", "bucket", "clock", "pizza", "hexagon")
DOODLES_PER_CLASS = 1_000
#: The mini-MNIST report feeds its network the bytes as they are.
RAW_MNIST = replace(MNIST, divisor=1.0)


def data_root(explicit: str | Path | None = None) -> Path:
    """The folder that holds the datasets: ``explicit`` (``--data-dir``), else ``$JAXDOODLE_DATA``, else ``data/`` of
    the clone, else the user's cache. Raises ``InputError`` where one of the first two is named and is no folder.
    """
    for origin, named in (("--data-dir", explicit), ("$JAXDOODLE_DATA", os.environ.get("JAXDOODLE_DATA"))):
        if named:
            root = Path(named).expanduser()
            if not root.is_dir():
                raise InputError(f"{root}: the data folder that {origin} names is not there.")
            return root
    clone = Path(__file__).parents[2]
    if (clone / "pyproject.toml").is_file():
        return clone / "data"
    return user_cache.folder()


def load_dataset(
    name: str,
    *,
    root: str | Path | None = None,
    classes: str | Sequence[str] | None = None,
    per_class: int | None = None,
    validation: float = VALIDATION_FRACTION,
    seed: int = 0,
) -> Splits:
    """A dataset on its three sides: ``doodles``, ``mnist``, ``mnist-mini``, ``quickdraw``, or a folder's path.

    A folder holds four IDX files, the mini-MNIST report's four CSV files, one ``.npy`` of bitmaps for each class, or
    one sub-folder of pictures for each class.

    ``root``        the data root; ``None``: as ``data_root`` finds it.
    ``classes``     names in the order that the model shall have them, a sequence or one string with commas; ``"all"``.
    ``per_class``   the most drawings of each class; a published test set stays whole.
    ``validation``  its fraction of the training drawings.
    ``seed``        of the generated doodles. No split depends on it.

    Raises ``InputError`` at what is not there or is not what it should be.
    """
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class is at least 1; got {per_class}.")
    if name == "doodles":
        drawn = draw_doodles(_wanted(classes, REPORT_CLASSES), per_class or DOODLES_PER_CLASS, seed)
        return split_by_hash(drawn, QUICKDRAW, validation)
    if name not in NAMES:
        return _load_folder(Path(name).expanduser(), _wanted(classes), per_class, validation)
    root = data_root(root)
    if name == "quickdraw":
        order = official_order(root / CATEGORIES_FILE)
        chosen = _wanted(classes, REPORT_CLASSES)
        drawings = read_bitmaps(root / FOLDERS[name], name, chosen, per_class or PER_CLASS, order)
        return split_by_hash(drawings, QUICKDRAW, validation)
    train, test = read_mnist(root / FOLDERS["mnist"])
    if name == "mnist":
        return split_training(train, test, MNIST, validation, _wanted(classes), per_class)
    official = test
    train, test = read_mini_mnist(root / FOLDERS[name], train)
    extra = {"clean": without(test, train), "official": official}
    return split_training(train, test, RAW_MNIST, validation, _wanted(classes), per_class, extra)


def draw_doodles(classes: Sequence[str] | None, per_class: int, seed: int) -> Dataset:
    """Generated drawings; those of a class depend on its name and ``seed``, not on the other classes."""
    classes = choose_classes(classes, synthetic.CLASSES, lambda name: f"doodles: no class {name!r}")
    images = [synthetic.generate(name, per_class, np.random.default_rng([seed, *name.encode()])) for name in classes]
    labels = np.repeat(np.arange(len(classes), dtype=np.int32), per_class)
    return Dataset("doodles", np.concatenate(images)[..., None], labels, classes)


def _load_folder(folder: Path, classes: Sequence[str] | None, per_class: int | None, validation: float) -> Splits:
    if not folder.is_dir():
        near = difflib.get_close_matches(str(folder), NAMES)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise InputError(f"{folder}: no such folder; a dataset is {', '.join(NAMES)} or a folder{hint}")
    names = [path.name for path in folder.iterdir()]
    if any(map(IDX_NAME.fullmatch, names)):
        return split_training(*read_idx_folder(folder), MNIST, validation, classes, per_class)
    if any(name in CSV_FILES for name in names):
        return split_training(*read_csv_folder(folder), RAW_MNIST, validation, classes, per_class)
    if any(name.endswith(".npy") for name in names):
        drawings = read_bitmaps(folder, folder.resolve().name, classes, per_class or PER_CLASS)
    else:
        drawings = read_picture_folder(folder, QUICKDRAW, classes, per_class)
    return split_by_hash(drawings, QUICKDRAW, validation)


def _wanted(classes: str | Sequence[str] | None, default: Sequence[str] | None = None) -> tuple[str, ...] | None:
    """The class names asked for; ``None``: all that there are."""
    if classes is None:
        classes = default
    if classes is None or classes == "all":
        return None
    names = [name.strip() for name in classes.split(",")] if isinstance(classes, str) else classes
    return tuple(names)
