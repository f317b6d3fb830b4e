"""Fashion-MNIST, Kuzushiji-MNIST and EMNIST: their files, and the MD5 of each as published beside them.

The sums are those that torchvision checks (``torchvision/datasets/mnist.py``).
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

from jaxdoodle.core.errors import InputError
from jaxdoodle.data.readers.class_names import GARMENTS, SYLLABLES

FILES = {
    "fashion": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
    "kmnist": {
        "train-images-idx3-ubyte.gz": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte.gz": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte.gz": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte.gz": "7320c461ea6c1c855c0b718fb2a4b134",
    },
    "emnist": {"gzip.zip": "58c8d27c78d21e728a6bc7b3cc06412e"},
}
ADDRESSES = {
    "fashion/": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    "kmnist/": ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
    "emnist/": ("https://biometrics.nist.gov/cs_links/EMNIST/",),
}
#: Class names, written to ``classes.txt`` beside the files; EMNIST's follow from the names of its parts.
CLASSES = {"fashion": GARMENTS, "kmnist": SYLLABLES}


def summarize(path: Path, md5: str) -> str:
    """One line on a file. Raises ``InputError`` where it has another sum."""
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise InputError(f"{path}: MD5 is {found}; published is {md5}.")
    return f"{path.stat().st_size:,} bytes, MD5 as published"


def finish(name: str, folder: Path) -> None:
    """Class names beside the files; EMNIST's archive as one folder of four files for each of its parts."""
    if name in CLASSES:
        (folder / "classes.txt").write_text("\n".join([*CLASSES[name], ""]), encoding="utf-8")
        return
    with zipfile.ZipFile(folder / "gzip.zip") as archive:
        for member in archive.namelist():
            if match := re.fullmatch(r".*/(emnist-([a-z]+)-[^/]*-ubyte\.gz)", member):
                (folder / match[2]).mkdir(exist_ok=True)
                (folder / match[2] / match[1]).write_bytes(archive.read(member))
