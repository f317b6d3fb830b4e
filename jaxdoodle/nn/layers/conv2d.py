"""Conv2D: one small dense layer, applied to every window of the image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jaxdoodle.core.lazy import jnp, lax, np
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.nn.base import Layer, SpecError, layer, require_count, set_pair
from jaxdoodle.nn.layers.initializers import draw_weights, require_initializer
from jaxdoodle.nn.layers.windows import Pair, fold, image_shape, numpy_windows, unfold, window_counts


@layer
class Conv2D(Layer):
    """Cross-correlation, which deep learning calls convolution: the kernel slides unflipped.

    ``y[n, i, j, f] = b[f] + sum_{p, q, c} x[n, i s + p, j t + q, c] w[p, q, c, f]``, with strides s and t, on the
    padded image.

    >>> Conv2D(8, 5).output_shape((28, 28, 1))
    (24, 24, 8)

    Args:
      filters: Number of output channels.
      kernel_size: Height and width of the kernel, one integer or two.
      stride: Vertical and horizontal step between windows, one integer or two.
      padding: ``"VALID"`` (none) or ``"SAME"`` (``ceil(size / stride)`` outputs; an odd amount of padding puts the
        extra row at the bottom and the extra column at the right, as TensorFlow and JAX do).
      kernel_init: As for ``Dense``.

    Shapes: ``x`` is ``(batch, height, width, channels)``, ``w`` ``(kernel height, kernel width, channels, filters)``,
    ``b`` ``(filters,)``, ``y`` ``(batch, rows, columns, filters)``.

    Raises:
      SpecError: A size is no positive integer, or a name is not known.
    """

    filters: int
    kernel_size: Pair
    stride: Pair = 1  # type: ignore[assignment]
    padding: str = "VALID"
    kernel_init: str = "glorot_uniform"

    if TYPE_CHECKING:  # one integer stands for two

        def __init__(
            self,
            filters: int,
            kernel_size: int | Pair,
            stride: int | Pair = 1,
            padding: str = "VALID",
            kernel_init: str = "glorot_uniform",
        ) -> None: ...

    def __post_init__(self) -> None:
        require_count(self, "filters")
        set_pair(self, "kernel_size")
        set_pair(self, "stride")
        if self.padding not in ("VALID", "SAME"):
            raise SpecError(f'padding is "VALID" or "SAME"; got {self.padding!r}.')
        require_initializer(self.kernel_init)

    def pads(self, size: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows of zeros before and after, then columns, for an image of ``size = (height, width)``."""
        if self.padding == "VALID":
            return (0, 0), (0, 0)
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        totals = [max((math.ceil(n / s) - 1) * s + k - n, 0) for n, k, s in zip(size, (kh, kw), (sh, sw), strict=True)]
        rows, columns = ((total // 2, total - total // 2) for total in totals)
        return rows, columns

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = image_shape(self, input_shape)
        padded = [n + sum(pad) for n, pad in zip((height, width), self.pads((height, width)), strict=True)]
        return (*window_counts(self, "kernel_size", padded), self.filters)

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        return {"w": (*self.kernel_size, input_shape[2], self.filters), "b": (self.filters,)}

    def init(self, key: Array, input_shape: Shape) -> Params:
        return draw_weights(self.kernel_init, key, self.param_shapes(input_shape))

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """``y = patches(x) @ W + b``: one matrix product, where W is ``w`` with one column per filter."""
        w, b = params["w"], params["b"]
        return self._patches(x) @ w.reshape(-1, self.filters) + b[None, None, None], (x, w)

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """``dW = patches(x).T @ dy``, ``db = sum dy``, ``dx = fold(dy @ W.T)``: overlapping patches add up.

        The last equals the cross-correlation of dy, spread by the stride, with the flipped kernel.
        """
        x, w = residuals
        patches = self._patches(x)
        dw = jnp.tensordot(patches, dy, axes=((0, 1, 2), (0, 1, 2))).reshape(w.shape)
        dpatches = dy @ w.reshape(-1, self.filters).T

        rows, columns = self.pads(x.shape[1:3])
        padded = x.shape[1] + sum(rows), x.shape[2] + sum(columns)
        pixels = jnp.split(dpatches, math.prod(self.kernel_size), axis=-1)
        dx = fold(pixels, self.kernel_size, self.stride, padded)
        dx = dx[:, rows[0] : rows[0] + x.shape[1], columns[0] : columns[0] + x.shape[2]]
        return {"w": dw, "b": dy.sum(axis=(0, 1, 2))}, dx

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(x, ((0, 0), *self.pads(x.shape[1:3]), (0, 0)))
        windows = numpy_windows(padded, self.kernel_size, self.stride)
        return np.tensordot(windows, params["w"], axes=((4, 5, 3), (0, 1, 2))) + params["b"]

    @classmethod
    def examples(cls) -> tuple[tuple[Conv2D, Shape], ...]:
        return (
            (cls(3, (3, 2)), (6, 5, 2)),
            (cls(2, (2, 4), stride=(1, 2), padding="SAME"), (5, 7, 3)),
            (cls(2, 2, stride=3), (7, 8, 2)),  # pixels between the windows are never seen
        )

    def _patches(self, x: Array) -> Array:
        """``(batch, rows, columns, kernel height * kernel width * channels)``: each window's pixels, one after another.

        The backward pass asks for them again; within one compiled step XLA computes them once.
        """
        rows, columns = self.pads(x.shape[1:3])
        padded = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), (*rows, 0), (*columns, 0), (0, 0, 0)])
        return jnp.concatenate(unfold(padded, self.kernel_size, self.stride), axis=-1)
