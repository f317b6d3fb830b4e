"""The parser of every verb, and the options that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, did_you_mean
from jaxdoodle.core.user_code import run_whole
from jaxdoodle.inference.answers import count
from jaxdoodle.nn import Layer, ModelSpec

__all__ = ["Parser", "add_config", "add_data_dir", "add_dataset", "add_layers", "config_of"]
__all__ += ["add_reading", "reading_of", "count", "counts", "layers_of", "names", "read_spec"]


class Parser(argparse.ArgumentParser):
    """Takes options by their full names alone; a mistyped one is answered with the usage and the nearest name.

    The result has them under ``given``, and those that are not from ``expand`` under ``beside``: destination -> option.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        #: Puts words before those that are parsed.
        self.expand: Callable[[Sequence[str]], Sequence[str]] = list

    def parse_args(self, args: Sequence[str], namespace: Any = None) -> Any:  # type: ignore[override]
        beside = self._given(args)
        args = self.expand(args)
        options = super().parse_args(args, namespace)
        options.given, options.beside = self._given(args), beside
        return options

    def _given(self, args: Sequence[str]) -> dict[str, str]:
        known = self._option_string_actions
        names = [word.partition("=")[0] for word in args[: args.index("--") if "--" in args else None]]
        for name in names:
            if name.startswith("--") and name not in known:
                self.error(f"there is no option {name}{did_you_mean(name, known)}")
        return {known[name].dest: name for name in names if name.startswith("--")}


def add_config(parser: Any, config: type) -> None:
    """An option for each field of a group of ``TrainConfig`` that is one value; its bounds are checked there."""
    for field in fields(config):
        if field.metadata:
            kind = {"int": int, "float": float}.get(str(field.type).partition(" ")[0], str)
            choices = field.metadata["choices"]
            text = field.metadata["text"] + f": {', '.join(choices)}" * bool(choices)
            default = "none" if field.default is None else field.default
            option = "--" + field.name.replace("_", "-")
            metavar = "NAME" if choices else "N" if kind is int else "X"
            said = "" if "(default" in text else f" (default {default})"
            help = f"{text[0].upper()}{text[1:]}{said}."
            parser.add_argument(option, type=kind, default=field.default, metavar=metavar, help=help)


def config_of(options: argparse.Namespace, config: type) -> dict[str, Any]:
    """The values of the options that ``add_config`` made, by the names of the fields."""
    return {field.name: getattr(options, field.name) for field in fields(config) if field.metadata}


def add_dataset(parser: Any, *, required: bool = True) -> None:
    """``--dataset``, ``--per-class`` and ``--data-dir``; ``parser`` may be a group of options."""
    text = "Name (doodles, mnist, mnist-mini, quickdraw), or a file or folder: its format is told from its content"
    parser.add_argument(
        "--dataset", required=required, help=f"{text}{'' if required else ' (default: what the model was trained on)'}."
    )
    parser.add_argument("--per-class", type=count, metavar="N", help="Largest number of drawings of each class.")
    add_reading(parser)
    add_data_dir(parser)


def add_reading(parser: Any) -> None:
    """How a file or folder is read: ``--transpose``, ``--recognized-only`` and ``--skip-broken``."""
    option = parser.add_argument
    option("--transpose", action="store_true", help="Exchange rows and columns of the images: EMNIST has them so.")
    text = "Leave out drawings in strokes that were not recognized."
    option("--recognized-only", action="store_true", help=text)
    text = "Leave out what cannot be read, up to 5 %%, and name it (default); --no-skip-broken ends at the first."
    option("--skip-broken", action=argparse.BooleanOptionalAction, default=True, help=text)


def reading_of(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of ``load_dataset`` that ``add_reading`` made."""
    return {name: getattr(options, name) for name in ("transpose", "recognized_only", "skip_broken")}


def add_data_dir(parser: Any) -> None:
    """``--data-dir``."""
    parser.add_argument(
        "--data-dir", metavar="DIR", help="Root folder of the datasets (default: $JAXDOODLE_DATA, else data/)."
    )


def add_layers(parser: Any) -> None:
    """``--layers``."""
    text = "Run FILE.py, which has the layers of MODEL marked @nn.layer."
    parser.add_argument("--layers", metavar="FILE.py", help=text)


def layers_of(path: str | None) -> list[type]:
    """The classes marked ``@nn.layer`` in a Python file, which is run; none without a file. Raises ``InputError``."""
    if path is None:
        return []
    module = run_whole(Path(path))
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Layer)]
    found = [each for each in classes if each.__module__ == module.__name__]
    if not found:
        raise InputError(f"{path}: has no class marked @nn.layer.")
    return found


def read_spec(path: str, classes: Sequence[str] = (), layers: Sequence[type] = ()) -> ModelSpec:
    """The network in a JSON file, for ``classes`` where it names none. Raises ``InputError``."""
    try:
        spec = ModelSpec.from_json(Path(path).read_text(encoding="utf-8"), layers)
        return replace(spec, classes=spec.classes or tuple(classes))
    except (InputError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def counts(text: str) -> tuple[int, ...]:
    return tuple(count(part) for part in text.split(",")) if text else ()
