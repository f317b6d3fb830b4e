"""Layers and a loss of one's own, each a class in this file: what README promises, for the tests beside it."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle import nn


@nn.layer
class Swish:
    """``y = x * sigmoid(beta * x)`` (Ramachandran et al. 2017)."""

    beta: float = 1.0

    def forward(self, params, x, *, key=None):
        s = jax.nn.sigmoid(self.beta * x)
        return x * s, (x, s)

    def backward(self, residuals, dy):
        x, s = residuals
        return {}, dy * (s + self.beta * x * s * (1 - s))

    def numpy_forward(self, params, x):
        return x / (1 + np.exp(-self.beta * x))


@nn.layer
class LayerNorm:
    """Mean 0 and variance 1 over the features of each image, scaled and shifted (Ba et al. 2016)."""

    epsilon: float = 1e-5

    def param_shapes(self, input_shape):
        return {"scale": (input_shape[-1],), "shift": (input_shape[-1],)}

    def init(self, key, input_shape):
        return {"scale": jnp.ones(input_shape[-1:], jnp.float32), "shift": jnp.zeros(input_shape[-1:], jnp.float32)}

    def forward(self, params, x, *, key=None):
        mean, var = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        inverse = jax.lax.rsqrt(var + self.epsilon)
        z = (x - mean) * inverse
        return z * params["scale"] + params["shift"], (z, inverse, params["scale"])

    def backward(self, residuals, dy):
        z, inverse, scale = residuals
        axes = tuple(range(dy.ndim - 1))
        dz = dy * scale
        dx = dz - dz.mean(axis=-1, keepdims=True) - z * (dz * z).mean(axis=-1, keepdims=True)
        return {"scale": (dy * z).sum(axis=axes), "shift": dy.sum(axis=axes)}, dx * inverse

    def numpy_forward(self, params, x):
        z = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + self.epsilon)
        return z * params["scale"] + params["shift"]


@nn.layer
class DepthwiseConv2D:
    """Each channel with a 3x3 kernel of its own, zeros around the image (Chollet 2017)."""

    size: int = 3

    def param_shapes(self, input_shape):
        return {"w": (self.size, self.size, input_shape[-1])}

    def init(self, key, input_shape):
        return {"w": jax.random.normal(key, (self.size, self.size, input_shape[-1]), jnp.float32) / self.size}

    def output_shape(self, input_shape):
        if len(input_shape) != 3:
            raise nn.SpecError(f"DepthwiseConv2D takes images; got {input_shape}.")
        return input_shape

    def _shifted(self, x, numpy):
        around = [(0, 0), *[(self.size // 2, self.size // 2)] * 2, (0, 0)]
        padded = numpy.pad(x, around)
        rows, columns = x.shape[1:3]
        for i in range(self.size):
            for j in range(self.size):
                yield i, j, padded[:, i : i + rows, j : j + columns]

    def forward(self, params, x, *, key=None):
        return sum(pixel * params["w"][i, j] for i, j, pixel in self._shifted(x, jnp)), (x, params["w"])

    def backward(self, residuals, dy):
        x, w = residuals
        dw = jnp.stack([(pixel * dy).sum(axis=(0, 1, 2)) for _, _, pixel in self._shifted(x, jnp)]).reshape(w.shape)
        flipped = w[::-1, ::-1]
        return {"w": dw}, sum(pixel * flipped[i, j] for i, j, pixel in self._shifted(dy, jnp))

    def numpy_forward(self, params, x):
        return sum(pixel * params["w"][i, j] for i, j, pixel in self._shifted(x, np))


@nn.layer
class Skip:
    """A block that holds layers: ``y = x + f(x)``, written without the built-in ``Residual``."""

    layers: tuple

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))

    def param_shapes(self, input_shape):
        return {f"{i}.{k}": s for i, f in enumerate(self.layers) for k, s in f.param_shapes(input_shape).items()}

    def init(self, key, input_shape):
        keys = jax.random.split(key, len(self.layers))
        pairs = enumerate(zip(self.layers, keys, strict=True))
        return {f"{i}.{k}": p for i, (f, key) in pairs for k, p in f.init(key, input_shape).items()}

    def _own(self, params, i):
        return {name.partition(".")[2]: p for name, p in params.items() if name.startswith(f"{i}.")}

    def forward(self, params, x, *, key=None):
        y, residuals = x, []
        for i, f in enumerate(self.layers):
            y, kept = f.forward(self._own(params, i), y, key=key)
            residuals.append(kept)
        return x + y, residuals

    def backward(self, residuals, dy):
        dx, grads = dy, {}
        for i, f in reversed(list(enumerate(self.layers))):
            dparams, dx = f.backward(residuals[i], dx)
            grads |= {f"{i}.{k}": g for k, g in dparams.items()}
        return grads, dy + dx

    def numpy_forward(self, params, x):
        y = x
        for i, f in enumerate(self.layers):
            y = f.numpy_forward(self._own(params, i), y)
        return x + y

    @classmethod
    def examples(cls):
        return ((cls((LayerNorm(), nn.Dense(4), Swish())), (4,)),)


@nn.loss
class Huber:
    """Mean of ``d^2 / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)``; d: outputs less one-hot labels."""

    delta: float = 1.0

    def forward(self, outputs, labels):
        targets = labels if labels.ndim == 2 else jax.nn.one_hot(labels, outputs.shape[1], dtype=outputs.dtype)
        d = outputs - targets
        clipped = jnp.clip(d, -self.delta, self.delta)
        return (clipped * (d - clipped / 2)).mean(), (clipped,)

    def backward(self, residuals):
        (clipped,) = residuals
        return clipped / clipped.size
