"""The page that learns: what it learns is what Python reads."""

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.formats.web import teach
from jaxdoodle.inference.model import Model
from jaxdoodle.strokes.readers import scan_described
from tests.web.teach.conftest import CLASSES, TeachPage, drawing_of, opened


def test_it_learns_beside_the_page_and_guesses(taught):
    assert taught("Teach.page.learner.inWorker")
    for name in CLASSES:
        taught.guess(drawing_of(name, 50))
        assert taught(f"Teach.page.name(Teach.page.answer.best) === {name!r}")


def test_the_saved_model_answers_as_the_page_does(taught, tmp_path):
    name, data = taught.saved("save-model")
    (tmp_path / name).write_bytes(data)
    model = Model.load(tmp_path / "model.npz")
    assert model.classes == tuple(CLASSES)
    for seed in range(60, 63):
        for one in CLASSES:
            taught.guess(drawing_of(one, seed))
            drawn = taught("document.getElementById('pad').strokes")  # raw: floats in Python
            strokes = [([float(x) for x in xs], [float(y) for y in ys]) for xs, ys, _ in drawn]
            found, expected = taught("Teach.page.answer"), model.predict(strokes)
            assert found["abstained"] == expected.abstained
            shares = list(expected.probabilities.values())
            np.testing.assert_allclose(found["probabilities"], shares, rtol=0, atol=0.02)  # a pixel may differ by 1
            assert model.classes[np.argmax(found["probabilities"])] == expected.label


def test_the_saved_page_answers_as_the_page_does(taught, browser, tmp_path):
    taught.guess(drawing_of(CLASSES[0], 70))
    expected, strokes = taught("Teach.page.answer"), taught("document.getElementById('pad').strokes")
    name, data = taught.saved("save-page")
    _, npz = taught.saved("save-model")
    (tmp_path / name).write_bytes(data)
    browser.open(tmp_path / name)
    browser.evaluate(f"Page.pad.strokes = {strokes}")
    browser.settle()
    found = browser.evaluate("[...Page.pad.prediction.probabilities]")
    np.testing.assert_allclose(found, expected["probabilities"], rtol=0, atol=1e-5)
    assert browser.evaluate("Page.model.classes") == list(CLASSES) and len(browser.requests) == 1
    bitmap = np.array(browser.evaluate("[...Page.pad.prediction.bitmap]"), np.uint8).reshape(1, 28, 28)
    logits = browser.evaluate("[...Page.pad.prediction.logits]")
    (tmp_path / "model.npz").write_bytes(npz)
    np.testing.assert_allclose(Model.load(tmp_path / "model.npz").logits(bitmap)[0], logits, rtol=0, atol=1e-4)


def test_a_correction_is_learned_and_said(taught):
    count = taught("Teach.page.project.samples.size")
    taught.guess(drawing_of(CLASSES[0], 0))
    assert not taught("Teach.page.answer.abstained")
    said = taught("Teach.page.name(Teach.page.answer.best)")
    other = next(name for name in CLASSES if name != said)
    taught(f"[...document.querySelectorAll('#answers button')].find((one) => one.title === {other!r}).click()")
    assert taught.text("#toast p").startswith(f"Kept as {other}, not {said}: ")
    taught.click("#toast button")
    assert taught("Teach.page.project.samples.size") == count
    taught.learned()


def test_the_misjudged_drawing_opens(taught):
    """A drawing of one class, kept as another."""
    taught.keep(drawing_of(CLASSES[0], 0), CLASSES[1])
    taught.learned()
    taught.click(f"#confusion button[aria-label$='{CLASSES[1]} taken for {CLASSES[0]}: look']")
    assert taught("document.getElementById('sample').open") and taught.text("#sample-title") == CLASSES[1]
    assert f"it would be taken for {CLASSES[0]}" in taught.text("#sample .note")
    count = taught("Teach.page.project.samples.size")
    taught.click("#delete")
    assert not taught("document.getElementById('sample').open")
    assert taught("Teach.page.project.samples.size") == count - 1 and taught.text("#toast p") == "Deleted a drawing."
    taught("Teach.page.project.undo(); Teach.page.project.undo()")
    taught.learned()


def test_what_resembles_no_class_is_unknown(taught):
    """And Enter does not keep it as the class that it is most like."""
    taught("document.getElementById('pad').strokes = [[[5], [5]]]")
    taught.browser.settle()
    taught.wait("Teach.page.answer?.reason")
    assert taught.text("#guess") == "The strokes are a single dot; expected lines."
    strange = [[([0, 400], [y, y]) for y in range(0, 401, 50)], [([0, 400], [0, 400])]]
    strange += [drawing_of(name, 90) for name in synthetic.CLASSES if name not in CLASSES]
    assert any(taught.guess(drawing).startswith("Unknown; most like ") for drawing in strange)
    assert taught("Teach.page.answer.abstained")
    count = taught("Teach.page.project.samples.size")
    taught("document.getElementById('pad').focus()")
    taught.browser.key("Enter")
    assert taught("Teach.page.project.samples.size") == count


