"""Several seeds in one program: the epoch of one, vmapped over states, orders and outliers.

Each seed is the run that it is alone but for rounding, as a product of several matrices adds in another order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jax.extend.random import define_prng_impl, unsafe_rbg_prng_impl

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import Array, PyTree
from jaxdoodle.data.bitmaps import Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.batches import DataLoader
from jaxdoodle.training.checkpoints import Checkpoints, Interrupted, describe
from jaxdoodle.training.config import LEARNING_RATE, TrainConfig
from jaxdoodle.training.evaluation import evaluate
from jaxdoodle.training.fit_state import FitState, TrainResult
from jaxdoodle.training.hardware.settings import compiler_options, pinned
from jaxdoodle.training.loop import Callback, DivergedError, refuse_divergence
from jaxdoodle.training.setup import set_up
from jaxdoodle.training.steps.epoch import make_epoch
from jaxdoodle.training.steps.state import Constants, TrainState, init_state
from jaxdoodle.training.steps.step import Step

__all__ = ["FASTER", "at_once", "fit_seeds", "refusal", "stack"]

#: Where one seed leaves the device idle in part, and one program is expected to be faster than seeds in turn: not
#: measured yet. On a processor four seeds of an MLP take 1.04 times the time.
FASTER = ("gpu", "tpu")


def refusal(config: TrainConfig, sets: Sequence[Dataset]) -> str:
    """Why seeds cannot be trained in one program; ``""`` where they can.

    Args:
      config: How to train.
      sets: The training set of each seed.
    """
    if isinstance(sets[0].images, Bitmaps):
        return f"{sets[0].name} is on disk, where each seed reads in an order of its own"
    if config.devices > 1 or jax.process_count() > 1:
        return "several devices, or processes, share one seed"
    if len({one.digest for one in sets}) > 1:
        return f"the drawings of {sets[0].name} differ from seed to seed"
    return ""


@pinned
def fit_seeds(
    spec: ModelSpec,
    train: Dataset,
    validation: Dataset | None,
    config: TrainConfig,
    seeds: Sequence[int],
    *,
    params: Sequence[Mapping[str, Any]] | None = None,
    callbacks: Sequence[Sequence[Callback]] = (),
    checkpoints: Sequence[Checkpoints] = (),
    **given: Any,
) -> list[TrainResult]:
    """Train a network from several seeds at once, on one device.

    A seed that stops early keeps its result, while the others go on. Times are of all seeds together.

    Args:
      spec: The network.
      train: The images to train on, in memory.
      validation: The images that choose the best epoch of each; ``None`` keeps the last.
      config: How to train; its seed is not used.
      seeds: One or more.
      params: Of another network; see ``fit``.
      callbacks: Those of each seed; see ``fit``.
      checkpoints: Where to keep those of each seed, with which ``fit`` goes on; not to go on from.
      given: ``optimizer``, ``schedule``, ``loss``, ``outliers`` and ``teacher``; see ``fit``.

    Returns:
      The result of each seed: but for rounding, that of ``fit`` with it.

    Raises:
      InputError: As ``refusal`` or ``fit`` says, or a folder holds a checkpoint.
      DivergedError: A loss or a weight of a seed is not finite.
    """
    if why := refusal(config, [train]):
        raise InputError(f"seeds cannot be trained at once: {why}.")
    setups = [set_up(spec, train, validation, replace(config, seed=seed), **given) for seed in seeds]
    (config, plan, _, _, step, _), of_all = setups[0], range(len(seeds))
    runs = [FitState(init_state(spec, setup.optimizer, setup.config, params)) for setup in setups]
    for run, setup, place in zip(runs, setups, checkpoints, strict=False):
        if place.restore(run, describe(spec, setup.config, plan, train, validation, setup.constants)).step:
            raise InputError(f"{place.folder}: holds a checkpoint; seeds go on in turn.")
    loaders = [DataLoader(train, setup.config, plan.chunks) for setup in setups]
    outliers = [setup.constants.outliers for setup in setups]
    constants = Constants(stack(outliers) if config.outliers else None, setups[0].constants.teacher)
    images, labels, constants = jax.device_put((train.images, train.labels, constants))
    states, compiling = stack([run.state for run in runs]), time.perf_counter()
    run_chunk = {
        size: at_once(step, plan.batch_size)
        .lower(states, images, labels, np.zeros((len(seeds), size), np.int32), constants)
        .compile(compiler_options())
        for size in plan.all_sizes()
    }
    compile_seconds, stopped, interrupted = time.perf_counter() - compiling, [False] * len(seeds), False
    keeping = ExitStack()
    after_chunk = [keeping.enter_context(one.keeping()) for one in checkpoints]
    try:
        for epoch in range(plan.epochs):
            stopped = [stopped[i] or epoch - runs[i].best_epoch >= (config.patience or math.inf) for i in of_all]
            live = [i for i in of_all if not stopped[i]]
            if not live:
                break
            for index, size in enumerate(plan.sizes(epoch)):
                started = time.perf_counter()
                orders = np.stack([loader.chunk(epoch, index)[2][:size] for loader in loaders])
                states, scores = run_chunk[size](states, images, labels, orders, constants)
                losses, correct = map(np.asarray, scores)  # waits for the device
                seconds, own = time.perf_counter() - started, _unstack(states, len(seeds))
                for i in live:
                    runs[i].state = own[i]._replace(key=runs[i].state.key)
                    runs[i].end_chunk(losses[i], correct[i], size, plan.batch_size, seconds)
                    try:
                        refuse_divergence(runs[i], losses.shape[1], plan, config.learning_rate or LEARNING_RATE)
                    except DivergedError as error:
                        raise DivergedError(f"seed {seeds[i]}: {error}") from None
                _keep(checkpoints, [partial(after_chunk[i], runs[i]) for i in live if checkpoints])
            for i in live:
                validated = evaluate(spec, runs[i].params, validation, config.loss) if validation else None
                metrics, own_callbacks = runs[i].end_epoch(validated, config.keep), callbacks[i] if callbacks else ()
                stopped[i] = any([callback(epoch + 1, runs[i].state, metrics) for callback in own_callbacks])
    except KeyboardInterrupt:
        if not all(run.history for run in runs):
            raise
        interrupted = True
    finally:
        keeping.close()
    return [
        TrainResult(
            run.best_params,
            run.best_epoch,
            run.history,
            run.step_losses,
            compile_seconds,
            sum(epoch.seconds for epoch in run.history),
            interrupted and not early,
            early,
        )
        for run, early in zip(runs, stopped, strict=True)
    ]


def at_once(step: Step, batch_size: int) -> Any:
    """The epoch of ``make_epoch`` for several seeds, jitted; it donates its states.

    Args:
      step: As ``make_step`` gives it.
      batch_size: Number of images of a step.

    Returns:
      ``epoch(states, images, labels, orders, constants) -> (states, (losses, correct))``: states and outliers as
      ``stack`` gives them, orders int32 ``(seeds, n)``, and ``(seeds, steps)`` scores; images, labels and the teacher
      are those of all.
    """
    axes = (0, None, None, 0, Constants(outliers=0, teacher=None))
    epoch = jax.vmap(make_epoch(step, batch_size), in_axes=axes)  # type: ignore[arg-type]
    return jax.jit(epoch, donate_argnums=0)


def stack(trees: Sequence[PyTree]) -> PyTree:
    """Trees of arrays as one with a first axis more; keys draw for each seed what they draw for it alone."""
    return jax.tree.map(lambda *leaves: jnp.stack([_sequential(leaf) for leaf in leaves]), *trees)


@jax.jit(static_argnums=1)
def _unstack(states: TrainState, count: int) -> list[TrainState]:
    return [jax.tree.map(lambda leaf: leaf[i], states) for i in range(count)]  # noqa: B023 - called in this turn


def _keep(checkpoints: Sequence[Checkpoints], after_chunk: Sequence[Callable[[], None]]) -> None:
    """Checkpoints where they are due. One of them has caught a signal, which ends all: raises ``Interrupted``."""
    caught = max((one.caught for one in checkpoints), default=0)
    for one in checkpoints:
        one.caught = caught
    for write in after_chunk:
        with suppress(Interrupted):
            write()
    if caught:
        raise Interrupted(caught)


def _one_by_one(draw: Callable[..., Array]) -> Callable[..., Array]:
    """A function of a key, which under ``vmap`` is called for one key after the other."""
    return lambda key, *shape: sequential_vmap(lambda key: draw(key, *shape))(key)


#: Of ``unsafe_rbg``, which under ``vmap`` draws by the first key alone, the same numbers for each key.
_SEQUENTIAL = define_prng_impl(
    key_shape=unsafe_rbg_prng_impl.key_shape,
    seed=unsafe_rbg_prng_impl.seed,
    split=_one_by_one(unsafe_rbg_prng_impl.split),
    random_bits=_one_by_one(unsafe_rbg_prng_impl.random_bits),
    fold_in=sequential_vmap(unsafe_rbg_prng_impl.fold_in),
    name="sequential_unsafe_rbg",
)


def _sequential(leaf: Any) -> Any:
    is_key = jax.dtypes.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key)
    return jax.random.wrap_key_data(jax.random.key_data(leaf), impl=_SEQUENTIAL) if is_key else leaf
