"""Time ours against other libraries on equal work, side by side, and write a record.

Every runtime trains in a process of its own. A round is one turn of each, one after the other, so that whatever else
the machine does meets all of them. What counts is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import inference
from benchmarks.runtimes import OURS, RUNTIMES, applies
from benchmarks.workloads import WORKLOADS, load_data
from jaxdoodle.report.record import describe_machine, write_json

#: How far the final losses of two runtimes may be apart, relative to the larger, and still be called equal work.
SAME_LOSS = 0.25
ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
PEAK = """
import time, jax, jax.numpy as jnp
a, multiply, took = jnp.ones((2048, 2048), jnp.float32), jax.jit(jnp.matmul), []
multiply(a, a).block_until_ready()
for _ in range(30):
    started = time.perf_counter()
    multiply(a, a).block_until_ready()
    took.append(time.perf_counter() - started)
print(2 * 2048**3 / min(took))
"""


def main() -> int:
    options = _parser().parse_args()
    console = Console()
    console.width = max(console.width, 140)
    missing = sorted(
        {package for package, _ in (*RUNTIMES.values(), *inference.RUNTIMES.values()) if not there(package)}
    )
    for package in missing:
        print(f"skipped: {package} is not installed")
    data_name, *_ = load_data(options.data_dir or None)
    record: dict[str, Any] = {
        "command": " ".join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "data": data_name,
        "machine": describe_machine(),
        "load_before": os.getloadavg(),
        "peak_flops": float(_python("-c", PEAK).stdout),
        "workloads": {},
    }
    print(f"float32 matmul peak {record['peak_flops'] / 1e9:.0f} GFLOP/s; load {os.getloadavg()[0]:.1f}")
    for name in options.workloads:
        if name == "W5":
            record["workloads"][name] = time_inference(options.rounds)
            console.print(inference_table(record["workloads"][name]))
        else:
            record["workloads"][name] = time_training(name, options, missing)
            console.print(training_table(name, record["workloads"][name], record["peak_flops"]))
        record["load_after"] = os.getloadavg()
        write_json(options.out, record)
    if max(record["load_before"][0], 0) > 0.5 * len(os.sched_getaffinity(0)):
        print(f"the machine was busy (load {record['load_before'][0]:.1f}): trust ratios less, seconds not at all.")
    return 0


def time_training(name: str, options: argparse.Namespace, missing: list[str]) -> dict[str, Any]:
    """For each runtime its rounds' seconds and losses, start, memory and test score."""
    workload = WORKLOADS[name]
    images = max(workload.batch_size, int(workload.images * options.share))
    share = images / workload.images
    chosen = [one for one in RUNTIMES if RUNTIMES[one][0] not in missing and applies(one, workload)]
    arguments = [name, str(images), options.data_dir]
    workers: dict[str, subprocess.Popen] = {}
    found: dict[str, dict[str, Any]] = {}
    try:
        for one in chosen:
            workers[one] = _start("benchmarks.worker", one, *arguments)
            found[one] = {**_hear(workers[one]), "seconds": [], "loss": []}
        for number in range(options.rounds):
            turn = number % len(chosen)
            for one in chosen[turn:] + chosen[:turn]:
                heard = _ask(workers[one], "round")
                for key in ("seconds", "loss"):
                    found[one][key].append(heard[key])
        for one, worker in workers.items():
            found[one] |= _ask(worker, "end")
    finally:
        for worker in workers.values():
            worker.kill()
            worker.wait()
    return {"title": workload.title, "images": images, "flops": workload.flops * share, "runtimes": found}


def time_inference(rounds: int) -> dict[str, Any]:
    """For each network and runtime: seconds of a call by batch size, and of a whole process by the clock and by the
    processor, a number for each round.
    """
    found: dict[str, Any] = {}
    for title, spec in inference.networks().items():
        with tempfile.TemporaryDirectory() as folder:
            inference.write_models(spec, Path(folder))
            runtimes = [one for one, (package, _) in inference.RUNTIMES.items() if there(package)]
            if not Path(folder, "model.onnx").exists():
                runtimes = [one for one in runtimes if not one.startswith("onnxruntime")]
            took: dict[str, Any] = {
                one: {"cold": [], "cold, processor": [], **{str(count): [] for count in inference.BATCHES}}
                for one in runtimes
            }
            for _ in range(rounds):
                for one in runtimes:
                    by_clock, by_processor = _time_process("-m", "benchmarks.inference", one, folder, "cold")
                    took[one]["cold"].append(by_clock)
                    took[one]["cold, processor"].append(by_processor)
                    warm = json.loads(_python("-m", "benchmarks.inference", one, folder, "warm").stdout)
                    for count, seconds in warm.items():
                        took[one][count].append(seconds)
            found[title] = took
    return found