def test_a_removed_class_takes_no_drawing_and_is_not_guessed(taught):
    taught.guess(drawing_of(CLASSES[0], 50))
    count = taught("Teach.page.project.samples.size")
    taught(f"gone = Teach.page.project.named({CLASSES[0]!r}); Teach.page.project.removeClass(gone)")
    assert taught("Teach.page.answer") is None
    taught("Teach.page.keep(gone.id)")
    assert taught("Teach.page.project.samples.size") == count
    taught("Teach.page.project.undo()")
    taught.learned()


def test_the_drawing_that_is_looked_at_is_not_taken_back(taught):
    taught("document.getElementById('pad').clear()")
    taught.keep(drawing_of(CLASSES[0], 80), CLASSES[0])
    count = taught("Teach.page.project.samples.size")
    taught.browser.settle()
    control_z = {"key": "z", "code": "KeyZ", "modifiers": 2}
    taught("document.querySelector('.thumbs button').click(); document.getElementById('close').focus()")
    taught.browser.command("Input.dispatchKeyEvent", type="keyDown", **control_z)
    assert taught("Teach.page.project.samples.size") == count
    taught.click("#close")
    taught.browser.command("Input.dispatchKeyEvent", type="keyDown", **control_z)
    assert taught("Teach.page.project.samples.size") == count - 1
    taught.learned()


def test_nothing_can_be_drawn_before_what_was_kept_is_there(browser, teach_file, tmp_path):
    """It would be lost. Another tab that keeps the drawings of the page is waited for, then left alone."""
    before = "navigator.locks.request(`jaxdoodle ${location.pathname}`, () => new Promise(() => {}));"
    inert = "document.querySelectorAll('main[inert], header[inert]').length"
    before += f"addEventListener('DOMContentLoaded', () => {{ first = {inert}; }});"
    added = browser.command("Page.addScriptToEvaluateOnNewDocument", source=before)["identifier"]
    (tmp_path / "teach.html").write_bytes(teach_file.read_bytes())
    try:
        browser.open(tmp_path / "teach.html")
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=added)
    page = TeachPage(browser)
    page.wait("document.getElementById('about').textContent")
    assert page(f"[first, {inert}]") == [2, 0] and page("Teach.page.store") is None
    assert page.text("#kept").startswith("Another tab has this page open")


def test_what_of_the_first_drawings_is_left_out_is_said(browser, doodle_model, tmp_path):
    lines = [f'{{"word": "{word}", "drawing": [[[0, 9], [0, 9]]]}}\n' for word in ("cat", "a\\nb")]
    teach.write(tmp_path / "begin.html", doodle_model, ["c" * 256, "dog"], "".join(lines))
    page = opened(browser, tmp_path / "begin.html", tmp_path)
    said = page.text("#toast p")
    fault = "Not all classes added: a name has at most 255 characters; this one has 256. "
    assert said.startswith(f"{fault}1 drawing of 1 class added; 1 line skipped, the first at line 2: ")
    assert page("Teach.page.project.samples.size") == 1


def test_undo_is_offered_for_a_file_only_where_something_came_in(taught):
    read = """(text) => new Promise((done) => {
      const given = new DataTransfer(), field = document.getElementById("file");
      given.items.add(new File([text], "f.ndjson"));
      field.files = given.files;
      const toast = document.getElementById("toast"), said = toast.querySelector("p");
      const undo = toast.querySelector("button");
      said.textContent = "";
      const look = () => (said.textContent.startsWith("f.") ? done(!undo.hidden) : setTimeout(look, 20));
      field.dispatchEvent(new Event("change"));
      look();
    })"""
    line = f'{{"word": "{CLASSES[0]}", "drawing": [[[0, 9], [0, 9]]]}}'
    assert [taught(f"({read})({text!r})") for text in (line, line, "{")] == [True, False, False]
    taught("Teach.page.project.undo()")
    taught.learned()


