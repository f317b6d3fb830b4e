"""Parquet as Hugging Face publishes it: an image (encoded, in a struct) and a label in each row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.data.readers.found import (
    NAMED,
    Found,
    Part,
    Wanted,
    bytes_of_each,
    class_name,
    label_column,
    names_of_labels,
    split_column,
    split_of,
)
from jaxdoodle.strokes.readers import described

IMAGE_COLUMNS = ("image", "img", "picture", "pixels")


def read_parquet(files: Sequence[Path], wanted: Wanted) -> Found:
    """The pictures of some parquet files, those of a split together. Raises ``InputError``; needs pyarrow."""
    try:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise InputError(f"{files[0]}: parquet needs pyarrow; {install_hint('datasets')}.") from None
    parts: dict[str, Part] = {}
    classes: tuple[str, ...] | None = None
    left_out, strokes = list[str](), False
    for file in files:
        try:
            with open(file, "rb") as stream:
                begin = stream.read(6)
                stream.seek(0)
                if begin[:4] == b"PAR1":
                    table = pq.read_table(stream)
                else:
                    opened = pa.ipc.open_file if begin == b"ARROW1" else pa.ipc.open_stream
                    table = opened(stream).read_all()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{file}: is no parquet that can be read; {str(error).splitlines()[0].rstrip('.')}."
            ) from None
        image = next((name for name in IMAGE_COLUMNS if name in table.column_names), None)
        place = label_column(table.column_names)
        pixels = [name for name in table.column_names if name.startswith("pixel")]
        strokes = image is None and not pixels and "drawing" in table.column_names
        if place is None or (image is None and not pixels and not strokes):
            found = ", ".join(table.column_names[:NAMED]) + ", ..." * (table.num_columns > NAMED)
            raise InputError(f"{file}: has the columns {found}; expected an image and a label.")
        label = table.column_names[place]
        if strokes:
            items = [_drawing(row) for row in table["drawing"].to_pylist()]
        elif image is None or str(table.schema.field(image).type).startswith(("list", "large_list", "fixed_size_list")):
            rows = table[image].to_pylist() if image else np.stack([table[name].to_numpy() for name in pixels], axis=1)
            items = bytes_of_each(rows, str(file))
        else:
            items = [_content(row, file) for row in table[image].to_pylist()]
        names = _class_names(table.schema.metadata or {}, label)
        numbers = table[label].to_pylist()
        classes = names or classes
        unlabeled = [n is None or (names is not None and n < 0) for n in numbers]
        if names:
            labels = ["" if none else names[n] for n, none in zip(numbers, unlabeled, strict=True)]
        else:
            labels = names_of_labels(np.array(["" if n is None else n for n in numbers]), str(file))
        if any(unlabeled):
            left_out.append(f"left out {sum(unlabeled):,} rows of {file.name}, which have no label")
        if strokes and wanted.recognized_only and "recognized" in table.column_names:
            told = table["recognized"].to_pylist()
            unlabeled = [none or known is False for none, known in zip(unlabeled, told, strict=True)]
        whole = split_of(file.stem) or split_of(file.parent.name) or "train"
        column = split_column(table.column_names)
        told = [] if column is None else table.column(column).to_pylist()
        splits = [split_of(str(one)) or whole for one in told] or [whole] * len(items)
        for split, item, name, none in zip(splits, items, labels, unlabeled, strict=True):
            if none:
                continue
            part = parts.setdefault(split, Part([], []))
            part.items.append(item)
            part.labels.append(name)  # type: ignore[attr-defined]
    return Found("parquet", parts, classes, strokes, left_out)


def _drawing(row: Any) -> Any:
    """A drawing of Quick, Draw!: text, or a struct of x and y for each stroke."""
    strokes = row if isinstance(row, str) else [[stroke["x"], stroke["y"]] for stroke in row]
    return described({"drawing": strokes})[0]


def _content(row: Any, file: Path) -> Any:
    """The bytes of a picture; its path where the file names one instead."""
    if isinstance(row, dict):
        return row["bytes"] if row.get("bytes") else str(file.parent / str(row.get("path")))
    return row


def _class_names(metadata: dict[bytes, bytes], label: str) -> tuple[str, ...] | None:
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return tuple(class_name(name) for name in features[label]["names"])
    except (KeyError, ValueError, TypeError):
        return None
