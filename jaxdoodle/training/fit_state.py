"""Where a run stands between two chunks of steps: all that it goes on from; and what it gives in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import numpy as np

from jaxdoodle.core.types import NDArray, Params
from jaxdoodle.training.evaluation import Evaluation
from jaxdoodle.training.steps.state import TrainState

__all__ = ["Epoch", "FitState", "TrainResult"]


class Epoch(NamedTuple):
    """The scores of one epoch.

    Args:
      number: Counted from 1.
      training: Taken while the weights change, with dropout on and penalties in the loss: no measure of the network.
        The loss is the mean over the images.
      validation: Taken after the epoch, in evaluation mode; ``None`` without a validation set.
      seconds: How long training took, without evaluation.
    """

    number: int
    training: Evaluation
    validation: Evaluation | None
    seconds: float

    @property
    def rank(self) -> tuple[float, float]:
        """The best epoch has the highest: most correct answers, then the smaller loss; without validation, the last."""
        return (self.validation.correct, -self.validation.loss) if self.validation else (self.number, 0.0)


@dataclass
class FitState:
    """Arrays and numbers alone. A run that starts from a copy of it goes on as if it had not stopped.

    Args:
      state: What a step changes.
      epoch: Number of complete epochs.
      chunk: Number of complete chunks of the epoch that has begun.
      loss_sum: Of its images so far.
      correct: Of them, those classified correctly.
      images: Number of them.
      seconds: How long its chunks took.
      history: The scores of the complete epochs.
      step_losses: The loss of each step so far.
      best_epoch: The complete epoch with the highest rank, counted from 1; 0 before the first is complete.
      best_params: The parameters after it, as NumPy arrays.
    """

    state: TrainState
    epoch: int = 0
    chunk: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    images: int = 0
    seconds: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    step_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_params: list[Params] = field(default_factory=list)

    @property
    def step(self) -> int:
        """Number of complete steps."""
        return len(self.step_losses)

    @property
    def params(self) -> list[Params]:
        """What is evaluated and kept: the moving average, if there is one."""
        return self.state.params if self.state.ema_params is None else self.state.ema_params

    def end_chunk(
        self, losses: NDArray[np.float32], correct: NDArray[np.int32], images: int, batch_size: int, seconds: float
    ) -> None:
        """Count a chunk.

        Args:
          losses: Of its steps, ``(steps,)``, each a mean over its batch.
          correct: Of its steps, ``(steps,)``.
          images: Number of its images.
          batch_size: Of every step but the last, which takes what is left over.
          seconds: How long it took.
        """
        sizes = np.full(len(losses), batch_size)
        sizes[-1] = images - batch_size * (len(losses) - 1)
        self.chunk += 1
        self.loss_sum += float(losses.astype(np.float64) @ sizes)
        self.correct += int(correct.sum())
        self.images += images
        self.seconds += seconds
        self.step_losses += losses.tolist()

    def end_epoch(self, validation: Evaluation | None, keep: str | None = "best") -> Epoch:
        """Count the epoch whose chunks are complete; keep its parameters, ``"best"`` where it is the best so far."""
        scores = Evaluation(self.loss_sum / self.images, self.correct, self.images)
        epoch = Epoch(self.epoch + 1, scores, validation, self.seconds)
        if not self.best_epoch or keep == "last" or epoch.rank > self.history[self.best_epoch - 1].rank:
            self.best_epoch, self.best_params = epoch.number, jax.tree.map(np.array, self.params)
        self.history.append(epoch)
        self.epoch, self.chunk = epoch.number, 0
        self.loss_sum, self.correct, self.images, self.seconds = 0.0, 0, 0, 0.0
        return epoch


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
