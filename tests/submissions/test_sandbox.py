"""What others wrote runs within bounds."""

import sys

import pytest

from jaxdoodle.submissions import sandbox

TANH = """
import numpy as np
def tanh_forward(x):
    y = np.tanh(x)
    return y, y
def tanh_backward(dout, cache):
    return dout * (1 - cache**2)
"""
PROBES = """
import os, socket
def tried(what):
    try:
        what()
        print("done")
    except (OSError, EOFError, MemoryError):
        print("refused")
tried(lambda: socket.create_connection(("127.0.0.1", int(os.environ["PROBED_PORT"])), 2))
tried(lambda: open({outside!r}, "w"))
tried(lambda: np.ones((64, 2**27)).sum())
tried(input)
"""


def test_network_writes_memory_and_input_are_refused_as_far_as_it_says(tmp_path, monkeypatch):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("PROBED_PORT", str(server.getsockname()[1]))
        path, outside = tmp_path / "probe.py", tmp_path / "outside"
        path.write_text(TANH + PROBES.format(outside=str(outside)))
        *messages, end = sandbox.run(path, sandbox.Bounds(), {})
    network, write, memory, stdin = end["end"]["printed"].split()[:4]
    held = end["end"]["protection"]
    assert (network == "refused") >= ("no network" in held)
    assert (write == "refused") >= ("no writes outside a temporary folder" in held)
    assert (memory == "refused") >= ("memory limit 4 GiB" in held)
    assert stdin == "refused"
    assert outside.exists() == (write == "done")
    assert [m["check"]["passed"] for m in messages] == [True] and end["end"]["error"] is None


@pytest.mark.parametrize(("text", "told"), [("import os; os._exit(0)", "before everything was checked")])
def test_a_process_that_ends_itself_is_told_with_what_it_printed(tmp_path, monkeypatch, text, told):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    path = tmp_path / "ends.py"
    path.write_text(f"print('begun'); {text}")
    (end,) = sandbox.run(path, sandbox.Bounds(), {})
    assert told in end["end"]["error"] and end["end"]["printed"] == "begun\n"


def test_a_process_that_hangs_is_ended(tmp_path):
    path = tmp_path / "hangs.py"
    path.write_text("import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: time.sleep(1)")
    (end,) = sandbox.run(path, sandbox.Bounds(seconds=3.0), {})
    assert "ended after 3 s (time limit)" in end["end"]["error"]


def test_starting_it_needs_the_standard_library_alone():
    names = {name.partition(".")[0] for name in vars(sandbox) if name in sys.modules}
    assert names <= set(sys.stdlib_module_names)
