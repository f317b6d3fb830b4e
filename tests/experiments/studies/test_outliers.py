"""The experiment's parts on a small scale, and what its record must hold."""

from pathlib import Path

import numpy as np
import pytest

from experiments import table
from experiments.studies import outliers
from experiments.studies.outliers import NETS, draw, reached, refused_share
from jaxdoodle.core.record import Record
from tests.fixtures.pages import check_readable, texts_of

RECORD = Path(outliers.__file__).parents[1] / "records" / "outliers" / "record.json"


def test_goals_are_of_the_mean_over_the_seeds():
    counts = [{"refused": {"scribbles": {"refused": n, "total": 10}}} for n in (9, 10)]
    group = Record("net", runs=tuple(Record(extra=one) for one in counts))
    assert reached(group, {"scribbles": 0.95}) and not reached(group, {"scribbles": 0.96})


@pytest.fixture(scope="module")
def record():
    return Record.read(RECORD)


def test_the_record_is_of_networks_with_and_without_outliers_at_equal_seeds(record):
    assert {"digit MLP", "digit CNN"} <= {net.name for net in record.runs[::2]} <= set(NETS)
    assert [f"{net.name}, outliers" for net in record.runs[::2]] == [net.name for net in record.runs[1::2]]
    for without, shown in zip(record.runs[::2], record.runs[1::2], strict=True):
        seeds = [[run.config["seed"] for run in net.runs] for net in (without, shown)]
        assert seeds[0] == seeds[1] == list(range(len(seeds[0])))
        assert not without.config["outliers"] and shown.config["outliers"] == NETS[without.name].config.outliers


def test_the_figure_shows_each_share_that_is_refused(record, pages, tmp_path):
    draw(record, tmp_path / "refused.png")
    check_readable(pages[-1], tmp_path / "refused.png")
    net = record.runs[1]
    expected = {f"{100 * refused_share(net, kind):.1f}" for kind in net.runs[0].extra["refused"]}
    assert expected <= set(texts_of(pages[-1]))


def mean(net, count):
    """Of ``count(run)``, two numbers, the first divided by the second; over the seeds."""
    return np.mean([np.divide(*count(run)) for run in net.runs])


def test_networks_that_were_shown_outliers_refuse_more_of_every_kind_at_equal_accuracy(record):
    for without, shown in zip(record.runs[::2], record.runs[1::2], strict=True):
        for kind in without.runs[0].extra["refused"]:
            refused = lambda run, kind=kind: run.extra["refused"][kind].values()  # noqa: E731
            assert mean(shown, refused) >= mean(without, refused)
            assert kind != "lines" or mean(shown, refused) == 1
        correct = lambda run: [run.scores["test"][part] for part in ("correct", "total")]  # noqa: E731
        assert mean(shown, correct) > mean(without, correct) - 0.01


def test_the_readme_shows_the_record(record):
    assert table.outliers_table(record) in (RECORD.parents[2] / "README.md").read_text()
