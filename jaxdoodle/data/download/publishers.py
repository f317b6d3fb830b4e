"""Downloading datasets by name, from their publishers or from a mirror, into the data folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.data import catalog
from jaxdoodle.data.catalog import FileStatus
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
#: What there is of each class of quickdraw: how it is downloaded, how it is checked, and its path.
KINDS = (
    (files.bitmaps, files.summarize_bitmaps, f"{catalog.FOLDERS['quickdraw']}/{{}}.npy"),
    (files.drawings, files.summarize_drawings, f"{catalog.STROKES_FOLDER}/{{}}.ndjson"),
)

AT_ONCE = 8  # files that are downloaded at the same time


@dataclass(frozen=True)
class Item:
    """A file to download.

    ``path``   its path.
    ``urls``   its addresses, tried in turn.
    ``check``  one line on the contents of the file at a path; ``None`` where they are right and too few.
    ``fill``   a function of ``files`` that downloads it.
    """

    path: Path
    urls: tuple[str, ...]
    check: Callable[[Path], str | None]
    fill: Callable[[Path, Path, files.Pull], None]


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
    if name != "quickdraw" and (classes or strokes):
        raise InputError(f"{name}: found --classes or --strokes; expected them for quickdraw alone.")
    catalog.check_per_class(per_class)
    transfer, item, found = transfer or Transfer(), partial(_item, root, base_url), []
    root.mkdir(parents=True, exist_ok=True)
    with locked(root / ".lock"):
        if name in others.FILES:
            sums = others.FILES[name].items()
            items = [item(f"{name}/{file}", partial(others.summarize, md5=md5), files.whole) for file, md5 in sums]
        elif name != "quickdraw":
            items = [_mnist(item, file) for file in MNIST_SHA256]
        else:
            names = item(catalog.CATEGORIES_FILE, files.summarize_names, partial(files.whole, most=files.NAMES_BYTES))
            found = [fetch(names, transfer)]
            items = []
            for class_name in _chosen(classes, found[0]):
                for fill, check, path in KINDS[: 1 + strokes]:
                    relative = path.format(class_name)
                    items.append(item(relative, partial(check, count=per_class), partial(fill, count=per_class)))
        found += _fetch_all(items, transfer, partial(done, total=len(items)))
        if name in others.FILES and all(status.ok for status in found):
            others.finish(name, root / name)
    return found


def fetch(item: Item, transfer: Transfer) -> FileStatus:
    """Download one file: address after address; a cut transfer is continued; only a checked file gets its name."""
    part = item.path.with_name(item.path.name + ".part")
    try:
        if item.path.exists() and (text := item.check(item.path)):
            return FileStatus(item.path, True, f"{text}, there already")
    except InputError as error:
        return FileStatus(item.path, False, f"{error} Move it away to download it.")
    faults, urls = [], list(item.urls)
    while urls:
        url = urls.pop(0)
        try:
            item.path.parent.mkdir(parents=True, exist_ok=True)
            continued = part.exists()
            item.fill(part, item.path, partial(pull, url, transfer))
            text = item.check(part) or "all drawings there are"
            os.replace(part, item.path)
            return FileStatus(item.path, True, text)
        except MirrorError as error:
            words = "".join(char if char.isprintable() else " " for char in str(error))  # a server's
            faults.append(f"{url}: {words[:200].strip()}")
        except OSError as error:
            return FileStatus(item.path, False, f"{part}: cannot be written; {error.strerror}.")
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
            return list(pool.map(one, items))  # its end cancels what has not begun
        except BaseException:
            transfer.halted.set()
            raise


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and text.isprintable()
    except ValueError:
        return False


def _mnist(item: Callable[..., Item], name: str) -> Item:
    zipped = item(f"{catalog.FOLDERS['mnist']}/{name}.gz", partial(catalog.summarize_mnist, name=name), files.whole)
    return replace(zipped, path=mnist_path(zipped.path.parent, name))  # an unzipped copy is used


def _item(root: Path, base_url: str | None, relative: str, *how: Any) -> Item:
    """A file by its path in the data folder, ``check`` and ``fill``."""
    start = "" if base_url else next(start for start in PUBLISHERS if relative.startswith(start))
    addresses = (f"{base_url.rstrip('/')}/",) if base_url else PUBLISHERS[start]
    return Item(root / relative, tuple(url + quote(relative.removeprefix(start)) for url in addresses), *how)


def _chosen(classes: str | Sequence[str] | None, listed: FileStatus) -> tuple[str, ...]:
    """The wanted class names, checked against the official list where that is there."""
    wanted = catalog.class_names(classes or None, catalog.REPORT_CLASSES)
    if wanted is None and not listed.ok:
        raise FailedError(listed.text)
    known = official_order(listed.path) if listed.ok else [name for name in wanted or () if files.may_be_a_class(name)]
    return choose_classes(wanted, known, lambda name: f"quickdraw: no class {name!r}")
