"""Parquet as Hugging Face publishes it: an image (encoded, in a struct) and a label in each row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError, install_hint
from jaxdoodle.data.readers.found import NAMED, Found, Part, as_bytes, as_images, class_name, names_of_labels, split_of

IMAGE_COLUMNS, LABEL_COLUMNS = (
    ("image", "img", "picture", "pixels"),
    ("label", "fine_label", "labels", "class", "target"),
)


def read_parquet(files: Sequence[Path]) -> Found:
    """The pictures of some parquet files, those of a split together. Raises ``InputError``; needs pyarrow."""
    try:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError:
        raise InputError(f"{files[0]}: parquet needs pyarrow; {install_hint('datasets')}.") from None
    parts: dict[str, Part] = {}
    classes: tuple[str, ...] | None = None
    for file in files:
        try:
            with open(file, "rb") as stream:
                table = pq.read_table(stream) if file.suffix != ".arrow" else pa.ipc.open_stream(stream).read_all()
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{file}: is no parquet that can be read; {str(error).splitlines()[0].rstrip('.')}."
            ) from None
        image = next((name for name in IMAGE_COLUMNS if name in table.column_names), None)
        label = next((name for name in LABEL_COLUMNS if name in table.column_names), None)
        pixels = [name for name in table.column_names if name.startswith("pixel")]
        if label is None or (image is None and not pixels):
            found = ", ".join(table.column_names[:NAMED]) + ", ..." * (table.num_columns > NAMED)
            raise InputError(f"{file}: has the columns {found}; expected an image and a label.")
        if image is None or str(table.schema.field(image).type).startswith(("list", "large_list", "fixed_size_list")):
            rows = table[image].to_pylist() if image else np.stack([table[name].to_numpy() for name in pixels], axis=1)
            items = [*as_bytes([as_images(np.array(rows), str(file))], str(file))[0][0]]
        else:
            items = [_content(row, file) for row in table[image].to_pylist()]
        names = _class_names(table.schema.metadata or {}, label)
        numbers = table[label].to_pylist()
        classes = names or classes
        labels = [names[n] for n in numbers] if names else names_of_labels(np.array(numbers), str(file))
        split = split_of(file.stem) or split_of(file.parent.name) or "train"
        part = parts.setdefault(split, Part([], []))
        part.items.extend(items)
        part.labels.extend(labels)  # type: ignore[attr-defined]
    return Found("parquet", parts, classes)


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
