"""A file or folder as it lies on the disk: archives are unpacked, and what is in a folder is listed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.files import reading
from jaxdoodle.data.readers.words import split_of

#: Most bytes that an archive is unpacked to.
MOST_BYTES = 2**33
#: How compressed files begin -> what opens them, and their suffix.
COMPRESSED: dict[bytes, tuple[Callable[..., Any], str]] = {
    b"\x1f\x8b": (gzip.open, ".gz"),
    b"BZ": (bz2.open, ".bz2"),
    b"\xfd7": (lzma.open, ".xz"),
}
#: What is named where it is not read: suffixes, which a number may follow, and what it is.
UNREAD = {
    ".7z": "a 7z archive, to be unpacked first",
    ".rar": "a RAR archive, to be unpacked first",
    ".tfrecord": "TFRecord of TensorFlow, to be written as pictures in folders or as parquet first",
    ".mdb": "LMDB, to be written as pictures in folders or as parquet first",
    ".xlsx": "an Excel sheet, to be saved as CSV first",
}
_FAULTS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, lzma.LZMAError, NotImplementedError)


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Path, Path]]:
    """The place of the data in a file or folder, and that file or folder.

    Of an archive (zip, tar, gz), or a folder of archives and other files, it is a folder of the contents, which is
    deleted at the end; errors name the archive. Raises ``InputError`` at a damaged archive.
    """
    entries = [path] if path.is_file() else visible(path)
    archives = [entry for entry in entries if entry.is_file() and is_archive(entry)]
    if not archives or any(entry.is_dir() for entry in entries):
        yield descended(path) if path.is_dir() else path, path
        return
    with tempfile.TemporaryDirectory(prefix="jaxdoodle-") as folder:
        target = Path(folder) / name_of(path)
        target.mkdir()
        _unpack_all(archives, target)
        for entry in set(entries) - set(archives):
            if not (target / entry.name).exists():
                (target / entry.name).symlink_to(entry.resolve())
        inside = descended(target)
        if inner := [entry for entry in visible(inside) if entry.is_file() and is_archive(entry)]:
            _unpack_all(inner, inside)  # a gz in a zip, and the like
            for archive in inner:
                archive.unlink()
        try:
            yield descended(target), target
        except InputError as error:
            raise InputError(str(error).replace(str(target), str(path))) from None


def name_of(path: Path) -> str:
    """The name of a dataset: that of its file or folder, without the suffixes of archives."""
    name = path.resolve().name
    for suffix in (".zip", ".gz", ".bz2", ".xz", ".tgz", ".tar"):
        name = name.removesuffix(suffix)
    for suffix in (".csv", ".npz", ".npy", ".mat", ".pkl", ".pt", ".parquet", ".ndjson", ".arff"):
        name = name.removesuffix(suffix)
    return name or "data"


def is_archive(path: Path) -> bool:
    """Whether this is a zip (but no ``.npz``), a tar, or a gzipped file that is not one of an IDX dataset."""
    begin = begin_of(path)[:2]
    if begin == b"PK":
        return path.suffix.lower() not in (".npz", ".pt", ".pth", ".keras", ".docx", ".xlsx")
    return (begin in COMPRESSED and not ("-ubyte" in path.name or "-int" in path.name)) or path.suffix.lower() == ".tar"


def begin_of(path: Path) -> bytes:
    """The first 16 bytes of a file; none of a link to nothing."""
    with suppress(FileNotFoundError), reading(path), open(path, "rb") as stream:
        return stream.read(16)
    return b""


def visible(folder: Path) -> list[Path]:
    """The entries of a folder, sorted, without those that file managers and archivers add (.DS_Store, __MACOSX)."""
    hidden = (".", "__", "Thumbs.db", "desktop.ini")
    return sorted(path for path in folder.iterdir() if not path.name.startswith(hidden))


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it, sorted by path."""
    found = []
    for path in visible(folder):
        if not path.is_dir():
            found.append(path)
        elif not (path.is_symlink() and folder.resolve().is_relative_to(path.resolve())):  # a link to a folder above
            found += files_below(path)
    return found


