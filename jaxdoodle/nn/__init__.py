"""Layers, losses, penalties and the networks they make: what they compute, and its gradient derived by hand.

``README.md`` beside this file holds the contract of a layer, ``DERIVATIONS.md`` every formula step by step. A name is
loaded when it is asked for; descriptions work without JAX.
"""

from jaxdoodle.core.exports import exports
from jaxdoodle.nn import layers

__getattr__, __dir__, __all__ = exports(
    __name__,
    architectures="ACTIVATIONS digit_cnn mlp sketch_cnn",
    backprop="as_custom_vjp autodiff value_and_grad",
    base="Layer LayerLike Loss LossLike SpecError layer loss",
    layers=" ".join(layers.__all__),
    losses="BinaryCrossEntropy Distillation EnergyCrossEntropy MeanSquaredError SoftmaxCrossEntropy",
    model="Aux apply init loss_fn",
    penalties="L1 L2",
    spec="ModelSpec",
)
