"""What comes into a folder that is watched; between two looks, a step of the story."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxdoodle.core.errors import InputError
from jaxdoodle.inference import folder_watch
from jaxdoodle.preprocessing import inputs

LINE = json.dumps({"drawing": [[[0, 9], [5, 5]]]}) + "\n"


def story(folder, *steps):
    """What is told after each step, by the name in the folder; two looks follow each."""
    told, pending = [[] for _ in steps], iter(steps)
    looks = 0

    def wait():
        nonlocal looks
        if looks % 2 == 0:
            step = next(pending, None)
            if step is None:
                raise KeyboardInterrupt
            step()
        looks += 1

    try:
        for name, content in folder_watch.changes(str(folder), wait):
            told[(looks - 1) // 2].append((name.removeprefix(f"{folder}/"), content))
    except KeyboardInterrupt:
        return [[name for name, _ in step] for step in told], [content for step in told for _, content in step]


def nothing():
    pass


def picture(path, level=0):
    return lambda: Image.new("L", (20 + level, 20), level).save(path)


def test_what_was_there_is_left_and_what_comes_is_told_once(tmp_path):
    picture(tmp_path / "old.png")()
    (tmp_path / "deep").mkdir()
    steps = (nothing, picture(tmp_path / "new.png"), nothing, picture(tmp_path / "deep" / "b.png"), nothing)
    assert story(tmp_path, *steps)[0] == [[], ["new.png"], [], ["deep/b.png"], []]


def test_what_changes_is_told_again(tmp_path):
    picture(tmp_path / "a.png")()
    steps = (picture(tmp_path / "a.png", 3), nothing, (tmp_path / "a.png").unlink, picture(tmp_path / "a.png", 9))
    assert story(tmp_path, *steps)[0] == [["a.png"], [], [], ["a.png"]]


def test_what_went_and_came_back_is_told_again(tmp_path):
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
    looks = iter(range(9))

    def wait():
        if next(looks, None) is None:
            raise KeyboardInterrupt
        append(path, LINE)()  # before every look

    with pytest.raises(KeyboardInterrupt):
        next(folder_watch.changes(str(tmp_path), wait))


def test_of_a_file_that_grows_the_new_lines_are_told(tmp_path):
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


def test_a_line_that_was_unfinished_at_the_first_look_is_told_once_it_is_finished(tmp_path):
    path = tmp_path / "lines.ndjson"
    path.write_text(LINE + LINE[:20])
    assert story(tmp_path, nothing, append(path, LINE[20:]))[0] == [[], ["lines.ndjson:2"]]


def test_what_cannot_be_opened_at_the_first_look_ends_nothing(tmp_path, monkeypatch):
    (tmp_path / "locked.ndjson").write_text(LINE)

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(folder_watch, "open", refused, raising=False)
    assert story(tmp_path, nothing, picture(tmp_path / "a.png"))[0] == [[], ["a.png"]]


def test_a_broken_line_is_told_once_another_follows_it(tmp_path):
    steps = (lambda: (tmp_path / "a.ndjson").write_text("{}\n" + LINE), nothing)
    names, contents = story(tmp_path, *steps)
    assert names == [["a.ndjson:1", "a.ndjson:2"], []]
    assert isinstance(contents[0], InputError) and contents[1] == json.loads(LINE)["drawing"]


@pytest.mark.parametrize("name", ["a.npy", "a.json", "a.ndjson", "a.png"])
def test_what_cannot_be_read_is_told_when_nobody_seems_to_write_it_any_more(name, tmp_path):
    steps = (picture_bytes(tmp_path / name), *[nothing] * folder_watch.PATIENCE)
    names, contents = story(tmp_path, *steps)
    assert not any(names[: folder_watch.PATIENCE // 2]) and sum(map(len, names)) == 1
    assert isinstance(contents[0], InputError) and str(contents[0]).startswith(str(tmp_path / name))


def test_half_a_picture_is_waited_for(tmp_path):
    picture(tmp_path / ".whole.png")()
    whole = (tmp_path / ".whole.png").read_bytes()
    parts = (whole[:30], whole)
    steps = [lambda part=part: (tmp_path / "a.png").write_bytes(part) for part in parts]
    names, contents = story(tmp_path, steps[0], nothing, steps[1])
    assert names == [[], [], ["a.png"]] and contents[0].size == (20, 20)


def test_all_bitmaps_of_an_array_are_told(tmp_path):
    steps = (lambda: np.save(tmp_path / "a.npy", np.ones((3, 784), np.uint8)), nothing)
    assert story(tmp_path, *steps)[0] == [["a.npy:0", "a.npy:1", "a.npy:2"], []]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent: is no folder to watch"):
        folder_watch.changes(str(tmp_path / "absent"), nothing)


def test_a_file_that_vanishes_between_two_looks_is_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "in_folder", lambda folder: iter([str(tmp_path / "gone.png")]))
    assert story(tmp_path, nothing, nothing)[0] == [[], []]
