"""The forward pass in NumPy, written for speed: float32, every buffer allocated once, one matmul per layer.

Inside, activations are batch-last, ``(channels, height, width, n)``: the pixels that a convolution gathers for one
column of its kernel are then long contiguous runs, and a dense layer is ``w.T @ x``. For each batch size every
layer is bound to its buffers once; to predict is to fill the first buffer and call the layers' functions in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxdoodle.core.types import NDArray, Shape
from jaxdoodle.inference.kernels import Floats, NumPyParams, Pooled, bind
from jaxdoodle.nn import BatchNorm, Conv2D, Dense, Dropout, Flatten, Layer, MaxPool2D, ModelSpec, ReLU

#: The buffer to fill, what to call, and where the result will be.
Buffers = tuple[Floats, list[Callable[[], Any]], Floats]

#: Images computed at once: their activations should stay in the cache.
CHUNK = 32
#: And so many by layers without images, whose weights are read once for all of them.
FLAT_CHUNK = 256
#: Values that they may take up all together, where one image takes up many.
CHUNK_VALUES = 1 << 23
#: Numbers of images that buffers are kept for.
SIZES = 4


class Network:
    """A spec and its parameters, ready to run in evaluation mode. May be shared between threads.

    ``params`` holds one dict per layer, as the spec's ``param_shapes`` say; they are copied. The first layer takes
    ``(x / divisor - mean) / std``.
    """

    def __init__(
        self,
        spec: ModelSpec,
        params: Sequence[Mapping[str, Any]],
        divisor: float = 1.0,
        mean: float = 0.0,
        std: float = 1.0,
    ):
        found = tuple({name: np.shape(value) for name, value in p.items()} for p in params)
        if found != spec.param_shapes:
            raise ValueError(f"the spec has parameters of shapes {spec.param_shapes}; got {found}.")
        self.spec = spec
        layers = _pool_before_relu(_for_kernels(fold_batch_norm(zip(spec.layers, params, strict=True))))
        chunk = max(1, min(CHUNK, CHUNK_VALUES // values_per_image(spec)))
        cut = next((i + 1 for i, (layer, _) in enumerate(layers) if type(layer) is Flatten), 0)
        scaling = (divisor, mean, std)
        self._whole, self._parts = _Stage(layers, spec.input_shape, spec.output_shape, chunk, scaling), None
        if cut:
            shapes = spec.shapes[spec.layers.index(Flatten()) + 1 :]
            many = max(chunk, min(FLAT_CHUNK, CHUNK_VALUES // sum(map(math.prod, shapes))))
            images = _Stage(layers[:cut], spec.input_shape, shapes[0], chunk, scaling)
            self._parts = images, _Stage(layers[cut:], shapes[0], spec.output_shape, many - many % chunk)

    def logits(self, x: NDArray[Any]) -> Floats:
        """``(n, *input_shape)``, any real dtype, to ``(n, *output_shape)`` float32."""
        if x.shape[1:] != self.spec.input_shape:
            raise ValueError(f"the network takes inputs of shape (n, *{self.spec.input_shape}); got {x.shape}.")
        if len(x) <= self._whole.chunk or not self._parts:
            return self._whole(x)
        images, flat = self._parts
        starts = range(0, len(x), flat.chunk)  # of all images together the features would take up much memory
        return np.concatenate([flat(images(x[start : start + flat.chunk])) for start in starts])


class _Stage:
    """Layers that compute one after the other, of ``chunk`` inputs at once. May be shared between threads.

    The first takes ``(x / divisor - mean) / std``, given as ``scaling``.
    """

    def __init__(
        self,
        layers: Sequence[tuple[Any, NumPyParams]],
        input_shape: Shape,
        output_shape: Shape,
        chunk: int,
        scaling: tuple[float, float, float] = (1.0, 0.0, 1.0),
    ):
        self.chunk = chunk
        self._layers, self._input_shape, self._output_shape = layers, input_shape, output_shape
        self._divisor, self._mean, self._std = (np.float32(value) for value in scaling)
        #: Number of inputs -> buffers that no thread is using. A thread takes one away, and brings it back.
        self._free: dict[int, list[Buffers]] = {}

    def __call__(self, x: NDArray[Any]) -> Floats:
        out = np.empty((len(x), *self._output_shape), np.float32)
        for start in range(0, len(x), self.chunk):
            stop = start + self.chunk
            self._compute(x[start:stop], out[start:stop])
        return out

    def _compute(self, x: NDArray[Any], out: Floats) -> None:
        if len(x) not in self._free and len(self._free) >= SIZES:
            self._free.clear()
        free = self._free.setdefault(len(x), [])
        try:
            buffers = free.pop()
        except IndexError:
            buffers = self.bind(len(x))
        source, functions, result = buffers
        np.divide(x, self._divisor, out=source, dtype=np.float32, casting="unsafe")
        if self._mean or self._std != 1:
            np.divide(np.subtract(source, self._mean, out=source), self._std, out=source)
        for function in functions:
            function()
        np.copyto(out, result)
        free.append(buffers)

    def bind(self, n: int) -> Buffers:
        """Buffers for ``n`` inputs."""
        source = np.empty((n, *self._input_shape), np.float32)
        functions: list[Callable[[], Any]] = []
        x = source.swapaxes(0, -1)
        for layer, params in self._layers:
            kernel = bind.registry.get(type(layer), bind.registry[object])  # not that of a class it derives from
            x, calls = kernel(layer, params, x)
            functions += calls
        return source, functions, x.swapaxes(0, -1)


def values_per_image(spec: ModelSpec) -> int:
    """How many values one image takes up on its way through the network."""
    total = math.prod(spec.input_shape)
    for layer, before, after in spec.walk():
        total += math.prod(after)
        if isinstance(layer, Conv2D):
            (top, bottom), _ = layer.pads(before[:2])
            total += (top + before[0] + bottom) * layer.kernel_size[1] * before[2] * after[1]  # type: ignore[index]
    return total


def products_per_image(spec: ModelSpec) -> int:
    """How many multiplications the layers with weights make for one image."""
    return sum(
        math.prod(shape) * math.prod(after[:-1])
        for layer, before, after in spec.walk()
        for name, shape in layer.param_shapes(before).items()
        if name == "w"
    )


def fold_batch_norm(layers: Iterable[tuple[Layer, Mapping[str, Any]]]) -> list[tuple[Layer, NumPyParams]]:
    """The layers that compute at inference, with batch normalization folded in.

    Args:
      layers: Each layer with its parameters.

    Returns:
      The same without Dropout, and without each BatchNorm that follows a Dense or Conv2D, whose ``w`` and ``b`` it
      scales and shifts. Another BatchNorm has the parameters ``scale`` and ``shift`` alone. All are float32.
    """
    folded: list[tuple[Layer, NumPyParams]] = []
    for layer, params in layers:
        p = {name: np.asarray(value, np.float32) for name, value in params.items()}
        if type(layer) is BatchNorm:
            scale = p["scale"] / np.sqrt(p["var"] + np.float32(layer.epsilon))
            shift = p["shift"] - p["mean"] * scale
            p = {"scale": scale, "shift": shift}
            if folded and type(folded[-1][0]) in (Dense, Conv2D):
                layer, q = folded.pop()
                p = {"w": q["w"] * scale, "b": q["b"] * scale + shift}
        if type(layer) is not Dropout:
            folded.append((layer, p))
    return folded


def _for_kernels(layers: Iterable[tuple[Layer, NumPyParams]]) -> list[tuple[Layer, NumPyParams]]:
    """Weights as the kernels want them, ``(outputs, inputs)``, copied.

    They are transposed as a view: BLAS reads a matrix either way, and turning one over takes longer than a prediction.
    """
    return [
        (layer, {"w": p["w"].reshape(-1, p["w"].shape[-1]).copy().T, "b": p["b"][:, None].copy()})
        if type(layer) in (Dense, Conv2D)
        else (layer, p)
        for layer, p in layers
    ]


def _pool_before_relu(layers: list[tuple[Layer, NumPyParams]]) -> list[tuple[Any, NumPyParams]]:
    """ReLU after the maximum gives the same outputs, from fewer numbers; a convolution is pooled and rectified as it
    comes.
    """
    for i in range(len(layers) - 1):
        if (type(layers[i][0]), type(layers[i + 1][0])) == (ReLU, MaxPool2D):
            layers[i], layers[i + 1] = layers[i + 1], layers[i]
    pooled: list[tuple[Any, NumPyParams]] = []
    for layer, params in layers:
        if type(layer) is MaxPool2D and pooled and type(pooled[-1][0]) is Conv2D:
            pooled[-1] = Pooled(pooled[-1][0], layer), pooled[-1][1]
        elif type(layer) is ReLU and pooled and type(pooled[-1][0]) is Pooled:
            pooled[-1] = pooled[-1][0]._replace(relu=True), pooled[-1][1]
        else:
            pooled.append((layer, params))
    return pooled
