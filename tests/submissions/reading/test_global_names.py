"""Functions of a file find other values behind its global names, and the file keeps its own."""

import linecache
from types import FunctionType

from jaxdoodle.submissions.reading.global_names import globals_read, missing_numbers, putting, with_own_globals


def program(text):
    names = {"__name__": "program"}
    exec(text, names)
    return names


TEXT = """
w, scale = 2, 10
def linear(x, times=1): return times * w * x
def model(x): return sum(linear(v) for v in x) + [scale for _ in x][0]
"""


def test_a_function_reads_what_the_functions_that_it_calls_read():
    found = globals_read(program(TEXT))
    assert found["linear"] == {"w"}
    assert found["model"] >= {"w", "scale", "linear"}


def test_copies_find_the_values_that_are_put_there_and_the_file_keeps_its_own():
    names = program(TEXT)
    scope = with_own_globals(names)
    put = FunctionType(putting(["scale", "w"], "program.py"), scope)
    assert put(0, 5) == {}
    assert scope["model"]([1, 2]) == 15 and scope["linear"](1, times=2) == 10
    assert names["model"]([1, 2]) == 16


def test_what_functions_divide_by_and_has_no_value_is_missing():
    text = "scale = 2.0\ndef mean(x): return sum(x) / m / scale\ndef other(x): return x + n\n"
    names = {"__name__": "program"}
    linecache.cache["divides.py"] = (len(text), None, text.splitlines(keepends=True), "divides.py")
    exec(compile(text, "divides.py", "exec"), names)
    assert missing_numbers(names, names["mean"]) == ["m"] and missing_numbers(names, names["other"]) == []
