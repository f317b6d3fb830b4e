"""Time jaxdoodle and other libraries on equal work, and write a record.

Every runtime trains in a process of its own. In a round each runs once, one after the other, so that other load on the
machine affects all of them. Tables show the median over the rounds. A peer that is not installed or that fails is left
out, and the record says why; where jaxdoodle fails, the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from experiments.speed import equality, inference
from experiments.speed.harness import process
from experiments.speed.harness.machine import MEGABYTE, busy_cores, command
from experiments.speed.harness.process import Ended
from experiments.speed.runtimes import JAXDOODLE, RUNTIMES, applies
from experiments.speed.workloads import WORKLOADS, load_data
from jaxdoodle.core.errors import FailedError
from jaxdoodle.core.machine import cores, describe_machine
from jaxdoodle.core.record import Record

#: Fraction of the cores that other processes use before a workload, above which its seconds are not to be trusted.
BUSY = 0.25
#: What a worker says of its machine, and of the test set.
MACHINE, SCORE = ("versions", "device"), ("correct", "total")
PEAK = """
import time, jax, jax.numpy as jnp
size = 2048 if jax.default_backend() == "cpu" else 8192
a, multiply, took = jnp.ones((size, size), jnp.float32), jax.jit(jnp.matmul), []
multiply(a, a).block_until_ready()
for _ in range(30):
    started = time.perf_counter()
    multiply(a, a).block_until_ready()
    took.append(time.perf_counter() - started)
print(2 * size**3 / min(took))
"""


def main() -> int:
    options = _parser().parse_args()
    os.environ.update(process.ENVIRONMENT)
    console = Console()
    console.width = max(console.width, 150)
    for one, reason in (_lacking(RUNTIMES) | _lacking(inference.RUNTIMES)).items():
        print(f"skipped: {one}: {reason}")
    data_name, *_ = load_data(options.data_dir or None)
    load, peak = os.getloadavg(), float(process.run("-c", PEAK)[0])
    print(f"{data_name}; matmul peak {peak / 1e9:.0f} GFLOP/s")
    record = Record(
        "speed",
        command("experiments.speed"),
        data={"name": data_name},
        machine=describe_machine(),
        extra={"load_before": load, "peak_flops": peak},
    )
    for name in options.workloads:
        busy = busy_cores()
        try:
            found = time_inference(options.rounds) if name == "W5" else time_training(name, data_name, options)
        except FailedError as error:
            print(error, file=sys.stderr)
            return 1
        found = replace(found, extra={"busy_cores_before": round(busy, 2)} | found.extra)
        record = replace(record, runs=(*record.runs, found), extra=record.extra | {"load_after": os.getloadavg()})
        record.write(options.out)
        console.print(inference_table(found) if name == "W5" else training_table(found, peak))
        if busy > BUSY * cores():
            print(
                f"other processes used {busy:.1f} cores before {name}: trust its ratios less, its seconds not at all."
            )
    return 0


def time_training(name: str, data_name: str, options: argparse.Namespace) -> Record:
    """Time one workload.

    Args:
      name: Of the workload.
      data_name: Name of the dataset.
      options: ``share``, ``data_dir`` and ``rounds`` of the command line.

    Returns:
      A run for each runtime: seconds and losses by round, seconds of the start, memory, test score, and whether its
      work was equal.
    """
    workload = WORKLOADS[name]
    images = max(workload.batch_size, int(workload.images * options.share))
    share = images / workload.images
    chosen = [one for one in RUNTIMES if applies(one, workload, jax.default_backend())]
    skipped = {one: reason for one, reason in _lacking(RUNTIMES).items() if one in chosen}
    workers: dict[str, process.Worker] = {}
    found: dict[str, dict[str, Any]] = {}
    try:
        for one in chosen:
            if one not in skipped:
                with _or_skip(one, found, skipped):
                    workers[one] = process.start(
                        "-m", "experiments.speed.harness.worker", one, name, str(images), options.data_dir
                    )
                    found[one] = {**process.listen(workers[one]), "seconds": [], "loss": []}
        for number in range(options.rounds):
            there = list(found)
            turn = number % len(there)
            for one in there[turn:] + there[:turn]:
                with _or_skip(one, found, skipped):
                    heard = process.ask(workers[one], "round")
                    for key in ("seconds", "loss"):
                        found[one][key].append(heard[key])
        for one in list(found):
            with _or_skip(one, found, skipped):
                found[one] |= process.ask(workers[one], "end")
    finally:
        for worker in workers.values():
            process.stop(worker)
    measured = data_name == "mnist" and images == workload.images
    judged = equality.judge(name, found, JAXDOODLE[0], measured=measured)
    return Record(
        name,
        config={"title": workload.title, "images": images, "flops": workload.flops * share},
        extra={"skipped": _reasons(skipped)},
        runs=tuple(_run_of(one, heard | judged[one]) for one, heard in found.items()),
    )


def _run_of(runtime: str, heard: dict[str, Any]) -> Record:
    """What a worker said, as a record."""
    machine, score = ({key: heard.pop(key) for key in keys if key in heard} for keys in (MACHINE, SCORE))
    return Record(runtime, machine=machine, scores={"test": score}, extra=heard)


def _reasons(skipped: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": one, "reason": reason} for one, reason in skipped.items()]


def time_inference(rounds: int) -> Record:
    """Time inference.

    Returns:
      For each network a run that holds one for each runtime. Lists have an entry for each round: seconds of a call by
      batch size, and of a whole process by the clock and by the processor.
    """
    networks = []
    for title, spec in inference.networks().items():
        skipped = _lacking(inference.RUNTIMES)
        found: dict[str, dict[str, Any]] = {
            one: {
                "cold_seconds": [],
                "cold_processor_seconds": [],
                "warm_seconds": {str(count): [] for count in inference.BATCHES},
            }
            for one in inference.RUNTIMES
            if one not in skipped
        }
        with tempfile.TemporaryDirectory() as folder:
            inference.write_models(spec, Path(folder))
            for _ in range(rounds):
                for one in list(found):
                    with _or_skip(one, found, skipped):
                        _, by_clock, by_processor = process.run(
                            "-m", "experiments.speed.inference", one, folder, "cold"
                        )
                        warm, *_ = process.run("-m", "experiments.speed.inference", one, folder, "warm")
                        found[one]["cold_seconds"].append(by_clock)
                        found[one]["cold_processor_seconds"].append(by_processor)
                        for count, seconds in json.loads(warm.splitlines()[-1]).items():
                            found[one]["warm_seconds"][count].append(seconds)
        runs = tuple(Record(one, extra=seconds) for one, seconds in found.items())
        networks.append(Record(title, extra={"skipped": _reasons(skipped)}, runs=runs))
    return Record("W5", runs=tuple(networks))


def training_table(found: Record, peak: float) -> Table:
    """Show a workload as ``time_training`` gives it; ``peak`` is the machine's matmul peak in FLOP/s."""
    fastest = min(statistics.median(run.extra["seconds"]) for run in found.runs if run.name in JAXDOODLE)
    workload = WORKLOADS[found.name]
    judged = all(run.extra["equal"] is not None for run in found.runs)
    unknown = "" if judged else f"; judged on {workload.images:,} images of MNIST alone"
    images = f"{found.config['images']:,} images a round"
    table = Table(
        title=f"{found.name}: {found.config['title']}, batch {workload.batch_size}, {images}",
        caption="equal work: in brackets, the differences of losses and correct images as a share of what is allowed"
        + unknown,
    )
    for column in ("runtime", "s a round (lowest, highest)", "x jaxdoodle", "GFLOP/s", "of peak",
                   "compile s", "peak MB", "loss", "correct", "equal work"):  # fmt: skip
        table.add_column(column)
    for run in found.runs:
        extra, score = run.extra, run.scores["test"]
        seconds = statistics.median(extra["seconds"])
        rate = found.config["flops"] / seconds
        table.add_row(
            run.name,
            f"{seconds:.2f} ({min(extra['seconds']):.2f}, {max(extra['seconds']):.2f})",
            f"{seconds / fastest:.2f}" + (" UNEQUAL" if extra["equal"] is False else ""),
            f"{rate / 1e9:.0f}",
            f"{rate / peak:.0%}",
            f"{extra['start_seconds']:.1f}",
            f"{extra['peak_bytes'] / MEGABYTE:,.0f}",
            f"{extra['loss'][0]:.3f} to {extra['loss'][-1]:.3f}",
            f"{score['correct']:,} of {score['total']:,}",
            equality.describe(extra),
        )
    return table


