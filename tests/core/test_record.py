"""One schema for every record: what is written is read again, and nothing else is."""

import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.core.record import SCHEMA, Record, to_json

RUN = Record(
    "mnist, cnn",
    "jaxdoodle train --dataset mnist",
    config={"epochs": 1, "augment": None},
    data={"name": "mnist", "sizes": {"train": 10, "test": 2}},
    machine={"versions": {"jax": "0.10.2"}},
    epochs=({"epoch": 1, "training": {"loss": 0.5, "correct": 7, "total": 10}, "validation": None},),
    scores={"test": {"loss": 0.25, "correct": 1, "total": 2}},
    extra={"interrupted": False},
)
SET = Record("one", runs=(RUN, Record("W1", runs=(Record("jaxdoodle, per core", extra={"seconds": [1.0]}),))))


@pytest.mark.parametrize("record", [Record(), RUN, SET])
def test_what_is_written_is_read_again(record, tmp_path):
    record.write(tmp_path / "deep" / "record.json")
    assert Record.read(tmp_path / "deep" / "record.json") == record
    assert Record.from_dict(json.loads(json.dumps(record.to_json()))) == record


def test_only_what_says_something_is_written_and_the_schema_once():
    assert SET.to_json() == {
        "schema": SCHEMA,
        "name": "one",
        "runs": [
            {name: value for name, value in RUN.to_json().items() if name != "schema"},
            {"name": "W1", "runs": [{"name": "jaxdoodle, per core", "extra": {"seconds": [1.0]}}]},
        ],
    }


@pytest.mark.parametrize("value", [list(range(100)), [1], ["x" * 90] * 3])
def test_the_file_is_json_with_a_line_for_what_fits_on_one(tmp_path, value):
    Record(extra={"value": value}).write(tmp_path / "record.json")
    text = (tmp_path / "record.json").read_text()
    assert json.loads(text) == {"schema": SCHEMA, "extra": {"value": value}}
    assert ("\n " in text) == (len(json.dumps(value)) > 110)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no record; Expecting property name"),
        ("[]", "is no record; expected a JSON object with the key 'schema'."),
        ('{"experiment": "x"}', "is no record; expected a JSON object with the key 'schema'."),
        ('{"schema": 1, "schema": 1}', "is no record; a key comes twice"),
        ('{"schema": 2}', "has schema 2; expected 1."),
        ('{"schema": 1, "history": []}', "has the unknown key 'history'; a record has schema, name, command, config,"),
        ('{"schema": 1, "to_json": []}', "has the unknown key 'to_json'; a record has schema, name,"),
        ('{"schema": 1, "epochs": {}}', "epochs is dict; expected list."),
        ('{"schema": 1, "name": null}', "name is NoneType; expected str."),
        ('{"schema": 1, "runs": [{}, {"claims": {}}]}', ", runs[1]: has the unknown key 'claims';"),
        ('{"schema": 1, "runs": [[]]}', ", runs[0]: is list; expected a JSON object."),
        ('{"schema": 1, "extra": {"of": [{"same class": 3}]}}', "has the key 'same class'; expected letters, digits,"),
    ],
)
def test_what_is_no_record_of_this_schema_is_refused_in_a_line_that_names_the_file(text, message, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        Record.read(path)
    assert str(refusal.value).startswith(str(path)) and message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "record.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"record\.json: is no record; 'utf-8' codec"):
        Record.read(tmp_path / "record.json")


@pytest.mark.parametrize("key", ["same class", "cold, processor", ""])
def test_a_name_with_spaces_or_commas_is_no_key(key, tmp_path):
    with pytest.raises(InputError, match=f"has the key '{key}'"):
        Record(runs=(Record(extra={"found": [{key: 1}]}),)).write(tmp_path / "record.json")
    assert not (tmp_path / "record.json").exists()


def test_a_record_is_shown_in_a_line_however_much_it_holds():
    assert repr(SET) == "Record('one' with runs)" and repr(Record()) == "Record('' with nothing else)"
    assert repr(RUN) == "Record('mnist, cnn' with command, config, data, machine, epochs, scores, extra)"


def test_a_run_is_found_by_its_name():
    assert SET.run("mnist, cnn") is RUN
    with pytest.raises(KeyError):
        SET.run("W2")


def test_descriptions_say_their_class():
    @dataclass(frozen=True)
    class Zoom:
        factors: tuple[float, ...]

    assert to_json({"augment": Zoom((0.5, 2.0))}) == {"augment": {"type": "Zoom", "factors": [0.5, 2.0]}}


def test_records_are_read_without_jax():
    block = "import sys; sys.modules.update(jax=None, jaxlib=None, optax=None)"
    subprocess.run([sys.executable, "-c", f"{block}; import jaxdoodle.core.record, jaxdoodle.core.machine"], check=True)
