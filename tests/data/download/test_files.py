import numpy as np
import pytest

from jaxdoodle.data import load_dataset
from jaxdoodle.data.download import files
from jaxdoodle.data.download.http import OVERLAP
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from tests.fixtures.mirror import BITMAPS, npy, quickdraw, rows


def test_n_drawings_cost_the_bytes_of_n_drawings(server, target):
    statuses = quickdraw(server, target, classes="clock,The Eiffel Tower", per_class=20)
    assert all(status.ok for status in statuses)
    bitmaps = [count for path, _, count in server.requests if path.endswith(".npy")]
    assert sum(bitmaps) <= 2 * (20 * 784 + 400)
    for name in ("clock", "The Eiffel Tower"):
        there = open_bitmaps(target / BITMAPS / f"{name}.npy")
        np.testing.assert_array_equal(there, rows(server.content[f"{BITMAPS}/{name}.npy"])[:20])
        np.testing.assert_array_equal(there, np.load(target / BITMAPS / f"{name}.npy", allow_pickle=False))
    assert len(load_dataset("quickdraw", root=target, classes="clock").train.images) > 0


@pytest.mark.parametrize("header", ["Google's", "NumPy's"])
@pytest.mark.parametrize("manner", ["honest", "cuts", "ignores range"])
def test_more_drawings_are_added_to_the_existing_ones(manner, header, server, target):
    path = f"{BITMAPS}/clock.npy"
    everything = rows(server.content[path])
    if header == "NumPy's":
        server.content[path] = npy(everything)
    for count, there in ((5, 5), (5, 5), (23, 23), (60, 60), (99, 60)):
        server.manners[path] = manner
        sent = server.sent
        assert all(status.ok for status in quickdraw(server, target, classes="clock", per_class=count))
        np.testing.assert_array_equal(open_bitmaps(target / path), everything[:there])
        if manner == "honest":
            assert server.sent - sent <= {5: 5 * 784, 23: 18 * 784, 60: 37 * 784, 99: 0}[count] + 128 + OVERLAP + 200
    assert sorted(p.name for p in (target / BITMAPS).iterdir()) == ["clock.npy"]


