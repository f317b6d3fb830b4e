"""What ``jaxdoodle train`` writes and says when its model is written, and when a signal ends it."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jaxdoodle.data.dataset import without_classes
from jaxdoodle.metrics import confusion_counts, mean_recall

if TYPE_CHECKING:
    from jaxdoodle.run import Run

__all__ = ["say_how_to_go_on", "tell"]


def tell(run: Run, out_dir: Path, title: str, *, quiet: bool) -> None:
    """Show the scores of a run, and write its record and figures: what fails of them is a warning."""
    show: Callable[[str], None] = (lambda line: None) if quiet else print
    result = run.result
    kept = f"kept epoch {result.best_epoch} of {len(result.history)}" + ", interrupted" * result.interrupted
    kept += ", stopped early" * result.stopped
    show(f"compiled in {result.compile_seconds:.1f} s, trained in {result.train_seconds:.1f} s; {kept}")
    for name, score in run.scores.items():
        scored = run.splits.sets[name]
        recall = mean_recall(confusion_counts(scored.labels, run.predicted[name], len(scored.classes)))
        absent = without_classes(scored.absent_classes, run.splits.classes)
        show(f"{name:10} {score}, mean recall {100 * recall:.2f} %{absent}")
    if run.warning and not quiet:
        print(f"jaxdoodle: warning: {run.warning}", file=sys.stderr)
    _warn_at_failure(out_dir / "record.json", lambda: run.record.write(out_dir / "record.json"))
    _warn_at_failure("figures", lambda: _draw(run, out_dir, title))
    show(f"{run.model_path} holds the model; record.json and figures are beside it")


def say_how_to_go_on(out_dir: Path, caught: int) -> int:
    """The exit code after a signal, that of a shell."""
    where = shlex.quote(str(out_dir))
    print(f"jaxdoodle: interrupted; jaxdoodle train --resume {where} goes on", file=sys.stderr)
    return 128 + (caught or signal.SIGINT)


def _draw(run: Run, out_dir: Path, title: str) -> None:
    from jaxdoodle.plots.run_figures import draw_figures

    draw_figures(run.spec, run.splits, run.result, run.predicted["test"], out_dir, title=title)


def _warn_at_failure(what: object, write: Callable[[], object]) -> None:
    """The model is written: whatever fails from here on, a full disk or a figure, is a warning."""
    try:
        write()
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"jaxdoodle: warning: the model is written, {what} not; {line}", file=sys.stderr)
