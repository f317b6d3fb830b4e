"""Which dataset lies at a path, told from its content, and the reader that reads it."""

from __future__ import annotations

from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import BYTES, header_of
from jaxdoodle.data.bitmaps import PIXELS
from jaxdoodle.data.readers import idx, mini_mnist, quickdraw
from jaxdoodle.data.readers.found import Found, Part, Wanted, names_of_labels
from jaxdoodle.data.readers.image_folder import read_image_folder
from jaxdoodle.data.readers.source import contents_in_words, files_below, visible
from jaxdoodle.data.readers.strokes import SUFFIXES, read_sketch_rnn, read_stroke_files
from jaxdoodle.data.readers.tables.arrays import read_arrays
from jaxdoodle.data.readers.tables.cifar import read_cifar
from jaxdoodle.data.readers.tables.csv import is_table, read_tables
from jaxdoodle.data.readers.tables.matlab import read_matlab
from jaxdoodle.data.readers.tables.parquet import read_parquet
from jaxdoodle.strokes.sketch_rnn import is_sketch_rnn

TABLES = (".csv", ".tsv", ".data", ".txt", ".tra", ".tes", ".train", ".test")
EXPECTED = (
    "a folder of pictures (png, jpg, ...) or of strokes (ndjson, svg, bin, json) for each class, with train and test "
    "above or not; four IDX files; CSV tables of pixels with labels, or of drawings; .npy or .npz arrays; parquet of "
    "Hugging Face; CIFAR's pickles; .mat; sketch-rnn .npz; any of them in a zip, tar or gz"
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
    found = _from_file(path, wanted) if path.is_file() else _from_folder(path, wanted)
    if found is None or not sum(len(part.labels) for part in found.parts.values()):
        raise InputError(f"{path}: no dataset in it; found {contents_in_words(path)}; expected {EXPECTED}.")
    if "train" not in found.parts:
        parts = found.parts.values()
        items, labels = [one for part in parts for one in part.items], [name for part in parts for name in part.labels]
        found.parts = {"train": Part(items, labels)}
    return found


def _from_file(path: Path, wanted: Wanted) -> Found | None:
    with open(path, "rb") as stream:
        begin = stream.read(128)
    if begin[:6] == b"\x93NUMPY" or begin[:2] == b"PK":
        return read_sketch_rnn([path], wanted) if is_sketch_rnn(path) else read_arrays([path], wanted)
    if begin[:4] == b"PAR1" or path.suffix == ".arrow":
        return read_parquet([path])
    if begin.startswith(b"MATLAB") or path.suffix.lower() == ".mat":
        return read_matlab(path, wanted)
    if path.suffix.lower() in SUFFIXES:
        return read_stroke_files(path.parent, [path], wanted)
    return read_tables([path], wanted)


def _from_folder(folder: Path, wanted: Wanted) -> Found | None:
    top = [path for path in visible(folder) if path.is_file()]
    raw = [place for place in (folder, folder / "raw", *folder.glob("*/raw")) if place.is_dir()]
    for place in raw:  # torchvision keeps the files in NAME/raw
        if any(idx.IDX_NAME.fullmatch(path.name) for path in visible(place)):
            return idx.read_idx_folder(place)
    if any(path.name in mini_mnist.CSV_FILES for path in top):
        train, test = mini_mnist.read_csv_folder(folder)
        parts = {"train": (train.images, train), "test": (test.images, test)}
        named = {split: Part(images, names_of_labels(data.labels, "")) for split, (images, data) in parts.items()}
        return Found("four CSV files", named, train.classes)
    files = files_below(folder)
    arrays = [path for path in top if path.suffix.lower() in (".npy", ".npz") or _is_idx(path)]
    if arrays and all(map(is_sketch_rnn, arrays)):
        return read_sketch_rnn(arrays, wanted)
    if arrays and all(map(_is_bitmaps, arrays)):
        data = quickdraw.read_bitmaps(folder, folder.name, wanted.classes, wanted.per_class or quickdraw.PER_CLASS)
        return Found("Quick, Draw! bitmaps", {"train": Part(data.images, data.labels)}, data.classes)  # type: ignore[arg-type]
    if arrays:
        return read_arrays(arrays, wanted)
    if (cifar := read_cifar(files)) is not None:
        return cifar
    if parquets := [path for path in files if path.suffix.lower() in (".parquet", ".arrow")]:
        return read_parquet(parquets)
    tables = [path for path in files if path.suffix.lower() in TABLES]
    if any(is_table(path) for path in tables if path.parent == folder):
        return read_tables(tables, wanted)
    if matlab := [path for path in top if path.suffix.lower() == ".mat"]:
        return read_matlab(matlab[0], wanted)
    if (pictures := read_image_folder(folder, wanted)) is not None:
        return pictures
    if any(map(is_table, tables)):
        return read_tables(tables, wanted)
    strokes = [path for path in files if path.suffix.lower() in SUFFIXES]
    return read_stroke_files(folder, strokes, wanted) if strokes else None


def _is_idx(path: Path) -> bool:
    return "idx" in path.name.lower() and bool(idx.idx_dimensions(path))


def _is_bitmaps(path: Path) -> bool:
    """Whether a file is Quick, Draw!'s: uint8 of 784 columns. A damaged one is left to its reader."""
    if path.suffix.lower() != ".npy":
        return False
    try:
        _, dtype, column_major, shape = header_of(path)
    except InputError:
        return True
    return dtype in BYTES and not column_major and len(shape) == 2 and shape[1] == PIXELS
