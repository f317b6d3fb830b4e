"""How training goes, while it goes: loss, accuracy and images per second, one line per run."""

from __future__ import annotations

from rich import progress
from rich.console import Console

from jaxdoodle.training.loop import Epoch


class Progress:
    """A bar over the epochs, on stderr; call it with each ``Epoch``. Where nobody watches, it stays silent."""

    def __init__(self, title: str, epochs: int, images: int):
        self._images = images
        console = Console(stderr=True)
        self._bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("epochs  {task.fields[scores]}"),
            progress.TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=epochs, scores="compiling")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *exception) -> None:
        self._bar.stop()

    def __call__(self, epoch: Epoch) -> None:
        training, validation = epoch.training, epoch.validation
        scores = f"loss {training.loss:.4f}  accuracy {100 * training.accuracy:.2f} %"
        if validation:
            scores += f"  validation {100 * validation.accuracy:.2f} %"
        self._bar.update(
            self._task, completed=epoch.number, scores=f"{scores}  {self._images / epoch.seconds:,.0f} images/s"
        )
