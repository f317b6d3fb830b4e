"""What a GPU does: the tests on it, training beside PyTorch, time to 99 %, precision, convolutions, throughput.

Each part is a process of its own with a limit, so that one that fails or hangs costs its own answer alone; the record
is printed as JSON, and written after every part. Nothing is installed and nothing is fetched.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.harness import process
from jaxdoodle.core.machine import describe_machine
from jaxdoodle.core.record import Record

#: Seconds for all parts together, and what each may take of them.
LIMIT = 520.0
NEEDED = ("jax", "jaxlib", "numpy", "optax", "PIL", "torch")
TESTS = ("tests/core", "tests/nn", "tests/gradcheck")
QUERY = "name,driver_version,memory.total,clocks.max.sm,power.limit"
#: Batch sizes of the convolutions, and of the 345 classes.
CONVOLVED, BATCHES = (128, 1024), (128, 512, 2048)
ROUNDS, SEEDS = 3, 20
ROUNDINGS = ("float32", "bfloat16")


def machine(share: float, data_dir: str) -> dict[str, Any]:
    """The card and its driver, versions, and what is missing."""
    import jax

    try:
        asked = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"]
        card = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        card = f"nvidia-smi: {error}"
    versions = {}
    for name in NEEDED:
        with_name = {"PIL": "pillow"}.get(name, name)
        try:
            versions[with_name] = version(with_name)
        except PackageNotFoundError:
            versions[with_name] = None
    devices = [device.device_kind for device in jax.devices()]
    return {"backend": jax.default_backend(), "devices": devices, "card": card, "versions": versions}


def tests(share: float, data_dir: str) -> dict[str, Any]:
    """The tests of core, networks and the gradient checker on the device; without pytest, the checker on every rule."""
    folders = [folder for folder in TESTS if Path(folder).is_dir()]
    if find_spec("pytest") and find_spec("hypothesis") and folders:
        words = ["-m", "pytest", "-p", "no:cacheprovider", "--tb=line", *(folders if share == 1 else folders[:1])]
    else:
        words = ["-m", "jaxdoodle", "check"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    failed = [line for line in lines if line.startswith("FAILED") or " is wrong" in line]
    return {"asked": " ".join(words), "exit_code": done.returncode, "failed": failed, "last": lines[-1:]}


def training(share: float, data_dir: str) -> dict[str, Any]:
    """Seconds of each round of W1 to W4, each runtime in a process of its own, and whether their work is equal."""
    import jax

    from experiments.speed import equality
    from experiments.speed.runtimes import JAXDOODLE, RUNTIMES, applies
    from experiments.speed.workloads import WORKLOADS, load_data

    measured = load_data(data_dir or None)[0] == "mnist" and share == 1
    answer: dict[str, Any] = {"workloads": []}
    for name, workload in WORKLOADS.items():
        chosen = [one for one in RUNTIMES if applies(one, workload, jax.default_backend())]
        images, found, failed = max(workload.batch_size, int(workload.images * share)), {}, []
        for one in chosen:
            if missing := [package for package in RUNTIMES[one][0] if find_spec(package) is None]:
                failed.append({"name": one, "reason": f"not installed: {', '.join(missing)}"})
                continue
            try:
                found[one] = _heard("-m", "experiments.speed.harness.worker", one, name, str(images), data_dir)
            except process.Ended as error:
                failed.append({"name": one, "reason": str(error)})
        judged = equality.judge(name, found, JAXDOODLE[0], measured=measured) if JAXDOODLE[0] in found else {}
        runs = [{"name": one} | heard | judged.get(one, {}) for one, heard in found.items()]
        answer["workloads"].append({"name": name, "images": images, "runs": runs, "skipped": failed})
        print(json.dumps(answer), flush=True)  # what is done stays, should the rest take too long
    return answer


def _heard(*words: str) -> dict[str, Any]:
    """What a worker says of its start, its rounds and its end. Raises ``Ended``."""
    worker = process.start(*words)
    try:
        said = process.listen(worker)
        rounds = [process.ask(worker, "round") for _ in range(ROUNDS)]
        return said | {key: [one[key] for one in rounds] for key in ("seconds", "loss")} | process.ask(worker, "end")
    finally:
        process.stop(worker)


def time_to_99(share: float, data_dir: str) -> dict[str, Any]:
    """Seconds of training and correct test digits of each seed, in turn, and of all seeds in one program."""
    from experiments.studies.time_to_99 import RECIPE
    from jaxdoodle.data import load_dataset
    from jaxdoodle.nn.architectures import digit_cnn
    from jaxdoodle.training import TrainConfig, evaluate, fit, fit_seeds

    splits = load_dataset("mnist", root=data_dir or None, validation=0)
    train = splits.train.take(np.arange(int(len(splits.train) * share)))
    spec = digit_cnn(splits.classes, drop_rate=0.0)
    answer: dict[str, Any] = {"seconds": [], "correct": [], "total": len(splits.test)}
    seeds = range(SEEDS if share == 1 else 2)
    for seed in seeds:
        result = fit(spec, train, None, TrainConfig(**RECIPE, seed=seed))
        answer["seconds"].append(result.train_seconds)
        answer["correct"].append(evaluate(spec, result.params, splits.test).correct)
        answer.setdefault("compile_seconds", result.compile_seconds)
    print(json.dumps(answer), flush=True)  # what is done stays, should the rest take too long
    together = fit_seeds(spec, train, None, TrainConfig(**RECIPE), seeds)
    times = {"seconds": together[0].train_seconds, "compile_seconds": together[0].compile_seconds}
    correct = [evaluate(spec, result.params, splits.test).correct for result in together]
    return answer | {"at_once": times | {"correct": correct}}


def precision(share: float, data_dir: str) -> dict[str, Any]:
    """Seconds of a round with products in float32 (TensorFloat-32 on a GPU) and in bfloat16."""
    return {"rounds": [_rounds(name, share, data_dir, rounding) for name in ("W3", "W4") for rounding in ROUNDINGS]}


def throughput(share: float, data_dir: str) -> dict[str, Any]:
    """The network of 345 classes by batch size and precision."""
    sizes = BATCHES if share == 1 else BATCHES[:1]
    return {"rounds": [_rounds("W3", share, data_dir, rounding, size) for size in sizes for rounding in ROUNDINGS]}


def convolutions(share: float, data_dir: str) -> dict[str, Any]:
    """Microseconds of convolution, ReLU and pooling with their gradients, by three ways to compute them."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    from jaxdoodle.nn import ModelSpec, model
    from jaxdoodle.nn.architectures import digit_cnn, sketch_cnn
    from jaxdoodle.nn.fused import fuse, unfused

    def library(layer: Any, params: Any, x: Any) -> Any:
        form = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(x, params["w"], (1, 1), layer.padding, dimension_numbers=form) + params["b"]
        return lax.reduce_window(jax.nn.relu(y), -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    answer: list[dict[str, Any]] = []
    for spec in (digit_cnn("0123456789"), sketch_cnn([str(number) for number in range(345)])):
        for start in (0, 3, 6):
            block, shape = spec.layers[start : start + 3], spec.shapes[start]
            if len(shape) != 3 or type(block[0]).__name__ != "Conv2D":
                continue
            alone = ModelSpec(block, shape)
            params = model.init(alone, jax.random.key(0))
            for batch in CONVOLVED if share == 1 else (4,):
                x = jax.random.normal(jax.random.key(1), (batch, *shape))
                dy = jax.random.normal(jax.random.key(2), (batch, *alone.output_shape))

                def by(blocks: Any, params: Any, x: Any, dy: Any) -> Any:
                    y, residuals = model.forward(alone, params, x, blocks=blocks)  # noqa: B023 - called in this turn
                    grads = []
                    for (_, layer, _), kept in zip(reversed(blocks), reversed(residuals), strict=True):
                        own, dy = layer.backward(kept, dy)
                        grads.append(own)
                    return y, grads, dy

                def autodiff(params: Any, x: Any, dy: Any) -> Any:
                    y, vjp = jax.vjp(lambda params, x: library(block[0], params[0], x), params, x)  # noqa: B023
                    return y, vjp(dy)

                ways: dict[str, Callable[..., Any]] = {
                    "layers": lambda *given: by(unfused(alone), *given),  # noqa: B023
                    "fused": lambda *given: by(fuse(alone, "cpu"), *given),  # noqa: B023
                    "lax_conv_and_autodiff": autodiff,
                }
                took = {way: _microseconds(jax.jit(run), params, x, dy) for way, run in ways.items()}
                answer.append({"layer": repr(block[0]), "input_shape": shape, "batch": batch, "microseconds": took})
                print(json.dumps({"blocks": answer}), flush=True)
                if share < 1:
                    return {"blocks": answer}
    return {"blocks": answer}


def _microseconds(run: Callable[..., Any], *given: Any) -> float:
    """The median of twenty calls after the first."""
    import jax

    took = []
    jax.block_until_ready(run(*given))
    for _ in range(20):
        started = time.perf_counter()
        jax.block_until_ready(run(*given))
        took.append(1e6 * (time.perf_counter() - started))
    return round(statistics.median(took), 1)


def _rounds(name: str, share: float, data_dir: str, rounding: str, batch_size: int | None = None) -> dict[str, Any]:
    """Seconds of rounds of a workload by this library, and images a second in their median."""
    from dataclasses import replace

    from experiments.speed.runtimes.ours import jaxdoodle
    from experiments.speed.workloads import WORKLOADS, load_data

    workload = replace(WORKLOADS[name], batch_size=batch_size or WORKLOADS[name].batch_size)
    _, (images, labels), _ = load_data(data_dir or None)
    count = max(workload.batch_size, int(workload.images * share))
    trainer = jaxdoodle(workload, images[:count], labels[:count], matmul_precision=rounding)
    seconds, epochs = [], max(1, int(workload.epochs * share))
    for _ in range(ROUNDS):
        started = time.perf_counter()
        losses = [trainer.epoch() for _ in range(epochs)]
        seconds.append(time.perf_counter() - started)
    rate = count * epochs / statistics.median(seconds)
    found = {"workload": name, "batch": workload.batch_size, "matmul_precision": rounding}
    return found | {"seconds": seconds, "loss": losses[-1], "images_per_second": round(rate)}


#: Part -> its function, and the most seconds that it may take.
PARTS: dict[str, tuple[Callable[[float, str], dict[str, Any]], float]] = {
    "machine": (machine, 30),
    "time_to_99": (time_to_99, 90),
    "training": (training, 240),
    "precision": (precision, 60),
    "convolutions": (convolutions, 60),
    "throughput": (throughput, 60),
    "tests": (tests, 240),
}


def run_parts(parts: list[str], share: float, data_dir: str, limit: float = LIMIT) -> Iterator[Record]:
    """Each part in a process of its own, within what is left of the limit; the record as it grows."""
    answers: dict[str, Any] = {}
    end = time.monotonic() + limit
    for part in parts:
        words = ["--part", part, "--share", str(share), "--data-dir", data_dir]
        started, allowed = time.monotonic(), max(1.0, min(PARTS[part][1], end - time.monotonic()))
        said, error = _run([sys.executable, "-m", "experiments.speed.gpu", *words], allowed)
        lines = [line for line in said.splitlines() if line.startswith("{")]
        answers[part] = json.loads(lines[-1]) if lines else {}
        answers[part] |= {"wall_seconds": round(time.monotonic() - started, 1)} | ({"error": error} if error else {})
        print(f"{part}: {answers[part]['wall_seconds']} s {error}", file=sys.stderr, flush=True)
        yield Record("gpu", "bash experiments/speed/gpu.sh", machine=describe_machine(), extra=dict(answers))


def _run(words: list[str], seconds: float) -> tuple[str, str]:
    """What a program prints, and why it failed, if it did."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode(), f"stopped after {seconds:.0f} s"
    errors = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
    return done.stdout, errors[-1] if done.returncode else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="gpu.sh", description=__doc__, allow_abbrev=False)
    parser.add_argument("--data-dir", default="", help="the data root; without MNIST there, doodles are generated")
    parser.add_argument("--parts", default=",".join(PARTS), help="those to run, with commas between (default: all)")
    parser.add_argument("--share", type=float, default=1.0, help="fraction of each workload's images (default 1.0)")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu.json"), help="file (default runs/gpu.json)")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.update(process.ENVIRONMENT)
    if options.part:
        print(json.dumps(PARTS[options.part][0](options.share, options.data_dir)))
        return 0
    if unknown := [part for part in options.parts.split(",") if part not in PARTS]:
        parser.error(f"no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for record in run_parts(options.parts.split(","), options.share, options.data_dir):
        record.write(options.out)
    print(options.out.read_text(encoding="utf-8"))
    return 1 if any("error" in answer for answer in record.extra.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