def inference_table(found: Record) -> Table:
    """Show what ``time_inference`` gives."""
    table = Table(title="W5: inference, medians over processes")
    for column in ("network", "runtime", *(f"{count} images" for count in inference.BATCHES), "cold start, processor"):
        table.add_column(column)
    for network in found.runs:
        for run in network.runs:
            cells = [statistics.median(run.extra["warm_seconds"][str(count)]) for count in inference.BATCHES]
            cold, processor = (
                1e3 * statistics.median(run.extra[key]) for key in ("cold_seconds", "cold_processor_seconds")
            )
            calls = (f"{1e6 * cell:,.0f} us" for cell in cells)
            table.add_row(network.name, run.name, *calls, f"{cold:,.0f} ms, {processor:,.0f} ms")
    return table


def _lacking(runtimes: Mapping[str, tuple[tuple[str, ...], Any]]) -> dict[str, str]:
    """Runtimes whose packages are not all installed -> which are missing."""
    missing = {one: [name for name in names if find_spec(name) is None] for one, (names, _) in runtimes.items()}
    return {one: f"not installed: {', '.join(names)}" for one, names in missing.items() if names}


@contextmanager
def _or_skip(one: str, found: dict[str, Any], skipped: dict[str, str]) -> Iterator[None]:
    """Leave out a peer whose process ends early, with all that it did; raise ``FailedError`` for jaxdoodle."""
    try:
        yield
    except Ended as error:
        if one.startswith("jaxdoodle"):
            raise FailedError(f"{one}: {error}") from error
        print(f"skipped: {one}: {error}")
        skipped[one] = str(error)
        found.pop(one, None)


def _parser() -> argparse.ArgumentParser:
    names = (*WORKLOADS, "W5")
    parser = argparse.ArgumentParser(prog="python -m experiments.speed", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "workloads", nargs="*", default=names, metavar="WORKLOAD", help=f"{', '.join(names)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="number of rounds (default 5)")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="fraction of each workload's images (default 1.0)",
    )
    parser.add_argument("--data-dir", default="", help="the data root; without MNIST there, doodles are generated")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark.json"), help="file of the record (default runs/benchmark.json)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
