"""Progress: a bar that fits a terminal of 80 columns; a line per epoch where it is piped; silence if asked."""

import io

import pytest
from rich.console import Console

from jaxdoodle.cli.progress import Progress
from jaxdoodle.training import Epoch, Evaluation

EPOCH = Epoch(3, Evaluation(0.1234, 95_000, 100_000), Evaluation(0.2, 9_725, 10_000), 2.0)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_bar_count_time_and_scores_fit_the_terminal(width):
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    with Progress("quickdraw, sketch-cnn", 10, 100_000, console=console) as progress:
        progress(3, None, EPOCH)
    last = screen.getvalue().replace("\r", "\n").split("\n")
    line = next(line for line in reversed(last) if "3/10" in line)
    shown = line[line.index("━") :].rstrip()
    assert len(shown) <= width and " 3/10 0:00:0" in shown and "loss 0.1234" in shown
    if width >= 80:
        assert "validation 97.25%" in shown and "50,000 images/s" in shown


def test_piped_each_epoch_is_a_line_on_stderr(capsys):
    with Progress("mnist, cnn", 10, 100_000) as progress:
        progress(3, None, EPOCH)
        progress(4, None, EPOCH._replace(number=4, validation=None))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "mnist, cnn: epoch 3 of 10  loss 0.1234  validation 97.25%  50,000 images/s",
        "mnist, cnn: epoch 4 of 10  loss 0.1234  training 95.00%  50,000 images/s",
    ]


def test_of_many_epochs_fifty_lines_or_fewer_are_told_the_last_among_them(capsys):
    with Progress("mine, cnn", 301, 70) as progress:
        for number in range(1, 302):
            progress(number, None, EPOCH._replace(number=number))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[3] for line in lines] == [*map(str, range(7, 302, 7))]


def test_quiet_shows_nothing(capsys):
    with Progress("mnist, cnn", 10, 100_000, quiet=True) as progress:
        progress(3, None, EPOCH)
    assert capsys.readouterr() == ("", "")
