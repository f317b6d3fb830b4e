"""Two processes do what one with two devices does; where one ends early, the other does, too."""

import json
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.training.hardware import processes

HEAD = """
import json, sys, time
from contextlib import nullcontext
import numpy as np
from jaxdoodle.training.hardware import devices, processes

port, count, number = map(int, sys.argv[1:4])
devices.use_cpu_devices(2 // count)
joined = processes.join(f"127.0.0.1:{port}", count, number) if count > 1 else nullcontext(0)
"""
TRAIN = (
    HEAD
    + """
from pathlib import Path
from jaxdoodle.data import bitmaps
from jaxdoodle.data.bitmaps import BitmapFile, Bitmaps
from jaxdoodle.data.dataset import Dataset
from jaxdoodle.data.readers.quickdraw import bitmaps_header
from jaxdoodle.nn import BatchNorm, Dense, Dropout, Flatten, ModelSpec, ReLU
from jaxdoodle.training import TrainConfig, batches, loop

batches.CHUNK = 400 * 784
read_rows, read = bitmaps.read_rows, []

def counted(file, rows, targets, images):
    read.extend(rows.tolist())
    read_rows(file, rows, targets, images)

bitmaps.read_rows = counted
path, labels = Path(sys.argv[4]), np.random.default_rng(0).integers(0, 4, 1000).astype(np.int32)
images = Bitmaps((BitmapFile(path, *bitmaps_header(path)),), np.arange(1000, dtype=np.int32))
disk = Dataset("disk", images, labels, tuple("abcd"))
memory = Dataset("memory", images[:64], labels[:64], tuple("abcd"))
spec = ModelSpec((Flatten(), Dense(8), BatchNorm(), ReLU(), Dropout(0.3), Dense(4)), (28, 28, 1))
read.clear()
found = []
with joined:
    for data, epochs in ((disk, 2), (memory, 3)):
        config = TrainConfig(epochs=epochs, batch_size=64, devices=2, optimizer="momentum", learning_rate=1e-3)
        result = loop.fit(spec, data, memory, config)
        weights = [np.asarray(leaf).tolist() for p in result.params for leaf in p.values()]
        found.append([result.step_losses, weights, [epoch.validation.correct for epoch in result.history]])
print(json.dumps({"found": found, "read": read}))
"""
)
WAIT = (
    HEAD
    + """
import jax
from jax.experimental import multihost_utils

processes.LOST = 2.0
with joined:
    multihost_utils.sync_global_devices("both are here")
    print("ready", flush=True)
    while True:
        multihost_utils.sync_global_devices("again")
        time.sleep(0.02)
"""
)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(script, count, *arguments):
    port, pipe = str(free_port()), subprocess.PIPE
    command = [sys.executable, "-c", script, port, str(count)]
    return [
        subprocess.Popen([*command, str(number), *arguments], stdout=pipe, stderr=pipe, text=True)
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one process with two devices gives, and what each of two with one gives."""
    path = tmp_path_factory.mktemp("drawings") / "noise.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (1000, 784), dtype=np.uint8))
    found = []
    for count in (1, 2):
        for one in start(TRAIN, count, str(path)):
            output, errors = one.communicate(timeout=120)
            assert one.returncode == 0, errors
            found.append(json.loads(output.splitlines()[-1]))
    return found


def test_two_processes_give_digit_for_digit_what_one_with_two_devices_gives(trained):
    one, *two = trained
    assert all(each["found"] == one["found"] for each in two)
    losses, weights, correct = one["found"][0]
    assert len(losses) == 2 * 3 * 5 and np.isfinite(losses).all() and weights and len(correct) == 2


def test_each_process_reads_its_own_half_of_a_set_on_disk(trained):
    one, first, second = (each["read"] for each in trained)
    assert len(first) == len(second) == len(one) / 2
    chunk = len(one) // 6 // 2
    for begin in range(0, len(first), chunk):
        here = slice(begin, begin + chunk)
        assert not set(first[here]) & set(second[here])
        assert sorted(first[here] + second[here]) == sorted(one[2 * begin : 2 * (begin + chunk)])


@pytest.mark.parametrize(("lost", "how"), [(1, signal.SIGKILL), (0, signal.SIGKILL), (0, signal.SIGSTOP)])
def test_where_a_process_dies_the_other_ends_with_one_line(lost, how):
    both = start(WAIT, 2)
    try:
        for one in both:
            assert any(line == "ready\n" for line in one.stdout)
        both[lost].send_signal(how)
        _, errors = both[1 - lost].communicate(timeout=60)
        assert errors == (
            f"process {lost} of 2 has ended or does not answer, so process {1 - lost} ends, too; "
            "start all of them again.\n"
        )
        assert both[1 - lost].returncode == 1
    finally:
        for one in both:
            one.kill()
            one.communicate()


def test_a_cluster_that_says_all_is_taken_at_its_word():
    processes.refuse_incomplete(None, None, None)
    processes.refuse_incomplete("10.0.0.1:1234", 2, 1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a:1", None, None), "coordinator, processes and process-id are given together, or none"),
        ((None, 2, 0), "coordinator, processes and process-id are given together, or none"),
        (("localhost", 2, 0), r"coordinator is HOST:PORT of process 0, like 10.0.0.1:1234; got 'localhost'\."),
        (("a:99999", 2, 0), r"got 'a:99999'\."),
        (("a:1", 2, 2), r"process-id is counted from 0 and below processes; got 2 of 2\."),
        (("a:1", 0, 0), r"got 0 of 0\."),
    ],
)
def test_what_does_not_say_where_the_processes_are_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        processes.refuse_incomplete(*given)
