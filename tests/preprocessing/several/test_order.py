import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdoodle.preprocessing.several.order import rows_of


@pytest.mark.parametrize("slope", [-0.15, 0.0, 0.1])
@given(seed=st.integers(0, 2**32 - 1))
def test_rows_are_read_from_top_to_bottom_and_left_to_right_at_any_slant(slope, seed):
    rng = np.random.default_rng(seed)
    boxes, rows = [], []
    for row in range(rng.integers(1, 4)):
        rows.append([])
        for column in range(rng.integers(2, 6)):
            height, width = rng.uniform(45, 70), rng.uniform(10, 60)
            y, x = 100 * row + rng.uniform(-8, 8), 90 * column + rng.uniform(-10, 10)
            rows[-1].append(len(boxes))
            boxes.append((y + slope * x - height / 2, x - width / 2, y + slope * x + height / 2, x + width / 2))
    order = rng.permutation(len(boxes))
    assert [[int(order[i]) for i in row] for row in rows_of([boxes[i] for i in order])] == rows


def test_no_boxes_have_no_rows():
    assert rows_of([]) == []
