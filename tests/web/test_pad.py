"""``<jaxdoodle-pad>`` in a page of one's own, in a real browser."""

import functools
import http.server
import threading

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.formats import export
from jaxdoodle.inference.model import Model

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<style>jaxdoodle-pad { width: 400px }</style>
<script type="module" src="pad.js"></script>
<jaxdoodle-pad id="pad" src="model.json"></jaxdoodle-pad>
<script>
  events = [];
  for (const kind of ["change", "stroke", "guess", "load", "error"])
    pad.addEventListener(kind, (event) => events.push([kind, event.detail?.label ?? event.message ?? null]));
</script>"""


@pytest.fixture(scope="module")
def site(doodle_model, tmp_path_factory):
    """The address of a folder with the package and ``PAGE``, on this machine."""
    folder = tmp_path_factory.mktemp("site")
    export(Model.from_file(doodle_model), folder, "js")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *given):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(site, browser):
    browser.command("Emulation.setDeviceMetricsOverride", width=800, height=600, deviceScaleFactor=1, mobile=False)
    browser.command("Page.navigate", url=site)
    browser.evaluate(
        "new Promise((done) => { const wait = () => window.pad?.model ? done() : setTimeout(wait, 20); wait() })"
    )
    browser.settle()
    return browser


def test_a_page_of_ones_own_hears_what_is_drawn_and_guessed(page, doodle_model):
    drawing = synthetic.generate_drawing("clock", np.random.default_rng(1))
    for xs, ys in drawing:
        page.mouse("mousePressed", 20 + xs[0], 20 + ys[0], clickCount=1)
        for x, y in zip(xs, ys, strict=True):
            page.mouse("mouseMoved", 20 + x, 20 + y, buttons=1)
        page.mouse("mouseReleased", 20 + xs[-1], 20 + ys[-1])
    page.settle()
    strokes = page.evaluate("pad.strokes")
    events = page.evaluate("events")
    assert [kind for kind, _ in events].count("stroke") == len(drawing) == len(strokes)
    assert {kind for kind, _ in events} == {"load", "change", "stroke", "guess"}
    expected = Model.from_file(doodle_model).predict([(xs, ys) for xs, ys, _ in strokes])
    assert [event for event in events if event[0] == "guess"][-1] == ["guess", expected.label]
    assert all(times == sorted(times) and len(times) == len(xs) for xs, _, times in strokes)


def test_strokes_may_be_given_and_taken_away(page):
    given = "pad.strokes = [[[0, 500], [0, 500]], [[0, 500], [500, 0], [0, 9]]]"
    page.evaluate(f"events.length = 0; {given}; times = pad.strokes[0][2]; pad.undo(); pad.undo(); pad.undo()")
    page.settle()
    assert page.evaluate("times") == [0, 0]
    assert page.evaluate("events") == [["change", None]] * 3 + [["guess", None]]
    page.evaluate("pad.strokes = [[[0, 500], [0, 500]]]; pad.clear()")
    assert page.evaluate("pad.strokes") == []


def test_it_has_a_role_a_name_and_a_place_among_the_stops_of_tab(page):
    assert page.evaluate("['role', 'aria-label', 'tabindex'].map((name) => pad.getAttribute(name))") == [
        "application", "Drawing pad", "0",
    ]  # fmt: skip


def test_a_model_that_is_not_there_is_an_event(page):
    page.evaluate("events.length = 0; new Promise((done) => { pad.onerror = done; pad.setAttribute('src', 'data:,') })")
    assert page.evaluate("events[0][0]") == "error" and page.evaluate("pad.model !== null")
