"""The contract of a layer and of a loss. Its arguments are documented here, once.

A layer is a frozen class in one file: its fields describe it, and pure functions of it compute. The smallest one::

    @layer
    class Square:
        def forward(self, params, x, *, key=None):
            return x * x, x                           # y = x^2, and what backward needs

        def backward(self, residuals, dy):
            return {}, 2 * residuals * dy             # dx = 2 x dy

        def numpy_forward(self, params, x):
            return x * x
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import MISSING, fields
from itertools import product
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.frozen import frozen
from jaxdoodle.core.types import Array, NDArray, Params, Residuals, Shape
from jaxdoodle.core.validation import is_count, is_number

T = TypeVar("T")


class SpecError(InputError):
    """A description that no network can have: what was found and what to do instead."""


class Layer(ABC):
    """What a layer has to say. ``forward``, ``backward`` and ``numpy_forward`` are required; the rest has defaults.

    Shapes leave out the batch. A field must not be called like a method.
    """

    #: Parameters without a gradient: running statistics, moved by ``update_statistics``.
    statistics: ClassVar[tuple[str, ...]] = ()

    def output_shape(self, input_shape: Shape) -> Shape:
        """Shape of one output. By default that of the input.

        Raises:
          SpecError: The layer cannot take such an input.
        """
        return input_shape

    def param_shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Name and shape of each parameter. By default there is none."""
        return {}

    def init(self, key: Array, input_shape: Shape) -> Params:
        """The parameters to start from, float32, as ``param_shapes`` says.

        Args:
          key: A key of ``jax.random``.
          input_shape: Shape of one input.
        """
        return {}

    @abstractmethod
    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]:
        """Compute the outputs, and keep what ``backward`` needs.

        Args:
          params: The layer's parameters by name.
          x: A batch of inputs, ``(batch, *input_shape)``.
          key: A key of ``jax.random`` in training mode, ``None`` in evaluation mode.

        Returns:
          The outputs ``(batch, *output_shape)`` in the dtype of ``x``, and the residuals: a PyTree of arrays.
        """

    @abstractmethod
    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]:
        """Propagate the gradient of a scalar loss from the outputs back.

        Args:
          residuals: What ``forward`` kept.
          dy: The derivative of the loss with respect to the outputs, in their shape and dtype.

        Returns:
          The derivatives with respect to ``params`` (same names and shapes; zeros for statistics) and to ``x``.
        """

    @abstractmethod
    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]:
        """The outputs in evaluation mode by NumPy alone, ``(n, *input_shape)`` to ``(n, *output_shape)``."""

    def update_statistics(self, params: Params, residuals: Residuals) -> Params:
        """The next value of each running statistic; ``{}`` in evaluation mode. To optimizers its gradient is zero."""
        return {}

    @classmethod
    def examples(cls) -> Iterable[tuple[Any, Shape]]:
        """Layers of this class with shapes of inputs, which checks run over.

        By default the one without arguments, and one with every float moved off its default.
        """
        return tuple(_default_examples(cls, ((7,), (5, 6, 2))))


class Loss(ABC):
    """What a loss has to say: the value of a batch of outputs, and its gradient."""

    #: The layer whose function the loss applies itself, so that no network may end in it.
    applies: ClassVar[str | None] = None

    @abstractmethod
    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]:
        """The loss of a batch.

        Args:
          outputs: ``(batch, classes)``.
          labels: Integers ``(batch,)``, or targets ``(batch, classes)``.

        Returns:
          The value, a scalar (a mean over the batch), and the residuals.
        """

    @abstractmethod
    def backward(self, residuals: Residuals) -> Array:
        """The gradient of exactly this value with respect to the outputs, ``(batch, classes)``."""

    @classmethod
    def examples(cls) -> Iterable[tuple[Any, Shape]]:
        """Losses of this class with the shapes of outputs, ``(classes,)``: what checks run over."""
        return tuple(_default_examples(cls, ((4,),)))


class LayerLike(Protocol):
    """What type checkers ask of a class marked ``@layer`` that does not derive from ``Layer``."""

    def forward(self, params: Params, x: Array, *, key: Array | None = None) -> tuple[Array, Residuals]: ...

    def backward(self, residuals: Residuals, dy: Array) -> tuple[Params, Array]: ...

    def numpy_forward(self, params: Any, x: NDArray[Any]) -> NDArray[Any]: ...


class LossLike(Protocol):
    """What type checkers ask of a class marked ``@loss`` that does not derive from ``Loss``."""

    def forward(self, outputs: Array, labels: Array) -> tuple[Array, Residuals]: ...

    def backward(self, residuals: Residuals) -> Array: ...


