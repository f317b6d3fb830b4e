"""What a data root holds, and whether it is what it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.data import synthetic
from jaxdoodle.data.catalog import CATEGORIES_FILE, FOLDERS
from jaxdoodle.data.dataset import read_names
from jaxdoodle.data.readers.idx import MNIST_SHA256, mnist_path, read_idx
from jaxdoodle.data.readers.mini_mnist import INDEX_FILES, index_path, read_index
from jaxdoodle.data.readers.quickdraw import find_bitmaps, open_bitmaps


@dataclass(frozen=True)
class Entry:
    """A dataset by name: whether its files are there, and one line that says what is, or what is missing."""

    name: str
    present: bool
    text: str


@dataclass(frozen=True)
class Check:
    """A file that was looked into: whether it is sound, and one line that says what it holds, or what is wrong."""

    path: Path
    ok: bool
    text: str


def list_datasets(root: Path) -> list[Entry]:
    """Every dataset that has a name. Looks at file names alone."""
    folders = {name: root / folder for name, folder in FOLDERS.items()}
    mnist = [name for name in MNIST_SHA256 if not mnist_path(folders["mnist"], name).is_file()]
    classes = len(find_bitmaps(folders["quickdraw"]))
    return [
        Entry("doodles", True, f"built in, drawn from a seed: {', '.join(synthetic.CLASSES)}"),
        _entry("mnist", mnist, f"60,000 + 10,000 digits in {folders['mnist']}"),
        _entry("mnist-mini", mnist, "1,000 + 350 of them, listed by Ratul Banik's report"),
        Entry("quickdraw", classes > 0, f"{classes} classes of doodles in {folders['quickdraw']}"),
    ]


def verify(root: Path) -> list[Check]:
    """Looks into every file of the datasets whose folders are under ``root``: MNIST by SHA-256, bitmaps by header."""
    mnist, mini, bitmaps = (root / FOLDERS[name] for name in ("mnist", "mnist-mini", "quickdraw"))
    checks = []
    if mnist.is_dir():
        checks += [_check(mnist_path(mnist, name), _look_into_mnist) for name in MNIST_SHA256]
    if mini.is_dir():
        checks += [_check(index_path(mini, name), _look_into_index) for name in INDEX_FILES]
    if bitmaps.is_dir():
        checks += [_check(path, _look_into_bitmaps) for path in find_bitmaps(bitmaps).values()]
    if (root / CATEGORIES_FILE).is_file():
        checks.append(_check(root / CATEGORIES_FILE, _look_into_names))
    return checks


def _entry(name: str, missing: Iterable[str], text: str) -> Entry:
    missing = ", ".join(missing)
    return Entry(name, not missing, f"missing: {missing}" if missing else text)


def _check(path: Path, look_into: Callable[[Path], str]) -> Check:
    try:
        return Check(path, True, look_into(path))
    except InputError as error:
        return Check(path, False, str(error))


def _look_into_mnist(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    array = read_idx(path, 3 if "images" in name else 1, MNIST_SHA256[name])
    return f"{len(array):,} {'images' if array.ndim == 3 else 'labels'}, SHA-256 as published"


def _look_into_index(path: Path) -> str:
    index = read_index(path, INDEX_FILES[path.name], below=60_000)
    return f"{len(index):,} rows, {len(set(index)):,} distinct"


def _look_into_bitmaps(path: Path) -> str:
    return f"{len(open_bitmaps(path)):,} drawings"


def _look_into_names(path: Path) -> str:
    return f"{len(read_names(path))} classes"
