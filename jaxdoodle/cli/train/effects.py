"""Which options have an effect beside which others: one that would be without effect is refused, by one table."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from jaxdoodle.core.errors import InputError
from jaxdoodle.training.config import DECAYING

__all__ = ["NETWORKS", "refuse_idle"]

#: Names that ``--model`` knows.
NETWORKS = ("mlp", "cnn", "sketch-cnn")
#: Options, whether they have an effect, and beside what they have it.
EFFECTS: tuple[tuple[tuple[str, ...], Callable[[argparse.Namespace], bool], str], ...] = (
    (("hidden", "activation", "drop_rate"), lambda given: given.model == "mlp", "--model mlp"),
    (("layers",), lambda given: given.model not in NETWORKS or bool(given.init), "--model FILE.json or --init"),
    (("schedule_decay",), lambda given: given.schedule in DECAYING, f"--schedule {' or '.join(DECAYING)}"),
    (("freeze",), lambda given: bool(given.init), "--init MODEL"),
    (("teacher_weight", "teacher_temperature"), lambda given: bool(given.teacher), "--teacher MODEL"),
    (("dilate",), lambda given: bool(given.augment), "--augment"),
    (("outliers_of",), lambda given: given.outliers != 0, "--outliers above 0"),
    (("patience",), lambda given: given.validation > 0, "--validation above 0"),
    (("seeds_at_once",), lambda given: given.seeds > 1, "--seeds 2 or more"),
    (("matmul_precision",), lambda given: given.device != "cpu", "--device gpu or tpu"),
)


def refuse_idle(options: argparse.Namespace) -> None:
    """Raise ``InputError`` at an option that was given and has no effect beside the others."""
    for names, has_effect, beside in EFFECTS:
        for name in names:
            if name in options.given and not has_effect(options):
                option = options.given[name]
                raise InputError(f"{option} has an effect beside {beside} alone; leave it out, or say that too.")
