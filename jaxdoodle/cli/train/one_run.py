"""One run of ``jaxdoodle train``: what it needs before the first step, training, and what comes of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdoodle.cli.options import reading_of
from jaxdoodle.cli.train import network, outcome, repeat, run_folder
from jaxdoodle.core.errors import FailedError, InputError
from jaxdoodle.core.record import Record, to_json
from jaxdoodle.training.config import TrainConfig

if TYPE_CHECKING:
    from jaxdoodle.cli.progress import Progress
    from jaxdoodle.data import Splits
    from jaxdoodle.nn import ModelSpec
    from jaxdoodle.run import Run
    from jaxdoodle.training import Checkpoints, TrainResult

__all__ = ["OneRun", "prepare", "train"]


@dataclass(frozen=True)
class OneRun:
    """What a run needs before the first step.

    Args:
      spec: The network.
      splits: The data.
      config: How to train.
      out_dir: The folder of the run.
      record: What is known of it before.
      given: Arguments of ``fit``: ``params``, ``outliers`` and ``teacher``.
      checkpoints: Where they are kept.
      taken: Which layers are of ``--init``, in words.
      tensorboard: Whether metrics are written as TensorBoard reads them, too.
      first: Whether this process writes.
      quiet: Whether nothing but errors is printed.
      resumed: Whether it goes on with a run that was begun.
    """

    spec: ModelSpec
    splits: Splits
    config: TrainConfig
    out_dir: Path
    record: Record
    given: dict[str, Any]
    checkpoints: Checkpoints
    taken: str
    tensorboard: bool
    first: bool
    quiet: bool
    resumed: bool

    def introduce(self) -> None:
        """Show what is trained, and on what."""
        from jaxdoodle.training.plan import summarize

        if not self.quiet:
            print(self.splits.summary)  # counts duplicates, which takes a while
            print(self.spec.summary())
            print(summarize(self.config, self.splits.train) + self.taken)
            if (others := self.given["outliers"]) is not None:
                print(f"outliers: {len(others):,} drawings of other classes are among them")

    def begin(self) -> None:
        """Write what ``--resume`` needs. Raises ``InputError`` where the folder has no room."""
        from jaxdoodle.run import bytes_of_run

        if self.first:
            run_folder.reserve(self.out_dir, bytes_of_run(self.spec))
            self.record.write(self.out_dir / run_folder.BEGUN)

    @contextmanager
    def forgotten_if_it_fails(self) -> Iterator[None]:
        """Context manager: a run that would fail again leaves nothing for ``--resume``."""
        try:
            yield
        except (FailedError, InputError):
            if self.first and not self.resumed:
                run_folder.forget(self.out_dir)
            raise

    def logs(self) -> list[Any]:
        """Callbacks that write metrics."""
        from jaxdoodle.training.callbacks import MetricsFiles, TensorBoard

        found: list[Any] = [MetricsFiles(self.out_dir)] if self.first else []
        return [*found, TensorBoard(self.out_dir / "tensorboard")] if self.first and self.tensorboard else found

    def progress(self, title: str) -> Progress:
        """What shows each epoch."""
        from jaxdoodle.cli.progress import Progress
        from jaxdoodle.training.plan import make_plan

        train = self.splits.train
        return Progress(title, make_plan(self.config, train).epochs, len(train), quiet=self.quiet)

    def train(self, callbacks: Sequence[Any] = (), result: TrainResult | None = None) -> Run:
        """Train, unless the result is there, score, and write the model."""
        from jaxdoodle.run import train_model

        return train_model(
            self.spec,
            self.splits,
            self.config,
            self.out_dir,
            title=self.record.name,
            command=self.record.command,
            options=self.record.options,
            **self.given,
            callbacks=callbacks,
            checkpoints=self.checkpoints,
            result=result,
        )

    def tell(self, run: Run) -> tuple[int, Record | None]:
        """Show and write what came of it; the exit code, and the record of a run that was not interrupted."""
        outcome.tell(run, self.out_dir, self.record.name, quiet=self.quiet)
        if run.result.interrupted:
            return self.say_how_to_go_on(), None
        run_folder.forget(self.out_dir)
        return 0, run.record

    def say_how_to_go_on(self) -> int:
        """The exit code after a signal."""
        return outcome.say_how_to_go_on(self.out_dir, self.checkpoints.caught)


def prepare(options: argparse.Namespace, config: TrainConfig, first: bool) -> OneRun:
    """Load the data, make the network and the folder, and show what will be trained.

    Args:
      options: Of the command.
      config: How to train.
      first: Whether this process is the first of several, or the only one, which shows and writes.
    """
    import numpy as np

    from jaxdoodle.data import load_dataset
    from jaxdoodle.data.catalog import load_other_classes, load_outliers
    from jaxdoodle.run import config_to_json, describe_data
    from jaxdoodle.training import Checkpoints
    from jaxdoodle.training.plan import choose

    chosen = {name: getattr(options, name) for name in ("classes", "per_class", "validation", "seed")}
    chosen |= reading_of(options) | {"preprocessing": options.preprocessing}
    splits = load_dataset(options.dataset, root=options.data_dir, **chosen)
    source = repeat.source_of(options)
    before = repeat.read_record(source)
    begun, shape = network.initial(options), splits.preprocessing.image_shape
    spec = network.recorded(before, options) or network.named(options, begun, splits.classes, shape)
    params, taken = network.start(options.init, begun, spec, splits)
    drawings, settings = describe_data(splits) if first else {}, config_to_json(choose(config, splits.train))
    loading = {"root": options.data_dir, **chosen}
    others = None
    if options.outliers_of and not settings["outliers"]:
        raise InputError("--outliers-of: no outliers are shown in this run; say how many with --outliers, as 0.25.")
    if settings["outliers"]:
        others = load_other_classes(options.dataset, splits, **loading)
    for name in options.outliers_of:
        more = load_outliers(name, splits, options.data_dir)
        others = more if others is None else np.concatenate([others, more])
    if first and source and before and repeat.is_exact(options):
        same = {"devices": before.config.get("devices")} if options.resume is not None else {}  # they may change
        repeat.refuse_difference(source, before, settings | same, drawings)
    quiet, command, resumed = options.quiet or not first, options.command, options.resume is not None
    if before and resumed:
        out_dir, command = run_folder.unfinished(options.resume), before.command
    else:
        wanted = options.out or Path("runs") / f"{splits.name}-{network.name_of(options)}"
        out_dir = run_folder.claim(wanted, overwrite=options.overwrite) if first else wanted
        if out_dir != wanted and not quiet:
            print(f"{wanted} holds a run; this one goes to {out_dir}")
    checkpoints = Checkpoints(out_dir / run_folder.CHECKPOINTS, interval=options.checkpoint_interval)

    title, given = f"{splits.name}, {network.name_of(options)}", repeat.options_of(options)
    record = Record(title, command, settings, drawings, options=given, extra={"spec": to_json(spec.to_dict())})
    arguments = {"params": params, "outliers": others, "teacher": network.teacher(options)}
    kinds = {"tensorboard": options.log == "tensorboard", "first": first, "quiet": quiet, "resumed": resumed}
    return OneRun(spec, splits, config, out_dir, record, arguments, checkpoints, taken, **kinds)


def train(options: argparse.Namespace, config: TrainConfig, first: bool) -> tuple[int, Record | None]:
    """Train, and show and write what comes of it: arguments as of ``prepare``.

    Returns:
      The exit code, and the record of a run that was not interrupted.
    """
    one = prepare(options, config, first)
    try:
        with one.forgotten_if_it_fails():
            one.introduce()
            one.begin()
            with one.progress(one.record.name) as progress:
                run = one.train([progress, *one.logs()])
    except KeyboardInterrupt:
        return one.say_how_to_go_on(), None
    return one.tell(run)
