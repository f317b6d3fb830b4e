"""What comes into a watched folder; between two scans, a step of the story."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import folder_watch
from jaxdoodle.preprocessing import inputs

LINE = json.dumps({"drawing": [[[0, 4, 9], [5, 5, 5]]]}) + "\n"


def story(folder, *steps):
    """What is given after each step, by the name in the folder; two scans follow each."""
    given, pending = [[] for _ in steps], iter(steps)
    scans = 0

    def wait():
        nonlocal scans
        if scans % 2 == 0:
            step = next(pending, None)
            if step is None:
                raise KeyboardInterrupt
            step()
        scans += 1

    try:
        for name, content in folder_watch.changes(str(folder), wait):
            given[(scans - 1) // 2].append((name.removeprefix(f"{folder}/"), content))
    except KeyboardInterrupt:
        return [[name for name, _ in step] for step in given], [content for step in given for _, content in step]


def nothing():
    pass


def picture(path, level=0):
    return lambda: Image.new("L", (20 + level, 20), level).save(path)


def test_what_was_there_is_left_and_what_comes_is_given_once(tmp_path):
    picture(tmp_path / "old.png")()
    (tmp_path / "deep").mkdir()
    steps = (nothing, picture(tmp_path / "new.png"), nothing, picture(tmp_path / "deep" / "b.png"), nothing)
    assert story(tmp_path, *steps)[0] == [[], ["new.png"], [], ["deep/b.png"], []]


def test_what_changes_is_given_again(tmp_path):
    picture(tmp_path / "a.png")()
    steps = (picture(tmp_path / "a.png", 3), nothing, (tmp_path / "a.png").unlink, picture(tmp_path / "a.png", 9))
    assert story(tmp_path, *steps)[0] == [["a.png"], [], [], ["a.png"]]


def test_what_went_and_came_back_is_given_again(tmp_path):
    path, elsewhere = tmp_path / "a.png", tmp_path / ".a.png"
    picture(path)()
    steps = (lambda: path.rename(elsewhere), lambda: elsewhere.rename(path), nothing)
    assert story(tmp_path, *steps)[0] == [[], ["a.png"], []]


def test_what_is_no_picture_or_is_hidden_is_passed_over(tmp_path):
    (tmp_path / ".hidden").mkdir()
    names = (".a.png", "notes.txt", ".hidden/b.png", "c.png.part", "c.pgm")
    assert story(tmp_path, *(picture_bytes(tmp_path / name) for name in names))[0] == [[], [], [], [], ["c.pgm"]]


def picture_bytes(path):
    return lambda: path.write_bytes(b"P5 1 1 255 x" if path.suffix == ".pgm" else b"x")


def append(path, text):
    def step():
        with open(path, "a") as file:
            file.write(text)

    return step


def test_a_file_still_being_written_is_left_alone(tmp_path):
    path = tmp_path / "lines.ndjson"
    scans = iter(range(9))

    def wait():
        if next(scans, None) is None:
            raise KeyboardInterrupt
        append(path, LINE)()  # before every scan

    with pytest.raises(KeyboardInterrupt):
        next(folder_watch.changes(str(tmp_path), wait))


def test_of_a_file_that_grows_the_new_lines_are_given(tmp_path):
    path = tmp_path / "lines.ndjson"
    path.write_text(LINE)
    grow = [append(path, text) for text in (LINE * 2, LINE[:20], LINE[20:] + LINE)]
    steps = (nothing, *grow, lambda: path.write_text(LINE))
    assert story(tmp_path, *steps)[0] == [
        [],
        ["lines.ndjson:2", "lines.ndjson:3"],
        [],  # half a line
        ["lines.ndjson:4", "lines.ndjson:5"],
        ["lines.ndjson:1"],  # written anew
    ]


def test_lines_written_anew_at_the_same_length_are_given(tmp_path):
    path, other = tmp_path / "lines.ndjson", LINE.replace("9", "8")
    path.write_text(LINE)
    steps = (nothing, lambda: (path.write_text(other), os.utime(path, ns=(1, 1))), nothing)
    names, contents = story(tmp_path, *steps)
    assert names == [[], ["lines.ndjson:1"], []] and "8" in str(contents)


def test_a_line_that_was_unfinished_at_the_first_scan_is_given_once_it_is_finished(tmp_path):
    path = tmp_path / "lines.ndjson"
    path.write_text(LINE + LINE[:20])
    assert story(tmp_path, nothing, append(path, LINE[20:]))[0] == [[], ["lines.ndjson:2"]]


def test_what_cannot_be_opened_at_the_first_scan_ends_nothing(tmp_path, monkeypatch):
    (tmp_path / "locked.ndjson").write_text(LINE)

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(folder_watch, "open", refused, raising=False)
    assert story(tmp_path, nothing, picture(tmp_path / "a.png"))[0] == [[], ["a.png"]]


def test_a_broken_line_is_given_once_another_follows_it(tmp_path):
    steps = (lambda: (tmp_path / "a.ndjson").write_text("{}\n" + LINE), nothing)
    names, contents = story(tmp_path, *steps)
    assert names == [["a.ndjson:1", "a.ndjson:2"], []]
    assert isinstance(contents[0], InputError) and contents[1] == json.loads(LINE)["drawing"]


@pytest.mark.parametrize("name", ["a.npy", "a.json", "a.ndjson", "a.png"])
def test_what_cannot_be_read_is_given_when_it_no_longer_changes(name, tmp_path):
    steps = (picture_bytes(tmp_path / name), *[nothing] * folder_watch.SCANS_BEFORE_ERROR)
    names, contents = story(tmp_path, *steps)
    assert not any(names[: folder_watch.SCANS_BEFORE_ERROR // 2]) and sum(map(len, names)) == 1
    assert isinstance(contents[0], InputError) and str(contents[0]).startswith(str(tmp_path / name))


def test_half_a_picture_is_waited_for(tmp_path):
    picture(tmp_path / ".whole.png")()
    whole = (tmp_path / ".whole.png").read_bytes()
    parts = (whole[:30], whole)
    steps = [lambda part=part: (tmp_path / "a.png").write_bytes(part) for part in parts]
    names, contents = story(tmp_path, steps[0], nothing, steps[1])
    assert names == [[], [], ["a.png"]] and contents[0].size == (20, 20)


def test_all_bitmaps_of_an_array_are_given(tmp_path):
    steps = (lambda: np.save(tmp_path / "a.npy", np.ones((3, 784), np.uint8)), nothing)
    assert story(tmp_path, *steps)[0] == [["a.npy:0", "a.npy:1", "a.npy:2"], []]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent: is no folder to watch"):
        folder_watch.changes(str(tmp_path / "absent"), nothing)


def test_a_file_that_vanishes_between_two_scans_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "in_folder", lambda folder: iter([str(tmp_path / "gone.png")]))
    assert story(tmp_path, nothing, nothing)[0] == [[], []]
