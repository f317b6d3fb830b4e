"""Downloading datasets by name, from their publishers or from a mirror, into the data folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.data.catalog import (
    CATEGORIES_FILE,
    FOLDERS,
    REPORT_CLASSES,
    STROKES_FOLDER,
    FileStatus,
    class_names,
    summarize_mnist,
)
from jaxdoodle.data.dataset import choose_classes
from jaxdoodle.data.download import files, others
from jaxdoodle.data.download.http import MirrorError, Transfer, pull
from jaxdoodle.data.download.lock import locked
from jaxdoodle.data.readers.idx import MNIST_SHA256, MNIST_SOURCES, mnist_path
from jaxdoodle.data.readers.quickdraw import PER_CLASS, official_order

NAMES = ("mnist", "mnist-mini", "quickdraw", *others.FILES)
#: Beginning of a path in the data folder -> the addresses it stands for. A mirror has the layout of a data folder.
PUBLISHERS = {
    "mnist/": MNIST_SOURCES,
    **others.ADDRESSES,
    "quickdraw/full/": ("https://storage.googleapis.com/quickdraw_dataset/full/",),
    "quickdraw/": ("https://raw.githubusercontent.com/googlecreativelab/quickdraw-dataset/master/",),
}
Summarize = Callable[..., str | None]
Fill = Callable[..., str]

AT_ONCE = 8  # files that are downloaded at the same time


@dataclass(frozen=True)
class Item:
    """A file to download.

    ``path``       its path.
    ``urls``       its addresses, tried in turn.
    ``summarize``  of the existing file: one line on its contents; ``None`` where they are too few.
    ``fill``       a function of ``files`` that downloads it.
    """

    path: Path
    urls: tuple[str, ...]
    summarize: Summarize
    fill: Fill


def get(
    name: str,
    root: Path,
    classes: str | Sequence[str] | None = None,
    per_class: int = PER_CLASS,
    strokes: bool = False,
    base_url: str | None = None,
    transfer: Transfer | None = None,
    done: Callable[..., None] = lambda status, total: None,
) -> list[FileStatus]:
    """Download a dataset into a data folder. Files that are there already are kept.

    Args:
      name: ``"mnist"``, ``"mnist-mini"`` (MNIST; its index comes with the package), ``"quickdraw"``, or ``"fashion"``,
        ``"kmnist"`` and ``"emnist"``, which are then loaded by the path of their folder.
      root: The data folder.
      classes: Of quickdraw: class names as a sequence or one string with commas, ``"all"``, or ``None`` for the five
        of the report.
      per_class: Of quickdraw: the first drawings of each class; no more bytes are requested than they take.
      strokes: Of quickdraw: whether to download the simplified strokes of these drawings as well.
      base_url: Address of a mirror with the layout of a data folder, in place of the publishers.
      transfer: Timeouts and progress of the downloads.
      done: Called with the status of each file when it is done, and ``total``, the number of files.

    Returns:
      The status of each file.

    Raises:
      InputError: A class is unknown, or ``base_url`` is no address.
      FailedError: All classes are wanted, and the list of their names cannot be downloaded.
    """
    if base_url is not None and not _is_address(base_url):
        raise InputError(f"{base_url}: is no address of a mirror; expected http://... or https://...")
    transfer = transfer or Transfer()
    if name != "quickdraw":
        if classes or strokes:
            raise InputError(f"{name}: found --classes or --strokes; expected them for quickdraw alone.")
        if name in others.FILES:
            items = [
                _item(
                    root, f"{name}/{file}", base_url, *(partial(f, md5=md5) for f in (others.summarize, others.checked))
                )
                for file, md5 in others.FILES[name].items()
            ]
        else:
            items = [_mnist(root, idx_name, base_url) for idx_name in MNIST_SHA256]
        found = _fetch_all(items, transfer, partial(done, total=len(items)))
        if name in others.FILES and all(status.ok for status in found):
            others.finish(name, root / name)
        return found
    categories = _item(root, CATEGORIES_FILE, base_url, files.summarize_names, files.names)
    listed = fetch(categories, transfer)
    if not listed.ok and classes == "all":
        raise FailedError(listed.text)
    wanted = _chosen(classes, official_order(categories.path) if listed.ok else ())
    items = []
    for class_name in wanted:
        relative = f"{FOLDERS['quickdraw']}/{class_name}.npy"
        items.append(_counted(root, relative, base_url, per_class, files.summarize_bitmaps, files.bitmaps))
        if strokes:
            relative = f"{STROKES_FOLDER}/{class_name}.ndjson"
            items.append(_counted(root, relative, base_url, per_class, files.summarize_drawings, files.drawings))
    report = partial(done, total=len(items) + 1)
    report(listed)
    return [listed, *_fetch_all(items, transfer, report)]


def fetch(item: Item, transfer: Transfer) -> FileStatus:
    """Download one file: address after address; a cut transfer is continued; only a checked file gets its name."""
    item.path.parent.mkdir(parents=True, exist_ok=True)
    part = item.path.with_name(item.path.name + ".part")
    with locked(item.path.with_name(item.path.name + ".lock")):
        try:
            if item.path.exists() and (text := item.summarize(item.path)):
                return FileStatus(item.path, True, f"{text}, there already")
        except InputError as error:
            return FileStatus(item.path, False, f"{error} Move it away to download it.")
        faults, urls = [], list(item.urls)
        while urls:
            url = urls.pop(0)
            continued = part.exists()
            try:
                text = item.fill(part, item.path, partial(pull, url, transfer))
                if part.exists():
                    os.replace(part, item.path)
                return FileStatus(item.path, True, text)
            except MirrorError as error:
                faults.append(f"{url}: {error}")
            except InputError as error:
                part.unlink(missing_ok=True)
                if continued:  # the earlier part may be at fault
                    urls.insert(0, url)
                else:
                    faults.append(f"{url}: {str(error).removeprefix(f'{part}: ').rstrip('.')}")
        by_hand = "without a network, copy the file there yourself"
        return FileStatus(item.path, False, f"{item.path}: cannot be downloaded ({'; '.join(faults)}); {by_hand}.")


def _fetch_all(items: Sequence[Item], transfer: Transfer, done: Callable[[FileStatus], None]) -> list[FileStatus]:
    """Several at once; the statuses in the order of ``items``."""

    def one(item: Item) -> FileStatus:
        status = fetch(item, transfer)
        done(status)
        return status

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
    zipped = _item(root, f"{FOLDERS['mnist']}/{name}.gz", base_url, partial(summarize_mnist, name=name), files.idx)
    unzipped = mnist_path(zipped.path.parent, name)  # an unzipped copy is used
    return Item(unzipped, zipped.urls, zipped.summarize, zipped.fill)


def _counted(root: Path, relative: str, base_url: str | None, count: int, summarize: Summarize, fill: Fill) -> Item:
    return _item(root, relative, base_url, partial(summarize, count=count), partial(fill, count=count))


def _item(root: Path, relative: str, base_url: str | None, summarize: Summarize, fill: Fill) -> Item:
    if base_url:
        urls: tuple[str, ...] = (f"{base_url.rstrip('/')}/{quote(relative)}",)
    else:
        beginning = next(start for start in PUBLISHERS if relative.startswith(start))
        urls = tuple(address + quote(relative.removeprefix(beginning)) for address in PUBLISHERS[beginning])
    return Item(root / relative, urls, summarize, fill)


def _chosen(classes: str | Sequence[str] | None, official: Sequence[str]) -> tuple[str, ...]:
    """The wanted class names, checked against ``official`` where that is known."""
    wanted = class_names(classes, REPORT_CLASSES)
    if wanted == ():
        wanted = REPORT_CLASSES
    if official or wanted is None:
        return choose_classes(wanted, official, lambda name: f"quickdraw: no class {name!r}")
    for name in wanted:
        if not files.may_be_a_class(name):
            raise InputError(f"quickdraw: {name!r} is no name of a class.")
    return tuple(dict.fromkeys(wanted))
