"""The command: equal work is judged, a peer that fails is left out, and a record says all of it."""

import json
from types import SimpleNamespace

import pytest

from experiments.speed import __main__, inference, runtimes
from experiments.speed.__main__ import training_table
from experiments.speed.equality import judge
from jaxdoodle.core.record import Record
from jaxdoodle.nn.architectures import mlp

DIGITS = tuple("0123456789")


@pytest.mark.parametrize(
    ("measured", "equal", "times", "caption"),
    [
        (True, ["yes (0%, 0%)", "yes (0%, 0%)", "NO (420%, 0%)"], "1.00 UNEQUAL", " of what is allowed"),
        (False, ["not judged (0%, 0%)", "not judged (0%, 0%)", "not judged (420%, 0%)"], "1.00",
         "; judged on 60,000 images of MNIST alone"),
    ],
)  # fmt: skip
def test_work_that_is_not_equal_is_called_so_where_it_can_be_judged(measured, equal, times, caption):
    heard = {"seconds": [2.0, 4.0, 3.0], "start_seconds": 1.0, "peak_bytes": 2 * 10**6}
    score = {"correct": 900, "total": 1000}
    losses = dict.fromkeys(runtimes.JAXDOODLE, [1.0, 0.1]) | {"other": [1.0, 0.2]}
    judged = judge("W1", {one: score | {"loss": losses[one]} for one in losses}, "jaxdoodle", measured=measured)
    runs = tuple(
        Record(one, scores={"test": score}, extra=heard | {"loss": losses[one]} | judged[one]) for one in losses
    )
    table = training_table(Record("W1", config={"title": "", "images": 1, "flops": 6e9}, runs=runs), peak=4e9)
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["equal work"] == equal and str(table.caption).endswith(caption)
    assert cells["x jaxdoodle"] == ["1.00", "1.00", times] and cells["correct"] == ["900 of 1,000"] * 3
    assert cells["GFLOP/s"] == ["2", "2", "2"] and cells["of peak"] == ["50%"] * 3
    assert cells["s a round (lowest, highest)"] == ["3.00 (2.00, 4.00)"] * 3 and cells["peak MB"] == ["2"] * 3


# A worker that takes the place of the real one: RUNTIME WORKLOAD IMAGES DATA_DIR, and fails where the name says.
WORKER = """
import json, sys
name = sys.argv[1]
def come_to(place):
    if f"fails at {place}" in name:
        print("a long story\\n  and its end", file=sys.stderr)
        sys.exit(3)
    if f"dies at {place}" in name:
        import os
        os._exit(7)
print("the library prints this")
come_to("start")
print(json.dumps({"start_seconds": 1.0}), flush=True)
rounds = 0
for line in sys.stdin:
    what = line.strip()
    if what == "round":
        rounds += 1
        if rounds == 2:
            come_to("round")
    else:
        come_to("end")
    end = {"correct": 9, "total": 10, "peak_bytes": 1}
    print(json.dumps(end if what == "end" else {"seconds": 1.0, "loss": 0.5}), flush=True)
"""
PLACES = ("start", "round", "end")


@pytest.fixture
def workers(monkeypatch):
    """Set the runtimes' names; all are played by ``WORKER``."""

    def set_names(*names):
        monkeypatch.setattr(__main__, "RUNTIMES", {name: (("json",), None) for name in names})

    start = __main__.process.start
    monkeypatch.setattr(__main__.process, "start", lambda _, module, *arguments: start("-c", WORKER, *arguments))
    return set_names


@pytest.mark.parametrize("place", PLACES)
def test_a_peer_that_fails_is_left_out_and_the_rest_goes_on(place, workers, capsys):
    fails, dies = f"fails at {place}", f"dies at {place}"
    workers("jaxdoodle", fails, dies, "other")
    found = __main__.time_training("W1", "mnist", SimpleNamespace(share=1.0, data_dir="", rounds=3))
    reasons = {one["name"]: one["reason"] for one in found.extra["skipped"]}
    assert reasons == {fails: "and its end", dies: "ended with status 7"}
    assert [run.name for run in found.runs] == ["jaxdoodle", "other"]
    assert all(len(run.extra["seconds"]) == 3 and run.extra["equal"] for run in found.runs)
    assert all(run.scores == {"test": {"correct": 9, "total": 10}} for run in found.runs)
    assert capsys.readouterr().out.splitlines().count(f"skipped: {fails}: and its end") == 1


