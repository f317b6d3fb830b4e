"""What training gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxdoodle.core.types import Params
from jaxdoodle.training.fit_state import Epoch

__all__ = ["TrainResult"]


@dataclass(repr=False)
class TrainResult:
    """What training gives.

    Args:
      params: The parameters after ``best_epoch``, a dict per layer; the moving average, if there is one.
      best_epoch: The one with most correct answers on validation (on a tie, the smaller loss), counted from 1; the last
        where there is no validation set.
      history: The scores of each epoch.
      step_losses: The loss of each step.
      compile_seconds: How long compiling took.
      train_seconds: How long the epochs took, without evaluation.
      interrupted: Whether Ctrl-C ended training.
      stopped: Whether a callback, or patience, ended training early.
    """

    params: list[Params]
    best_epoch: int
    history: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    interrupted: bool = False
    stopped: bool = False

    def __repr__(self) -> str:
        best = next((epoch for epoch in self.history if epoch.number == self.best_epoch), None)
        scores = f", validation {best.validation}" if best and best.validation else ""
        return f"TrainResult(epoch {self.best_epoch} of {len(self.history)}{scores}, {self.train_seconds:.1f} s)"

    def _repr_html_(self) -> str:
        head = ("epoch", "training loss", "training accuracy", "validation loss", "validation accuracy", "seconds")
        rows = [head, *map(self._row, self.history)]
        return "<table>" + "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows) + "</table>"

    def _row(self, epoch: Epoch) -> tuple[str, ...]:
        number = f"{epoch.number}{' (kept)' * (epoch.number == self.best_epoch)}"
        scores = [(f"{one.loss:.4f}", f"{one.accuracy:.2%}") if one else ("", "") for one in epoch[1:3]]
        return number, *scores[0], *scores[1], f"{epoch.seconds:.2f}"
