"""One runtime on one workload in this process: ``python -m benchmarks.worker RUNTIME WORKLOAD IMAGES DATA_DIR``.

It prints a line of JSON when it is ready, and one for each line that it reads: ``round``, then ``end``.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time

from benchmarks.runtimes import RUNTIMES
from benchmarks.workloads import WORKLOADS, load_data


def main(runtime: str, workload_name: str, count: str, data_dir: str) -> None:
    workload = WORKLOADS[workload_name]
    _, (images, labels), (test_images, test_labels) = load_data(data_dir or None)
    images, labels = images[: int(count)], labels[: int(count)]

    package, start = RUNTIMES[runtime]
    importlib.import_module(package)
    started = time.perf_counter()
    trainer = start(workload, images, labels)
    say({"start_seconds": time.perf_counter() - started})
    for line in sys.stdin:
        if line.strip() == "end":
            break
        started = time.perf_counter()
        losses = [trainer.epoch() for _ in range(workload.epochs)]
        say({"seconds": time.perf_counter() - started, "loss": sum(losses) / len(losses)})
    correct = int((trainer.predict(test_images) == test_labels).sum())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    say({"correct": correct, "total": len(test_labels), "peak_bytes": peak})


def say(message: dict) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
