"""What every runtime gives: an epoch to time, and answers to judge it by."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SEED = 0


class Trainer(NamedTuple):
    """``epoch()`` trains one epoch to its end and gives its mean loss; ``predict(images)`` gives labels.

    A loss that has been read was waited for, and with it, on a GPU, all that was queued before.
    """

    epoch: Callable[[], float]
    predict: Callable[[np.ndarray], np.ndarray]
    device: str
