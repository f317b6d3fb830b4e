"""What is decided before the first step."""

from dataclasses import replace

import numpy as np

from jaxdoodle.training.setup import set_up
from tests.fixtures.bars import CONFIG, SPEC, TRAIN


def test_each_seed_has_outliers_of_its_own_and_all_have_the_given_ones():
    given = np.full((3, 28, 28, 1), 7, np.uint8)
    config = replace(CONFIG, outliers=0.5)
    setups = [set_up(SPEC, TRAIN, None, replace(config, seed=seed), outliers=given) for seed in (0, 1, 1)]
    one, other, again = (setup.constants.outliers for setup in setups)
    assert (one[:-3] != other[:-3]).any() and np.array_equal(other, again)
    assert all(np.array_equal(found[-3:], given) for found in (one, other))