@dataclass_transform(frozen_default=True)
def layer(cls: type[T]) -> type[T]:
    """Make a class a layer: frozen, hashable (a static argument of ``jit``), JSON by its fields, with the defaults.

    Args:
      cls: A class with ``forward``, ``backward`` and ``numpy_forward`` as ``Layer`` describes them. Its fields are
        numbers, names, ``None``, tuples of these, and layers.

    Returns:
      The class itself.

    Raises:
      TypeError: A method is missing, or a field is called like one.
    """
    return _mark(cls, Layer)


@dataclass_transform(frozen_default=True)
def loss(cls: type[T]) -> type[T]:
    """Make a class a loss: frozen and hashable, with the defaults of ``Loss``.

    Args:
      cls: A class with ``forward(outputs, labels)`` and ``backward(residuals)`` as ``Loss`` describes them.

    Returns:
      The class itself.

    Raises:
      TypeError: A method is missing, or a field is called like one.
    """
    return _mark(cls, Loss)


_BOTH = ("init", "param_shapes")


def _mark(cls: type[T], base: Any) -> type[T]:
    kind = base.__name__.lower()
    required = sorted(base.__abstractmethods__)
    for name in required:
        if getattr(getattr(cls, name, None), "__isabstractmethod__", not hasattr(cls, name)):
            raise TypeError(f"{cls.__name__} has no {name}(); a {kind} has {', '.join(required)}.")
    defaults = {name: value for name, value in vars(base).items() if not name.startswith("_")}
    methods = {name for name, value in defaults.items() if callable(value) or isinstance(value, classmethod)}
    if clash := sorted(methods & {*vars(cls).get("__annotations__", ())}):
        raise TypeError(f"{cls.__name__}: the field {clash[0]!r} is called like a method of a {kind}.")
    if len({getattr(cls, name, value) is value for name, value in defaults.items() if name in _BOTH}) > 1:
        raise TypeError(f"{cls.__name__} has one of init() and param_shapes(); parameters need both.")
    for name, value in defaults.items():
        if not hasattr(cls, name):
            setattr(cls, name, value)
    if "__repr__" not in vars(cls):
        cls.__repr__ = _repr  # type: ignore[method-assign]
    base.register(cls)
    return frozen(cls)  # type: ignore[type-var]


def _default_examples(cls: Any, shapes: Iterable[Shape]) -> Iterable[tuple[Any, Shape]]:
    if needed := [field.name for field in fields(cls) if field.default is field.default_factory is MISSING]:
        raise SpecError(f"{cls.__name__} needs {', '.join(needed)}; give it examples() to be checked with.")
    made = [cls()]
    # A factor of 1 and a term of 0 hide that a derivative lacks them.
    moved = {field.name: 0.75 * field.default + 0.05 for field in fields(cls) if type(field.default) is float}
    if moved:
        with contextlib.suppress(ValueError):  # another value may be out of range
            made.append(cls(**moved))
    for each, shape in product(made, shapes):
        with contextlib.suppress(ValueError):
            getattr(each, "output_shape", tuple)(shape)  # a loss takes outputs of any shape
            yield each, shape


def _repr(self: Any) -> str:
    """As it is written, without the fields that have their default value, or twice that for both directions."""
    said = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
    told = [
        f"{name}={value!r}" for name, (value, default) in said.items() if value not in (default, (default, default))
    ]
    return f"{type(self).__qualname__}({', '.join(told)})"


def require_count(layer: Any, name: str) -> None:
    """Keep the field as an int; raise ``SpecError`` unless it is a positive integer."""
    if not is_count(value := getattr(layer, name)):
        raise SpecError(f"{name} of {type(layer).__name__} is a positive integer; got {value!r}.")
    object.__setattr__(layer, name, int(value))


def require_number(layer: Any, name: str) -> None:
    """Keep the field as a float; raise ``SpecError`` unless it is a finite number."""
    value = getattr(layer, name)
    if not is_number(getattr(value, "item", lambda: value)()):
        raise SpecError(f"{name} of {type(layer).__name__} is a finite number; got {value!r}.")
    object.__setattr__(layer, name, float(value))


def set_pair(layer: Any, name: str) -> None:
    """One integer stands for both directions; kept as (vertical, horizontal), so that equal layers compare equal."""
    value = getattr(layer, name)
    pair = (value, value) if is_count(value) else value
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(map(is_count, pair)):
        raise SpecError(f"{name} of {type(layer).__name__} is a positive integer or two; got {value!r}.")
    object.__setattr__(layer, name, tuple(map(int, pair)))


def refuse_other_tree(owner: object, what: str, given: Any, returned: Any) -> None:
    """Raise ``ValueError`` where cotangents differ in names or shapes from what they belong to."""
    expected, found = _shapes(given), _shapes(returned)
    if expected != found:
        raise ValueError(f"{type(owner).__name__}.backward returned {what} {found}; forward took {expected}.")


def _shapes(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _shapes(value) for name, value in sorted(tree.items())}
    return tuple(tree.shape) if hasattr(tree, "shape") else type(tree).__name__
