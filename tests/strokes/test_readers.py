"""Files of drawings: what is read, and what is refused in one line that says where."""

import io
import json
import struct
import tracemalloc
from pathlib import Path

import pytest

from jaxdoodle.core.errors import InputError
from jaxdoodle.strokes.drawing import MAX_POINTS
from jaxdoodle.strokes.readers import MAX_BYTES, READERS, Skipped, read_drawings, scan, scan_lines

BOX = [[[0, 255, 255, 0, 0], [0, 0, 150, 150, 0]], [[10, 20], [30, 40]]]
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9" fill="white"/>
<polyline points="0,0 255,0 255,150 0,150 0,0"/><line x1="10" y1="30" x2="20" y2="40"/></svg>"""


def line(drawing=BOX, **more):
    return json.dumps({"word": "box", "drawing": drawing, **more}).encode() + b"\n"


def binary(drawing=BOX, recognized=1, strokes=None):
    parts = [struct.pack("<Q2sbIH", 7, b"US", recognized, 1490000000, len(drawing) if strokes is None else strokes)]
    parts += [struct.pack(f"<H{len(x)}B{len(y)}B", len(x), *x, *y) for x, y in drawing]
    return b"".join(parts)


GOOD = {".ndjson": line(), ".bin": binary(), ".json": json.dumps(BOX).encode(), ".svg": SVG}


def as_lists(drawing):
    return [[list(map(int, x)), list(map(int, y))] for x, y in drawing]


def put(folder, suffix, content):
    path = folder / f"things{suffix}"
    path.write_bytes(content)
    return path


def test_every_format_has_an_example():
    assert set(GOOD) == set(READERS)


@pytest.mark.parametrize("suffix", READERS)
def test_the_same_drawing_comes_out_of_every_format(suffix, tmp_path):
    (drawing,) = read_drawings(put(tmp_path, suffix, GOOD[suffix]))
    assert as_lists(drawing) == BOX


def test_a_file_of_drawings_is_told_by_its_suffix_whatever_its_case(tmp_path):
    assert len(list(read_drawings(put(tmp_path, ".NDJSON", line() * 3)))) == 3
    assert len(list(read_drawings(put(tmp_path, ".part", line() * 3), suffix=".ndjson"))) == 3
    with pytest.raises(InputError, match=r"things\.part: .* expected \.ndjson, \.bin, \.json, \.svg\."):
        next(read_drawings(tmp_path / "things.part"))


def test_an_object_with_a_drawing_is_a_drawing(tmp_path):
    (drawing,) = read_drawings(put(tmp_path, ".json", line()))
    assert drawing == BOX


def test_a_mark_of_utf_8_and_raw_times_are_no_fault(tmp_path):
    raw = [[*stroke, [0] * len(stroke[0])] for stroke in BOX]
    (drawing,) = read_drawings(put(tmp_path, ".ndjson", b"\xef\xbb\xbf" + line(raw)))
    assert drawing == raw


BAD_DRAWINGS = {
    "nothing": [],
    "no points": [[[], []]],
    "unequal lengths": [[[1, 2], [1]]],
    "booleans": [[[True], [False]]],
    "words": [[["1"], ["2"]]],
    "null": [[[None], [1]]],
    "nested numbers": [[[[1]], [[2]]]],
    "objects": [[{"x": [1], "y": "a"}]],
    "a number": 3,
    "a text": "drawing",
    "beyond a million": [[[10**6], [1]]],
    "a large integer": [[[10**400], [1]]],
    "too many points": [[[1] * (MAX_POINTS + 1)] * 2],
}
BAD_JSON = {
    "half": line()[:30],
    "not UTF-8": b'{"drawing": "\xff"}',
    "UTF-16": line().decode().encode("utf-16"),
    "NaN": b'{"drawing": [[[NaN], [1]]]}',
    "infinity": b'{"drawing": [[[1], [-Infinity]]]}',
    "a float beyond floats": b'{"drawing": [[[1e999], [1]]]}',
    "an integer of many digits": b'{"drawing": [[[' + b"9" * 5000 + b"], [1]]]}",
    "nested deep": b"[" * 100_000,
    "another object": b'{"strokes": []}',
    "two documents": b"[] []",
    "a zero byte": b"\0",
    "too long": b"[" + b"1," * (MAX_BYTES // 2) + b"1]",
} | {name: line(drawing).strip() for name, drawing in BAD_DRAWINGS.items()}


def one_line(error):
    return "\n" not in str(error) and len(str(error)) < 300


@pytest.mark.parametrize("name", BAD_JSON)
def test_a_broken_line_is_named_and_the_others_are_read(name, tmp_path):
    path = put(tmp_path, ".ndjson", line() + BAD_JSON[name].replace(b"\n", b" ") + b"\n" + line())
    with pytest.raises(InputError, match=r"things\.ndjson, line 2: ") as raised:
        list(read_drawings(path))
    assert one_line(raised.value)
    skipped = Skipped()
    assert list(read_drawings(path, skipped)) == [BOX, BOX]
    assert (skipped.count, skipped.first) == (1, str(raised.value))


@pytest.mark.parametrize("name", BAD_JSON)
def test_a_broken_json_file_is_named(name, tmp_path):
    path = put(tmp_path, ".json", BAD_JSON[name])
    with pytest.raises(InputError, match=r"things\.json: ") as raised:
        list(read_drawings(path))
    assert one_line(raised.value)


def test_what_was_skipped_is_counted_and_the_first_named(tmp_path):
    skipped = Skipped()
    assert str(skipped) == "skipped nothing"
    assert list(read_drawings(put(tmp_path, ".ndjson", b"1\n" + line() + b"2\n3\n"), skipped)) == [BOX]
    assert skipped.count == 3
    assert str(skipped).startswith(f"skipped {tmp_path}/things.ndjson, line 1: ")
    assert str(skipped).endswith(" (and 2 more)")


START = len(binary())
#: What follows a good drawing, what is said, and how many drawings are read all the same.
BAD_BINARY = {
    "cut off in the header": (binary()[:10], "cut off; 10 bytes are left, a drawing begins with 17"),
    "cut off before a count": (binary()[:18], "cut off in stroke 0 of 2; 1 bytes are missing"),
    "cut off in the points": (binary()[:-3], "cut off in stroke 1 of 2; 3 bytes are missing"),
    "more strokes than there are": (binary(strokes=65_535), "cut off in stroke 2 of 65,535"),
    "no strokes": (binary([]), "there are 0 strokes"),
    "no points": (binary([([], [])]), "stroke 0 of 1 has 0 points"),
    "recognized is neither yes nor no": (binary(recognized=-7), "recognized is -7, of 0 and 1"),
    "a page of HTML": (
        b"<!DOCTYPE html><html><body>Not Found</body></html>",
        "not a drawing as Quick, Draw! writes it",
    ),
    "too many points": (binary([([1] * 60_000, [1] * 60_000)] * 2), "a drawing has 1 to 100,000"),
}


@pytest.mark.parametrize("name", BAD_BINARY)
def test_a_broken_binary_drawing_is_named_by_its_number_and_byte(name, tmp_path):
    bad, fault = BAD_BINARY[name]
    path = put(tmp_path, ".bin", binary() + bad)
    with pytest.raises(InputError, match=rf"things\.bin, drawing 2, at byte {START}: ") as raised:
        list(read_drawings(path))
    assert fault in str(raised.value) and one_line(raised.value)
    skipped = Skipped()
    assert [as_lists(drawing) for drawing in read_drawings(path, skipped)] == [BOX]
    assert skipped.count == 1


@pytest.mark.parametrize("suffix", READERS)
def test_an_empty_file_is_refused(suffix, tmp_path):
    with pytest.raises(InputError, match="holds no drawing"):
        list(read_drawings(put(tmp_path, suffix, b""), Skipped()))


@pytest.mark.parametrize("suffix", READERS)
def test_a_file_that_cannot_be_read_is_named(suffix, tmp_path):
    with pytest.raises(InputError, match=rf"nothing\{suffix}: No such file"):
        list(read_drawings(tmp_path / f"nothing{suffix}", Skipped()))
    folder = tmp_path / f"folder{suffix}"
    folder.mkdir()
    with pytest.raises(InputError, match=rf"folder\{suffix}: Is a directory"):
        list(scan(folder))


def test_lines_of_a_stream_come_as_they_arrive():
    class Stream(io.BytesIO):
        asked = 0

        def readline(self, size=-1):
            self.asked += 1
            return super().readline(size)

    stream = Stream(line() + b"broken\n" + line())
    found = scan_lines("-", stream)
    assert next(found) == BOX and stream.asked == 1
    error, last = found
    assert isinstance(error, InputError) and str(error).startswith("-, line 2: ")
    assert last == BOX


@pytest.mark.parametrize("suffix", [".ndjson", ".bin"])
def test_memory_does_not_grow_with_the_file(suffix, tmp_path):
    def peak(count):
        path = put(tmp_path, suffix, GOOD[suffix] * count)
        tracemalloc.start()
        assert sum(1 for _ in read_drawings(path)) == count
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    peak(1)
    assert peak(5_000) < 1.5 * peak(50)


def test_a_gigantic_line_is_never_held_whole(tmp_path):
    path = tmp_path / "things.ndjson"
    with path.open("wb") as file:
        for _ in range(20):
            file.write(b" " * MAX_BYTES)
        file.write(b"\n" + line())
    tracemalloc.start()
    first, second = scan(path)
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "line 1: a drawing takes at most" in str(first) and second == BOX
    assert high < 4 * MAX_BYTES


def test_published_drawings_are_read(data_root):
    for kind, axes in (("simplified", 2), ("raw", 3)):
        path = next(iter(sorted(Path(data_root, "quickdraw", "full", kind).glob("*.ndjson"))))
        drawings = list(read_drawings(path))
        assert len(drawings) == len(path.read_bytes().splitlines())
        assert {len(stroke) for drawing in drawings for stroke in drawing} == {axes}
