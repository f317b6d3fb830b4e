"""No run is lost: it goes on from its last checkpoint, and ends as one that was never stopped, to the bit."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.nn import BatchNorm, Dense, Dropout, Flatten, ModelSpec
from jaxdoodle.nn.architectures import mlp
from jaxdoodle.training import Augment, Checkpoints, Interrupted, batches, checkpoints, loop, setup
from jaxdoodle.training.plan import choose
from jaxdoodle.training.steps import epoch
from tests.fixtures.bars import CLASSES, CNN, CONFIG, SPEC, TRAIN, VALIDATION
from tests.fixtures.jax_modes import users_jax

pytestmark = pytest.mark.usefixtures("as_users_run")

ROOT = Path(__file__).parents[2]
SHORT = replace(CONFIG, epochs=2)


class StopsAt(Checkpoints):
    """As if a signal had come within the chunk that ends at a step."""

    def __init__(self, folder, step):
        super().__init__(folder)
        self.stop = step

    def _after_chunk(self, run):
        self.caught = signal.SIGTERM if run.step >= self.stop else 0
        super()._after_chunk(run)


def stop(folder, step, spec=SPEC, train=TRAIN, config=SHORT):
    """Train up to a step, with a checkpoint there."""
    try:
        result = loop.fit(spec, train, VALIDATION, config, checkpoints=StopsAt(folder, step))
    except Interrupted as error:
        assert error.args == (signal.SIGTERM,), "no epoch was complete"
    else:
        assert result.interrupted and result.history
    assert [path.name for path in folder.iterdir()] != []


def assert_same(again, whole):
    jax.tree.map(np.testing.assert_array_equal, again.params, whole.params)
    assert again.step_losses == whole.step_losses and again.best_epoch == whole.best_epoch
    assert [epoch[:3] for epoch in again.history] == [epoch[:3] for epoch in whole.history]


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", 100 * 784)
    monkeypatch.setattr(batches, "CHUNK", 100 * 784)
    monkeypatch.setattr(batches, "RUN", 4)


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_run_goes_on_from_any_chunk_as_if_it_had_not_stopped(where, put_on_disk, small_chunks, tmp_path):
    train = TRAIN if where == "memory" else put_on_disk(TRAIN)
    config = replace(CONFIG, epochs=None, steps=14, batch_size=50, ema_decay=0.9, augment=Augment(), outliers=0.5)
    spec = ModelSpec((*SPEC.layers[:-1], Dropout(0.5), SPEC.layers[-1]), (28, 28, 1), CLASSES)
    whole = loop.fit(spec, train, VALIDATION, config)
    folder = tmp_path / "checkpoints"
    for step in (1, 9):
        stop(folder, step, spec, train, config)
    assert_same(loop.fit(spec, train, VALIDATION, config, checkpoints=Checkpoints(folder)), whole)


def test_running_statistics_and_the_state_of_the_optimizer_go_on(tmp_path):
    config = replace(SHORT, optimizer="nadam", clip_norm=1.0)
    stop(tmp_path, 10, CNN, config=config)
    again = loop.fit(CNN, TRAIN, VALIDATION, config, checkpoints=Checkpoints(tmp_path))
    assert_same(again, loop.fit(CNN, TRAIN, VALIDATION, config))


def test_patience_counts_the_epochs_before_a_stop(tmp_path):
    config = replace(CONFIG, epochs=30, patience=2, learning_rate=1e-30, optimizer="sgd", schedule="constant")
    stop(tmp_path, 20, config=config)
    again = loop.fit(SPEC, TRAIN, VALIDATION, config, checkpoints=Checkpoints(tmp_path))
    assert again.stopped and (again.best_epoch, len(again.history)) == (1, 3)


def test_chunks_change_no_bit_of_the_result(monkeypatch):
    emitters = "xla_cpu_use_fusion_emitters"  # without them a loop of another length rounds otherwise
    if emitters in os.environ.get("XLA_FLAGS", ""):
        monkeypatch.setattr(epoch, "compiler_options", lambda: {emitters: True})
    spec = ModelSpec((Flatten(), Dense(8), BatchNorm(), Dense(3)), (28, 28, 1), CLASSES)
    whole = loop.fit(spec, TRAIN, VALIDATION, SHORT)
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", 64 * 784)
    assert batches.chunk_sizes(TRAIN, "natural", 32) == (64, 64, 64, 108), "of two steps, and of three and a small one"
    assert_same(loop.fit(spec, TRAIN, VALIDATION, SHORT), whole)


def test_a_network_that_takes_long_is_trained_in_more_chunks(put_on_disk, monkeypatch):
    monkeypatch.setattr(batches, "PRODUCTS", 100 * 50)
    assert batches.chunk_sizes(TRAIN, "natural", 32, products=50) == (128, 172)
    assert batches.chunk_sizes(TRAIN, "natural", 32, products=1) == (300,)
    assert len(batches.chunk_sizes(put_on_disk(TRAIN), "natural", 32, products=50)) == 3


def test_the_clock_decides_when_to_write_and_nothing_else(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Checkpoints, "_save", lambda self, run, **named: written.append(run.step))
    plain = loop.fit(SPEC, TRAIN, VALIDATION, CONFIG, checkpoints=Checkpoints(tmp_path))
    assert not written and not list(tmp_path.iterdir()), "nothing is written, nor imported, in the first 30 s"
    assert_same(loop.fit(SPEC, TRAIN, VALIDATION, CONFIG, checkpoints=Checkpoints(tmp_path, interval=0)), plain)
    assert written == [10, 20, 30, 40]


def test_orbax_is_imported_with_the_first_checkpoint():
    code = "import sys, jaxdoodle.training.loop; assert not any('orbax' in name for name in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_orbax_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"need orbax-checkpoint; .*\.\[train\]"):
        Checkpoints(tmp_path)
    monkeypatch.undo()
    with pytest.raises(InputError, match="at least 0 seconds; got -1"):
        Checkpoints(tmp_path, interval=-1)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """The folder of a run that was stopped after its first epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "checkpoints"
    with users_jax():
        stop(folder, 10)
    return folder


