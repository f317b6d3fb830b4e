"""Training: ``fit`` a network as ``TrainConfig`` says, and ``evaluate`` it. A name is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxdoodle.core.exports import exports

if TYPE_CHECKING:
    from jaxdoodle.training.augmentation import Augment
    from jaxdoodle.training.config import TrainConfig
    from jaxdoodle.training.evaluation import Evaluation, evaluate, predict, score
    from jaxdoodle.training.loop import DivergedError, Epoch, TrainResult, fit

__all__ = ["Augment", "DivergedError", "Epoch", "Evaluation", "TrainConfig", "TrainResult"]
__all__ += ["evaluate", "fit", "predict", "score"]

_MODULES = {"evaluation": "Evaluation evaluate predict score", "loop": "DivergedError Epoch TrainResult fit"}
__getattr__, __dir__ = exports(__name__, augmentation="Augment", config="TrainConfig", **_MODULES)
