"""The window on a virtual screen, drawn in with a pointer. Needs Tk, Xvfb and xdotool; skipped without."""

import os
import shutil
import subprocess

import pytest

from jaxdoodle.inference import Model

tkinter = pytest.importorskip("tkinter", reason="needs Tk")


@pytest.fixture(scope="module")
def screen():
    """The display of an X server that the tests start."""
    if not shutil.which("Xvfb") or not shutil.which("xdotool"):
        pytest.skip("needs Xvfb and xdotool")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1100x700x24"], pass_fds=[write], stderr=subprocess.DEVNULL
    )
    os.close(write)
    with open(read) as number:
        display = f":{number.readline().strip()}"
    yield display
    server.terminate()
    server.wait(timeout=20)


@pytest.fixture
def window(screen, doodle_model):
    from jaxdoodle.cli.window.desktop import Window

    root = tkinter.Tk(screenName=screen)
    root.geometry("+0+0")
    window = Window(root, Model.from_file(doodle_model))
    root.update()
    yield window
    root.destroy()


def move(window, screen, *words):
    """Move the pointer or press keys, and let the window answer."""
    subprocess.run(["xdotool", *map(str, words)], env=os.environ | {"DISPLAY": screen}, check=True)
    answered = tkinter.BooleanVar(window.root)
    window.root.after(150, lambda: answered.set(True))
    window.root.wait_variable(answered)


def draw(window, screen, points):
    left, top = window.canvas.winfo_rootx(), window.canvas.winfo_rooty()
    places = [(left + x, top + y) for x, y in points]
    words = ["mousemove", *places[0], "mousedown", 1]
    for place in places[1:]:
        words += ["mousemove", *place, "sleep", 0.02]
    move(window, screen, *words, "mouseup", 1)


def test_what_the_pointer_draws_is_answered_and_undone(window, screen):
    assert window.guess["text"] == "What is it?" and window.undo["state"] == "disabled"
    draw(window, screen, [(100, 100), (300, 120), (320, 300)])
    ((xs, ys),) = window.pad.strokes
    assert len(xs) >= 2 and xs[0] < xs[-1] and ys[0] < ys[-1]
    expected = window.model.predict(window.pad.strokes)
    assert window.prediction.probabilities == expected.probabilities
    assert window.guess["text"] == ("Unknown" if expected.abstained else expected.label)
    assert window.undo["state"] == "normal"
    row, column = (index[0] for index in (expected.preprocessed.bitmap > 250).nonzero())
    assert window.image.get(int(column) * 4, int(row) * 4) >= (250, 250, 250)
    draw(window, screen, [(200, 200), (210, 260)])
    move(window, screen, "key", "z")
    assert len(window.pad.strokes) == 1
    move(window, screen, "mousemove", window.clear.winfo_rootx() + 20, window.clear.winfo_rooty() + 15, "click", 1)
    assert window.pad.strokes == [] and window.prediction is None and window.guess["text"] == "What is it?"


@pytest.mark.parametrize("key, left", [("z", 1), ("Escape", 0)])
def test_the_pointer_adds_nothing_after_its_stroke_was_taken_back(key, left, window, screen):
    draw(window, screen, [(100, 100), (300, 120)])
    before = [list(map(list, stroke)) for stroke in window.pad.strokes]
    x, y = window.canvas.winfo_rootx() + 50, window.canvas.winfo_rooty() + 200
    move(window, screen, "mousemove", x, y, "mousedown", 1, "mousemove", x + 30, y)
    move(window, screen, "key", key, "mousemove", x + 60, y + 40)
    move(window, screen, "mouseup", 1)
    assert [list(map(list, stroke)) for stroke in window.pad.strokes] == before[:left]


def test_the_keys_draw(window, screen):
    draw(window, screen, [(50, 50), (60, 90)])  # gives the pad the keyboard, too
    move(window, screen, "key", "Escape", "space", "Right", "Right", "Down", "space", "Down")
    ((xs, ys),) = window.pad.strokes
    assert [b - a for a, b in zip(xs, xs[1:], strict=False)] == [25, 25, 0] and ys[-1] - ys[0] == 25


def test_the_pad_grows_with_the_window(window, screen):
    before = window._frame()[2]
    window.root.geometry("1080x680")
    move(window, screen, "mousemove", 5, 5)
    assert window._frame()[2] > before
