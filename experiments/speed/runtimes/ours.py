"""This library, on one device and on one per core."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from experiments.speed.runtimes.trainer import SEED, Trainer
from experiments.speed.workloads import Workload
from jaxdoodle.core.machine import cores


def jaxdoodle(
    workload: Workload, images: np.ndarray, labels: np.ndarray, devices: int = 1, seed: int = SEED, **config: Any
) -> Trainer:
    from jax import default_backend

    from jaxdoodle.training import TrainConfig, evaluation
    from jaxdoodle.training.hardware.layout import choose_layout
    from jaxdoodle.training.steps.epoch import compile_epoch, place_arguments
    from jaxdoodle.training.steps.optimizers import make_optimizer
    from jaxdoodle.training.steps.state import Constants, init_state
    from jaxdoodle.training.steps.step import make_step

    chosen = TrainConfig(
        batch_size=workload.batch_size,
        optimizer=workload.optimizer,
        learning_rate=workload.learning_rate,
        schedule="constant",
        devices=devices,
        seed=seed,
        **config,
    )
    optimizer = make_optimizer(chosen, steps=1, steps_per_epoch=1)
    layout = choose_layout(workload.spec, workload.batch_size, devices)
    step = make_step(workload.spec, optimizer, chosen, divisor=255.0, layout=layout)
    start = place_arguments((init_state(workload.spec, optimizer, chosen), images, labels, Constants()), layout)
    run, (state, *data, _) = compile_epoch(step, workload.batch_size, len(images), start, layout), start
    rng = np.random.default_rng(seed)

    def epoch():
        nonlocal state
        order = layout.take(rng.permutation(len(images)).astype(np.int32), len(images), workload.batch_size)
        state, (loss, _) = run(state, *data, order)
        return float(np.mean(loss))

    def predict(images):
        return evaluation.logits_of(workload.spec, state.params, images, 255.0).argmax(axis=1)

    return Trainer(epoch, predict, default_backend())


def jaxdoodle_per_core(workload: Workload, images: np.ndarray, labels: np.ndarray) -> Trainer:
    from jaxdoodle.training.hardware import devices as parallel

    devices = math.gcd(cores(), workload.batch_size)
    parallel.use_cpu_devices(devices)
    return jaxdoodle(workload, images, labels, devices)
