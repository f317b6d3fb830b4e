"""SQLite: the columns of its tables, of which one holds pictures."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.types import NDArray
from jaxdoodle.data.readers.found import column_of

MAGIC = b"SQLite f"


def arrays_of(file: Path) -> dict[str, NDArray[Any]]:
    """The columns by the names of table and column. Raises ``InputError``."""
    found = dict[str, NDArray[Any]]()
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database:
            tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
            for (table,) in tables:
                quoted = table.replace('"', '""')
                rows = database.execute(f'select * from "{quoted}"')  # noqa: S608
                names = [name for name, *_ in rows.description]
                columns = zip(*rows.fetchall(), strict=True)
                found |= {f"{table} {name}": column_of(column) for name, column in zip(names, columns, strict=False)}
    except sqlite3.Error as error:
        raise InputError(f"{file}: is no SQLite that can be read; {error}.") from None
    return found
