"""One runtime on one workload in this process: ``... worker RUNTIME WORKLOAD IMAGES DATA_DIR``.

It prints a line of JSON when it is ready, and one for each line that it reads: ``round``, then ``end``. Where it fails,
the last line on stderr says why.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import traceback

from experiments.speed.harness.machine import peak_bytes
from experiments.speed.runtimes import RUNTIMES
from experiments.speed.workloads import WORKLOADS, load_data


def main(runtime: str, workload_name: str, count: str, data_dir: str) -> None:
    workload = WORKLOADS[workload_name]
    _, (images, labels), (test_images, test_labels) = load_data(data_dir or None)
    images, labels = images[: int(count)], labels[: int(count)]

    packages, start = RUNTIMES[runtime]
    versions = {package: importlib.import_module(package).__version__ for package in packages}
    started = time.perf_counter()
    trainer = start(workload, images, labels)
    seconds = time.perf_counter() - started
    say({"versions": versions, "device": trainer.device, "start_seconds": seconds})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        started = time.perf_counter()
        losses = [trainer.epoch() for _ in range(workload.epochs)]
        say({"seconds": time.perf_counter() - started, "loss": sum(losses) / len(losses)})
    correct = int((trainer.predict(test_images) == test_labels).sum())
    say({"correct": correct, "total": len(test_labels), "peak_bytes": peak_bytes()})


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:
        traceback.print_exc()
        sys.exit(f"{type(error).__name__}: {error}".splitlines()[0])  # of some libraries, the first of many lines
