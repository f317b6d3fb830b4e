"""The datasets that have a name, the folder that holds them, and how they are loaded and verified."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core import user_cache
from jaxdoodle.core.errors import DataWarning, InputError, NoDrawingError, did_you_mean
from jaxdoodle.core.rows import spread
from jaxdoodle.core.types import NDArray
from jaxdoodle.data import synthetic
from jaxdoodle.data.dataset import Dataset, Splits, read_names
from jaxdoodle.data.readers import mini_mnist
from jaxdoodle.data.readers.found import Broken, Wanted
from jaxdoodle.data.readers.idx import MNIST_SHA256, mnist_path, read_idx, read_mnist
from jaxdoodle.data.readers.prepare import load_path
from jaxdoodle.data.readers.quickdraw import PER_CLASS, find_bitmaps, official_order, open_bitmaps, read_bitmaps
from jaxdoodle.data.splits import VALIDATION_FRACTION, check_fraction, split_by_hash, split_training, without
from jaxdoodle.data.synthetic.outliers import generate_scribbles, generate_signs
from jaxdoodle.preprocessing.config import MNIST, QUICKDRAW, Preprocessing
from jaxdoodle.preprocessing.pipeline import preprocess

NAMES = ("doodles", "mnist", "mnist-mini", "quickdraw")
#: Dataset -> its folder in a data folder, laid out as by its publisher.
FOLDERS = {"mnist": "mnist", "mnist-mini": "mnist_mini", "quickdraw": "quickdraw/full/numpy_bitmap"}
CATEGORIES_FILE = "quickdraw/categories.txt"
#: Most drawings of each other class, and of all of them together, that are taken to be refused.
PER_OTHER_CLASS, MOST_OTHERS = 100, 4_096
#: What is taken for a dataset of outliers and generated, and how many of each: beside those among any outliers.
GENERATED = {"scribbles": (generate_scribbles, 12_288), "signs": (generate_signs, 4_096)}
STROKES_FOLDER = "quickdraw/full/simplified"
#: Default classes of doodles and quickdraw: those of Bilal Ahmad, "Doodle Classifier".
REPORT_CLASSES = ("headphones", "bucket", "clock", "pizza", "hexagon")


@dataclass(frozen=True)
class DatasetStatus:
    """A dataset by name, and whether its files are in the data folder.

    Attributes:
      name: One of ``NAMES``.
      present: Whether its files exist.
      text: One line: the contents of the dataset, or the missing files.
    """

    name: str
    present: bool
    text: str


@dataclass(frozen=True)
class FileStatus:
    """A file of a dataset, and whether it is as it should be.

    Attributes:
      path: The file.
      ok: Whether it exists and is intact.
      text: One line: the contents of the file, or what is wrong.
    """

    path: Path
    ok: bool
    text: str


def data_root(explicit: str | Path | None = None) -> Path:
    """The data folder: ``explicit``, else ``$JAXDOODLE_DATA``, else ``data/`` of the clone, else the user's cache.

    Args:
      explicit: A folder, as given by ``--data-dir``; ``None`` to search.

    Returns:
      The folder. It exists if it is named by the argument or the environment.

    Raises:
      InputError: ``explicit`` or ``$JAXDOODLE_DATA`` names no folder.
    """
    for origin, named in (("--data-dir", explicit), ("$JAXDOODLE_DATA", os.environ.get("JAXDOODLE_DATA"))):
        if named:
            root = Path(named).expanduser()
            if not root.is_dir():
                raise InputError(f"{root}: not found; {origin} names it as the data folder.")
            return root
    clone = Path(__file__).parents[2]
    if (clone / "pyproject.toml").is_file():
        return clone / "data"
    return user_cache.folder()


def load_dataset(
    name_or_path: str | Path,
    *,
    root: str | Path | None = None,
    classes: str | Sequence[str] | None = None,
    per_class: int | None = None,
    validation: float = VALIDATION_FRACTION,
    seed: int = 0,
    preprocessing: str | Path | Preprocessing = "measured",
    transpose: bool = False,
    recognized_only: bool = False,
    skip_broken: bool = True,
) -> Splits:
    """Load a dataset by its name, or from a file or folder whose format is told from its content.

    Args:
      name_or_path: ``"doodles"``, ``"mnist"``, ``"mnist-mini"``, ``"quickdraw"``, or the path of a file or folder:
        folders of pictures or strokes, IDX, CSV, NumPy, parquet, MATLAB, zipped or not (``data/README.md``).
      root: The data folder; ``None`` for that of ``data_root``.
      classes: Class names in the order of the labels, as a sequence or as one string with commas; ``"all"``; or
        ``None`` for the default of the dataset.
      per_class: Most drawings of each class; ``None`` for all. A published test set is not cut.
      validation: Fraction of the training drawings held out for validation, at least 0 and below 1.
      seed: Seed of the generated doodles. The splits do not depend on it.
      preprocessing: Of a path: ``"measured"`` from the training images, ``"as-is"``, ``"mnist"``, ``"quickdraw"``, a
        ``Preprocessing``, or the path of one in JSON.
      transpose: Exchange rows and columns of the images of a path: EMNIST is published so.
      recognized_only: Of drawings in strokes, leave out those that were not recognized.
      skip_broken: Leave out what cannot be read, up to 5 % of a path's drawings, with a ``DataWarning``.

    Returns:
      The train, validation and test split, and the preprocessing of the images.

    Raises:
      InputError: A file is missing or damaged, a class is unknown, or an argument is out of range.
    """
    settings = {"validation": validation, "per_class": per_class}
    settings |= {"transpose": True} if transpose else {}
    settings |= {"recognized_only": True} if recognized_only else {}
    check_per_class(per_class)
    path = _path_of(name_or_path, root)
    if path is None:
        splits = _load_named(str(name_or_path), root, classes, per_class, validation, seed)
    else:
        check_fraction(validation)
        wanted = Wanted(_composed(class_names(classes, None)), per_class, recognized_only, Broken(skip_broken))
        splits = load_path(path, wanted, validation, preprocessing, transpose)
    return replace(splits, loaded=settings)


def check_per_class(per_class: int | None) -> None:
    """Raise ``InputError`` unless this is a number of drawings."""
    if per_class is not None and per_class < 1:
        raise InputError(f"per_class is at least 1; got {per_class}.")


def load_other_classes(name_or_path: str | Path, splits: Splits, **settings: Any) -> NDArray[np.uint8] | None:
    """Drawings of the classes that a dataset has besides some: what a network of these is to refuse.

    Args:
      name_or_path: Of the dataset, as for ``load_dataset``.
      splits: What was loaded of it.
      settings: The other arguments that it was loaded by.

    Returns:
      Some of the training drawings, uint8 ``(n, *splits.train.images.shape[1:])``; ``None`` where there are none.
    """
    wanted = settings.get("classes")
    if wanted == "all" or (wanted is None and name_or_path not in ("doodles", "quickdraw")):
        return None
    try:
        every = load_dataset(name_or_path, **settings | {"classes": "all", "per_class": PER_OTHER_CLASS}).train
    except InputError as error:
        warnings.warn(DataWarning(f"drawings of other classes are not taken to be refused: {error}"), stacklevel=2)
        return None
    if every.images.dtype != np.uint8 or every.images.shape[1:] != splits.train.images.shape[1:]:
        return None
    found = _others(every, splits.classes)
    return found if len(found) else None


def load_outliers(name_or_path: str | Path, splits: Splits, root: str | Path | None = None) -> NDArray[np.uint8]:
    """Drawings of another dataset than that of a network, prepared as its own: what it is to refuse.

    Args:
      name_or_path: Of the dataset, as for ``load_dataset``; or ``"scribbles"`` or ``"signs"``: generated ones.
      splits: What the network learns. Classes of the same names are left out.
      root: The data folder.

    Returns:
      Some of the training drawings, uint8 ``(n, *splits.preprocessing.image_shape)``.

    Raises:
      InputError: The dataset cannot be loaded, or shows no drawing of other classes.
    """
    wanted, found = splits.preprocessing, []
    if generated := GENERATED.get(str(name_or_path)):
        generate, count = generated
        return generate(wanted, count, np.random.default_rng(1), classes=splits.classes)
    every = load_dataset(name_or_path, root=root, classes="all", per_class=PER_OTHER_CLASS)
    drawings = _others(every.train, splits.classes)
    if every.preprocessing == wanted and drawings.dtype == np.uint8:
        found = list(drawings)
    else:
        for drawing in drawings:
            with suppress(NoDrawingError):
                found.append(preprocess(drawing, wanted).bitmap.reshape(wanted.image_shape))
    if not found:
        raise InputError(f"{name_or_path}: shows no drawing of a class that {splits.name} does not have.")
    return np.stack(found)


def _others(every: Dataset, classes: Sequence[str]) -> NDArray[Any]:
    """Some of the images of other classes, of each as many."""
    rows = np.flatnonzero(~np.isin(np.array(every.classes)[every.labels], classes))
    return np.asarray(every.images[rows[spread(len(rows), MOST_OTHERS)]])


def _composed(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(unicodedata.normalize("NFC", name) for name in names)


def _path_of(name_or_path: str | Path, root: str | Path | None) -> Path | None:
    """The path that is meant; ``None`` for a dataset by name, which is said where a folder has the same name."""
    name, path = str(name_or_path), Path(name_or_path).expanduser()
    if name in NAMES and not isinstance(name_or_path, Path):
        own = path.exists() and any(path.iterdir() if path.is_dir() else [path])
        if own and not (name in FOLDERS and path.resolve() == (data_root(root) / FOLDERS[name]).resolve()):
            warnings.warn(
                DataWarning(f"{name}: the dataset of this name, not the folder; that one is ./{name}."), stacklevel=3
            )
        return None
    if not path.exists():
        near = [each for each in path.parent.glob("*") if _same(each.name, path.name)] if path.parent.is_dir() else []
        if not near:
            hint = did_you_mean(str(path), NAMES)
            raise InputError(f"{path}: no such folder; a dataset is {', '.join(NAMES)} or a file or folder{hint}")
        path = near[0]
    return path


def _same(one: str, other: str) -> bool:
    """Whether two names are equal text, however their accents are written."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def _load_named(
    name: str, root: str | Path | None, classes: Any, per_class: int | None, validation: float, seed: int
) -> Splits:
    chosen = class_names(classes, REPORT_CLASSES if name in ("doodles", "quickdraw") else None)
    if name == "doodles":
        doodles = synthetic.generate_doodles(chosen, per_class or synthetic.PER_CLASS, seed)
        return split_by_hash(doodles, QUICKDRAW, validation)
    root = data_root(root)
    if name == "quickdraw":
        order = official_order(root / CATEGORIES_FILE)
        drawings = read_bitmaps(root / FOLDERS[name], name, chosen, per_class or PER_CLASS, order)
        return split_by_hash(drawings, QUICKDRAW, validation)
    train, test = read_mnist(root / FOLDERS["mnist"])
    if name == "mnist":
        return split_training(train, test, MNIST, validation, chosen, per_class)
    official = test
    train, test = mini_mnist.read_mini_mnist(root / FOLDERS[name], train)
    extra = {"clean": without(test, train), "official": official}
    return split_training(train, test, MNIST, validation, chosen, per_class, extra)


