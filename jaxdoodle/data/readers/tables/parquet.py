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
    as_bytes,
    as_images,
    class_name,
    label_column,
    names_of_labels,
    split_of,
)

IMAGE_COLUMNS = ("image", "img", "picture", "pixels")


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
        column = label_column(table.column_names)
        pixels = [name for name in table.column_names if name.startswith("pixel")]
        if column is None or (image is None and not pixels):
            found = ", ".join(table.column_names[:NAMED]) + ", ..." * (table.num_columns > NAMED)
            raise InputError(f"{file}: has the columns {found}; expected an image and a label.")
        label = table.column_names[column]
        if image is None or str(table.schema.field(image).type).startswith(("list", "large_list", "fixed_size_list")):
            rows = table[image].to_pylist() if image else np.stack([table[name].to_numpy() for name in pixels], axis=1)
            items = _pixels(rows, str(file))
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


def _pixels(rows: Any, source: str) -> list[Any]:
    """Rows of numbers as images: all at once where they are alike, else each by itself."""
    import numpy as np

    try:
        arrays = [np.array(row) for row in rows]
    except ValueError:
        raise InputError(
            f"{source}: holds rows of several lengths in one image; expected the numbers of images."
        ) from None
    blocks = [np.stack(arrays)] if len({array.shape for array in arrays}) == 1 else [array[None] for array in arrays]
    images, _ = as_bytes([as_images(block, source) for block in blocks], source)
    return [image for block in images for image in block]


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
