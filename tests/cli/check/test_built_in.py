"""Everything built in is checked in several processes, and told in the order of the cases."""

import pytest

from jaxdoodle.cli.check import built_in

TITLES = [f"case {k}" for k in range(5)]


@pytest.fixture
def cases(monkeypatch):
    from jaxdoodle.gradcheck import layers

    listed = []

    def all_cases():
        for title in TITLES:
            listed.append(title)
            yield title, lambda dtype, oracle, title=title: f"{title} {dtype}"

    monkeypatch.setattr(layers, "cases", all_cases)
    built_in._cases.cache_clear()
    yield listed
    built_in._cases.cache_clear()


def test_a_process_lists_no_more_cases_than_it_needs(cases):
    assert built_in._check(1, "auto") == ["case 1 float64", "case 1 float32"]
    assert cases == TITLES[:2]
    assert built_in._check(4, "auto") == ["case 4 float64", "case 4 float32"]
    assert built_in._check(5, "auto") is None
