"""Processes that run, answer, and end before they should."""

import pytest

from experiments.speed.harness import process


def test_a_process_that_runs_gives_what_it_prints_and_one_that_fails_says_why():
    printed, by_clock, by_processor = process.run("-c", "print(3)")
    assert printed == "3\n" and by_clock > 0 and by_processor > 0
    with pytest.raises(process.Ended, match="^ZeroDivisionError: division by zero$"):
        process.run("-c", "1 / 0")


def test_a_worker_answers_and_what_its_libraries_print_is_passed_over():
    code = "import json; print('hello'); print('{}'); print(json.dumps({'it': input()}))"
    worker = process.start("-u", "-c", code)
    try:
        assert process.listen(worker) == {} and process.ask(worker, "x") == {"it": "x"}
    finally:
        process.stop(worker)


def test_a_worker_that_has_ended_since_it_answered_is_noticed():
    worker = process.start("-c", "import sys; print('{}', flush=True); sys.exit('enough')")
    try:
        assert process.listen(worker) == {}
        worker.process.wait()
        with pytest.raises(process.Ended, match="^enough$"):
            process.ask(worker, "round")
    finally:
        process.stop(worker)
