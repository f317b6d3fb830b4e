"""``--config``: the options of a run that was recorded, or of a TOML file, before those of the command line.

The rule is that of a command line that says an option twice: the last one counts, so that what stands beside
``--config`` wins.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.cli.train import run_folder
from jaxdoodle.cli.train.effects import NETWORKS
from jaxdoodle.core.errors import InputError, did_you_mean
from jaxdoodle.core.record import Record, to_json
from jaxdoodle.data.catalog import GENERATED, NAMES
from jaxdoodle.data.readers.prepare import CHOICES
from jaxdoodle.training.config import TrainConfig

__all__ = ["expand", "is_exact", "options_of", "read_record"]
__all__ += ["refuse_beside_resume", "refuse_difference", "source_of"]

#: Options that say where a run goes or how it is told, not what is trained.
BESIDE = (
    "out",
    "overwrite",
    "quiet",
    "config",
    "resume",
    "checkpoint_interval",
    "coordinator",
    "processes",
    "process_id",
    "cluster",
)
#: Options that are paths: a record holds them from the root, unless they are one of the names.
PATHS = {
    "dataset": NAMES,
    "data_dir": (),
    "outliers_of": (*NAMES, *GENERATED),
    "model": NETWORKS,
    "preprocessing": CHOICES,
    "layers": (),
    "init": (),
    "teacher": (),
}
#: Options that the records of older runs lack, where what those runs did is no longer the default.
BEFORE = {"keep": "best", "outliers": 0.0}
#: What the augmentation of older records lacks.
BEFORE_AUGMENT = {"dilate": 0.0}


def expand(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """Put the options of ``--config FILE`` or ``--resume RUN`` before ``words``; ``InputError`` at other keys."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--config", type=Path, nargs="?")  # the parser itself will miss its value
    first.add_argument("--resume", nargs="?", const="")
    path = source_of(first.parse_known_args(words)[0])
    return [*_words(parser, path, *_values(path)), *words] if path else list(words)


def source_of(options: argparse.Namespace) -> Path | None:
    """The file that ``--config`` or ``--resume`` takes options from."""
    if options.resume is not None:
        return run_folder.unfinished(options.resume) / run_folder.BEGUN
    path: Path | None = options.config
    return path / run_folder.RECORD if path and path.is_dir() else path


def refuse_beside_resume(options: argparse.Namespace) -> None:
    """Raise ``InputError`` where an option beside ``--resume`` would make another run of it."""
    allowed = ("quiet", "checkpoint_interval", "resume")
    if options.resume is not None and (others := [name for name in options.beside if name not in allowed]):
        option = options.beside[others[0]]
        raise InputError(f"{option} is fixed by the run that --resume goes on with; remove it, or use --config.")


def options_of(options: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by their names, as JSON values: what ``--config`` reads."""
    found = {}
    for name, option in options.given.items():
        if name not in BESIDE:
            value = getattr(options, name)
            several = isinstance(value, tuple | list)
            parts = [_rooted(name, part) for part in (value if several else [value])]
            found[option[2:]] = ",".join(map(str, parts)) if several else parts[0]
    return found


def _rooted(name: str, value: Any) -> Any:
    """The value of an option as a record holds it."""
    if name in PATHS and value not in PATHS[name] and Path(value).exists():
        value = Path(value).resolve()
    return value if isinstance(value, str | int | float) else str(value)


def is_exact(options: argparse.Namespace) -> bool:
    """Whether nothing beside ``--config`` says what is trained."""
    return not {*options.beside}.difference(BESIDE)


def read_record(path: Path | None) -> Record | None:
    """The record that ``source_of`` names; ``None`` for a TOML file, or without one."""
    return Record.read(path) if path and path.suffix == ".json" else None


def refuse_difference(path: Path, before: Record, config: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Raise ``InputError`` where a run of a record's options would not be the run of the record.

    Args:
      path: The record's file.
      before: The record.
      config: As a record holds it: how the run would train.
      data: As a record holds it: what it would train on.
    """
    default = TrainConfig()
    for what, old, new in (("config", BEFORE | before.config, config), ("data", before.data, to_json(data))):
        if extra := [name for name in old if name not in new]:
            raise InputError(f"{path}: {what} has the unknown key {extra[0]!r}{did_you_mean(extra[0], new)}")
        for name, value in new.items():
            once = old.get(name, getattr(default, name, None))
            if name == "augment" and isinstance(once, dict):
                once = BEFORE_AUGMENT | once
            if once != value:
                found = f"is {_short(once)}, and by its options {_short(value)}"
                raise InputError(f"{path}: {name} of its {what} {found}; no exact repetition is possible.")


def _values(path: Path) -> tuple[str, Mapping[str, Any]]:
    """What the file is to a reader, and the options that it holds."""
    if (record := read_record(path)) is not None:
        objects = {name: value for name, value in record.extra.get("objects", {}).items() if name != "params"}
        if objects:
            said = ", ".join(f"{name} {value}" for name, value in objects.items())
            raise InputError(f"{path}: was trained with Python objects, which a record only names: {said}.")
        if not record.options:
            how = f"was run as: {record.command}" if record.command else "comes from a program"
            raise InputError(f"{path}: has no 'options', so it is of no run of this command; it {how}.")
        return "options", {name: BEFORE[name] for name in BEFORE.keys() - record.config} | record.options
    try:
        return "file", tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read; {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"{path}: is neither TOML nor a record with the ending .json; {error}.") from None


def _words(parser: argparse.ArgumentParser, path: Path, what: str, values: Mapping[str, Any]) -> list[str]:
    known = {name[2:]: action for name, action in parser._option_string_actions.items() if name.startswith("--")}
    known = {name: action for name, action in known.items() if action.dest not in (*BESIDE, "help")}
    words: list[str] = []
    for key, value in values.items():
        name = key.replace("_", "-")
        if name not in known:
            raise InputError(f"{path}: its {what} has the unknown key {key!r}{did_you_mean(name, known)}")
        flag = known[name].nargs == 0
        if flag != isinstance(value, bool) or not isinstance(value, str | int | float | list):
            expected = "true or false" if flag else "a text, a number or a list"
            raise InputError(f"{path}: {key} is {_short(value)}; expected {expected}.")
        if not flag:
            words.append(f"--{name}=" + (",".join(map(str, value)) if isinstance(value, list) else str(value)))
        elif value or f"no-{name}" in known:
            words.append(f"--{name}" if value else f"--no-{name}")
    return words


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
