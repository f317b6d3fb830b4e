"""Mutants: which mistakes count, which tests run, and what the committed record says."""

import pytest

from experiments.studies import mutants
from jaxdoodle.core.record import Record

FILES = [
    file.relative_to(mutants.ROOT)
    for name in mutants.SOURCES
    for file in (mutants.ROOT / "jaxdoodle").glob(name if name.endswith(".py") else f"{name}/**/*.py")
]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_has_tests_that_are_there(file):
    tests = [name for names in mutants._tests(str(file)) for name in names]
    assert tests and all((mutants.ROOT / name).exists() for name in tests)


@pytest.mark.parametrize(
    "code, counts",
    [("x: int & str = 1", False), ("def f(x: int = 1) -> int | str: return x", False),
     ("def f(x: int | str = 2) -> int: return x", True), ("x: int | str = 2", True)],
)  # fmt: skip
def test_a_mistake_in_an_annotation_alone_does_not_count(code, counts):
    before = "x: int | str = 1" if code.startswith("x") else "def f(x: int | str = 1) -> int: return x"
    assert (mutants._meaning(code) != mutants._meaning(before)) == counts


def test_the_committed_record_is_of_a_sample_of_which_the_goal_is_noticed():
    found = Record.read(mutants.RECORD).extra
    noticed = [one["noticed"] for one in found["mutants"]]
    assert (found["noticed"], found["of"]) == (sum(noticed), len(noticed))
    assert sum(noticed) / len(noticed) >= mutants.GOAL and found["of"] < found["sampled_from"]
    assert all(one["noticed"] or one["why"] for one in found["mutants"]), "every survivor is explained"
