"""The record of a run, or of several: everything that a reader needs to check it and to repeat it, as JSON.

One schema holds a training run, an experiment and a benchmark. A record that holds ``runs`` says once what they share;
a run states what differs. Names with spaces are values, never keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, did_you_mean
from jaxdoodle.core.files import write_atomically
from jaxdoodle.core.validation import unique_keys

__all__ = ["SCHEMA", "Record", "to_json"]

#: The version of the schema that is written, and the only one that is read.
SCHEMA = 1


@dataclass(frozen=True, repr=False)
class Record:
    """What was run, on what, and what it gave. Every field but ``runs`` holds JSON values.

    Args:
      name: Of the experiment, variant, workload or runtime.
      command: The command line that repeats it.
      config: How it was run: the fields of ``TrainConfig``, or what a benchmark varies.
      data: Name, classes, sizes, duplicates and preprocessing of the dataset.
      machine: Versions and hardware; see ``describe_machine``.
      epochs: For each epoch its number, training and validation metrics, and seconds.
      scores: Name of the set -> ``correct``, ``total`` and, where known, ``loss`` and counts by class.
      extra: Everything else.
      runs: Records of the single runs; what this record says holds for them unless they say otherwise.
      options: The options of ``jaxdoodle train`` that were given, by their names: from these it repeats the run.
    """

    name: str = ""
    command: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    epochs: tuple[dict[str, Any], ...] = ()
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    runs: tuple[Record, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        filled = ", ".join(f.name for f in fields(self)[1:] if getattr(self, f.name))
        return f"Record({self.name!r} with {filled or 'nothing else'})"

    def to_json(self) -> dict[str, Any]:
        """Give the record as JSON values, without what is empty; ``Record.from_dict`` reads them."""
        filled = {f.name: value for f in fields(self) if (value := getattr(self, f.name))}
        if self.runs:
            filled["runs"] = [{k: v for k, v in run.to_json().items() if k != "schema"} for run in self.runs]
        return {"schema": SCHEMA, **to_json(filled)}

    @classmethod
    def from_dict(cls, value: Any, source: str = "record") -> Record:
        """Read what ``to_json`` gave.

        Args:
          value: The decoded JSON.
          source: What messages call it: the path of the file.

        Raises:
          InputError: The schema is another one, a key is unknown, or a value has the wrong type.
        """
        if not isinstance(value, Mapping) or "schema" not in value:
            raise InputError(f"{source}: is no record; expected a JSON object with the key 'schema'.")
        if value["schema"] != SCHEMA:
            raise InputError(f"{source}: has schema {value['schema']!r}; expected {SCHEMA}.")
        if (odd := next(_odd_keys(value), None)) is not None:
            raise InputError(f"{source}: has the key {odd!r}; expected letters, digits, '_' and '-' in every key.")
        return cls._from_fields({name: item for name, item in value.items() if name != "schema"}, source)

    @classmethod
    def _from_fields(cls, value: Any, source: str) -> Record:
        known = {f.name: type(getattr(cls(), f.name)) for f in fields(cls)}
        if not isinstance(value, Mapping):
            raise InputError(f"{source}: is {type(value).__name__}; expected a JSON object.")
        for name, item in value.items():
            if name not in known:
                near = did_you_mean(name, known)
                has = f"a record has schema, {', '.join(known)}{near}"
                raise InputError(f"{source}: has the unknown key {name!r}; {has}")
            kind = list if known[name] is tuple else known[name]
            if not isinstance(item, kind):
                raise InputError(f"{source}: {name} is {type(item).__name__}; expected {kind.__name__}.")
        runs = tuple(cls._from_fields(run, f"{source}, runs[{i}]") for i, run in enumerate(value.get("runs", ())))
        return cls(**{**value, "epochs": tuple(value.get("epochs", ())), "runs": runs})

    def write(self, path: Path) -> None:
        """Write the record whole or not at all, a line for whatever fits on one. Missing folders are made.

        Raises:
          InputError: A key is not fit for a record.
        """
        value = self.to_json()
        self.from_dict(value, str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _compact(value) + "\n"
        write_atomically(path, lambda unfinished: Path(unfinished).write_text(text, encoding="utf-8"))

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record.

        Raises:
          InputError: The file is no record of this schema.
          OSError: It cannot be read.
        """
        try:
            value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique_keys)
        except ValueError as error:  # not UTF-8, not JSON, or a key twice
            raise InputError(f"{path}: is no record; {str(error).splitlines()[0]}.") from None
        return cls.from_dict(value, str(path))

    def run(self, name: str) -> Record:
        """Give the run of that name.

        Raises:
          KeyError: There is none.
        """
        return {run.name: run for run in self.runs}[name]


def to_json(value: Any) -> Any:
    """Give frozen descriptions and tuples as JSON values; a description says its class under ``type``."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, tuple | list) else value


def _odd_keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (key for key in value if not re.fullmatch(r"[\w-]+", key))
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _odd_keys(item)


def _compact(value: Any, indent: str = "") -> str:
    """JSON with one line for whatever fits on one."""
    line = json.dumps(value)
    if len(line) <= 160 or not isinstance(value, dict | list):
        return line
    deeper = indent + " "
    if isinstance(value, dict):
        inner = [f"{deeper}{json.dumps(key)}: {_compact(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(inner) + f"\n{indent}}}"
    return "[\n" + ",\n".join(f"{deeper}{_compact(item, deeper)}" for item in value) + f"\n{indent}]"
