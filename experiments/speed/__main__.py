"""Time ours against other libraries on equal work, side by side, and write a record.

Every runtime trains in a process of its own. A round is one turn of each, one after the other, so that whatever else
the machine does meets all of them. What counts is the median over the rounds. A runtime of others that is not installed
or that fails is left out, and the record says why; where ours fails, the exit code is 1.
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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.table import Table

from experiments.speed import equality, inference, process
from experiments.speed.machine import MEGABYTE, busy_cores, command
from experiments.speed.process import Ended
from experiments.speed.runtimes import OURS, RUNTIMES, applies
from experiments.speed.workloads import WORKLOADS, load_data
from jaxdoodle.core.errors import FailedError
from jaxdoodle.core.record import cores, describe_machine, write_json

#: Cores that work for others before a workload, as a share of all, from which on its seconds are not to be trusted.
BUSY = 0.25
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
    record: dict[str, Any] = {
        "command": command("experiments.speed"),
        "data": data_name,
        "machine": describe_machine(),
        "load_before": os.getloadavg(),
        "peak_flops": float(process.run("-c", PEAK)[0]),
        "workloads": {},
    }
    print(f"{data_name}; matmul peak {record['peak_flops'] / 1e9:.0f} GFLOP/s")
    for name in options.workloads:
        busy = busy_cores()
        try:
            found = time_inference(options.rounds) if name == "W5" else time_training(name, data_name, options)
        except FailedError as error:
            print(error, file=sys.stderr)
            return 1
        record["workloads"][name] = {"busy_cores_before": round(busy, 2)} | found
        record["load_after"] = os.getloadavg()
        write_json(options.out, record)
        console.print(inference_table(found) if name == "W5" else training_table(name, found, record["peak_flops"]))
        if busy > BUSY * cores():
            print(f"others kept {busy:.1f} cores busy before {name}: trust its ratios less, its seconds not at all.")
    return 0


def time_training(name: str, data_name: str, options: argparse.Namespace) -> dict[str, Any]:
    """For each runtime its rounds' seconds and losses, start, memory, test score, and whether its work was equal."""
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
                        "-m", "experiments.speed.worker", one, name, str(images), options.data_dir
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
    judged = equality.judge(name, found, OURS[0], measured=measured)
    return {
        "title": workload.title,
        "images": images,
        "flops": workload.flops * share,
        "runtimes": {one: heard | judged[one] for one, heard in found.items()},
        "skipped": skipped,
    }


def time_inference(rounds: int) -> dict[str, Any]:
    """For each network and runtime: seconds of a call by batch size, and of a whole process by the clock and by the
    processor, a number for each round.
    """
    networks: dict[str, Any] = {}
    for title, spec in inference.networks().items():
        skipped = _lacking(inference.RUNTIMES)
        found: dict[str, dict[str, list[float]]] = {
            one: {"cold": [], "cold, processor": [], **{str(count): [] for count in inference.BATCHES}}
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
                        found[one]["cold"].append(by_clock)
                        found[one]["cold, processor"].append(by_processor)
                        for count, seconds in json.loads(warm.splitlines()[-1]).items():
                            found[one][count].append(seconds)
        networks[title] = {"runtimes": found, "skipped": skipped}
    return {"networks": networks}


def training_table(name: str, result: dict[str, Any], peak: float) -> Table:
    found = result["runtimes"]
    fastest = min(statistics.median(found[one]["seconds"]) for one in OURS if one in found)
    workload = WORKLOADS[name]
    judged = all(heard["equal"] is not None for heard in found.values())
    unknown = "" if judged else f"; judged on {workload.images:,} images of MNIST alone"
    table = Table(
        title=f"{name}: {result['title']}, batch {workload.batch_size}, {result['images']:,} images a round",
        caption=f"equal work: in brackets, how much of what is allowed the losses and right images are apart{unknown}",
    )
    for column in ("runtime", "s a round (lowest, highest)", "x ours", "GFLOP/s", "of peak",
                   "compile s", "peak MB", "loss", "right", "equal work"):  # fmt: skip
        table.add_column(column)
    for one, heard in found.items():
        seconds = statistics.median(heard["seconds"])
        rate = result["flops"] / seconds
        table.add_row(
            one,
            f"{seconds:.2f} ({min(heard['seconds']):.2f}, {max(heard['seconds']):.2f})",
            f"{seconds / fastest:.2f}" + (" UNEQUAL" if heard["equal"] is False else ""),
            f"{rate / 1e9:.0f}",
            f"{rate / peak:.0%}",
            f"{heard['start_seconds']:.1f}",
            f"{heard['peak_bytes'] / MEGABYTE:,.0f}",
            f"{heard['loss'][0]:.3f} to {heard['loss'][-1]:.3f}",
            f"{heard['correct']:,} of {heard['total']:,}",
            equality.describe(heard),
        )
    return table


def inference_table(found: dict[str, Any]) -> Table:
    table = Table(title="W5: inference, medians over processes")
    for column in ("network", "runtime", *(f"{count} images" for count in inference.BATCHES), "cold start, processor"):
        table.add_column(column)
    for title, network in found["networks"].items():
        for one, seconds in network["runtimes"].items():
            cells = [statistics.median(seconds[str(count)]) for count in inference.BATCHES]
            cold, processor = (1e3 * statistics.median(seconds[key]) for key in ("cold", "cold, processor"))
            table.add_row(
                title, one, *(f"{1e6 * cell:,.0f} us" for cell in cells), f"{cold:,.0f} ms, {processor:,.0f} ms"
            )
    return table


def _lacking(runtimes: Mapping[str, tuple[tuple[str, ...], Any]]) -> dict[str, str]:
    """The runtimes whose packages are not all there, and which are not."""
    missing = {one: [name for name in names if find_spec(name) is None] for one, (names, _) in runtimes.items()}
    return {one: f"not installed: {', '.join(names)}" for one, names in missing.items() if names}


@contextmanager
def _or_skip(one: str, found: dict[str, Any], skipped: dict[str, str]) -> Iterator[None]:
    """A runtime whose process ends early is left out from there on, and so is what it did before. Ours may not be."""
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
    parser = argparse.ArgumentParser(prog="python -m experiments.speed", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=names, metavar="WORKLOAD", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each runtime (5)")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="of each workload's images, for a quick look (1.0)",
    )
    parser.add_argument("--data-dir", default="", help="the data root; without MNIST there, doodles are drawn")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark.json"), help="the record (runs/benchmark.json)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
