"""Several devices, one batch: each takes its share, and the mean of their gradients is the gradient of the whole.

Nothing else changes: the reverse pass, the step and the epoch are those of one device.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import jax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn.model import Aux

AXIS = "batch"
#: Numbers in an array from which on it is sent alone.
LARGE = 8192


def use_cpu_devices(devices: int) -> None:
    """Let JAX see the processor as so many devices of one thread each. To be called before JAX computes anything.

    On networks as small as these, two threads that share a matrix product wait for each other; two devices with
    a batch each do not.
    """
    os.environ["NPROC"] = "1"  # what XLA takes for the number of cores, and so of its threads
    jax.config.update("jax_num_cpu_devices", devices)


def make_mesh(devices: int) -> Mesh:
    """The first so many devices. Raises ``InputError`` where there are fewer."""
    if devices > len(jax.devices()):
        raise InputError(f"devices is at most {len(jax.devices())}, as many as JAX sees; got {devices}.")
    return Mesh(jax.devices()[:devices], (AXIS,))


def mean_over_devices(value_and_grad: Callable) -> Callable:
    """Loss, running statistics and gradients as means over the devices.

    The small ones are sent as one message, each ``LARGE`` one alone: joined to others, the product that it comes from
    is compiled into the joining, a number at a time. The outputs stay with the device that computed them. Batch norm
    takes the statistics of a device's own share.
    """

    def objective(params, x, labels, *, key=None):
        (loss, aux), grads = value_and_grad(params, x, labels, key=key)
        leaves, tree = jax.tree.flatten((loss, aux.statistics, grads))
        message, read = ravel_pytree([leaf for leaf in leaves if leaf.size < LARGE])
        message, *large = lax.pmean([message, *(leaf for leaf in leaves if leaf.size >= LARGE)], AXIS)
        one_of = {True: iter(large), False: iter(read(message))}
        loss, statistics, grads = jax.tree.unflatten(tree, [next(one_of[leaf.size >= LARGE]) for leaf in leaves])
        return (loss, Aux(aux.outputs, statistics)), grads

    return objective


def shard(epoch: Callable, mesh: Mesh) -> Callable:
    """``epoch(state, images, labels, order)`` on every device at once: ``order`` is shared out, the rest is everywhere.

    Each device draws random numbers of its own.
    """

    def share(state, images, labels, order):
        own = state._replace(key=jax.random.fold_in(state.key, lax.axis_index(AXIS)))
        after, (loss, correct) = epoch(own, images, labels, order)
        return after._replace(key=state.key), (loss, lax.psum(correct, AXIS))

    everywhere, shared = PartitionSpec(), PartitionSpec(AXIS)
    specs = (everywhere, everywhere, everywhere, shared)
    return jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=everywhere, check_vma=False)
