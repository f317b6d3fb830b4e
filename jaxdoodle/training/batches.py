"""What training eats: the drawings of every epoch in a new order, all of them at once or in chunks.

A set in memory is one chunk, which stays where it is put. A set on disk comes in chunks that are read while the one
before is trained on. Its order is drawn over the whole set, by runs of neighbours: a chunk is made of runs from
everywhere, mixed. Single drawings would cost a disk access each, some forty times as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from jaxdoodle.data.bitmaps import PIXELS, Bitmaps
from jaxdoodle.data.dataset import Dataset

#: Bytes of a chunk, at most.
CHUNK = 2**25
#: Drawings that come in a row from one file.
RUN = 32

Chunk = tuple[Any, Any, np.ndarray]
Rows = Callable[[int, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Feed:
    """An epoch is ``chunks`` of ``draws``, which never end; each is images uint8 ``(n, 28, 28, 1)``, labels int32
    ``(n,)`` and the order int32 ``(size,)`` in which these are to be used."""

    chunks: int
    size: int
    draws: Iterator[Chunk]


def natural(labels: np.ndarray) -> tuple[int, Rows]:
    """Every drawing once an epoch."""
    return len(labels), lambda epoch, places: places


def balanced(labels: np.ndarray) -> tuple[int, Rows]:
    """Every class equally often, an epoch about as long as the set; classes without a drawing excepted.

    Each epoch takes up a class where the last one left it, and begins it anew at its end: so each of its drawings
    has its turn as often as the others, give or take one. On disk it may sit that epoch out, as ``feed`` says.
    """
    counts = np.bincount(labels)
    starts = (np.cumsum(counts) - counts)[counts > 0]
    counts = counts[counts > 0]
    share = len(labels) // len(counts)
    by_class = np.argsort(labels, kind="stable").astype(np.int32)

    def rows(epoch, places):
        label, place = np.divmod(places, share)
        return by_class[starts[label] + (epoch * share + place) % counts[label]]

    return share * len(counts), rows


#: Labels -> how many drawings make an epoch, and ``rows(epoch, places)``: which ones stand at these places of it.
SAMPLING = {"natural": natural, "balanced": balanced}


def feed(
    data: Dataset, sampling: str, devices: int, rng: np.random.Generator, place: Callable = lambda chunk: chunk
) -> Feed:
    """The drawings of ``data`` epoch after epoch, sampled as ``SAMPLING`` has it, ``devices`` dividing each chunk.

    ``place`` puts images and labels where they are used. What does not fill the last chunk sits out the epoch: others
    in every epoch.
    """
    total, rows_of = SAMPLING[sampling](data.labels)
    if not isinstance(data.images, Bitmaps):
        size = total // devices * devices
        return Feed(1, size, _resident(data, total, rows_of, size, rng, place))
    chunks = math.ceil(total * PIXELS / CHUNK)
    runs = total // (chunks * RUN * devices) * devices
    return Feed(chunks, runs * RUN, _ahead(_from_disk(data, total, rows_of, chunks, runs, rng, place)))


def _resident(
    data: Dataset, total: int, rows_of: Rows, size: int, rng: np.random.Generator, place: Callable
) -> Iterator[Chunk]:
    images, labels = place((data.images, data.labels))
    for epoch in count():
        yield images, labels, rows_of(epoch, rng.permutation(total)[:size]).astype(np.int32)


def _from_disk(
    data: Dataset, total: int, rows_of: Rows, chunks: int, runs: int, rng: np.random.Generator, place: Callable
) -> Iterator[Chunk]:
    for epoch in count():
        shift = rng.integers(total)  # where the first run begins, and so who sits out
        order = rng.permutation(total // RUN)
        for chunk in range(chunks):
            begins = order[chunk * runs : (chunk + 1) * runs, None] * RUN + shift
            rows = rows_of(epoch, (begins + np.arange(RUN)).ravel() % total)
            images, labels = place((data.images[rows], data.labels[rows]))
            yield images, labels, rng.permutation(len(rows)).astype(np.int32)


def _ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same without end, each made in a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks)
        while True:
            chunk = coming.result()
            coming = pool.submit(next, chunks)
            yield chunk
