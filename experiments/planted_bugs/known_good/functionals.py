"""Functions of ``jax.nn``, losses of optax and functionals of PyTorch, with the gradients their libraries give."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from jaxdoodle.gradcheck import Report, check

_SHAPES = ((3, 4), (5, 6))
_NN = ("relu", "relu6", "sigmoid", "softplus", "sparse_plus", "soft_sign", "silu", "log_sigmoid", "leaky_relu",
       "hard_sigmoid", "hard_silu", "hard_tanh", "elu", "celu", "selu", "gelu", "glu", "squareplus", "mish", "identity",
       "softmax", "log_softmax", "logsumexp", "standardize", "sparse_sigmoid")  # fmt: skip
_OPTAX = ("squared_error", "l2_loss", "huber_loss", "log_cosh", "cosine_similarity", "cosine_distance", "hinge_loss",
          "perceptron_loss", "sigmoid_binary_cross_entropy", "softmax_cross_entropy", "poly_loss_cross_entropy",
          "kl_divergence", "convex_kl_divergence", "sigmoid_focal_loss", "sparsemax_loss", "safe_softmax_cross_entropy",
          "generalized_kl_divergence", "ranking_softmax_loss")  # fmt: skip


def programs() -> Iterator[tuple[str, Callable[[], Report]]]:
    for shape in _SHAPES:
        for name in _NN:
            yield _by_jax(f"jax.nn.{name} {shape}", getattr(jax.nn, name), _draws(shape)[:1])
        for name in _OPTAX:
            yield _by_jax(f"optax.{name} {shape}", getattr(optax.losses, name), _pair(name, shape))
    yield from _torch()


def _draws(shape: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(sum(shape))
    return [rng.normal(size=shape) for _ in range(3)]


def _pair(name: str, shape: tuple[int, int]) -> list[np.ndarray]:
    """Predictions, and targets as the loss wants them."""
    rng, (x, y, _) = np.random.default_rng(1), _draws(shape)
    labels = np.eye(shape[1])[rng.integers(0, shape[1], shape[0])]
    if "softmax" in name or "poly" in name:
        return [x, labels]
    if "kl" in name:
        return [x, rng.dirichlet(np.ones(shape[1]), shape[0])]
    if "hinge" in name or "perceptron" in name:
        return [x, np.where(y > 0, 1.0, -1.0)]
    return [x, (y > 0) * 1.0] if "sigmoid" in name or "sparsemax" in name else [x, y]


def _by_jax(title: str, function: Any, args: list[np.ndarray]) -> tuple[str, Callable[[], Report]]:
    def forward(x, *rest):
        return function(x, *rest), (x, rest)

    def backward(residuals, dy):
        x, rest = residuals
        return jax.vjp(lambda x: function(x, *rest), x)[1](dy)[0]

    return title, partial(check, forward, backward, tuple(args), wrt=(0,), title=title)


def _torch() -> Iterator[tuple[str, Callable[[], Report]]]:
    try:
        import torch
        import torch.nn.functional as F
    except ImportError:
        return
    image, kernel, bias = (4, 3, 7, 6), (2, 3, 3, 2), (2,)
    kinds: dict[str, tuple[Callable, list[tuple[int, ...]]]] = {
        name: (getattr(F, name), [(3, 4)])
        for name in ("relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign", "tanh",
                     "tanhshrink", "softshrink", "hardshrink", "hardtanh", "hardsigmoid", "hardswish", "leaky_relu",
                     "glu", "normalize", "logsigmoid", "sigmoid")
    }  # fmt: skip
    kinds |= {
        "softmax": (partial(F.softmax, dim=1), [(3, 4)]),
        "softmin": (partial(F.softmin, dim=0), [(3, 4)]),
        "log_softmax": (partial(F.log_softmax, dim=1), [(3, 4)]),
        "linear": (F.linear, [(5, 3), (4, 3), (4,)]),
        "bilinear": (F.bilinear, [(5, 3), (5, 2), (4, 3, 2), (4,)]),
        "prelu": (F.prelu, [(3, 4), (4,)]),
        "layer_norm": (lambda x, w, b: F.layer_norm(x, w.shape, w, b), [(3, 4), (4,), (4,)]),
        "rms_norm": (lambda x, w: F.rms_norm(x, w.shape, w, 1e-5), [(3, 4), (4,)]),
        "group_norm": (lambda x, w, b: F.group_norm(x, 2, w, b), [(3, 4, 5), (4,), (4,)]),
        "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [(5, 4), (4,), (4,)]),
        "instance_norm": (F.instance_norm, [(2, 3, 5)]),
        "conv1d": (F.conv1d, [(2, 3, 7), (4, 3, 2), (4,)]),
        "conv2d": (F.conv2d, [image, kernel, bias]),
        "conv2d strided": (partial(F.conv2d, stride=2, padding=1), [image, kernel, bias]),
        "conv2d dilated": (partial(F.conv2d, dilation=2, padding=1), [image, kernel, bias]),
        "conv2d grouped": (partial(F.conv2d, groups=2), [(2, 4, 5, 5), (4, 2, 2, 3), (4,)]),
        "conv_transpose2d": (partial(F.conv_transpose2d, stride=2), [(2, 2, 3, 4), (2, 3, 2, 3), (3,)]),
        "max_pool1d": (partial(F.max_pool1d, kernel_size=2), [(2, 3, 8)]),
        "max_pool2d": (partial(F.max_pool2d, kernel_size=2), [image]),
        "avg_pool2d": (partial(F.avg_pool2d, kernel_size=2, stride=1), [image]),
        "lp_pool2d": (partial(F.lp_pool2d, norm_type=2, kernel_size=2), [image]),
        "adaptive_avg_pool2d": (partial(F.adaptive_avg_pool2d, output_size=2), [image]),
        "pad": (partial(F.pad, pad=(1, 2), mode="reflect"), [(2, 3, 5)]),
        "interpolate": (partial(F.interpolate, scale_factor=2, mode="bilinear"), [(1, 2, 3, 4)]),
        "unfold": (partial(F.unfold, kernel_size=2), [image]),
        "pixel_shuffle": (partial(F.pixel_shuffle, upscale_factor=2), [(1, 4, 2, 3)]),
        "scaled_dot_product_attention": (F.scaled_dot_product_attention, [(2, 4, 3), (2, 5, 3), (2, 5, 3)]),
        "mse_loss": (F.mse_loss, [(3, 4), (3, 4)]),
        "l1_loss": (F.l1_loss, [(3, 4), (3, 4)]),
        "smooth_l1_loss": (F.smooth_l1_loss, [(3, 4), (3, 4)]),
        "huber_loss": (F.huber_loss, [(3, 4), (3, 4)]),
        "poisson_nll_loss": (F.poisson_nll_loss, [(3, 4), (3, 4)]),
        "soft_margin_loss": (lambda x: F.soft_margin_loss(x, torch.ones_like(x)), [(3, 4)]),
        "cosine_similarity": (F.cosine_similarity, [(3, 4), (3, 4)]),
        "pairwise_distance": (F.pairwise_distance, [(3, 4), (3, 4)]),
        "cross_entropy": (lambda x: F.cross_entropy(x, torch.arange(len(x)) % x.shape[1]), [(3, 4)]),
        "multi_margin_loss": (lambda x: F.multi_margin_loss(x, torch.arange(len(x)) % x.shape[1]), [(3, 4)]),
        "triplet_margin_loss": (F.triplet_margin_loss, [(3, 4), (3, 4), (3, 4)]),
    }
    for name, (function, shapes) in kinds.items():
        rng = np.random.default_rng(len(name))
        args = tuple(rng.normal(size=s) for s in shapes)
        title = f"torch {name}"
        yield title, partial(_check_torch, function, args, title)


def _check_torch(function: Callable, args: tuple, title: str) -> Report:
    import torch

    def forward(*args):
        given = [torch.tensor(a, requires_grad=True) for a in args]
        y = function(*given)
        return y.detach().numpy(), (y, given)

    def backward(residuals, dy):
        y, given = residuals
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(g.numpy() for g in torch.autograd.grad(y, given, torch.tensor(dy)))

    return check(forward, backward, args, title=title)
