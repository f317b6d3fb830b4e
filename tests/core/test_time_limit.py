"""A user's code has a limit to its time."""

import time

import pytest

from jaxdoodle.core.time_limit import TimeOutError, time_limit


def test_a_time_limit_ends_code_that_catches_every_exception():
    with pytest.raises(TimeOutError), time_limit(0.05):
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass


def test_a_time_limit_goes_on_after_one_inside_it():
    with pytest.raises(TimeOutError), time_limit(0.1):
        with time_limit(5.0):
            pass
        while True:
            pass


def test_the_processor_decides_of_a_time_limit_and_far_off_the_clock():
    with time_limit(1.0):
        time.sleep(1.2)
    with pytest.raises(TimeOutError), time_limit(0.02):
        time.sleep(60)
