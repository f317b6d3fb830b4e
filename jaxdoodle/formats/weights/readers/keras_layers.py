"""Keras' layers as layers of a ``Chain``, by the names of their classes; the fields are those of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.formats.weights.chain import Chain

Config = Mapping[str, Any]
Arrays = list[NDArray[Any]]

#: Name of an activation -> its layer; None for none.
ACTIVATIONS: Mapping[str, nn.Layer | None] = {
    "linear": None,
    "relu": nn.ReLU(),
    "relu6": nn.Clip(0.0, 6.0),
    "leaky_relu": nn.LeakyReLU(0.2),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softmax": nn.Softmax(),
}


def activate(chain: Chain, activation: Any) -> None:
    """Append an activation given by its name, or as Keras 3 serializes some functions."""
    name = activation.get("config") if isinstance(activation, dict) else activation
    name = "linear" if name is None else name
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise InputError(f"has the activation {str(activation)[:60]}, which has no equivalent here.")
    if layer := ACTIVATIONS[name]:
        chain.add(layer)


def _needs(arrays: Arrays, count: int) -> Arrays:
    if len(arrays) != count:
        raise InputError(f"has {len(arrays)} arrays of weights; expected {count}.")
    return arrays


def _channels_last(config: Config) -> None:
    if config.get("data_format", "channels_last") not in ("channels_last", None):
        raise InputError("has its channels first.")


def _dense(chain: Chain, config: Config, arrays: Arrays) -> None:
    w, *b = _needs(arrays, 1 + bool(config.get("use_bias", True)))
    chain.dense(w, b[0] if b else None)
    activate(chain, config.get("activation"))


def _conv(chain: Chain, config: Config, arrays: Arrays) -> None:
    _channels_last(config)
    w, *b = _needs(arrays, 1 + bool(config.get("use_bias", True)))
    dilation, groups = config.get("dilation_rate", (1, 1)), config.get("groups", 1)
    chain.conv(w, b[0] if b else None, config["strides"], _padding(config), dilation, groups)
    activate(chain, config.get("activation"))


def _depthwise(chain: Chain, config: Config, arrays: Arrays) -> None:
    _channels_last(config)
    w, *b = _needs(arrays, 1 + bool(config.get("use_bias", True)))
    groups, dilation = w.shape[2], config.get("dilation_rate", (1, 1))
    w = w.reshape(*w.shape[:2], 1, -1)
    chain.conv(w, b[0] if b else None, config["strides"], _padding(config), dilation, groups)
    activate(chain, config.get("activation"))


def _separable(chain: Chain, config: Config, arrays: Arrays) -> None:
    depthwise, pointwise, *b = _needs(arrays, 2 + bool(config.get("use_bias", True)))
    _depthwise(chain, {**config, "use_bias": False, "activation": None}, [depthwise])
    chain.conv(pointwise, b[0] if b else None)
    activate(chain, config.get("activation"))


def _padding(config: Config) -> str:
    padding = str(config.get("padding", "valid")).upper()
    if padding not in ("VALID", "SAME"):
        raise InputError(f"has the padding {padding[:20]!r}.")
    return padding


def _pool(kind: str) -> Callable[[Chain, Config, Arrays], None]:
    def pool(chain: Chain, config: Config, arrays: Arrays) -> None:
        _channels_last(config)
        window, stride = config["pool_size"], config.get("strides") or config["pool_size"]
        if kind == "max":
            chain.max_pool(window, stride, _padding(config))
        else:
            chain.average_pool(window, stride, _padding(config), counts_padding=False)

    return pool


def _global_pool(kind: str) -> Callable[[Chain, Config, Arrays], None]:
    def pool(chain: Chain, config: Config, arrays: Arrays) -> None:
        _channels_last(config)
        if config.get("keepdims"):
            raise InputError("keeps the axes that it pools over.")
        if kind == "average":
            chain.add(nn.GlobalAvgPool2D())
        else:
            chain.max_pool(chain.shape[:2], 1)
            chain.flatten()

    return pool


def _batch_norm(chain: Chain, config: Config, arrays: Arrays) -> None:
    axis = config.get("axis", -1)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, len(chain.shape)):
        raise InputError(f"normalizes along axis {axis}; expected the last.")
    scaled, centered = bool(config.get("scale", True)), bool(config.get("center", True))
    *learned, mean, var = _needs(arrays, 2 + scaled + centered)
    scale, shift = learned[0] if scaled else None, learned[-1] if centered else None
    chain.batch_norm(scale, shift, mean, var, float(config.get("epsilon", 1e-3)))


def _normalization(chain: Chain, config: Config, arrays: Arrays) -> None:
    mean, var = config.get("mean"), config.get("variance")
    if mean is None:
        mean, var = _needs(arrays, 3)[:2]
    deviation = np.maximum(np.sqrt(np.asarray(var, np.float64)), 1e-7)
    if config.get("invert"):
        chain.affine(deviation, mean)
    else:
        chain.affine(1 / deviation, -np.asarray(mean, np.float64) / deviation)


def _relu(chain: Chain, config: Config, arrays: Arrays) -> None:
    slope, most = config.get("negative_slope") or 0.0, config.get("max_value")
    slope, most = (float(v["value"]) if isinstance(v, dict) else v for v in (slope, most))
    if config.get("threshold") or (slope and most is not None):
        raise InputError("has a threshold, or both a slope and a largest value.")
    chain.add(nn.LeakyReLU(slope) if slope else nn.ReLU() if most is None else nn.Clip(0.0, most))


def _leaky_relu(chain: Chain, config: Config, arrays: Arrays) -> None:
    slope = config.get("negative_slope", config.get("alpha", 0.3))
    chain.add(nn.LeakyReLU(float(slope["value"]) if isinstance(slope, dict) else slope))


def _zero_padding(chain: Chain, config: Config, arrays: Arrays) -> None:
    _channels_last(config)
    chain.add(nn.Pad2D(config["padding"]))


def _reshape(chain: Chain, config: Config, arrays: Arrays) -> None:
    shape = config["target_shape"]
    size = int(np.prod(chain.shape))
    if -1 in shape:
        known = -int(np.prod(shape))
        shape = [size // known if n == -1 else n for n in shape] if known > 0 else shape
    if len(shape) == 1:
        chain.flatten()
    elif tuple(shape) != chain.shape:
        chain.as_image(tuple(shape))


def _skip(chain: Chain, config: Config, arrays: Arrays) -> None:
    """Nothing at inference."""


#: Class of Keras -> the function that appends its layers.
LAYERS: Mapping[str, Callable[[Chain, Config, Arrays], None]] = {
    "Dense": _dense,
    "Conv2D": _conv,
    "DepthwiseConv2D": _depthwise,
    "SeparableConv2D": _separable,
    "MaxPooling2D": _pool("max"),
    "AveragePooling2D": _pool("average"),
    "GlobalAveragePooling2D": _global_pool("average"),
    "GlobalMaxPooling2D": _global_pool("max"),
    "BatchNormalization": _batch_norm,
    "Normalization": _normalization,
    "Rescaling": lambda chain, config, arrays: chain.affine(config["scale"], config.get("offset", 0.0)),
    "Activation": lambda chain, config, arrays: activate(chain, config["activation"]),
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "Softmax": lambda chain, config, arrays: activate(chain, "softmax"),
    "Flatten": lambda chain, config, arrays: chain.flatten(),
    "Reshape": _reshape,
    "ZeroPadding2D": _zero_padding,
}
LAYERS = {
    **LAYERS,
    **dict.fromkeys(
        "InputLayer Dropout SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise ActivityRegularization "
        "RandomFlip RandomRotation RandomTranslation RandomZoom RandomContrast RandomBrightness".split(),
        _skip,
    ),
}