@pytest.mark.parametrize("left", ["of the same file", "of another"])
def test_a_longer_part_than_needed_is_compared_too(left, server, target):
    """An earlier command, which was killed, had got further than this one goes."""
    path, strokes = f"{BITMAPS}/clock.npy", "quickdraw/full/simplified/clock.ndjson"
    for name, other in ((path, npy(np.full((60, 784), 7, np.uint8))), (strokes, b'{"drawing": [[[1], [2]]]}\n' * 60)):
        (target / name).parent.mkdir(parents=True)
        content = server.content[name] if left == "of the same file" else other
        (target / f"{name}.part").write_bytes(content[: len(content) * 5 // 6])
    assert all(status.ok for status in quickdraw(server, target, classes="clock", per_class=20, strokes=True))
    np.testing.assert_array_equal(open_bitmaps(target / path), rows(server.content[path])[:20])
    assert (target / strokes).read_bytes() == b"".join(server.content[strokes].splitlines(keepends=True)[:20])
    assert sorted(p.name for p in (target / BITMAPS).iterdir()) == ["clock.npy"]


def test_a_command_killed_before_a_file_got_its_name_takes_no_drawings_from_the_next(server, target):
    """The part is whole, by a header that is rewritten already."""
    path = target / BITMAPS / "clock.npy"
    path.parent.mkdir(parents=True)
    everything = rows(server.content[f"{BITMAPS}/clock.npy"])
    path.with_name("clock.npy.part").write_bytes(npy(everything[:20]))
    assert all(status.ok for status in quickdraw(server, target, classes="clock", per_class=50))
    np.testing.assert_array_equal(open_bitmaps(path), everything[:50])


def test_one_s_own_drawings_are_not_overwritten(server, target):
    path = target / BITMAPS / "clock.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.full((3, 784), 7, np.uint8))
    _, status = quickdraw(server, target, classes="clock", per_class=10)
    assert not status.ok and "holds other drawings; move it away" in status.text
    assert np.all(open_bitmaps(path) == 7)
    path.write_bytes(b"mine")
    _, status = quickdraw(server, target, classes="clock", per_class=10)
    assert not status.ok and "expected a .npy file. Move it away" in status.text and path.read_bytes() == b"mine"


TWISTED = {
    "is an HTML page": (lambda file: b"<html>" * 500, "starts with b'<html>"),
    "holds floats": (lambda file: npy(np.zeros((9, 784))), "holds <f8 (9, 784)"),
    "holds columns": (lambda file: npy(np.zeros((784, 9), np.uint8)), "holds |u1 (784, 9)"),
    "promises too much": (lambda file: file.replace(b"(60,", b"(90,"), "truncated; 47,120 bytes, expected 70,640"),
    "is empty": (lambda file: b"", "HTTP 416"),
}


@pytest.mark.parametrize("twist, fault", TWISTED.values(), ids=TWISTED)
def test_a_remote_file_that_is_not_bitmaps_never_lands(twist, fault, server, target):
    path = f"{BITMAPS}/clock.npy"
    server.content[path] = twist(server.content[path])
    _, status = quickdraw(server, target, classes="clock", per_class=90)
    assert not status.ok and fault in status.text
    assert list((target / BITMAPS).iterdir()) == []


def test_strokes_come_as_the_first_lines(server, target):
    path = target / "quickdraw/full/simplified/clock.ndjson"
    remote = server.content["quickdraw/full/simplified/clock.ndjson"]
    for count, there in ((4, 4), (9, 9), (60, 60), (80, 60)):
        assert all(o.ok for o in quickdraw(server, target, classes="clock", per_class=count, strokes=True))
        assert path.read_bytes() == b"".join(remote.splitlines(keepends=True)[:there])
    server.content["quickdraw/full/simplified/pizza.ndjson"] = remote.rstrip()  # no newline at its end
    server.content[f"{BITMAPS}/pizza.npy"] = server.content[f"{BITMAPS}/clock.npy"]
    assert all(o.ok for o in quickdraw(server, target, classes="pizza", per_class=80, strokes=True))
    assert path.with_name("pizza.ndjson").read_bytes() == remote.rstrip()


def test_one_s_own_strokes_are_not_overwritten(server, target):
    path = target / "quickdraw/full/simplified/clock.ndjson"
    path.parent.mkdir(parents=True)
    mine = '{"word": "clock", "drawing": [[[1, 2], [3, 4]]]}\n'
    first = server.content["quickdraw/full/simplified/clock.ndjson"][:500].decode().rpartition("\n")[0] + "\n"
    for text, fault in ((mine, "other drawings"), (first + mine * 70, "other drawings"), ("mine", "Move it away")):
        path.write_text(text)
        *_, status = quickdraw(server, target, classes="clock", per_class=90, strokes=True)
        assert not status.ok and fault in status.text
        assert path.read_text() == text


def test_a_broken_line_of_strokes_never_lands(server, target):
    server.content["quickdraw/full/simplified/clock.ndjson"] = b'{"drawing": [[[0], [0]]]}\n{"drawing": []}\n'
    *_, status = quickdraw(server, target, classes="clock", per_class=10, strokes=True)
    assert not status.ok and "line 2" in status.text


def test_a_line_without_an_end_is_not_followed(server, target, monkeypatch):
    server.content["quickdraw/full/simplified/clock.ndjson"] = b'{"drawing": [[[0], [0]]]}\n[' + b" " * 2**20
    monkeypatch.setattr(files, "MAX_BYTES", 2**17)
    *_, status = quickdraw(server, target, classes="clock", per_class=10, strokes=True)
    assert not status.ok and "line 2 has no end" in status.text
    assert sum(count for path, _, count in server.requests if path.endswith(".ndjson")) < 2**19


def test_every_kind_of_existing_file_is_read_before_it_is_kept(tmp_path, refusal):
    (tmp_path / "page").write_text("<html>\n")
    assert "expected one class name a line" in refusal(files.summarize_names, tmp_path / "page")
