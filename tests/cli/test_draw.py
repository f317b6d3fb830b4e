"""``jaxdoodle draw``: the page, and what is said where there is no browser, no Tk and no screen."""

import os
import subprocess
import sys
import webbrowser

import pytest

from jaxdoodle.cli import main
from jaxdoodle.formats.web import html
from jaxdoodle.inference import model_file


@pytest.fixture(scope="module")
def model(doodle_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.npz"
    model_file.write(path, doodle_model)
    return path


@pytest.fixture
def opened(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def test_the_page_of_a_model_is_opened_and_kept_once(model, doodle_model, opened, tmp_path, capsys):
    for _ in range(2):
        assert main(["draw", str(model)]) == 0
    (page,) = (tmp_path / "cache" / "jaxdoodle" / "pages").iterdir()
    assert capsys.readouterr().out.splitlines() == [str(page)] * 2
    assert opened == [page.as_uri()] * 2
    html.write(doodle_model, tmp_path / "exported.html")
    assert page.read_bytes() == (tmp_path / "exported.html").read_bytes()


def test_the_page_goes_where_it_is_wanted_and_stays_closed(model, opened, tmp_path, capsys):
    path = tmp_path / "new" / "page.html"
    assert main(["draw", str(model), "-o", str(path), "--no-open"]) == 0
    assert capsys.readouterr().out == f"{path}\n" and path.exists() and opened == []


def test_without_a_browser_the_path_is_what_remains(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    assert main(["draw", str(model), "-o", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path}/page.html\n" and printed.err.startswith("jaxdoodle: found no browser")


@pytest.mark.parametrize("missing", ["Tk", "screen"])
def test_a_window_that_cannot_be_is_one_line_and_exit_code_2(missing, model):
    if missing == "screen":
        pytest.importorskip("tkinter", reason="needs Tk")
    block = "sys.modules.update(tkinter=None)" if missing == "Tk" else "os.environ.pop('DISPLAY', None)"
    code = f"import os, sys; {block}; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", code, "draw", model, "--window"], capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    expected = {"Tk": "a window needs Tk", "screen": "no window can be opened"}[missing]
    assert done.stderr.startswith(f"jaxdoodle: {expected}") and "the page opens in a browser" in done.stderr


def test_a_model_that_is_none_is_refused(tmp_path, capsys):
    assert main(["draw", str(tmp_path / "absent.npz"), "--window"]) == 2
    assert "absent.npz: No such file" in capsys.readouterr().err


def test_without_a_model_the_newest_run_is_drawn_with(doodle_model, opened, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["draw"]) == 0
    assert "the model sketches, 345 things to draw" in capsys.readouterr().err and len(opened) == 1
    for age, name in enumerate(("new", "old")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        model_file.write(tmp_path / "runs" / name / "model.npz", doodle_model)
        os.utime(tmp_path / "runs" / name / "model.npz", (1000 - age, 1000 - age))
    assert main(["draw"]) == 0
    assert capsys.readouterr().err == "jaxdoodle: the newest model is runs/new/model.npz\n" and len(opened) == 2


def test_the_folder_of_a_run_stands_for_its_model(doodle_model, opened, tmp_path):
    model_file.write(tmp_path / "model.npz", doodle_model)
    assert main(["draw", str(tmp_path)]) == 0 and len(opened) == 1
