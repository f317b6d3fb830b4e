"""A set of drawings on disk, and few outliers: to make as many as a training takes takes seconds."""

import numpy as np
import pytest

from jaxdoodle.data.bitmaps import BitmapFile, all_drawings
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.training.steps import outliers


@pytest.fixture(autouse=True, scope="module")
def few_outliers():
    """Of other drawings, 200 are made."""
    patch = pytest.MonkeyPatch()
    patch.setattr(outliers, "GENERATED", 200)
    yield
    patch.undo()


@pytest.fixture
def put_on_disk(tmp_path):
    """Puts a set on disk, class by class."""

    def put(data):
        folder = tmp_path / str(len(data))
        folder.mkdir()
        parts, order = [], np.argsort(data.labels, kind="stable")
        for label, name in enumerate(data.classes):
            rows = data.images[order][data.labels[order] == label].reshape(-1, 784)
            np.save(folder / f"{name}.npy", rows)
            parts.append(BitmapFile(folder / f"{name}.npy", 128, len(rows)))
        return Dataset(data.name, all_drawings(parts), data.labels[order], data.classes)

    return put