@pytest.mark.parametrize(
    ("data", "share", "equal"), [("mnist", 1.0, True), ("mnist", 0.5, None), ("doodles", 1.0, None)]
)
def test_whole_rounds_on_mnist_alone_are_judged(data, share, equal, workers):
    workers("jaxdoodle", "other")
    found = __main__.time_training("W1", data, SimpleNamespace(share=share, data_dir="", rounds=1))
    assert [run.extra["equal"] for run in found.runs] == [equal] * 2


@pytest.mark.parametrize("place", PLACES)
def test_where_jaxdoodle_fails_one_line_says_why_and_the_exit_code_is_1(place, workers, monkeypatch, tmp_path, capsys):
    workers("jaxdoodle", f"jaxdoodle that fails at {place}")
    monkeypatch.setattr("sys.argv", ["speed", "W1", "--out", str(tmp_path / "record.json")])
    monkeypatch.setattr(__main__.os, "environ", dict(__main__.os.environ))
    monkeypatch.setattr(__main__.process, "run", lambda *arguments: ("1e9", 0.0, 0.0))
    monkeypatch.setattr(__main__, "busy_cores", lambda: 0.0)
    monkeypatch.setattr(__main__, "load_data", lambda root: ("mnist",))
    assert __main__.main() == 1
    assert capsys.readouterr().err == f"jaxdoodle that fails at {place}: and its end\n"


def test_what_is_not_installed_is_recorded_as_skipped(workers, monkeypatch):
    workers("jaxdoodle")
    monkeypatch.setitem(__main__.RUNTIMES, "other", (("json", "no_such_library"), None))
    found = __main__.time_training("W1", "mnist", SimpleNamespace(share=1.0, data_dir="", rounds=1))
    assert found.extra["skipped"] == [{"name": "other", "reason": "not installed: no_such_library"}]
    assert [run.name for run in found.runs] == ["jaxdoodle"]


@pytest.mark.parametrize("busy", [0.0, 5.0])
def test_a_workload_records_how_busy_the_machine_was_before(busy, workers, monkeypatch, tmp_path, capsys):
    workers("jaxdoodle")
    monkeypatch.setattr("sys.argv", ["speed", "W1", "W4", f"--out={tmp_path / 'record.json'}"])
    monkeypatch.setattr(__main__.os, "environ", dict(__main__.os.environ))
    monkeypatch.setattr(__main__.process, "run", lambda *arguments: ("1e9", 0.0, 0.0))
    monkeypatch.setattr(__main__, "busy_cores", lambda: busy)
    monkeypatch.setattr(__main__, "cores", lambda: 8)
    monkeypatch.setattr(__main__, "load_data", lambda root: ("mnist",))
    assert __main__.main() == 0
    record = Record.read(tmp_path / "record.json")
    assert [run.extra["busy_cores_before"] for run in record.runs] == [busy] * 2
    assert len(record.extra["load_before"]) == len(record.extra["load_after"]) == 3
    assert record.extra["peak_flops"] == 1e9 and record.data == {"name": "mnist"}
    assert record.command == "python -m experiments.speed W1 W4 --out=PATH"
    assert capsys.readouterr().out.count("other processes used 5.0 cores before W") == (2 if busy else 0)


def test_an_inference_runtime_that_fails_is_left_out(monkeypatch, capsys):
    def run(_, module, one, folder, mode):
        if one == "PyTorch" and mode == "warm":
            raise __main__.Ended("no luck")
        return json.dumps({"1": 0.1, "256": 0.2}), 1.0, 2.0

    monkeypatch.setattr(__main__.process, "run", run)
    monkeypatch.setattr(inference, "networks", lambda: {"one": mlp(DIGITS, (8,))})
    monkeypatch.setattr(inference, "RUNTIMES", {inference.NUMPY: (("numpy",), None), "PyTorch": (("json",), None)})
    found = __main__.time_inference(2)
    (network,) = found.runs
    assert network.extra["skipped"] == [{"name": "PyTorch", "reason": "no luck"}]
    assert [run.name for run in network.runs] == [inference.NUMPY]
    assert network.runs[0].extra["warm_seconds"] == {"1": [0.1, 0.1], "256": [0.2, 0.2]}
    assert network.runs[0].extra["cold_processor_seconds"] == [2.0, 2.0]
    assert "skipped: PyTorch: no luck" in capsys.readouterr().out
    assert __main__.inference_table(found).row_count == 1
