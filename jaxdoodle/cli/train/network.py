"""The network of ``jaxdoodle train``, by name, from a file or from a record, and the parameters that it starts from."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdoodle.cli.options import layers_of, read_spec
from jaxdoodle.cli.train.effects import NETWORKS
from jaxdoodle.core.errors import InputError, did_you_mean
from jaxdoodle.core.record import Record
from jaxdoodle.core.types import Shape
from jaxdoodle.nn import ACTIVATIONS, Dense, ModelSpec, digit_cnn, mlp, sketch_cnn

if TYPE_CHECKING:
    from jaxdoodle.data import Splits
    from jaxdoodle.inference import Model
    from jaxdoodle.inference.model_file import ModelFile

__all__ = ["initial", "name_of", "named", "recorded", "refuse_unknown", "start", "teacher"]


def refuse_unknown(model: str) -> None:
    """Raise ``InputError`` where ``--model`` is neither the name of a network nor a file."""
    if model not in NETWORKS and not Path(model).exists():
        hint = did_you_mean(model, NETWORKS)
        raise InputError(f"{model}: is no network; there are {', '.join(NETWORKS)}, or a JSON file{hint}")


def recorded(before: Record | None, options: argparse.Namespace) -> ModelSpec | None:
    """The network of the record of ``--config``, unless an option beside it asks for another, or for other classes."""
    changes = {"dataset", "classes", "model", "hidden", "activation", "drop_rate", "layers"}
    if not before or changes & {*options.beside}:
        return None
    spec = {**before.extra["spec"], "classes": before.data["classes"]}
    return ModelSpec.from_dict(spec, layers_of(options.layers))


def name_of(options: argparse.Namespace) -> str:
    """What a run is called by: the network of ``--model`` or, where that is not given, of ``--init``."""
    return Path(options.init if _goes_on(options) else options.model).stem


def _goes_on(options: argparse.Namespace) -> bool:
    return bool(options.init) and "model" not in options.given


def initial(options: argparse.Namespace) -> ModelFile | None:
    """The model file of ``--init``."""
    from jaxdoodle.inference import Model

    return Model.load(options.init, layers_of(options.layers)).file if options.init else None


def named(options: argparse.Namespace, first: ModelFile | None, classes: Sequence[str], shape: Shape) -> ModelSpec:
    """The spec that ``--model`` names or, without it, that of ``--init``: for these classes and images of ``shape``."""
    if first and _goes_on(options):
        return _of_model(options.init, first.spec, classes, shape)
    if options.model == "mlp":
        activation = ACTIVATIONS[options.activation]
        return mlp(classes, options.hidden, activation, options.drop_rate, input_shape=shape)
    if options.model == "cnn":
        return digit_cnn(classes, input_shape=shape)
    if options.model == "sketch-cnn":
        return sketch_cnn(classes, input_shape=shape)
    return read_spec(options.model, classes, layers_of(options.layers))


def _of_model(name: str, spec: ModelSpec, classes: Sequence[str], shape: Shape) -> ModelSpec:
    """The network of ``--init`` with its last layer for these classes."""
    *before, last = spec.layers
    if type(last) is not Dense or spec.input_shape != shape:
        found = f"takes images {spec.input_shape} and ends in {last}"
        raise InputError(f"{name}: {found}; expected {shape} and a Dense. Name a network with --model.")
    return replace(spec, layers=(*before, replace(last, units=len(classes))), classes=tuple(classes))


def start(name: str, file: ModelFile | None, spec: ModelSpec, splits: Splits) -> tuple[Sequence[Any] | None, str]:
    """The parameters of ``--init``, and which of them are taken, in words."""
    if file is None:
        return None, ""
    from jaxdoodle.training.steps.warm_start import fitting_layers

    here, there = splits.preprocessing.scaling, file.preprocessing.scaling
    if here != there:
        said = [f"pixels / {divisor:g} less {mean:g}, / {std:g}" for divisor, mean, std in (there, here)]
        raise InputError(f"{name}: takes {said[0]}; those of {splits.name} are {said[1]}.")
    taken = set(fitting_layers(spec, file.params))
    anew = [f"layers[{n}] {spec.layers[n]}" for n, shapes in enumerate(spec.param_shapes) if shapes and n not in taken]
    return file.params, f"\nfrom {name}: {len(taken)} layers; drawn anew: {', '.join(anew) or 'none'}"


def teacher(options: argparse.Namespace) -> list[Model]:
    """The models of ``--teacher``."""
    from jaxdoodle.inference import Model

    return [Model.load(name, layers_of(options.layers)) for name in options.teacher]
