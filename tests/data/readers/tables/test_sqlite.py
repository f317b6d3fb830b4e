import sqlite3
from contextlib import closing

import pytest

from jaxdoodle.data import load_dataset
from tests.fixtures.datasets import encoded
from tests.fixtures.layouts import IMAGES, LABELS, NAMES, SPLITS, found_in


@pytest.mark.parametrize("by_table", [False, True])
def test_pictures_in_a_column_have_the_labels_and_splits_of_their_rows(by_table, tmp_path):
    rows = [(encoded(x), NAMES[n], s) for x, n, s in zip(IMAGES, LABELS, SPLITS.tolist(), strict=True)]
    with closing(sqlite3.connect(tmp_path / "a.db")) as file:
        for table in ("train", "test") if by_table else ('my "pictures"',):
            quoted = '"' + table.replace('"', '""') + '"'
            file.execute(f"create table {quoted} (picture blob, label text, split text)")
            own = [row for row in rows if not by_table or row[2] == table]
            file.executemany(f"insert into {quoted} values (?, ?, ?)", own)
        file.commit()
    expected = zip(IMAGES, LABELS, SPLITS.tolist(), strict=True)
    assert found_in(tmp_path) == {(image.tobytes(), NAMES[label], split) for image, label, split in expected}


def test_a_damaged_database_is_refused_in_one_line(tmp_path, refusal):
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + bytes(200))
    assert "a.db: is no SQLite that can be read; " in refusal(load_dataset, tmp_path)
