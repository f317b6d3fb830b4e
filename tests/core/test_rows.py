import pytest

from jaxdoodle.core.rows import spread


@pytest.mark.parametrize(
    ("count", "most", "rows"),
    [(0, 3, []), (1, 3, [0]), (3, 3, [0, 1, 2]), (9, 3, [0, 4, 8]), (4, 3, [0, 1, 3]), (9, 1, [0])],
)
def test_rows_are_spread_from_the_first_to_the_last(count, most, rows):
    assert spread(count, most).tolist() == rows
