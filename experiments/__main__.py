"""``python -m experiments [NAME...]``: run declared experiments; without a name, list them."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from experiments import NAMES
from jaxdoodle.cli import exit_code_of
from jaxdoodle.cli.options import count
from jaxdoodle.core.errors import InputError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiments named in ``argv``. 0: done; 1: one missed its goal; 2: the input is at fault."""
    options = vars(_parser().parse_args(argv))
    names, out_dir = options.pop("names"), options.pop("out")
    if not names:
        for name in NAMES:
            print(f"{name:18} {_first_line(name)}")
        return 0

    def run_all() -> int:
        runs = {name: _run_of(name, options) for name in names}  # all are checked before the first one runs
        return max(run(out_dir / name, **options) for name, run in runs.items())

    return exit_code_of(run_all)


def _first_line(name: str) -> str:
    """The first line of an experiment's docstring, without importing it."""
    spec = find_spec(NAMES[name])
    assert spec is not None and spec.origin is not None
    return (ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or "").split("\n", 1)[0]


def _run_of(name: str, options: Mapping[str, Any]) -> Callable[..., int]:
    """What runs an experiment. Raises ``InputError`` where there is none, or it does not take one of the options."""
    if name not in NAMES:
        raise InputError(f"no experiment {name!r}; there are {', '.join(NAMES)}.")
    module = importlib.import_module(NAMES[name])
    if not (run := getattr(module, "run", None)):
        from experiments import runner  # the worked example needs no training

        run = partial(runner.run, name, module.EXPERIMENT)
    parameters = inspect.signature(run).parameters.values()
    taken = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
    for option in options:
        if option not in taken:
            known = ", ".join(f"--{one.replace('_', '-')}" for one in (*taken, "out"))
            raise InputError(f"{name} takes no --{option.replace('_', '-')}; it takes {known}.")
    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description=__doc__, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    option = parser.add_argument
    option("names", nargs="*", default=[], metavar="NAME", help="; ".join(NAMES))
    option("--variants", type=lambda text: text.split(";"), help="some of the variants, separated by ;")
    option("--seed", type=int, help="the first seed (default: the experiment's own, 0 unless it says why)")
    option("--seeds", type=count, help="number of seeds (default: the experiment's own, 1 for a report)")
    option("--epochs", type=count, help="number of epochs (default: as the experiment declares)")
    option("--classes", help='names separated by commas, or "all"')
    option("--drawings", type=count, help="number of drawings, each on a page of every kind")
    option("--per-class", type=count, help="the most drawings of each class")
    option("--gradients", choices=("hand", "autodiff"), help="how gradients are computed")
    option("--data-dir", type=Path, help="the data root (default: $JAXDOODLE_DATA, else data/)")
    option("--out", type=Path, default=Path("runs"), help="folder of the records, in which each has its own (runs)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
