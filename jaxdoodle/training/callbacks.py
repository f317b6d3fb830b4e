"""Callbacks of ``fit`` that write the metrics of each epoch while training runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.training.fit_state import Epoch
from jaxdoodle.training.steps.state import TrainState

__all__ = ["MetricsFiles", "TensorBoard"]


class MetricsFiles:
    """Writes ``metrics.jsonl`` and ``metrics.csv``, a line per epoch as soon as it is complete.

    A run that goes on at a later epoch keeps the lines of those before.

    Args:
      folder: Where; made where it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, epoch: int, state: TrainState, metrics: Epoch) -> None:
        """Write the line of an epoch, counted from 1."""
        row = {"epoch": epoch, "step": int(state.step), **_scalars(metrics), "seconds": metrics.seconds}
        self._folder.mkdir(parents=True, exist_ok=True)
        self._append("metrics.jsonl", [], epoch, json.dumps(row))
        self._append("metrics.csv", [",".join(row)], epoch, ",".join(map(str, row.values())))

    def _append(self, name: str, head: list[str], epoch: int, line: str) -> None:
        path = self._folder / name
        before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [*head, *before[len(head) : len(head) + epoch - 1]]
        if before != kept:
            path.write_text("".join(f"{one}\n" for one in kept), encoding="utf-8")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


class TensorBoard:
    """Writes losses and accuracies of each epoch as TensorBoard reads them.

    Args:
      folder: Of the event files.

    Raises:
      InputError: The package tensorboardX is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise InputError(f"TensorBoard files need tensorboardX; {install_hint('tensorboard')}.") from None
        self._writer = SummaryWriter(str(folder))

    def __call__(self, epoch: int, state: TrainState, metrics: Epoch) -> None:
        """Write the scalars of an epoch, counted from 1."""
        for name, value in _scalars(metrics).items():
            self._writer.add_scalar(name.replace("_", "/"), value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Write what is still in memory; the end of the process does it, too."""
        self._writer.close()


def _scalars(metrics: Epoch) -> dict[str, Any]:
    """Loss and accuracy of training and, where there is one, of validation."""
    scored = {"training": metrics.training, "validation": metrics.validation}
    return {
        f"{split}_{name}": getattr(scores, name)
        for split, scores in scored.items()
        if scores
        for name in ("loss", "accuracy")
    }
