"""Ways to train an MLP on two cores: one device that has both, two along each axis, and several seeds in one program.

What is fastest decides what ``jaxdoodle train`` does by itself: one device, and seeds in turn.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import lax

from experiments.speed.harness import process
from experiments.speed.harness.machine import command
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record
from jaxdoodle.nn import Dense, Flatten, ModelSpec, ReLU, layer
from jaxdoodle.training import TrainConfig
from jaxdoodle.training.hardware.devices import use_cpu_devices
from jaxdoodle.training.hardware.layout import MODEL, Layout, choose_layout
from jaxdoodle.training.seeds import at_once, stack
from jaxdoodle.training.steps.epoch import compile_epoch, make_epoch, place_arguments
from jaxdoodle.training.steps.optimizers import make_optimizer
from jaxdoodle.training.steps.state import Constants, TrainState, init_state
from jaxdoodle.training.steps.step import make_step

#: The network and the batch of workload W1, and the images of an epoch.
SPEC = ModelSpec((Flatten(), Dense(128), ReLU(), Dense(64), ReLU(), Dense(10)), (28, 28, 1))
BATCH_SIZE, IMAGES = 128, 128 * 200
#: Epochs that a process takes, of which the median counts, after one more.
EPOCHS = 5
SEEDS = 4
CONFIG = TrainConfig(batch_size=BATCH_SIZE, schedule="constant", outliers=0)
OPTIMIZER = make_optimizer(CONFIG, steps=1, steps_per_epoch=1)

#: Takes the order of an epoch, and trains.
Run = Callable[[np.ndarray], Any]


@layer
class DenseOfRows(Dense):
    """Dense on the units that a device has: all of them sum their parts of the outputs."""

    def forward(self, params: Any, x: Any, *, key: Any = None) -> tuple[Any, Any]:
        w, b = params["w"], params["b"]
        return lax.psum(x @ w, MODEL) + b[None], (x, w)


def start(seed: int = 0) -> TrainState:
    return init_state(SPEC, OPTIMIZER, TrainConfig(seed=seed))


def by_layout(layout: Layout, images: Any, labels: Any) -> Run:
    """As ``fit`` does it."""
    step = make_step(SPEC, OPTIMIZER, CONFIG, divisor=255.0, layout=layout)
    state, *data, constants = place_arguments((start(), images, labels, Constants()), layout)
    compiled = compile_epoch(step, BATCH_SIZE, IMAGES, (state, *data, constants), layout)

    def run(order: np.ndarray) -> Any:
        nonlocal state
        state, scores = compiled(state, *data, layout.take(order, IMAGES, BATCH_SIZE))
        return scores

    return run


def by_shard_map(images: Any, labels: Any) -> Run:
    """Units shared by a program for one device and a sum, in place of what XLA makes of the places of arrays."""
    layout = choose_layout(SPEC, BATCH_SIZE, 2)
    layers = tuple(DenseOfRows(64) if one == Dense(64) else one for one in SPEC.layers)
    step = make_step(ModelSpec(layers, SPEC.input_shape), OPTIMIZER, CONFIG, divisor=255.0)
    state = jax.device_put(start(), layout.state(start()))
    data = jax.device_put((images, labels), layout.whole)
    specs, whole = jax.tree.map(lambda one: one.spec, layout.state(start())), layout.whole.spec
    sharded = jax.shard_map(
        make_epoch(step, BATCH_SIZE),
        mesh=layout.mesh,
        in_specs=(specs, whole, whole, whole, whole),
        out_specs=(specs, whole),
        check_vma=False,
    )
    compiled = jax.jit(sharded, donate_argnums=0)

    def run(order: np.ndarray) -> Any:
        nonlocal state
        state, scores = compiled(state, *data, layout.take(order, IMAGES, BATCH_SIZE), Constants())
        return scores

    return run


def in_turn(images: Any, labels: Any) -> Run:
    """Seeds, one after the other."""
    runs = [by_layout(Layout(), images, labels) for _ in range(SEEDS)]
    return lambda order: [run(order) for run in runs]


def all_at_once(images: Any, labels: Any) -> Run:
    """Seeds, in one vmapped program."""
    step = make_step(SPEC, OPTIMIZER, CONFIG, divisor=255.0)
    states, data = stack([start(seed) for seed in range(SEEDS)]), jax.device_put((images, labels))
    epoch = at_once(step, BATCH_SIZE)

    def run(order: np.ndarray) -> Any:
        nonlocal states
        states, scores = epoch(states, *data, np.stack([order] * SEEDS), Constants())
        return scores

    return run


#: Way -> its devices, how many trainings it makes, and what makes it.
WAYS: dict[str, tuple[int, int, Callable[[Any, Any], Run]]] = {
    "one device": (1, 1, lambda *data: by_layout(Layout(), *data)),
    "two devices, batch": (2, 1, lambda *data: by_layout(Layout(2), *data)),
    "two devices, units": (2, 1, lambda *data: by_layout(choose_layout(SPEC, BATCH_SIZE, 2), *data)),
    "two devices, units by shard_map": (2, 1, by_shard_map),
    "seeds in turn": (1, SEEDS, in_turn),
    "seeds at once": (1, SEEDS, all_at_once),
}


def measure_way(name: str, epochs: int = EPOCHS) -> dict[str, Any]:
    """Of an epoch of one training: seconds, by the clock and of processor time, which others do not lengthen; and the
    loss of each step of the first. Call it in a process that has not used JAX before.
    """
    devices, trainings, make = WAYS[name]
    if devices > 1:
        use_cpu_devices(devices)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, IMAGES).astype(np.int32)
    images = rng.integers(0, 64, (IMAGES, *SPEC.input_shape), dtype=np.uint8)
    images[np.arange(IMAGES), 2 * labels] = 255  # of noise alone nothing is learned
    run, took, losses = make(images, labels), [], []
    for _ in range(epochs + 1):
        order = rng.permutation(IMAGES).astype(np.int32)
        started = time.perf_counter(), time.process_time()
        scores = jax.block_until_ready(run(order))
        took.append([(time.perf_counter() - started[0]) / trainings, (time.process_time() - started[1]) / trainings])
        losses.append(np.asarray(jax.tree.leaves(scores)[0]).reshape(-1, IMAGES // BATCH_SIZE)[0])
    seconds, processor_seconds = (statistics.median(column) for column in zip(*took[1:], strict=True))
    return {"seconds": seconds, "processor_seconds": processor_seconds, "losses": losses[0].tolist()}


def time_ways(rounds: int, path: Path) -> None:
    """Measure each of ``WAYS`` in turn, so many times, and write the record after each round."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in WAYS}
    load = os.getloadavg()
    for _ in range(rounds):
        for name, heard in found.items():
            output, *_ = process.run("-m", "experiments.speed.scaling", "--way", name)
            heard.append(json.loads(output.splitlines()[-1]))
            print(f"{name:32} {heard[-1]['seconds']:.3f} s an epoch, {heard[-1]['processor_seconds']:.3f}", flush=True)
        expected, runs = found["one device"][0]["losses"], []
        for name, heard in found.items():
            apart = max(float(np.abs(np.subtract(one["losses"], expected)).max()) for one in heard)
            extra = {key: [one[key] for one in heard] for key in ("seconds", "processor_seconds")}
            runs.append(Record(name, extra=extra | {"losses_apart": apart}))
        shared = {"load_before": load, "load_after": os.getloadavg()}
        shared |= {"images": IMAGES, "batch_size": BATCH_SIZE, "seeds": SEEDS}
        words = command("experiments.speed.scaling")
        Record("ways", words, machine=describe_machine(), extra=shared, runs=tuple(runs)).write(path)
