"""Training: ``fit`` a network as ``TrainConfig`` says, ``evaluate`` it. A name is loaded when it is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxdoodle.training.augmentation import Augment
    from jaxdoodle.training.config import TrainConfig
    from jaxdoodle.training.evaluation import Evaluation, evaluate, predict, score
    from jaxdoodle.training.loop import DivergedError, Epoch, TrainResult, fit

__all__ = [
    "Augment",
    "DivergedError",
    "Epoch",
    "Evaluation",
    "TrainConfig",
    "TrainResult",
    "evaluate",
    "fit",
    "predict",
    "score",
]
_MODULES = {"Augment": "augmentation", "TrainConfig": "config"} | dict.fromkeys(
    ("Evaluation", "evaluate", "predict", "score"), "evaluation"
)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'loop')}"), name)
