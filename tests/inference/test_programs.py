"""A model in other processes, copies and threads."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from jaxdoodle.inference import Model
from tests.fixtures.files import linear


@pytest.fixture(scope="module")
def model(sound):
    return Model.from_file(linear(sound.train))


def test_a_pickled_or_copied_model_is_the_same_model(model, sound):
    images, expected = sound.test.images, model.logits(sound.test.images)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        np.testing.assert_array_equal(other.logits(images), expected)
        assert other.provenance == model.provenance and other.preprocessing == model.preprocessing


POOL = """
import multiprocessing, sys
import numpy as np
from jaxdoodle.inference import Model

if __name__ == "__main__":
    images = np.load(sys.argv[3])
    with multiprocessing.get_context(sys.argv[1]).Pool(2) as pool:
        print(*[found.label for found in pool.map(Model.load(sys.argv[2]).predict, list(images))])
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_pool_of_processes_predicts(start, model, sound, tmp_path):
    """In a process of its own, in which no test has started JAX's threads."""
    images = sound.test.images[:3, ..., 0]
    (tmp_path / "pool.py").write_text(POOL)
    np.save(tmp_path / "images.npy", images)
    model.save(tmp_path / "model.npz")
    words = [sys.executable, "pool.py", start, "model.npz", "images.npy"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == [model.predict(image).label for image in images]


def test_threads_share_a_model(model, sound):
    batches = [sound.test.images[i : i + 1 + i % 5] for i in range(40)]
    expected = [model.logits(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for found, right in zip(pool.map(model.logits, batches), expected, strict=True):
            np.testing.assert_array_equal(found, right)
