"""``python -m experiments [NAME...]``: run declared experiments; without a name, list them."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from experiments import NAMES
from jaxdoodle.cli import exit_code_of
from jaxdoodle.cli.options import count
from jaxdoodle.core.errors import InputError


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    if not options.names:
        for name in NAMES:
            print(f"{name:18} {_module(name).__doc__.splitlines()[0]}")
        return 0
    return exit_code_of(lambda: max(_run(name, options) for name in options.names))


def _run(name: str, options: argparse.Namespace) -> int:
    if name not in NAMES:
        raise InputError(f"no experiment {name!r}; there are {', '.join(NAMES)}.")
    out_dir = options.out / name
    module = _module(name)
    if hasattr(module, "run"):
        return module.run(out_dir)
    from experiments import runner  # lists and the worked example need no training
    from jaxdoodle.training import compile_cache

    compile_cache.enable()
    return runner.run(name, module.EXPERIMENT, options, out_dir)


def _module(name: str):
    return importlib.import_module(NAMES[name])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(NAMES))
    parser.add_argument("--variants", type=lambda text: text.split(";"), help="some of the variants, with ; between")
    parser.add_argument("--seed", type=int, help="the first seed (default: the experiment's own, 0 unless it says why)")
    parser.add_argument("--seeds", type=count, default=1, help="how many seeds in turn (default 1)")
    parser.add_argument("--epochs", type=count, help="instead of what the experiment declares")
    parser.add_argument("--classes", help='names with commas between, or "all"')
    parser.add_argument("--per-class", type=count, help="the most drawings of each class")
    parser.add_argument("--gradients", choices=("hand", "autodiff"), help="how gradients are computed")
    parser.add_argument("--data-dir", type=Path, help="the data root (default: $JAXDOODLE_DATA, else data/)")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="where records go, in a folder each (runs)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
