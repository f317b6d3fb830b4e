"""Which dataset lies at a path, told from its content, and the reader that reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import BYTES, header_of
from jaxdoodle.data.bitmaps import PIXELS
from jaxdoodle.data.readers import quickdraw
from jaxdoodle.data.readers.class_names import known_names, names_beside
from jaxdoodle.data.readers.found import Found, Part, Wanted
from jaxdoodle.data.readers.idx import is_idx
from jaxdoodle.data.readers.image_folder import read_image_folder
from jaxdoodle.data.readers.source import begin_of, contents_in_words, files_below, visible
from jaxdoodle.data.readers.strokes import SUFFIXES, read_sketch_rnn, read_stroke_files
from jaxdoodle.data.readers.tables.arrays import is_arrays, read_arrays
from jaxdoodle.data.readers.tables.csv import is_table, read_tables
from jaxdoodle.data.readers.tables.parquet import read_parquet
from jaxdoodle.data.readers.words import split_of
from jaxdoodle.preprocessing.inputs import suffix_of
from jaxdoodle.preprocessing.inputs.pictures import PICTURE_FORMATS
from jaxdoodle.strokes.sketch_rnn import is_sketch_rnn

TABLES = (
    ".csv", ".tsv", ".data", ".txt", ".tra", ".tes", ".train", ".test", ".arff", ".libsvm", ".svm", ".scale", ".t", "",
)  # fmt: skip
PARQUET = (".parquet", ".pq", ".arrow", ".feather")
JSON = (".json", ".jsonl")
EXPECTED = (
    "a folder of pictures (png, jpg, ...) or of strokes (ndjson, svg, bin, json) for each class, with train and test "
    "above or not; IDX files; tables (CSV, ARFF, LIBSVM) of pixels with labels, or of drawings; arrays (npy, npz, mat, "
    "h5, pkl, pt, json); SQLite; parquet; files of CIFAR, STL-10 and sketch-rnn; any of them in a zip, tar, gz, bz2 or "
    "xz"
)


def read(path: Path, wanted: Wanted) -> Found:
    """Read the dataset in a file or folder.

    Args:
      path: Unpacked.
      wanted: What is to be read.

    Returns:
      Its items by split.

    Raises:
      InputError: There is none; the message lists what was found and what would have been read.
    """
    files = files_below(path) if path.is_dir() else [path]
    if len(files) == 1 and files[0].suffix.lower() in JSON:
        path = files[0]
    found = _from_arrays(path if path.is_dir() else path.parent, files, wanted, path.is_file())
    if found is None or _is_empty(found):
        if pictures := sum(suffix_of(file) in PICTURE_FORMATS for file in files):
            told = f"{pictures:,} picture{'s' * (pictures > 1)} of one class or of none that a name or a table tells"
            raise InputError(f"{path}: found {told}; expected two or more folders, each called as the class it holds.")
        raise InputError(f"{path}: no dataset in it; found {contents_in_words(path)}; expected {EXPECTED}.")
    _name(found, path)
    if "train" not in found.parts:
        parts = found.parts.values()
        items, labels = [one for part in parts for one in part.items], [name for part in parts for name in part.labels]
        found.parts = {"train": Part(items, labels)}
    return found


def _name(found: Found, path: Path) -> None:
    """The classes by their names: those that a file beside the data lists, else those of a known dataset."""
    if found.strokes or not all(isinstance(part.labels, list) for part in found.parts.values()):
        return
    labels = {name for part in found.parts.values() for name in part.labels}
    files = files_below(path) if path.is_dir() else [file for file in visible(path.parent) if file.is_file()]
    names = names_beside(files, labels, found.left_out)
    if not names and isinstance(next(iter(found.parts.values())).items, np.ndarray):
        names = known_names([path, *files] if path.is_dir() else [path], labels)
    if names:
        found.kind += f", its classes named {', '.join(list(names.values())[:2])}, ..."
        for part in found.parts.values():
            part.labels = [names[label] for label in part.labels]
        found.classes = tuple(dict.fromkeys(names.values()))


def _from_arrays(folder: Path, files: list[Path], wanted: Wanted, alone: bool) -> Found | None:
    """The dataset in the files of a folder, or in one that is ``alone``: in arrays, or else in another form."""
    if idx := [file for file in files if is_idx(file)]:
        return read_arrays(idx, wanted)
    near = [file for file in files if file.parent == folder or split_of(file.parent.name)]
    arrays = [file for file in near if is_arrays(file) or (alone and file.suffix.lower() in JSON)]
    top = [file for file in arrays if file.parent == folder]
    if top and all(map(is_sketch_rnn, top)):
        return read_sketch_rnn(top, wanted)
    if top and not alone and all(map(_is_bitmaps, top)) and not all(split_of(file.stem) for file in top):
        data = quickdraw.read_bitmaps(folder, folder.name, wanted.classes, wanted.per_class or quickdraw.PER_CLASS)
        return Found("Quick, Draw! bitmaps", {"train": Part(data.images, data.labels)}, data.classes)  # type: ignore[arg-type]
    fault = None
    if arrays:
        try:
            if (found := read_arrays(arrays, wanted)) is not None:
                return found
        except InputError as error:  # weights, say, beside a dataset of another kind; or drawings in JSON
            fault = error
    found = _from_others(folder, files, wanted, alone)
    if fault is not None:
        if found is None or _is_empty(found):
            raise fault
        if not alone:
            found.left_out.append(f"left out {str(fault).removeprefix(f'{folder}/').rstrip('.')}")
    return found


def _is_empty(found: Found) -> bool:
    return not any(len(part.labels) for part in found.parts.values())


def _from_others(folder: Path, files: list[Path], wanted: Wanted, alone: bool) -> Found | None:
    """What is not in arrays by name."""
    if parquets := [
        path
        for path in files
        if path.suffix.lower() in PARQUET or (alone and begin_of(path).startswith((b"PAR1", b"ARROW1", b"FEA1")))
    ]:
        return read_parquet(parquets, wanted)
    tables = [
        path for path in files if path.suffix.lower() in TABLES or (alone and path.suffix.lower() not in SUFFIXES)
    ]
    if any(is_table(path) for path in tables if path.parent == folder):
        return read_tables(tables, wanted)
    if not alone and (pictures := read_image_folder(folder, wanted)) is not None:
        return pictures
    if any(map(is_table, tables)):
        return read_tables(tables, wanted)
    strokes = [path for path in files if path.suffix.lower() in SUFFIXES]
    return read_stroke_files(folder, strokes, wanted) if strokes else None


def _is_bitmaps(path: Path) -> bool:
    """Whether a file is Quick, Draw!'s: uint8 of 784 columns. A damaged one is left to its reader."""
    if path.suffix.lower() != ".npy":
        return False
    try:
        _, dtype, column_major, shape = header_of(path)
    except InputError:
        return True
    return dtype in BYTES and not column_major and len(shape) == 2 and shape[1] == PIXELS
