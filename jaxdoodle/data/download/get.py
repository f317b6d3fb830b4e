"""Datasets by name, from their publishers or from a mirror, into the data root."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.data.catalog import CATEGORIES_FILE, FOLDERS, REPORT_CLASSES, STROKES_FOLDER
from jaxdoodle.data.dataset import choose_classes
from jaxdoodle.data.download import files
from jaxdoodle.data.download.http import MirrorError, Transfer, pull
from jaxdoodle.data.download.lock import locked
from jaxdoodle.data.readers.idx import MNIST_SHA256, MNIST_SOURCES, mnist_path
from jaxdoodle.data.readers.quickdraw import PER_CLASS, official_order

NAMES = ("mnist", "mnist-mini", "quickdraw")
#: Beginning of a path in the data root -> the addresses that stand for it. A mirror has the data root's own layout.
PUBLISHERS = {
    "mnist/": MNIST_SOURCES,
    "quickdraw/full/": ("https://storage.googleapis.com/quickdraw_dataset/full/",),
    "quickdraw/": ("https://raw.githubusercontent.com/googlecreativelab/quickdraw-dataset/master/",),
}
AT_ONCE = 8


@dataclass(frozen=True)
class Item:
    """A file to have: where, from which addresses in turn, what is there (``None``: too little), how to fill it."""

    path: Path
    urls: tuple[str, ...]
    look_into: Callable[[Path], str | None]
    fill: Callable[[Path, Path, files.Pull], str]


@dataclass(frozen=True)
class Outcome:
    """A file that was asked for: whether it is there now, and one line that says what it holds or why it is not."""

    path: Path
    ok: bool
    text: str


def get(
    name: str,
    root: Path,
    classes: str | Sequence[str] | None = None,
    per_class: int = PER_CLASS,
    strokes: bool = False,
    base_url: str | None = None,
    transfer: Transfer | None = None,
    done: Callable[..., None] = lambda outcome, total: None,
) -> list[Outcome]:
    """Fetch ``mnist``, ``mnist-mini`` (which is MNIST and an index) or ``quickdraw`` into ``root``; keep what is there.

    ``classes``    of quickdraw: names, one string with commas, ``"all"``, or ``None`` for those of the report.
    ``per_class``  the first drawings of each class; no more bytes are asked for than they take.
    ``strokes``    fetch the simplified strokes of these drawings too.
    ``base_url``   of a mirror with the layout of a data root, in place of the publishers.
    ``done``       called with each outcome as it comes, and ``total``: how many there will be.

    Raises ``InputError`` at a class or a mirror that cannot be, ``FailedError`` where the list of all classes cannot be
    had.
    """
    if base_url is not None and not _is_address(base_url):
        raise InputError(f"{base_url}: is no address of a mirror; expected http://... or https://...")
    transfer = transfer or Transfer()
    if name != "quickdraw":
        if classes or strokes:
            raise InputError(
                f"{name}: comes as a whole, and without strokes; --classes and --strokes are of quickdraw."
            )
        items = [_mnist(root, idx_name, base_url) for idx_name in MNIST_SHA256]
        return _fetch_all(items, transfer, partial(done, total=len(items)))
    categories = _item(root, CATEGORIES_FILE, base_url, files.look_into_names, files.names)
    listed = fetch(categories, transfer)
    if not listed.ok and classes == "all":
        raise FailedError(listed.text)
    wanted = _chosen(classes, official_order(categories.path) if listed.ok else ())
    items = []
    for class_name in wanted:
        relative = f"{FOLDERS['quickdraw']}/{class_name}.npy"
        items.append(_counted(root, relative, base_url, per_class, files.look_into_bitmaps, files.bitmaps))
        if strokes:
            relative = f"{STROKES_FOLDER}/{class_name}.ndjson"
            items.append(_counted(root, relative, base_url, per_class, files.look_into_drawings, files.drawings))
    tell = partial(done, total=len(items) + 1)
    tell(listed)
    return [listed, *_fetch_all(items, transfer, tell)]


def fetch(item: Item, transfer: Transfer) -> Outcome:
    """Have one file. Mirrors are tried in turn; what was cut is continued; nothing but a checked file gets its name."""
    item.path.parent.mkdir(parents=True, exist_ok=True)
    part = item.path.with_name(item.path.name + ".part")
    with locked(item.path.with_name(item.path.name + ".lock")):
        try:
            if item.path.exists() and (text := item.look_into(item.path)):
                return Outcome(item.path, True, f"{text}, there already")
        except InputError as error:
            return Outcome(item.path, False, f"{error} Move it away to fetch it.")
        faults, urls = [], list(item.urls)
        while urls:
            url = urls.pop(0)
            continued = part.exists()
            try:
                text = item.fill(part, item.path, partial(pull, url, transfer))
                if part.exists():
                    os.replace(part, item.path)
                return Outcome(item.path, True, text)
            except MirrorError as error:
                faults.append(f"{url}: {error}")
            except InputError as error:
                part.unlink(missing_ok=True)
                if continued:  # then that may be at fault
                    urls.insert(0, url)
                else:
                    faults.append(f"{url}: {str(error).removeprefix(f'{part}: ').rstrip('.')}")
        by_hand = "to do without a network, put the file there by hand"
        return Outcome(item.path, False, f"{item.path}: cannot be fetched ({'; '.join(faults)}); {by_hand}.")


def _fetch_all(items: Sequence[Item], transfer: Transfer, done: Callable[[Outcome], None]) -> list[Outcome]:
    """Several at once; the outcomes in the order of ``items``."""

    def one(item: Item) -> Outcome:
        outcome = fetch(item, transfer)
        done(outcome)
        return outcome

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            return list(pool.map(one, items))
        except BaseException:
            transfer.halted.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:
        return False


def _mnist(root: Path, name: str, base_url: str | None) -> Item:
    zipped = _item(root, f"{FOLDERS['mnist']}/{name}.gz", base_url, partial(files.look_into_idx, name=name), files.idx)
    unzipped = mnist_path(zipped.path.parent, name)  # as some keep it
    return Item(unzipped, zipped.urls, zipped.look_into, zipped.fill)


def _counted(root: Path, relative: str, base_url: str | None, count: int, look_into: Callable, fill: Callable) -> Item:
    return _item(root, relative, base_url, partial(look_into, count=count), partial(fill, count=count))


def _item(root: Path, relative: str, base_url: str | None, look_into: Callable, fill: Callable) -> Item:
    if base_url:
        urls: tuple[str, ...] = (f"{base_url.rstrip('/')}/{quote(relative)}",)
    else:
        beginning = next(start for start in PUBLISHERS if relative.startswith(start))
        urls = tuple(address + quote(relative.removeprefix(beginning)) for address in PUBLISHERS[beginning])
    return Item(root / relative, urls, look_into, fill)


def _chosen(classes: str | Sequence[str] | None, official: Sequence[str]) -> tuple[str, ...]:
    """The class names asked for; where all names are known, only those."""
    if classes == "all":
        return tuple(official)
    if isinstance(classes, str):
        classes = [name.strip() for name in classes.split(",")]
    classes = classes or REPORT_CLASSES
    if official:
        return choose_classes(classes, official, lambda name: f"quickdraw: no class {name!r}")
    for name in classes:
        if not name.replace(" ", "").replace("-", "").isalpha():
            raise InputError(f"quickdraw: {name!r} is no name of a class.")
    return tuple(dict.fromkeys(classes))
