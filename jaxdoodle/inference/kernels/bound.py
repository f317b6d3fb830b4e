"""What a layer becomes that is bound to the buffers that it reads and fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxdoodle import nn
from jaxdoodle.core.types import NDArray

Floats = NDArray[np.float32]
NumPyParams = Mapping[str, Floats]
Calls = list[Callable[[], Any]]
#: The buffer that a layer fills, and the calls that fill it, in turn, from the layer's input buffer.
Bound = tuple[Floats, Calls]


class Pooled(NamedTuple):
    """A convolution, the maximum over its windows, and ReLU if ``relu``.

    The bias is added behind the maximum: the same, from fewer numbers.
    """

    conv: nn.Conv2D
    pool: nn.MaxPool2D
    relu: bool = False
