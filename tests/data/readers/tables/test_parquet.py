"""Pictures, their pixels and labels in the rows of parquet."""

import json

import numpy as np
import pytest

from jaxdoodle.core.errors import DataWarning
from jaxdoodle.data import load_dataset
from tests.fixtures import layouts
from tests.fixtures.datasets import COUNT, FLAT, IMAGES, LABELS, PAIRS, encoded, pairs


@pytest.mark.parametrize("write", [lambda path: np.savez(path, x=IMAGES[:0], y=LABELS[:0]), lambda path: empty(path)])
def test_splits_without_images_are_refused(write, tmp_path, refusal):
    write(tmp_path / "test.npz")
    assert "holds no images" in refusal(load_dataset, tmp_path)


def empty(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"label": LABELS.tolist(), **{f"pixel{i}": FLAT[:, i] for i in range(784)}})
    pq.write_table(table, path.with_name("train.parquet"))
    pq.write_table(table[:0], path.with_name("test.parquet"))


def test_lists_of_images_of_several_sizes_are_pictures_and_lists_of_no_images_refused(tmp_path, refusal):
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [np.pad(image, i % 2).tolist() for i, image in enumerate(IMAGES)]
    pq.write_table(pa.table({"image": images, "label": LABELS.tolist()}), tmp_path / "a.parquet")
    assert sum(map(len, load_dataset(tmp_path).sets.values())) == COUNT
    pq.write_table(pa.table({"image": [[[1, 2], [3]]], "label": [0]}), tmp_path / "a.parquet")
    assert "rows of several lengths" in refusal(load_dataset, tmp_path)


def test_many_names_of_classes_are_no_numbers_of_images(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = {"info": {"features": {"label": {"names": list(map(str, range(345)))}}}}
    table = pa.table({"image": FLAT.tolist(), "label": LABELS.tolist()})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert set().union(*map(pairs, load_dataset(tmp_path).sets.values())) == PAIRS


def test_an_empty_cell_of_a_column_of_pictures_is_a_broken_picture(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    cells = [encoded(image) if i not in (0, 9) else None for i, image in enumerate(layouts.IMAGES)]
    pq.write_table(pa.table({"image": cells, "label": layouts.LABELS.tolist()}), tmp_path / "a.parquet")
    with pytest.warns(DataWarning, match="left out 2 of 48"):
        assert sum(layouts.counts_in(tmp_path).values()) == layouts.COUNT - 2