OTHERS = {
    "another network.": {"spec": mlp(CLASSES, (8,))},
    "another config: seed is 0 there, and 1 in this run.": {"config": replace(SHORT, seed=1)},
    "another data: train is ": {"train": TRAIN.take(np.arange(299, -1, -1))},
    "another config: epochs is 2 there, and 3 in this run.": {"config": replace(SHORT, epochs=3)},
    "another plan: chunks is 1 there, and 2 in this run.": {"chunk": 100 * 784},
    "another version: checkpoint is 1 there, and 2 in this run.": {"version": 2},
}


@pytest.mark.parametrize("message", OTHERS)
def test_a_checkpoint_of_another_run_is_refused(message, stopped, monkeypatch, refusal):
    given = {"spec": SPEC, "train": TRAIN, "config": SHORT} | OTHERS[message]
    monkeypatch.setattr(checkpoints, "VERSION", given.get("version", 1))
    monkeypatch.setattr(batches, "CHUNK_IN_MEMORY", given.get("chunk", batches.CHUNK_IN_MEMORY))
    run = given["spec"], given["train"], VALIDATION, given["config"]
    said = refusal(loop.fit, *run, checkpoints=Checkpoints(stopped))
    assert said.startswith(f"{stopped}/10: is a checkpoint of a run with ") and message in said


def damages(folder):
    """Each file of the checkpoint cut, changed in its middle, and gone."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        middle = len(content) // 2
        for damaged in (content[:middle], content[:middle] + b"\xa5\x5a" + content[middle + 2 :], None):
            yield path, damaged


def test_a_damaged_checkpoint_is_refused_in_one_line_or_does_no_harm(stopped, tmp_path, refusal):
    state = loop.FitState(loop.init_state(SPEC, setup.make_optimizer(SHORT, steps=20, steps_per_epoch=10), SHORT))
    plan = setup.make_plan(SHORT, TRAIN, 1)
    run_of = checkpoints.describe(SPEC, choose(SHORT, TRAIN), plan, TRAIN, VALIDATION)
    whole, refused = Checkpoints(stopped).restore(state, run_of), 0
    for number, (path, damaged) in enumerate(damages(stopped)):
        folder = tmp_path / str(number)
        shutil.copytree(stopped, folder)
        copy = folder / path.relative_to(stopped)
        copy.unlink() if damaged is None else copy.write_bytes(damaged)
        try:
            found = Checkpoints(folder).restore(state, run_of)
        except InputError as error:
            assert str(error).startswith(f"{folder}/10: is no checkpoint, or a damaged one; ")
            assert "\n" not in str(error)
            refused += 1
        else:
            assert found is state or found.step_losses == whole.step_losses
    assert refused > 5 and number > 20


def test_a_disk_that_is_full_ends_no_training(tmp_path, monkeypatch):
    def fail(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoints, "_open", fail)
    with pytest.warns(UserWarning, match="a checkpoint was not written; OSError: .*No space left"):
        result = loop.fit(SPEC, TRAIN, VALIDATION, SHORT, checkpoints=Checkpoints(tmp_path, interval=0))
    assert len(result.history) == 2


#: One thread of XLA, whose results are equal to the bit.
ENV = os.environ | {"NPROC": "1", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}


def program(folder, where):
    """The program that is killed, when it begins to train."""
    command = [sys.executable, "-m", "tests.training.killed_run", str(folder), where]
    started = subprocess.Popen(command, env=ENV, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert started.stdout.readline() == "trains\n"
    return started


def outcome(folder):
    with np.load(folder / "params.npz") as params:
        arrays = {name: params[name].tobytes() for name in params.files}
    return arrays, json.loads((folder / "metrics.json").read_text())


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """For a set in memory and on disk: what a run gives that nobody stops, and how long it trains, in seconds."""
    found = {}

    def of(where):
        if where not in found:
            folder = tmp_path_factory.mktemp("whole")
            with program(folder, where) as run:
                started = time.monotonic()
                assert run.wait() == 0
            found[where] = outcome(folder), time.monotonic() - started
        return found[where]

    return of


def die_and_go_on(folder, where, uninterrupted, moment):
    """Kill it at this part of its time, and let it go on."""
    expected, seconds = uninterrupted(where)
    with program(folder, where) as run:
        time.sleep(moment * seconds)
        run.kill()
    with program(folder, where) as run:
        assert run.wait() == 0
    assert outcome(folder) == expected, f"killed at {moment:.2f} of {seconds:.1f} s"


@pytest.mark.slow
@pytest.mark.parametrize("number", range(30))
def test_a_training_that_is_killed_at_any_moment_ends_as_if_it_had_not_been(number, tmp_path, uninterrupted):
    seed = random.randrange(2**32)
    print("seed of the moment:", seed)
    where = ("memory", "disk")[number % 2]
    die_and_go_on(tmp_path, where, uninterrupted, random.Random(seed).random())
