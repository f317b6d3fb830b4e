"""Data parallelism: each device takes its share of a batch; the mean of their gradients is the gradient of the whole.

The backward pass, the step and the epoch are those of one device.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Array, PyTree
from jaxdoodle.nn.model import Aux

__all__ = ["BATCH", "count", "make_mesh", "mean_over_devices", "require_devices", "shard", "use_cpu_devices"]
__all__ += ["use_platform"]

#: Mesh axis along which devices share a batch.
BATCH = "batch"
#: Size of an array from which on it is sent alone.
LARGE = 8192


def use_platform(name: str) -> None:
    """Let JAX compute on this platform alone: ``"cpu"``, ``"gpu"`` or ``"tpu"``. It starts the devices.

    Raises:
      InputError: JAX finds no such device.
    """
    before = jax.config.values["jax_platforms"]
    jax.config.update("jax_platforms", name)
    try:
        jax.devices(name)
    except RuntimeError:
        jax.config.update("jax_platforms", before)
        raise InputError(f"device {name}: JAX finds none on this machine.") from None


def require_devices() -> None:
    """Start the devices. Raises ``InputError`` where ``JAX_PLATFORMS`` names some that are not there."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        asked, line = os.environ.get("JAX_PLATFORMS") or "its own choice", str(error).partition("\n")[0]
        why = f"; {line}" if line else "."
        raise InputError(f"JAX_PLATFORMS asks for {asked}, which JAX does not find here{why}") from None


def use_cpu_devices(devices: int) -> None:
    """Let JAX see the processor as so many devices of one thread each. Call it before JAX computes anything.

    On networks as small as these, two threads that share a matrix product wait for each other; two devices with
    a batch each do not.
    """
    os.environ["NPROC"] = "1"  # what XLA takes for the number of cores, and so of its threads
    jax.config.update("jax_num_cpu_devices", devices)


def count() -> int:
    """The number of devices of all processes."""
    return jax.device_count()


def make_mesh(devices: int, axis: str = BATCH) -> Mesh:
    """The first so many devices, along one axis.

    Raises:
      InputError: There are fewer.
    """
    if devices > len(jax.devices()):
        raise InputError(f"devices is at most {len(jax.devices())}, as many as JAX sees; got {devices}.")
    return Mesh(jax.devices()[:devices], (axis,))


def mean_over_devices(value_and_grad: Callable) -> Callable:
    """Loss, running statistics and gradients as means over the devices; the logits stay with their device.

    Arrays smaller than ``LARGE`` are sent as one message, each larger one alone: if it were joined to others, XLA would
    compute the product that it comes from inside the concatenation, one number at a time. Batch normalization takes the
    statistics of each device's own share.

    Args:
      value_and_grad: ``(params, x, labels, *, key=None) -> ((value, Aux), grads)``.

    Returns:
      The same function, to be called inside ``shard``.
    """

    def objective(params: PyTree, x: Array, labels: Array, *, key: Array | None = None) -> tuple[Any, PyTree]:
        (loss, aux), grads = value_and_grad(params, x, labels, key=key)
        leaves, tree = jax.tree.flatten((loss, aux.params_update, grads))
        message, read = ravel_pytree([leaf for leaf in leaves if leaf.size < LARGE])
        message, *large = lax.pmean([message, *(leaf for leaf in leaves if leaf.size >= LARGE)], BATCH)
        one_of = {True: iter(large), False: iter(read(message))}
        loss, statistics, grads = jax.tree.unflatten(tree, [next(one_of[leaf.size >= LARGE]) for leaf in leaves])
        return (loss, Aux(aux.logits, statistics)), grads

    return objective


def shard(epoch: Callable, mesh: Mesh, images: PartitionSpec) -> Callable:
    """Run an epoch on every device at once; the random key differs from device to device.

    Args:
      epoch: ``epoch(state, images, labels, order, constants) -> (state, (losses, correct))``, whose gradients are
        means over the devices.
      mesh: The devices.
      images: How images and labels are divided among them, if they are; ``order`` then counts within a device's share.

    Returns:
      The same function of whole arrays: ``order`` is sharded, state and constants replicated; ``correct`` are sums over
      devices.
    """

    def on_one(
        state: PyTree, images: Array, labels: Array, order: Array, constants: PyTree
    ) -> tuple[PyTree, tuple[Array, Array]]:
        local = state._replace(key=jax.random.fold_in(state.key, lax.axis_index(BATCH)))
        after, (loss, correct) = epoch(local, images, labels, order, constants)
        return after._replace(key=state.key), (loss, lax.psum(correct, BATCH))

    whole = PartitionSpec()
    specs = (whole, images, images, PartitionSpec(BATCH), whole)
    return jax.shard_map(on_one, mesh=mesh, in_specs=specs, out_specs=whole, check_vma=False)