def training_table(name: str, result: dict[str, Any], peak: float) -> Table:
    found = result["runtimes"]
    fastest = min(statistics.median(found[one]["seconds"]) for one in OURS)
    last = {one: heard["loss"][-1] for one, heard in found.items()}
    table = Table(
        title=f"{name}: {result['title']}, batch {WORKLOADS[name].batch_size}, {result['images']:,} images a round"
    )
    for column in ("runtime", "s a round (lowest, highest)", "x ours", "GFLOP/s", "of peak",
                   "compile s", "peak MB", "loss", "right of 10,000", "equal work"):  # fmt: skip
        table.add_column(column)
    for one, heard in found.items():
        seconds = statistics.median(heard["seconds"])
        rate = result["flops"] / seconds
        apart = abs(last[one] - last[OURS[0]]) / max(last[one], last[OURS[0]])
        table.add_row(
            one,
            f"{seconds:.2f} ({min(heard['seconds']):.2f}, {max(heard['seconds']):.2f})",
            f"{seconds / fastest:.2f}",
            f"{rate / 1e9:.0f}",
            f"{rate / peak:.0%}",
            f"{heard['start_seconds']:.1f}",
            f"{heard['peak_bytes'] / 2**20:,.0f}",
            f"{heard['loss'][0]:.3f} to {heard['loss'][-1]:.3f}",
            f"{heard['correct']:,}",
            "yes" if apart <= SAME_LOSS else f"loss {apart:.0%} apart",
        )
    return table


def inference_table(found: dict[str, Any]) -> Table:
    table = Table(title="W5: inference, medians over processes")
    for column in ("network", "runtime", *(f"{count} images" for count in inference.BATCHES), "cold start, processor"):
        table.add_column(column)
    for title, took in found.items():
        for one, seconds in took.items():
            cells = [statistics.median(seconds[str(count)]) for count in inference.BATCHES]
            cold, processor = (1e3 * statistics.median(seconds[key]) for key in ("cold", "cold, processor"))
            table.add_row(
                title, one, *(f"{1e6 * cell:,.0f} us" for cell in cells), f"{cold:,.0f} ms, {processor:,.0f} ms"
            )
    return table


def there(package: str) -> bool:
    return find_spec(package) is not None


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, *arguments]
    pipe = subprocess.PIPE
    quiet = subprocess.DEVNULL  # TensorFlow is talkative
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=quiet, text=True, env=os.environ | ENVIRONMENT)


def _ask(worker: subprocess.Popen, what: str) -> dict[str, Any]:
    assert worker.stdin is not None
    worker.stdin.write(what + "\n")
    worker.stdin.flush()
    return _hear(worker)


def _hear(worker: subprocess.Popen[str]) -> dict[str, Any]:
    """The next message; lines that the library prints on its own account are passed over."""
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"a worker ended early; alone it says why: {worker.args!r}")


def _python(*arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | ENVIRONMENT
    return subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE, text=True, env=environment)


def _time_process(*arguments: str) -> tuple[float, float]:
    """Seconds of a whole process: by the clock, and of processor time."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=os.environ | ENVIRONMENT)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"a process failed; alone it says why: {process.args!r}")
    return time.perf_counter() - started, used.ru_utime + used.ru_stime


def _parser() -> argparse.ArgumentParser:
    names = (*WORKLOADS, "W5")
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", default=names, metavar="WORKLOAD", help=f"of {', '.join(names)} (all)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each runtime (5)")
    parser.add_argument("--share", type=float, default=1.0, help="of each workload's images, for a quick look (1.0)")
    parser.add_argument("--data-dir", default="", help="the data root; without MNIST there, doodles are drawn")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmark.json"), help="the record (runs/benchmark.json)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
