"""Parquet, Arrow and Feather: a picture (encoded, or its pixels) or a drawing, and a label, in each row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import Found, Wanted, column_of, some_of
from jaxdoodle.data.readers.strokes import read_strokes
from jaxdoodle.data.readers.tables.arrays import dataset_of
from jaxdoodle.data.readers.tables.images import bytes_of_each
from jaxdoodle.data.readers.words import class_name, label_column, pixel_columns, role_of, split_column
from jaxdoodle.strokes.readers import described


def read_parquet(files: Sequence[Path], wanted: Wanted) -> Found | None:
    """The rows of some files, those of a split together. Raises ``InputError``; needs pyarrow."""
    tables = [(file, _table(file)) for file in files]
    if any("drawing" in table.column_names for _, table in tables):
        return read_strokes(((file, _drawings(table)) for file, table in tables), files[0].parent, wanted)
    classes = next(filter(None, (_class_names(table) for _, table in tables)), ())
    return dataset_of({file: dict(_columns(file, table)) for file, table in tables}, wanted, "parquet", classes)


def _table(file: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.feather
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise InputError(f"{file}: parquet needs pyarrow; {install_hint('datasets')}.") from None
    try:
        with open(file, "rb") as stream:
            begin = stream.read(6)
            stream.seek(0)
            if begin[:4] == b"PAR1":
                return pq.read_table(stream)
            if begin[:4] == b"FEA1":
                return pa.feather.read_table(stream)
            return (pa.ipc.open_file if begin == b"ARROW1" else pa.ipc.open_stream)(stream).read_all()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{file}: is no parquet that can be read; {str(error).splitlines()[0].rstrip('.')}.") from None


def _columns(file: Path, table: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """The columns of images, labels and splits."""
    names = table.column_names
    place, of_split = label_column(names), split_column(names)
    pixels = [names[n] for n in pixel_columns(names)]
    image = next((name for name in names if role_of(name)[1] == "images" and name not in pixels), None)
    if place is None or (image is None and not pixels):
        raise InputError(f"{file}: has the columns {some_of(names)}; expected an image and a label.")
    if pixels:
        yield "images", np.stack([table[name].to_numpy() for name in pixels], axis=1)
    else:
        rows = table[image].to_pylist()
        numbers = rows and isinstance(rows[0], list)
        yield "images", column_of(bytes_of_each(rows, str(file)) if numbers else rows)
    yield "labels", column_of(table[names[place]].to_pylist())
    if of_split is not None:
        yield names[of_split], column_of(table[names[of_split]].to_pylist())


def _class_names(table: Any) -> tuple[str, ...]:
    """The names of the classes that the metadata of Hugging Face list."""
    place = label_column(table.column_names)
    try:
        features = json.loads((table.schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(map(class_name, features[table.column_names[place]]["names"]))
    except (KeyError, ValueError, TypeError):
        return ()


def _drawings(table: Any) -> Iterator[Any]:
    """The drawings of Quick, Draw! with the rest of their rows: text, or a struct of x and y for each stroke."""
    for row in table.to_pylist():
        if not isinstance(row["drawing"], str):
            row["drawing"] = [[stroke["x"], stroke["y"]] for stroke in row["drawing"]]
        try:
            yield described(row)
        except InputError as error:
            yield error
