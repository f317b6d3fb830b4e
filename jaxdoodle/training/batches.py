"""The data loader: the images of every epoch in a new order, all of them at once or in chunks.

A set in memory is one chunk, which stays where it is put. A set on disk comes in chunks that are prefetched: one is
read while the one before is trained on. Its order is drawn over the whole set, by runs of neighbors: a chunk is made of
runs from everywhere, mixed. Single images would cost a disk access each, about forty times as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdoodle.data.bitmaps import PIXELS, Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.training.config import DataConfig

__all__ = ["SAMPLING", "DataLoader", "balanced", "data_loader", "natural"]

#: Upper bound of the bytes of a chunk.
CHUNK = 2**25
#: Images that are read from one file in a row.
RUN = 32

#: Images uint8 ``(n, 28, 28, 1)``, labels int32 ``(n,)``, and the order int32 ``(chunk_size,)`` to use them in.
Chunk = tuple[Any, Any, NDArray[np.int32]]
#: ``rows(epoch, positions) -> indices``: which images stand at these positions of the epoch.
Rows = Callable[[int, NDArray[np.integer]], NDArray[np.integer]]
#: Puts images and labels where they are used.
Put = Callable[[tuple[Any, Any]], tuple[Any, Any]]


@dataclass(frozen=True)
class DataLoader:
    """An epoch is the next ``chunks_per_epoch`` of ``chunks``, which never end; each gives ``chunk_size`` images."""

    chunks_per_epoch: int
    chunk_size: int
    chunks: Iterator[Chunk]


def natural(labels: NDArray[np.int32]) -> tuple[int, Rows]:
    """Every image once an epoch.

    Args:
      labels: int32 ``(n,)``.

    Returns:
      The number of images of an epoch, and ``rows(epoch, positions) -> indices``.
    """
    return len(labels), lambda epoch, positions: positions


def balanced(labels: NDArray[np.int32]) -> tuple[int, Rows]:
    """Every class equally often, an epoch about as long as the set; classes without an image excepted.

    Each epoch continues a class where the last one stopped, and starts it again at its end: so each of its images is
    taken as often as the others, give or take one. On disk it may be left out of that epoch, as in ``data_loader``.

    Args:
      labels: int32 ``(n,)``.

    Returns:
      The number of images of an epoch, and ``rows(epoch, positions) -> indices``.
    """
    counts = np.bincount(labels)
    starts = (np.cumsum(counts) - counts)[counts > 0]
    counts = counts[counts > 0]
    share = len(labels) // len(counts)
    by_class = np.argsort(labels, kind="stable").astype(np.int32)

    def rows(epoch: int, positions: NDArray[np.integer]) -> NDArray[np.integer]:
        label, position = np.divmod(positions, share)
        return by_class[starts[label] + (epoch * share + position) % counts[label]]

    return share * len(counts), rows


#: Name -> ``sampling(labels) -> (images of an epoch, rows)``.
SAMPLING = {"natural": natural, "balanced": balanced}


def data_loader(dataset: Dataset, config: DataConfig, devices: int = 1, put: Put = lambda chunk: chunk) -> DataLoader:
    """The images of a dataset, epoch after epoch.

    Args:
      dataset: In memory or on disk.
      config: Of which ``sampling`` and ``seed`` are used.
      devices: Their number divides each chunk.
      put: Puts images and labels where they are used.

    Returns:
      A loader. What does not fill the last chunk is left out of the epoch: other images in every epoch.
    """
    total, rows = SAMPLING[config.sampling](dataset.labels)
    rng = np.random.default_rng(config.seed)
    if not isinstance(dataset.images, Bitmaps):
        size = total // devices * devices
        return DataLoader(1, size, _in_memory(dataset, total, rows, size, rng, put))
    chunks = math.ceil(total * PIXELS / CHUNK)
    runs = total // (chunks * RUN * devices) * devices
    return DataLoader(chunks, runs * RUN, _prefetch(_from_disk(dataset, total, rows, chunks, runs, rng, put)))


def _in_memory(
    dataset: Dataset, total: int, rows: Rows, size: int, rng: np.random.Generator, put: Put
) -> Iterator[Chunk]:
    images, labels = put((dataset.images, dataset.labels))
    for epoch in count():
        yield images, labels, rows(epoch, rng.permutation(total)[:size]).astype(np.int32)


def _from_disk(
    dataset: Dataset, total: int, rows: Rows, chunks: int, runs: int, rng: np.random.Generator, put: Put
) -> Iterator[Chunk]:
    for epoch in count():
        shift = rng.integers(total)  # where the first run begins, and so which images are left out
        order = rng.permutation(total // RUN)
        for chunk in range(chunks):
            begins = order[chunk * runs : (chunk + 1) * runs, None] * RUN + shift
            indices = rows(epoch, (begins + np.arange(RUN)).ravel() % total)
            images, labels = put((dataset.images[indices], dataset.labels[indices]))
            yield images, labels, rng.permutation(len(indices)).astype(np.int32)


def _prefetch(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks, without end, each made in a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, chunks)
        while True:
            chunk = coming.result()
            coming = pool.submit(next, chunks)
            yield chunk
