"""The parser of every verb: full names, near names, and help where JAX is not installed."""

import importlib
import subprocess
import sys

import pytest

from jaxdoodle.cli import VERBS, main
from jaxdoodle.cli.options import Parser


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["data"], ["data", "--help"]])
def test_without_a_verb_the_verbs_are_listed(words, capsys):
    assert main(words) == 0
    printed = capsys.readouterr()
    group = "data " if "data" in words else ""
    assert printed.out.startswith(f"usage: jaxdoodle {group}COMMAND") and not printed.err
    for verb, (_, text) in VERBS.items():
        assert verb.startswith(group) == (f"  {verb.removeprefix(group)} " in printed.out and text in printed.out)


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("jaxdoodle 0.")


@pytest.mark.parametrize(
    "words, complaint",
    [
        ("tran --dataset doodles", "there is no command tran; did you mean train?"),
        ("data lisst", "there is no command data lisst; did you mean list?"),
        ("xyzzy", "there is no command xyzzy."),
    ],
)
def test_a_mistyped_verb_is_answered_with_the_nearest_one(words, complaint, capsys):
    assert main(words.split()) == 2
    printed = capsys.readouterr()
    assert not printed.out and printed.err.startswith("usage: ") and printed.err.endswith(f"jaxdoodle: {complaint}\n")


@pytest.mark.parametrize(
    "words, complaint",
    [
        ("train --datset doodles", "there is no option --datset; did you mean --dataset?"),
        ("train --dataset doodles --epoch=5", "there is no option --epoch; did you mean --epochs?"),
        ("evaluate model.npz --jsn", "there is no option --jsn; did you mean --json?"),
        ("data list --xyzzy", "there is no option --xyzzy."),
    ],
)
def test_a_mistyped_option_is_answered_with_the_usage_of_its_verb_and_the_nearest_one(words, complaint, capsys):
    with pytest.raises(SystemExit) as leaving:
        main(words.split())
    printed = capsys.readouterr().err
    verb = " ".join(words.split()[: 2 if words.startswith("data") else 1])
    assert leaving.value.code == 2 and printed.startswith(f"usage: jaxdoodle {verb} ") and complaint in printed


def test_options_are_taken_by_their_full_names_alone_and_values_may_look_like_options():
    parser = Parser(prog="x")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("files", nargs="*")
    assert parser.parse_args(["--epochs", "-1"]).epochs == -1
    assert parser.parse_args(["--", "--epoch"]).files == ["--epoch"]
    with pytest.raises(SystemExit):
        parser.parse_args(["--epo", "1"])


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_sentence_of_help(verb):
    parser = Parser()
    importlib.import_module(VERBS[verb][0]).add_arguments(parser)
    for action in parser._actions[1:]:
        text = action.help or ""
        assert text[:1].isupper() and text[-1:] in (".", "!"), action.dest


HELP = """
import sys
sys.modules.update(jax=None, jaxlib=None, optax=None, rich=None, matplotlib=None)
from jaxdoodle.cli import VERBS, main
for verb in VERBS:
    try:
        main([*verb.split(), "--help"])
    except SystemExit as leaving:
        assert leaving.code == 0, verb
"""


def test_every_help_works_without_jax():
    printed = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    assert [verb for verb in VERBS if f"usage: jaxdoodle {verb} " not in printed.stdout] == []