def test_of_many_classes_the_most_confused_pairs_are_listed(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    page.add_class(",".join(f"c{i}" for i in range(41)))
    lines = "".join(f'{{"word": "c{i % 2}", "drawing": [[[0, 9], [0, {i}]]]}}\n' for i in range(20))
    page(f"Teach.page.read({lines!r})")
    judge = "({ id, label }, i) => ({ id, label, said: i < 3 ? label % 2 + 1 : 3 })"  # c0 is 1, c1 is 2, c2 is 3
    labels = "[...document.querySelectorAll('#confusion li button')].map((one) => one.getAttribute('aria-label'))"
    found = page(f"""(() => {{
      Teach.page.results.show([...Teach.page.project.samples.values()].map({judge}));
      return [document.querySelectorAll('#confusion table').length, ...{labels}];
    }})()""")
    assert found == [
        0, "9 c1 taken for c2: look", "8 c0 taken for c2: look", "2 c0 taken for c1: look", "1 c1 taken for c0: look",
    ]  # fmt: skip
    page("Teach.page.gallery.look([])")  # as where all of them are gone by then
    assert not page("document.getElementById('sample').open")


def test_drawings_survive_a_reload_and_come_in_again_as_a_file(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    page("document.getElementById('drawer').value = 'Ann'")
    page.add_class("sun", "moon")
    page.keep(drawing_of("clock", 1), "sun")
    page.keep(drawing_of("bucket", 1), "moon")
    page("document.querySelector('[aria-label=\"Remove moon\"]').click()")
    page.click("#mirror")
    before = page("JSON.stringify([Teach.page.project.classes, [...Teach.page.project.samples.values()]])")
    _, exported = page.saved("export")
    browser.settle()
    browser.open(tmp_path / "teach.html")
    page.wait("document.getElementById('about').textContent")
    assert page("JSON.stringify([Teach.page.project.classes, [...Teach.page.project.samples.values()]])") == before
    assert page.text("#kept").startswith("Your drawings are kept in this browser")
    assert page("Teach.page.choices") == {"mirror": False, "deep": False}
    assert page("document.getElementById('drawer').value") == "Ann"

    (tmp_path / "drawings.ndjson").write_bytes(exported)
    found = list(scan_described(tmp_path / "drawings.ndjson"))
    assert [record["word"] for _, record in found] == ["sun", "moon"] and found[0][1]["drawer"] == "Ann"
    assert page(f"Teach.page.read({exported.decode()!r})") == "0 drawings of 0 classes added; 2 were there."
    page(f"Teach.page.read({exported.decode().replace('moon', 'star')!r})")
    assert page("Teach.page.project.active.map(({ name }) => name)") == ["sun", "star"]


def test_a_file_of_too_many_classes_is_cut_and_said(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    lines = [f'{{"word": "c{i}", "drawing": [[[0, 9], [0, 9]]]}}' for i in range(502)]
    said = "500 drawings of 500 classes added; 2 left out: a page has at most 500 classes and 20000 drawings."
    assert page(f"Teach.page.read({chr(10).join(lines)!r})") == said
    page("Teach.page.project.undo()")
    assert page("[Teach.page.project.classes.length, Teach.page.project.samples.size]") == [0, 0]


def test_names_are_text_everywhere(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    hostile = ["<img src=x onerror=hacked=1>", "'\"></script><b>{{model}}", "x" * 255]
    page("document.getElementById('drawer').value = '<i>Ann</i>'")
    for name in hostile:
        page(f"Teach.page.choose(Teach.page.project.addClass({name!r}).id)")
        for seed in range(3):
            page.put(drawing_of("clock", seed))
            page("Teach.page.keep(Teach.page.chosen)")
    page.learned()
    page("document.querySelector('.thumbs button').click()")
    assert page("document.querySelectorAll('main img, main script, main i, dialog i, main b:not(#task b)').length") == 0
    assert page("typeof hacked") == "undefined" and page("document.documentElement.scrollWidth") <= 1280
    assert "<i>Ann</i>" in page.text("#sample .note")
    page("document.getElementById('sample').close()")
    name, data = page.saved("save-page")
    (tmp_path / name).write_bytes(data)
    browser.open(tmp_path / name)
    assert browser.evaluate("Page.model.classes") == hostile and browser.evaluate("typeof hacked") == "undefined"


def test_classes_are_renamed_and_come_back(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    page.add_class("sun, moon")
    page.keep(drawing_of("clock", 1), "sun")
    rename = '(from, to) => { const field = document.querySelector(`[aria-label="Name of the class ${from}"]`);'
    rename += " field.value = to; field.dispatchEvent(new Event('change')); }"
    page(f"({rename})('sun', 'moon')")
    assert page.text("#toast p") == "Not renamed: there is a class moon."
    page(f"({rename})('sun', 'day')")
    page("document.querySelector('[aria-label=\"Remove day\"]').click()")
    assert page.text("#removed summary") == "Removed (1)" and page.text("#toast p") == "Removed day."
    page("document.querySelector('[aria-label=\"Put back day\"]').click()")
    assert page("[...document.querySelectorAll('.card')].map((card) => card.querySelector('.count').textContent)") == [
        "1", "0",
    ]  # fmt: skip


def test_the_keyboard_is_enough(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    page.add_class("sun", "moon")
    page("document.getElementById('pad').focus()")
    for keys in (["ArrowRight", "ArrowDown"], ["ArrowLeft", "ArrowLeft"]):
        browser.key(" ", "Space")
        for key in keys:
            browser.key(key)
        browser.key(" ", "Space")
    browser.settle()
    assert page.text("#task") == "Draw sun: 1 of 3 to begin with" and page.text("#keep") == "Keep as sun"
    browser.key("2")
    assert page.text("#toast p") == "Kept as moon: 1 drawing." and page("document.activeElement.id") == "pad"


def test_a_message_leaves_when_the_next_drawing_begins(taught):
    """It may lie on what is pressed next."""
    count = taught("Teach.page.project.samples.size")
    taught.keep(drawing_of(CLASSES[0], 80), CLASSES[0])
    shown = "getComputedStyle(document.getElementById('toast')).pointerEvents"
    assert taught.text("#toast p").startswith("Kept as") and taught(shown) == "auto"
    taught.put(drawing_of(CLASSES[1], 80))
    assert taught.text("#toast p") == "" and taught(shown) == "none"
    control_z = {"key": "z", "code": "KeyZ", "modifiers": 2}
    for _ in range(taught("document.getElementById('pad').strokes.length") + 1):  # each stroke, then what was kept
        taught.browser.command("Input.dispatchKeyEvent", type="keyDown", **control_z)
    assert taught.text("#toast p") == "Taken back: added a drawing."
    assert taught("Teach.page.project.samples.size") == count
    taught.learned()


def test_an_answer_for_a_drawing_that_is_gone_is_not_shown(taught):
    taught.guess(drawing_of(CLASSES[0], 81))
    taught("document.getElementById('pad').clear()")
    assert taught.text("#guess") == "" and taught("Teach.page.answer") is None
    taught.put(drawing_of(CLASSES[1], 81))
    taught.wait("Teach.page.answer")
    expected = taught("Teach.page.answer.probabilities")
    taught.guess(drawing_of(CLASSES[1], 81))
    assert taught("Teach.page.answer.probabilities") == expected


def test_the_keyboard_is_never_left_without_a_place(browser, teach_file, tmp_path):
    """Where what had the focus is drawn anew, that has it; where it is gone, the pad."""
    page = opened(browser, teach_file, tmp_path)
    page.add_class("sun", "moon")
    for seed in (1, 2):
        page.keep(drawing_of("clock", seed), "sun")
    page("document.querySelectorAll('.thumbs button')[1].focus()")
    page("Teach.page.show()")
    assert page("document.activeElement.dataset.sample")
    page("document.activeElement.click()")
    page.click("#delete")
    assert page("document.activeElement.id") == "pad"
    page("document.querySelector('[aria-label=\"Remove sun\"]').focus()")
    page("document.activeElement.click()")
    assert page("document.activeElement.id") == "pad"


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_screens_of_any_width(width, taught):
    size = {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    taught.browser.command("Emulation.setDeviceMetricsOverride", **size)
    taught.browser.settle()
    assert taught("document.documentElement.scrollWidth") <= width
    narrow = "[...document.querySelectorAll('button, input:not([type]), select')].filter((one) => one.offsetParent"
    assert taught(f"{narrow} && one.getBoundingClientRect().height < 32).map((one) => one.outerHTML)") == []


def test_it_reaches_for_nothing_outside_itself(browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    assert [address.split(":")[0] for address in browser.requests if not address.startswith("blob:")] == ["file"]
    policy = page("document.querySelector('[http-equiv=Content-Security-Policy]').content")
    assert "default-src 'none'" in policy and "connect-src" not in policy


def test_where_the_browser_has_no_workers_and_keeps_nothing_it_learns_in_slices_and_says_so(
    browser, teach_file, tmp_path
):
    without = "for (const name of ['Worker', 'indexedDB']) Object.defineProperty(window, name, { value: undefined })"
    added = browser.command("Page.addScriptToEvaluateOnNewDocument", source=without)["identifier"]
    try:
        page = opened(browser, teach_file, tmp_path)
    finally:
        browser.command("Page.removeScriptToEvaluateOnNewDocument", identifier=added)
    assert page.text("#kept").startswith("This browser keeps nothing for this page: export")
    assert not page("Teach.page.learner.inWorker")
    page.add_class("sun, moon")
    for name, drawn in (("sun", "clock"), ("moon", "bucket")):
        for seed in range(3):
            page.keep(drawing_of(drawn, seed), name)
    page.learned()
    assert page.guess(drawing_of("clock", 9)) != ""
