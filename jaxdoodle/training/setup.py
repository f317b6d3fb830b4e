"""What ``fit`` decides before the first step: what a config leaves open, the step, and what it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.bitmaps import Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.inference.model import Model
from jaxdoodle.inference.network import products_per_image
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.training.config import TrainConfig, refuse_both
from jaxdoodle.training.hardware.layout import Layout, choose_layout
from jaxdoodle.training.plan import Plan, choose, make_plan
from jaxdoodle.training.steps.augmentation import Augment, apply
from jaxdoodle.training.steps.losses import LossGiven, as_loss, class_weights
from jaxdoodle.training.steps.optimizers import Optimizer, Schedule, make_optimizer
from jaxdoodle.training.steps.outliers import collect, join
from jaxdoodle.training.steps.state import Constants
from jaxdoodle.training.steps.step import Step, make_step
from jaxdoodle.training.steps.teacher import answers, parameters, refuse_unfit

__all__ = ["Setup", "set_up"]


class Setup(NamedTuple):
    """What is decided before the first step.

    Args:
      config: With nothing left open.
      plan: How long the run is, and how an epoch is cut.
      optimizer: The config's, or the one given.
      layout: What devices share of a step.
      step: As ``make_step`` gives it; it does not depend on the seed.
      constants: What it reads.
    """

    config: TrainConfig
    plan: Plan
    optimizer: Optimizer
    layout: Layout
    step: Step
    constants: Constants


def set_up(
    spec: ModelSpec,
    train: Dataset,
    validation: Dataset | None,
    config: TrainConfig,
    *,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    loss: LossGiven | None = None,
    outliers: NDArray[np.uint8] | None = None,
    teacher: Sequence[Model] = (),
) -> Setup:
    """Decide all of it, from arguments as ``fit`` takes them. Raises ``InputError`` as ``fit`` says."""
    _refuse_mismatch(spec, train, validation, config)
    refuse_both(config, optimizer=optimizer, schedule=schedule, loss=loss)
    config = choose(config, train, loss)
    config = replace(config, loss=as_loss(config.loss if loss is None else loss, config.gradients))
    plan, weights = make_plan(config, train, products_per_image(spec)), class_weights(config.class_weights, train)
    length = {"steps": plan.steps, "steps_per_epoch": plan.steps_per_epoch}
    optimizer = optimizer or make_optimizer(config, **length, schedule=schedule)
    on_disk = isinstance(train.images, Bitmaps)
    layout = choose_layout(spec, plan.batch_size, config.devices, on_disk=on_disk, freeze=config.freeze)
    _refuse_outliers(outliers, spec, config)
    refuse_unfit(teacher, train)
    constants = Constants(
        collect(train, config.seed, outliers) if config.outliers else None, parameters(teacher) if teacher else None
    )
    step = make_step(
        spec,
        optimizer,
        config,
        divisor=train.preprocessing.divisor,
        weights=weights,
        join=join(train, config.outliers) if config.outliers else None,
        augment=partial(apply, config.augment, train.preprocessing) if isinstance(config.augment, Augment) else None,
        teach=answers(teacher, config.teacher_temperature) if teacher else None,
        layout=layout,
    )
    return Setup(config, plan, optimizer, layout, step, constants)


def _refuse_mismatch(spec: ModelSpec, train: Dataset, validation: Dataset | None, config: TrainConfig) -> None:
    """Raise ``InputError`` where the network takes other images or gives other classes than there are."""
    if not len(train):
        raise InputError(f"{train.name}: there is no drawing to train on.")
    if spec.input_shape != train.images.shape[1:]:
        raise InputError(f"{train.name}: images are {train.images.shape[1:]}; the network takes {spec.input_shape}.")
    if spec.output_shape != (len(train.classes),):
        raise InputError(
            f"{train.name}: has {len(train.classes)} classes; the network gives outputs of shape {spec.output_shape}."
        )
    if spec.classes not in ((), train.classes):
        raise InputError(f"{train.name}: classes are {train.classes}; those of the network are {spec.classes}.")
    if validation and validation.preprocessing.divisor != train.preprocessing.divisor:
        found = f"{validation.preprocessing.divisor:g} in validation and {train.preprocessing.divisor:g} in training"
        raise InputError(f"{train.name}: the divisor of pixels is {found}; expected one.")
    if config.patience and not validation:
        raise InputError("patience counts epochs without a better one on validation; there is no validation drawing.")
    if config.freeze and not any(spec.param_shapes[config.freeze :]):
        raise InputError(f"freeze is {config.freeze} of {len(spec.layers)} layers: no parameter is left to train.")


def _refuse_outliers(outliers: NDArray[np.uint8] | None, spec: ModelSpec, config: TrainConfig) -> None:
    """Raise ``InputError`` where outliers are given that are no such images, or that the config does not show."""
    if outliers is None:
        return
    if outliers.dtype != np.uint8 or outliers.shape[1:] != spec.input_shape:
        expected = f"uint8 (m, {', '.join(map(str, spec.input_shape))})"
        raise InputError(f"outliers are {outliers.dtype} {outliers.shape}; expected {expected}.")
    if not config.outliers:
        raise InputError("outliers are given, and the config shows none; give its outliers, too, as 0.5.")
