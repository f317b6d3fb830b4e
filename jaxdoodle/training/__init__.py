"""Training: ``fit`` a network as ``TrainConfig`` says, and ``evaluate`` it. A name is imported when it is asked for."""

from jaxdoodle.core.exports import exports

__getattr__, __dir__, __all__ = exports(
    __name__,
    checkpoints="Checkpoints Interrupted",
    config="TrainConfig",
    evaluation="Evaluation evaluate predict score",
    fit_state="Epoch FitState TrainResult",
    loop="DivergedError fit",
    seeds="fit_seeds",
    **{"steps.augmentation": "Augment", "steps.state": "TrainState"},
)