def contents_in_words(path: Path) -> str:
    """What lies at a path, by suffix: ``12 files in 3 folders (9 .jpeg, 3 .txt)``."""
    files = files_below(path) if path.is_dir() else [path]
    unread = [what for suffix, what in UNREAD.items() if any(suffix in file.name.lower() for file in files)]
    if path.is_file():
        return unread[0] if unread else f"a file that begins with {begin_of(path)!r}"
    kinds = Counter(file.suffix.lower() or "without a suffix" for file in files).most_common(5)
    folders = len({file.parent for file in files} - {path})
    where = f" in {folders:,} folder{'s' * (folders != 1)}" * bool(folders)
    listed = f" ({', '.join(f'{count:,} {kind}' for kind, count in kinds)})" * bool(files)
    among = f", among them {'; '.join(unread)}" * bool(unread)
    return f"{len(files):,} file{'s' * (len(files) != 1)}{where}{listed}{among}"


def descended(folder: Path) -> Path:
    """The first folder that holds more than one folder, or files: archives often wrap all in one."""
    while len(entries := visible(folder)) == 1 and entries[0].is_dir():
        folder = entries[0]
    return folder


def _unpack_all(archives: list[Path], target: Path) -> None:
    """All into one folder; each into one of its own name where that says a split, or where names occur twice."""
    folders = []
    for number, archive in enumerate(archives):
        folders.append(target / f".{number}")
        folders[-1].mkdir()
        _unpack(archive, folders[-1])
    names = [path.name for folder in folders for path in visible(folder)]
    for archive, folder in zip(archives, folders, strict=True):
        own = archive.stem.removesuffix(".tar")
        if len(set(names)) < len(names) or (split_of(own) and len(archives) > 1 and len(visible(folder)) > 1):
            folder.rename(target / own)
            continue
        for path in folder.iterdir():
            path.rename(target / path.name)
        folder.rmdir()


def _unpack(archive: Path, target: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                members = [info for info in opened.infolist() if "__MACOSX" not in info.filename]
                _refuse_size(archive, sum(info.file_size for info in members))
                for info in members:
                    info.filename = info.filename.replace("\\", "/")  # as some programs of Windows write it
                    opened.extract(info, target)  # which keeps within the folder
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened_tar:
                listed = opened_tar.getmembers()
                _refuse_size(archive, sum(info.size for info in listed))
                for member in listed:
                    _extract(opened_tar, member, target)
        else:
            opener, suffix = COMPRESSED[begin_of(archive)[:2]]
            with opener(archive) as stream, open(target / archive.name.removesuffix(suffix), "wb") as file:
                shutil.copyfileobj(_Limited(stream, archive), file, 2**20)
    except (*_FAULTS, RuntimeError) as error:
        raise InputError(f"{archive}: cannot be unpacked; {str(error).rstrip('.')}.") from None


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """A file, or what a link is to, within the folder: what else a tar may hold is no data."""
    try:
        content = archive.extractfile(member)
    except KeyError as error:
        raise tarfile.TarError(error.args[0]) from None
    if content is None:  # a folder
        return
    path = (target / member.name.lstrip("/")).resolve()
    if not path.is_relative_to(target.resolve()):
        raise tarfile.TarError(f"{member.name} lies outside of it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, open(path, "wb") as file:
        shutil.copyfileobj(content, file, 2**20)


def _refuse_size(archive: Path, size: int) -> None:
    if size > MOST_BYTES:
        raise InputError(f"{archive}: unpacks to {size:,} bytes; at most {MOST_BYTES:,} are unpacked.")


class _Limited:
    """A stream that ends in an error after ``MOST_BYTES``."""

    def __init__(self, stream: Any, archive: Path) -> None:
        self.stream, self.archive, self.count = stream, archive, 0

    def read(self, size: int = -1, /) -> bytes:
        chunk = self.stream.read(size)
        self.count += len(chunk)
        _refuse_size(self.archive, self.count)
        return chunk
