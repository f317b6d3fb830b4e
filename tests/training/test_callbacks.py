"""The metrics of each epoch are on disk as soon as it is complete."""

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.training import loop
from jaxdoodle.training.callbacks import MetricsFiles, TensorBoard
from tests.fixtures.bars import CONFIG, SPEC, TRAIN, VALIDATION

pytestmark = pytest.mark.usefixtures("as_users_run")


def test_metrics_are_written_while_training_runs_and_an_epoch_has_one_line(tmp_path):
    seen = []

    def read(epoch, state, metrics):
        lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
        rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
        seen.append((epoch, len(lines), len(rows)))
        last = json.loads(lines[-1])
        assert last["epoch"] == epoch and last["step"] == 10 * epoch
        assert last["validation_loss"] == metrics.validation.loss == float(rows[-1]["validation_loss"])
        assert last["training_accuracy"] == metrics.training.accuracy == float(rows[-1]["training_accuracy"])

    for _ in range(2):  # a second run starts the files anew
        loop.fit(SPEC, TRAIN, VALIDATION, replace(CONFIG, epochs=2), callbacks=[MetricsFiles(tmp_path), read])
    assert seen == [(1, 1, 1), (2, 2, 2)] * 2


def test_a_run_that_goes_on_keeps_the_lines_of_the_epochs_before(tmp_path):
    write, epochs = MetricsFiles(tmp_path), []
    loop.fit(SPEC, TRAIN, None, replace(CONFIG, epochs=3), callbacks=[lambda *given: epochs.append(given), write])
    write(*epochs[1])
    assert [json.loads(line)["epoch"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [1, 2]
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3


def test_tensorboard_files_hold_the_losses(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    result = loop.fit(SPEC, TRAIN, VALIDATION, replace(CONFIG, epochs=2), callbacks=[board := TensorBoard(tmp_path)])
    board.close()
    content, found = next(tmp_path.iterdir()).read_bytes(), {}
    while content:
        size = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + size])
        found |= {(one.tag, event.step): one.simple_value for one in event.summary.value}
        content = content[16 + size :]
    assert {tag for tag, _ in found} == {f"{a}/{b}" for a in ("training", "validation") for b in ("loss", "accuracy")}
    for epoch in result.history:
        assert found["validation/loss", epoch.number] == np.float32(epoch.validation.loss)


def test_without_tensorboardx_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match=r"TensorBoard files need tensorboardX; .*pip install .*tensorboard"):
        TensorBoard(tmp_path)
