"""The data loader: the images of every epoch in a new order, chunk by chunk.

Each chunk is a function of the seed, the epoch and its number alone. A set in memory stays where it is put, and a chunk
is an order. A set on disk is read chunk by chunk; its order is drawn over the whole set, by runs of neighbors: a chunk
is made of runs from everywhere, mixed. Single images would cost a disk access each, about forty times as many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxdoodle.data.bitmaps import IMAGE_SHAPE, PIXELS, Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.training.config import DataConfig

__all__ = ["SAMPLING", "DataLoader", "balanced", "chunk_sizes", "natural", "prefetch"]

#: Upper bound of the bytes of a chunk that is read from disk.
CHUNK = 2**25
#: Upper bound of the bytes of a chunk in memory: nothing is read, so a chunk costs no more than a call.
CHUNK_IN_MEMORY = 2**26
#: Multiplications of the forward pass in a chunk, about: some three seconds of training on two processor cores. A
#: signal and a checkpoint wait for the end of a chunk.
PRODUCTS = 2**35
#: Whole steps in a chunk in memory, at least: of a loop of one step, XLA makes another program, which rounds otherwise.
LEAST = 2
#: Images that are read from one file in a row.
RUN = 32

#: Images uint8 ``(n, height, width, channels)``, labels int32 ``(n,)``, and the order int32 ``(m,)`` to use them in.
Chunk = tuple[Any, Any, NDArray[np.int32]]
#: ``rows(epoch, positions) -> indices``: which images stand at these positions of the epoch.
Rows = Callable[[int, NDArray[np.integer]], NDArray[np.integer]]
#: Puts arrays where they are used.
Put = Callable[[Any], Any]
#: ``share(shape, read)``: an array of this shape where it is used, some of whose rows ``read(slice)`` gives.
Share = Callable[[tuple[int, ...], Callable[[slice], NDArray[Any]]], Any]


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


def chunk_sizes(
    dataset: Dataset, sampling: str, batch_size: int, devices: int = 1, products: int = 1
) -> tuple[int, ...]:
    """Cut an epoch into chunks.

    Args:
      dataset: In memory or on disk.
      sampling: A name of ``SAMPLING``.
      batch_size: In memory, a chunk but the last is a multiple of it.
      devices: Their number divides each chunk.
      products: Multiplications that the network makes of an image.

    Returns:
      The number of images of each chunk. What does not fill the last one is left out of the epoch.
    """
    total, _ = SAMPLING[sampling](dataset.labels)
    if isinstance(dataset.images, Bitmaps):
        chunks = max(
            1, min(total // (RUN * devices), math.ceil(max(total * PIXELS / CHUNK, total * products / PRODUCTS)))
        )
        runs = total // (chunks * RUN * devices) * devices
        return (runs * RUN,) * chunks
    total = total // devices * devices
    image = dataset.images.itemsize * math.prod(dataset.images.shape[1:])
    steps = math.ceil(total / batch_size)
    chunks = math.ceil(total * max(image / CHUNK_IN_MEMORY, products / PRODUCTS))
    most = max(LEAST, math.ceil(steps / chunks)) * batch_size
    sizes = [min(most, total - start) for start in range(0, total, most)]
    if len(sizes) > 1 and sizes[-1] < LEAST * batch_size:
        sizes[-2:] = [sizes[-2] + sizes[-1]]
    return tuple(sizes)


@dataclass(frozen=True, eq=False)
class DataLoader:
    """The images of a dataset, by epoch and chunk.

    Args:
      dataset: In memory or on disk.
      config: Of which ``sampling`` and ``seed`` are used.
      sizes: As ``chunk_sizes`` gives them.
      put: Puts images and labels in memory where they are used.
      share: The same for what is read from disk: a device may need a share of it alone.
      shares: In how many shares a chunk from disk is used, side by side; each has an order of its own.
    """

    dataset: Dataset
    config: DataConfig
    sizes: tuple[int, ...]
    put: Put = lambda arrays: arrays
    share: Share = lambda shape, read: read(slice(None))
    shares: int = 1

    def chunk(self, epoch: int, index: int) -> Chunk:
        """One chunk: the same whenever it is asked for, whatever was asked for before.

        Args:
          epoch: Counted from 0.
          index: Of the chunk within the epoch, counted from 0.

        Returns:
          Images, labels, and the order to use them in, of ``sizes[index]`` images; of each share counted from 0.
        """
        total, rows = self._sampling
        rng = np.random.default_rng((self.config.seed, epoch))
        if not isinstance(self.dataset.images, Bitmaps):
            start = sum(self.sizes[:index])
            return *self._placed, rows(epoch, rng.permutation(total)[start : start + self.sizes[index]]).astype(
                np.int32
            )
        shift, runs = rng.integers(total), self.sizes[index] // RUN  # where the first run begins, and what is left out
        begins = rng.permutation(total // RUN)[index * runs : (index + 1) * runs, None] * RUN + shift
        indices = rows(epoch, (begins + np.arange(RUN)).ravel() % total)
        images = self.share((len(indices), *IMAGE_SHAPE), lambda rows: self.dataset.images[indices[rows]])
        labels = self.share((len(indices),), lambda rows: self.dataset.labels[indices[rows]])
        rng = np.random.default_rng((self.config.seed, epoch, index))
        orders = [rng.permutation(len(indices) // self.shares) for _ in range(self.shares)]
        return images, labels, np.concatenate(orders).astype(np.int32)

    @cached_property
    def _sampling(self) -> tuple[int, Rows]:
        return SAMPLING[self.config.sampling](self.dataset.labels)

    @cached_property
    def _placed(self) -> tuple[Any, Any]:
        return self.put((self.dataset.images, self.dataset.labels))


def prefetch(loader: DataLoader, places: Iterable[tuple[int, int]]) -> Iterator[Chunk]:
    """The chunks at ``places``, pairs of epoch and index, each made in a thread while the one before is used."""
    with ThreadPoolExecutor(1) as pool:
        coming = None
        for place in places:
            before, coming = coming, pool.submit(loader.chunk, *place)
            if before:
                yield before.result()
        if coming:
            yield coming.result()
