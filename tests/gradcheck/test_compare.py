"""Figures that tell gradients apart."""

import numpy as np
import pytest

from jaxdoodle.gradcheck.compare import close, compare, multiple

WANT = np.array([[3.0, 0.0], [0.0, 4.0]])


def test_a_multiple_has_cosine_one_and_its_factor_as_ratio():
    figures = compare(2 * WANT, WANT)
    assert figures.cosine == pytest.approx(1)
    assert figures.ratio == pytest.approx(2)
    assert figures.rel_l2 == pytest.approx(1)
    assert (figures.max_error, figures.at) == (4.0, (1, 1))


def test_a_gradient_that_should_vanish_is_measured_by_the_floor():
    assert compare(np.full(2, 1e-3), np.zeros(2)).rel_l2 == np.inf
    assert compare(np.full(2, 1e-3), np.zeros(2), floor=1.0).rel_l2 == pytest.approx(2**0.5 * 1e-3)


def test_entries_that_the_oracle_left_out_do_not_count():
    want = np.array([1.0, np.nan])
    assert compare(np.array([1.0, 9.0]), want).rel_l2 == 0
    assert close(np.array([1.0, 9.0]), want, 0.0, 1e-9)


def test_not_a_number_is_far_from_everything():
    assert compare(np.array([np.nan, 1.0]), np.ones(2)).rel_l2 == np.inf


def test_a_multiple_shows_in_more_than_one_number():
    want = np.array([1.0, -2.0, 0.0])
    assert multiple(-3 * want, want) == pytest.approx(-3)
    assert multiple(want + 1e-3, want) is None and multiple(np.array([2.0]), np.array([1.0])) is None
