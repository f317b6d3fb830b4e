"""``ndjson.js``: drawings in Quick, Draw!'s form, out and in again."""

import json

import pytest

from jaxdoodle.strokes.readers import scan_described
from tests.fixtures.node import ask, needs_node

pytestmark = needs_node

SAMPLES = [
    {"word": "cat", "drawer": "Ann", "time": 1_700_000_000_123, "drawing": [[[0.5, 90.1], [3, 4], [0, 17]]], "id": 7},
    {"word": "<b>\u732b</b>", "drawer": "", "time": 0, "drawing": [[[0, 9, 8], [0, 9, 8]], [[1], [2]]], "id": 8},
]


def lines_of(samples):
    return ask("teach/ndjson.js", "it.toLines", samples)


def test_what_is_exported_is_imported_again():
    found = ask("teach/ndjson.js", "(samples) => it.fromLines(it.toLines(samples))", SAMPLES)
    assert found == {
        "samples": [{k: v for k, v in one.items() if k != "id"} for one in SAMPLES],
        "skipped": 0,
        "first": None,
    }


def test_the_library_reads_what_is_exported(tmp_path):
    (tmp_path / "drawings.ndjson").write_text(lines_of(SAMPLES), encoding="utf-8")
    found = list(scan_described(tmp_path / "drawings.ndjson"))
    for (drawing, record), sample in zip(found, SAMPLES, strict=True):
        assert [list(stroke) for stroke in drawing] == sample["drawing"]
        assert (record["word"], record["drawer"]) == (sample["word"], sample["drawer"])
        assert record["timestamp"].endswith(" UTC") and record["recognized"] is True and record["key_id"].isdigit()


def test_published_files_come_in(data_root):
    path = sorted((data_root / "quickdraw" / "full" / "raw").glob("*.ndjson"))[0]
    lines = path.read_text(encoding="utf-8").splitlines()[:5]
    found = ask("teach/ndjson.js", "it.fromLines", "\n".join(lines))
    assert [one["drawing"] for one in found["samples"]] == [json.loads(line)["drawing"] for line in lines]
    assert found["samples"][0]["word"] == path.stem and found["skipped"] == 0


BAD = {
    "no JSON": "expected JSON",
    "null": 'expected a JSON object with a "word"',
    "[]": 'expected a JSON object with a "word"',
    '{"drawing": [[[0, 9], [0, 9]]]}': 'expected a JSON object with a "word"',
    '{"word": " ", "drawing": [[[0, 9], [0, 9]]]}': "a name is not blank",
    '{"word": "a", "drawer": 5, "drawing": [[[0, 9], [0, 9]]]}': "a drawer is a name",
    '{"word": "a", "drawer": "a\\u202e", "drawing": [[[0, 9], [0, 9]]]}': "a name has no control characters",
    '{"word": "a"}': "a drawing is a list of strokes",
    '{"word": "a", "drawing": []}': "a drawing is a list of strokes",
    '{"word": "a", "drawing": [[[0, 9], [0]]]}': "stroke 0 is two equally long lists",
    '{"word": "a", "drawing": [[["0", 9], [0, 1]]]}': "stroke 0 is two equally long lists",
    '{"word": "a", "drawing": [[[1e9, 9], [0, 1]]]}': "stroke 0 is two equally long lists",
    '{"word": "a", "drawing": [[[4], [4]]]}': "the strokes are a single dot",
    "[" * 5000: "expected JSON",
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_is_skipped_and_the_first_is_named(line):
    good = '{"word": "cat", "drawing": [[[0, 9], [0, 9]]]}'
    found = ask("teach/ndjson.js", "it.fromLines", "\n".join([good, "", line, good, line]))
    assert len(found["samples"]) == 2 and found["skipped"] == 2
    assert found["first"].startswith(f"line 3: {BAD[line]}")
    assert found["samples"][0]["drawer"] == ""
