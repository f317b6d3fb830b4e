"""The ablation: each row is the recipe but for what its name says, and trains from the seeds of the whole."""

from dataclasses import replace

import pytest

from experiments.declaration import Experiment, Variant
from experiments.studies import ablation
from jaxdoodle.core.record import Record
from jaxdoodle.nn.architectures import mlp
from jaxdoodle.training.config import TrainConfig


def test_every_row_changes_something_and_two_rows_never_the_same():
    variants = ablation.RECIPES.variants
    seen = [(row.config, tuple(row.teacher)) for row in variants.values()]
    assert len(seen) == len({str(one) for one in seen})
    assert variants[ablation.WHOLE].config == replace(ablation.BEST.config, epochs=ablation.EPOCHS)


@pytest.mark.usefixtures("as_users_run")
def test_all_rows_are_trained_from_the_same_seeds_and_drawn(tmp_path, monkeypatch, capsys):
    rows = {name: Variant(lambda classes: mlp(classes, (4,)), TrainConfig(epochs=epochs, outliers=0.0))
            for name, epochs in ((ablation.WHOLE, 2), ("one epoch", 1))}  # fmt: skip
    small = Experiment(dataset="doodles", classes="clock,pizza", per_class=40, variants=rows)
    monkeypatch.setattr(ablation, "RECIPES", small)
    assert ablation.run(tmp_path, seeds=2) == 0
    record = Record.read(tmp_path / "record.json")
    assert record.command == "python -m experiments ablation" and not any(row.command for row in record.runs)
    assert [[run.config["seed"] for run in row.runs] for row in record.runs] == [[0, 1], [0, 1]]
    assert "| one epoch |" in capsys.readouterr().out and (tmp_path / "ablation.png").exists()
