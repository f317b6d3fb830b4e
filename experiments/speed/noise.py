"""How much training varies with the seed alone: the noise that ``experiments.speed.equality`` allows for.

    python -m experiments.speed.noise W1 --seeds 6 --rounds 9

trains jaxdoodle with several seeds. Of each round it prints the sample standard deviation of the natural logarithm of
the loss, then that of the first round and of all later ones (the root of their mean variance), and the number of
correct test images of each seed at the end.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from experiments.speed.runtimes import jaxdoodle
from experiments.speed.workloads import WORKLOADS, load_data


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _parser()
    options = parser.parse_args(arguments)
    if min(options.seeds, options.rounds) < 2:
        parser.error("two seeds and two rounds, or more")
    data_name, (images, labels), (test_images, test_labels) = load_data(options.data_dir or None)
    for name in options.workloads:
        workload = WORKLOADS[name]
        losses, correct = [], []
        for seed in range(options.seeds):
            trainer = jaxdoodle(workload, images[: workload.images], labels[: workload.images], seed=seed)
            losses.append([np.mean([trainer.epoch() for _ in range(workload.epochs)]) for _ in range(options.rounds)])
            correct.append(int((trainer.predict(test_images) == test_labels).sum()))
        scatter = deviations(np.array(losses))
        first, later = scatter[0], np.sqrt((scatter[1:] ** 2).mean())
        print(f"{name}, {data_name}: deviation of ln(loss) over {options.seeds} seeds:", *scatter.round(4))
        print(f"  first {first:.3f}, later {later:.3f}; correct of {len(test_labels):,}:", *correct, flush=True)


def deviations(losses: np.ndarray) -> np.ndarray:
    """``(seeds, rounds) -> (rounds,)``: sample standard deviations of the natural logarithm."""
    return np.log(losses).std(axis=0, ddof=1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.speed.noise", description=__doc__.split("\n", 1)[0], allow_abbrev=False
    )
    parser.add_argument(
        "workloads", nargs="*", default=tuple(WORKLOADS), metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)} (all)"
    )
    parser.add_argument("--seeds", type=int, default=6, help="seeds, two or more (6)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, two or more (5)")
    parser.add_argument("--data-dir", default="", help="the data root; without MNIST there, doodles are generated")
    return parser


if __name__ == "__main__":
    main()
