"""What is said of a file as a whole."""

from pathlib import Path

from jaxdoodle.cli.check.results import FileResult


def test_a_file_of_which_nothing_was_checked_is_not_right():
    alone = {"name": "forward", "line": 1, "reason": "forward has no backward", "note": True}
    told = FileResult(Path("alone.py"), "a student", unchecked=[alone])
    assert (told.code, told.verdict) == (0, "nothing to check")