def list_datasets(root: str | Path | None = None) -> list[DatasetStatus]:
    """Which datasets are in the data folder, by the names of their files alone.

    Args:
      root: The data folder; ``None`` for that of ``data_root``.

    Returns:
      A status for each of ``NAMES``.

    Raises:
      InputError: ``root`` or ``$JAXDOODLE_DATA`` names no folder.
    """
    folders = {name: data_root(root) / folder for name, folder in FOLDERS.items()}
    missing = ", ".join(name for name in MNIST_SHA256 if not mnist_path(folders["mnist"], name).is_file())
    lacking = f"missing: {missing}" if missing else ""
    classes = len(find_bitmaps(folders["quickdraw"]))
    return [
        DatasetStatus("doodles", True, f"built in, generated from a seed: {', '.join(synthetic.CLASSES)}"),
        DatasetStatus("mnist", not missing, lacking or f"60,000 + 10,000 digits in {folders['mnist']}"),
        DatasetStatus("mnist-mini", not missing, lacking or "1,000 + 350 of them, those of Ratul Banik's report"),
        DatasetStatus("quickdraw", classes > 0, f"{classes} classes of doodles in {folders['quickdraw']}"),
    ]


def verify(root: str | Path | None = None) -> list[FileStatus]:
    """Read every file of the datasets in the data folder: MNIST by SHA-256, bitmaps by header and length.

    Args:
      root: The data folder; ``None`` for that of ``data_root``.

    Returns:
      A status for each file; none for a dataset without a folder.

    Raises:
      InputError: ``root`` or ``$JAXDOODLE_DATA`` names no folder.
    """
    root = data_root(root)
    mnist, mini, bitmaps = (root / FOLDERS[name] for name in ("mnist", "mnist-mini", "quickdraw"))
    found = []
    if mnist.is_dir():
        found += [verify_file(mnist_path(mnist, name), partial(summarize_mnist, name=name)) for name in MNIST_SHA256]
    if mini.is_dir():
        found += [verify_file(mini_mnist.index_path(mini, name), _summarize_index) for name in mini_mnist.INDEX_FILES]
    if bitmaps.is_dir():
        found += [verify_file(path, summarize_bitmaps) for path in find_bitmaps(bitmaps).values()]
    if (root / CATEGORIES_FILE).is_file():
        found.append(verify_file(root / CATEGORIES_FILE, lambda path: f"{len(read_names(path))} classes"))
    return found


def verify_file(path: Path, summarize: Callable[[Path], str]) -> FileStatus:
    """The status of a file that ``summarize`` reads; it raises ``InputError`` where the file is damaged."""
    try:
        return FileStatus(path, True, summarize(path))
    except InputError as error:
        return FileStatus(path, False, str(error))


def summarize_bitmaps(path: Path) -> str:
    return f"{len(open_bitmaps(path)):,} drawings"


def summarize_mnist(path: Path, name: str) -> str:
    array = read_idx(path, 3 if "images" in name else 1, MNIST_SHA256[name])
    return f"{len(array):,} {'images' if array.ndim == 3 else 'labels'}, SHA-256 as published"


def _summarize_index(path: Path) -> str:
    index = mini_mnist.read_index(path, mini_mnist.INDEX_FILES[path.name], below=60_000)
    return f"{len(index):,} rows, {len(set(index)):,} distinct"


def class_names(classes: str | Sequence[str] | None, default: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of the wanted classes, where ``None`` stands for the ``default``; ``None`` for all classes."""
    wanted = default if classes is None else classes
    if wanted is None or wanted == "all":
        return None
    return tuple(name.strip() for name in wanted.split(",")) if isinstance(wanted, str) else tuple(wanted)
