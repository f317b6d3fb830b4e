"""How devices share a step: each takes some images of a batch, or some units of the Dense layers.

Images: the gradients of all devices are summed (see ``devices``). Units: the weights of every second Dense layer are
split by columns, those of the next by rows, with their gradients and optimizer state, and XLA, which is told so, sums
the outputs of the second; the backward pass and the step are written as for one device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import GetAttrKey

from jaxdoodle.core.types import NDArray, PyTree, Shape
from jaxdoodle.nn import layers
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.hardware.devices import BATCH, make_mesh, mean_over_devices, shard

__all__ = ["Layout", "Split", "choose_layout", "place", "split_pairs"]

#: Mesh axis along which devices share units.
MODEL = "model"
#: Layers that compute each unit on its own, so that a device needs its own units alone.
ELEMENTWISE = (layers.ReLU, layers.LeakyReLU, layers.Sigmoid, layers.Tanh, layers.Dropout)


class Split(NamedTuple):
    """A parameter that devices share: that of a layer, its name, its shape, and along which axis it is cut."""

    layer: int
    name: str
    shape: Shape
    axes: tuple[str | None, ...]


@dataclass(frozen=True)
class Layout:
    """The devices, and what they share.

    Args:
      devices: Number of devices.
      splits: The parameters that they share; ``()``: they share the batch.
      shares_images: Whether each device holds its own share of a chunk's images, or all of them.
      frozen: Number of layers, from the first on, of which the optimizer holds nothing.
    """

    devices: int = 1
    splits: tuple[Split, ...] = ()
    shares_images: bool = False
    frozen: int = 0

    @property
    def batch_shares(self) -> int:
        """Among how many devices a batch is divided."""
        return 1 if self.splits else self.devices

    @cached_property
    def mesh(self) -> Mesh:
        """The devices along one axis."""
        return make_mesh(self.devices, MODEL if self.splits else BATCH)

    @property
    def whole(self) -> NamedSharding:
        """Where each device holds the whole array."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def images(self) -> NamedSharding:
        """Where the images of a chunk, and their labels, are."""
        return NamedSharding(self.mesh, PartitionSpec(BATCH) if self.shares_images else PartitionSpec())

    @property
    def order(self) -> NamedSharding:
        """Where the order to use them in is."""
        return NamedSharding(self.mesh, PartitionSpec() if self.splits else PartitionSpec(BATCH))

    def state(self, state: PyTree) -> PyTree:
        """Where each array of a training state is: one that belongs to a split parameter is cut as it is.

        Args:
          state: A ``TrainState``, whose ``opt_state`` holds trees like the parameters of the layers not frozen.

        Returns:
          A sharding for each array.
        """

        def sharding(path: tuple[Any, ...], leaf: Any) -> NamedSharding:
            skipped = self.frozen if path[:1] == (GetAttrKey("opt_state"),) else 0
            splits: dict[Any, Split] = {(split.layer - skipped, split.name): split for split in self.splits}
            split = splits.get(tuple(getattr(key, "idx", getattr(key, "key", None)) for key in path[-2:]))
            axes = split.axes if split and np.shape(leaf) == split.shape else ()
            return NamedSharding(self.mesh, PartitionSpec(*axes))

        return jax.tree_util.tree_map_with_path(sharding, state)

    def take(self, order: NDArray[np.int32], size: int, batch_size: int) -> Any:
        """The first images of an order, on the devices, each of which takes a row after the other of its part.

        Where they share images, each share has an order of its own. Else a batch is the one that one device takes.

        Args:
          order: int32 ``(n,)``; the orders of shares one after the other.
          size: How many in all, a multiple of the devices.
          batch_size: Of a step, on all devices together.

        Returns:
          int32 ``(size,)``.
        """
        shares = self.batch_shares
        if self.shares_images:
            parts = [order.reshape(shares, -1)[:, : size // shares]]
        else:
            whole = size // batch_size * batch_size
            batches = order[:whole].reshape(-1, shares, batch_size // shares)
            parts = [batches.swapaxes(0, 1).reshape(shares, -1), order[whole:size].reshape(shares, -1)]
        return place(np.concatenate(parts, axis=1).ravel(), self.order)

    def differentiate(self, value_and_grad: Callable) -> Callable:
        """A function that gives loss and gradients of a whole batch, from one for what a device has of it."""
        return mean_over_devices(value_and_grad) if self.batch_shares > 1 else value_and_grad

    def run(self, epoch: Callable) -> Callable:
        """An epoch on all devices, from one on what a device has of it."""
        return shard(epoch, self.mesh, self.images.spec) if self.batch_shares > 1 else epoch

    def read(self, shape: tuple[int, ...], read: Callable[[slice], NDArray[Any]]) -> Any:
        """Images or labels on the devices; each process reads those of its own devices.

        Args:
          shape: Of the whole array.
          read: Gives some of its rows.

        Returns:
          The array.
        """
        return jax.make_array_from_callback(shape, self.images, lambda index: read(index[0] if index else slice(None)))


def choose_layout(spec: ModelSpec, batch_size: int, devices: int, *, on_disk: bool = False, freeze: int = 0) -> Layout:
    """The layout by which devices send each other least: a sum costs them more than the products that they share.

    Sharing the batch, they sum a gradient for each parameter. Sharing units, they sum the outputs of every pair for
    each image, and compute all other layers each for itself: so every other layer must be cheap. A set on disk, and
    several processes, go by the batch, as each then needs its own share of the images alone.

    Args:
      spec: The network.
      batch_size: Number of images of a step.
      devices: Number of devices.
      on_disk: Whether the images are.
      freeze: Number of layers, from the first on, that are held fixed.

    Returns:
      The layout.
    """
    pairs = split_pairs(spec, devices)
    cheap = all(isinstance(layer, (layers.Flatten, layers.Dense, *ELEMENTWISE)) for layer in spec.layers)
    sums = [spec.shapes[row + 1] for _, row in pairs] + [spec.shapes[column] for column, _ in pairs[1:]]
    sent = batch_size * sum(shape[0] for shape in sums)
    if devices == 1 or on_disk or jax.process_count() > 1 or not (pairs and cheap and sent < spec.param_count):
        return Layout(devices, shares_images=on_disk and devices > 1)
    cuts: list[tuple[int, str, tuple[str | None, ...]]] = [(column, "w", (None, MODEL)) for column, _ in pairs]
    cuts += [(column, "b", (MODEL,)) for column, _ in pairs] + [(row, "w", (MODEL, None)) for _, row in pairs]
    shapes = [layer.param_shapes(shape) for layer, shape in zip(spec.layers, spec.shapes[:-1], strict=True)]
    splits = tuple(Split(layer, name, shapes[layer][name], axes) for layer, name, axes in cuts)
    return Layout(devices, splits, frozen=freeze)


def split_pairs(spec: ModelSpec, devices: int) -> tuple[tuple[int, int], ...]:
    """Dense layers that devices can share by units: the first of a pair by its outputs, the second by its inputs.

    Args:
      spec: The network.
      devices: Their number divides the units between the two.

    Returns:
      The indices of both layers of each pair.
    """

    def dense() -> Iterator[int]:
        """Dense layers, and -1 where something else than elementwise layers is between them."""
        for index, layer in enumerate(spec.layers):
            if not isinstance(layer, ELEMENTWISE):
                yield index if type(layer) is layers.Dense else -1

    pairs, first = [], -1
    for index in dense():
        if first >= 0 and index >= 0 and spec.shapes[first + 1][0] % devices == 0:
            pairs.append((first, index))
            index = -1
        first = index
    return tuple(pairs)


def place(tree: PyTree, shardings: Any) -> PyTree:
    """Arrays, the same in every process, on the devices.

    Args:
      tree: Arrays of NumPy or JAX, keys among them.
      shardings: One for all, or a tree of them.

    Returns:
      The tree of arrays on the devices.
    """
    if jax.process_count() == 1:
        return jax.device_put(tree, shardings)

    def put(leaf: Any, sharding: NamedSharding) -> Any:
        if jax.dtypes.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key):
            bits = put(jax.random.key_data(leaf), sharding)
            return jax.random.wrap_key_data(bits, impl=jax.random.key_impl(leaf))
        if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
            return leaf  # it was placed before
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    if isinstance(shardings, NamedSharding):
        shardings = jax.tree.map(lambda leaf: shardings, tree)
    return jax.tree.map(put, tree, shardings)
