"""The command: it lists experiments, passes options on, and refuses those that an experiment does not take."""

import inspect
import subprocess
import sys

import pytest

from experiments import NAMES, runner
from experiments.__main__ import main
from experiments.pretrained import digits, sketches
from experiments.reports import worked_example
from experiments.studies import (
    ablation,
    abstention,
    beside_keras,
    few_drawings,
    int8,
    new_classes,
    outliers,
    teach_page,
    time_to_99,
)  # fmt: skip
from experiments.studies.pictures import pages, preprocessing, rendering, several

OPTIONS = {
    "--variants": "report", "--seed": "1", "--seeds": "2", "--epochs": "3", "--classes": "clock", "--per-class": "9",
    "--gradients": "autodiff", "--data-dir": "data",
}  # fmt: skip
TAKEN = {
    "worked_example": set(),
    "digits": {"--data-dir", "--epochs", "--seed", "--seeds", "--variants"},
    "sketches": {"--data-dir", "--epochs", "--seed", "--seeds", "--variants"},
    "ablation": {"--data-dir", "--epochs", "--seeds"},
    "abstention": {"--data-dir"},
    "beside_keras": {"--data-dir", "--epochs", "--seeds"},
    "rendering": {"--data-dir"},
    "pages": {"--data-dir"},
    "preprocessing": {"--data-dir"},
    "time_to_99": {"--data-dir", "--seeds"},
    "few_drawings": {"--data-dir", "--seeds"},
    "int8": {"--data-dir"},
    "new_classes": {"--data-dir"},
    "outliers": {"--data-dir", "--seeds", "--variants"},
    "several": {"--data-dir", "--seed"},
    "teach_page": set(),
}
STUDIES = (
    ablation,
    abstention,
    beside_keras,
    few_drawings,
    int8,
    new_classes,
    outliers,
    pages,
    preprocessing,
    rendering,
    several,
    teach_page,
    time_to_99,
)
MODULES = {module.__name__: module for module in (worked_example, digits, sketches, *STUDIES)}


@pytest.fixture
def calls(monkeypatch):
    """Nothing is run: what would have been is listed."""
    found = []

    def stand_in(run):
        def called(*args, **options):
            found.append((args, options))
            return 0

        called.__signature__ = inspect.signature(run)
        return called

    monkeypatch.setattr(runner, "run", stand_in(runner.run))
    for module in MODULES.values():
        monkeypatch.setattr(module, "run", stand_in(module.run))
    return found


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_an_option_reaches_the_experiment_or_is_refused_in_one_line(name, option, calls, tmp_path, capsys):
    code = main([name, option, OPTIONS[option], "--out", str(tmp_path)])
    said = capsys.readouterr().err
    if option in TAKEN.get(name, OPTIONS):
        ((args, options),) = calls
        assert code == 0 and args[-1] == tmp_path / name and list(options) == [option[2:].replace("-", "_")]
    else:
        assert code == 2 and calls == []
        assert said.startswith(f"jaxdoodle: {name} takes no {option}; it takes ") and said.endswith("--out.\n")
        assert said.count("\n") == 1


def test_what_is_not_given_is_left_to_the_experiment(calls):
    assert main(["digit_cnn", "time_to_99"]) == 0
    assert [options for _, options in calls] == [{}, {}]


def test_nothing_runs_where_one_of_several_takes_no_such_option(calls, capsys):
    assert main(["digit_cnn", "worked_example", "--epochs", "3"]) == 2 and calls == []
    assert capsys.readouterr().err == "jaxdoodle: worked_example takes no --epochs; it takes --out.\n"


def test_an_unknown_experiment_is_refused_with_those_there_are(calls, capsys):
    assert main(["lenet"]) == 2 and calls == []
    assert capsys.readouterr().err.startswith("jaxdoodle: no experiment 'lenet'; there are doodle_mlp, digit_cnn,")


def test_a_shortened_option_is_none(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["digit_cnn", "--epoch", "3"])


def test_without_a_name_the_experiments_are_listed(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == list(NAMES)
    assert all(len(line) > 25 for line in printed)


def test_experiments_are_listed_without_jax():
    code = "import sys; sys.modules.update(jax=None); from experiments.__main__ import main; sys.exit(main([]))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert len(printed.splitlines()) == len(NAMES)
