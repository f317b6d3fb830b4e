"""The progress of training on stderr: a bar in a terminal, else (piped, in a notebook) one line per epoch."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from jaxdoodle.training import Epoch

__all__ = ["Progress"]


#: Lines of a run without a terminal: of more epochs, evenly spread ones are told.
MOST_LINES = 50


class Progress:
    """A callback of ``fit`` that shows each epoch; a context.

    Args:
      title: Name of the run.
      epochs: Number of epochs.
      images: Number of images of an epoch.
      quiet: Whether nothing is shown.
      console: Where the bar is drawn; stderr, if that is a terminal.
    """

    def __init__(self, title: str, epochs: int, images: int, *, quiet: bool = False, console: Console | None = None):
        self._title, self._epochs, self._images, self._quiet = title, epochs, images, quiet
        self._every = math.ceil(epochs / MOST_LINES)
        self._bar = None
        if not quiet and (console or sys.stderr.isatty()):
            from rich import progress
            from rich.console import Console
            from rich.table import Column

            rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # what a narrow terminal cuts
            self._bar = progress.Progress(
                progress.BarColumn(bar_width=12),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("{task.fields[scores]}  {task.description}", markup=False, table_column=rest),
                console=console or Console(stderr=True),
                expand=True,
            )
            self._task = self._bar.add_task(title, total=epochs, scores="compiling")

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, number: int, state: object, epoch: Epoch) -> None:
        """Show the scores of an epoch: the loss while training, and the accuracy on validation, if there is one."""
        scored = f"validation {epoch.validation.accuracy:.2%}" if epoch.validation else ""
        scored = scored or f"training {epoch.training.accuracy:.2%}"
        scores = f"loss {epoch.training.loss:.4f}  {scored}  {self._images / epoch.seconds:,.0f} images/s"
        if self._bar:
            self._bar.update(self._task, completed=epoch.number, scores=scores)
        elif not self._quiet and (epoch.number % self._every == 0 or epoch.number == self._epochs):
            print(f"{self._title}: epoch {epoch.number} of {self._epochs}  {scores}", file=sys.stderr, flush=True)
