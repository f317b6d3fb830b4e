"""The exported page in a real browser, drawn on with a real mouse."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.formats import quantize
from jaxdoodle.formats.fold import fold_for_inference
from jaxdoodle.formats.web import html
from jaxdoodle.inference.model import Model
from jaxdoodle.strokes.drawing import simplify
from jaxdoodle.strokes.raster import rasterize


@pytest.fixture(scope="module", params=["float32", "int8"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def layers(kind, doodle_model):
    return (
        quantize.int8_layers(doodle_model, doodle_model.golden_inputs)
        if kind == "int8"
        else fold_for_inference(doodle_model)
    )


@pytest.fixture(scope="module")
def page(layers, browser, doodle_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    html.write(doodle_model, path, layers)
    browser.command("Emulation.setDeviceMetricsOverride", width=1000, height=800, deviceScaleFactor=1, mobile=False)
    browser.open(path)
    return browser


@pytest.fixture(autouse=True)
def blank(page):
    page.evaluate("document.getElementById('clear').click()")
    page.settle()


def draw(page, drawing, left=40, top=30, scale=1.2):
    """A drawing with the mouse, moved a few pixels at a time."""
    box = page.evaluate("(({ left, top }) => [left, top])(document.getElementById('pad').getBoundingClientRect())")
    for xs, ys in drawing:
        points = [(box[0] + left + scale * x, box[1] + top + scale * y) for x, y in zip(xs, ys, strict=True)]
        page.mouse("mousePressed", *points[0], clickCount=1)
        for point in points[1:]:
            page.mouse("mouseMoved", *point, buttons=1)
        page.mouse("mouseReleased", *points[-1])
    page.settle()


def strokes_of(page):
    return page.evaluate("Page.pad.strokes.map(([xs, ys]) => [xs, ys])")


def answer_of(page):
    return page.evaluate(
        "(({ prediction }) => prediction && { bitmap: [...(prediction.bitmap ?? [])], reason: prediction.reason,"
        " logits: [...(prediction.logits ?? [])], probabilities: prediction.probabilities, label: prediction.label,"
        " abstained: prediction.abstained })(Page.pad)"
    )


def text_of(page, selector):
    return page.evaluate(f"document.querySelector({selector!r}).textContent")


def assert_answered_as_numpy_answers(page, model, layers):
    """Bitmap, outputs, and (where the layers are the network itself) the decision."""
    answer = answer_of(page)
    bitmap = rasterize([simplify(strokes_of(page))])[0]
    seen = np.array(answer["bitmap"], np.uint8).reshape(28, 28)
    assert np.abs(seen.astype(int) - bitmap).max() <= 1

    exact = not any(folded.int8 for folded in layers)
    logits = quantize.logits(model, layers, seen[None, ..., None])
    tolerance = 1e-4 if exact else 0.02 * np.abs(logits).max()
    np.testing.assert_allclose(answer["logits"], logits[0], rtol=0, atol=tolerance)
    if exact:
        prediction = Model.from_file(model).predict(bitmap)
        assert model.spec.classes[np.argmax(answer["probabilities"])] == prediction.label
        assert (answer["abstained"], answer["label"]) == (prediction.abstained, prediction.label)


@pytest.mark.parametrize("name", synthetic.CLASSES[:5])
def test_what_the_mouse_draws_is_answered_as_numpy_answers(name, layers, page, doodle_model):
    draw(
        page,
        synthetic.generate_drawing(name, np.random.default_rng(1)),
        left=60 + 10 * len(name),
        scale=0.6 + 0.06 * len(name),
    )
    assert_answered_as_numpy_answers(page, doodle_model, layers)


def test_what_people_drew_is_answered_as_numpy_answers(layers, page, doodle_model, data_root):
    for name in ("clock", "headphones", "pizza"):
        lines = (data_root / "quickdraw" / "full" / "raw" / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
        drawing = [(xs[::8], ys[::8]) for xs, ys, _ in json.loads(lines[-1])["drawing"]]
        page.evaluate("document.getElementById('clear').click()")
        draw(page, drawing, left=10, top=10, scale=380 / max(max(xs + ys) for xs, ys in drawing))
        assert_answered_as_numpy_answers(page, doodle_model, layers)


def test_the_answer_is_shown(page, doodle_model):
    draw(page, synthetic.generate_drawing("clock", np.random.default_rng(1)))
    answer = answer_of(page)
    best = doodle_model.spec.classes[int(np.argmax(answer["probabilities"]))]
    assert text_of(page, "#guess") == ("Unknown" if answer["abstained"] else best)
    assert text_of(page, "#bars li .name") == best
    assert text_of(page, "#bars li .percent") == f"{100 * max(answer['probabilities']):.1f} %"
    assert page.evaluate("document.querySelectorAll('#bars li').length") == 5
    ink = page.evaluate(
        "[...document.getElementById('preview').getContext('2d').getImageData(0, 0, 28, 28).data]"
        ".filter((_, i) => i % 4 === 0)"
    )
    assert ink == answer["bitmap"]


def test_an_image_unlike_all_classes_is_called_unknown(page, doodle_model):
    page.evaluate("Page.model.network.abstain_below = 1000")
    draw(page, synthetic.generate_drawing("clock", np.random.default_rng(1)))
    assert answer_of(page)["abstained"]
    assert text_of(page, "#guess") == "Unknown"
    page.evaluate(f"Page.model.network.abstain_below = {doodle_model.abstain_below}")


def test_a_dot_is_unknown_until_there_is_more(page, doodle_model):
    draw(page, [([50, 50], [80, 80])])
    assert len(strokes_of(page)) == 1 and Model.from_file(doodle_model).predict(strokes_of(page)).abstained
    assert answer_of(page)["abstained"] and text_of(page, "#guess") == "Unknown"
    assert text_of(page, "#remark") == "The strokes are a single dot; expected lines." and text_of(page, "#bars") == ""
    draw(page, [([50, 90], [80, 90])])
    assert text_of(page, "#bars") != ""


def test_a_pen_draws_and_a_second_pointer_does_not_interfere(page):
    box = page.evaluate("(({ left, top }) => [left, top])(document.getElementById('pad').getBoundingClientRect())")

    def pointer(kind, x, y, which):
        page.evaluate(
            f"document.getElementById('pad').dispatchEvent(new PointerEvent({kind!r}, {{ bubbles: true, button: 0,"
            f" pointerId: {which}, pointerType: 'pen', clientX: {box[0] + x}, clientY: {box[1] + y} }}))"
        )

    page.evaluate("document.getElementById('pad').setPointerCapture = () => {}")  # it knows no made-up pointers
    pointer("pointerdown", 50, 50, 7)
    pointer("pointermove", 90, 80, 7)
    pointer("pointerdown", 200, 200, 8)  # the palm
    pointer("pointermove", 220, 220, 8)
    pointer("pointermove", 120, 160, 7)
    pointer("pointerup", 120, 160, 7)
    page.settle()
    page.evaluate("delete document.getElementById('pad').setPointerCapture")
    ((xs, ys),) = strokes_of(page)
    assert len(xs) == 3 and xs == sorted(xs) and ys == sorted(ys)


def test_undo_takes_back_a_stroke_and_clear_takes_all(page):
    cross = [([0, 100], [0, 100]), ([0, 100], [100, 0])]
    draw(page, cross)
    draw(page, [([50, 50], [0, 200])])
    assert len(strokes_of(page)) == 3
    page.evaluate("document.getElementById('undo').click()")
    page.settle()
    assert len(strokes_of(page)) == 2
    page.key("z")
    page.settle()
    assert len(strokes_of(page)) == 1
    page.key("Delete")
    page.settle()
    assert strokes_of(page) == [] and answer_of(page) is None
    assert page.evaluate("document.getElementById('undo').disabled && document.getElementById('clear').disabled")
    assert not page.evaluate("document.getElementById('hint').hidden")


def test_the_keyboard_draws(page):
    page.evaluate("document.getElementById('pad').focus()")
    page.key(" ", "Space")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.key(key)
    page.key(" ", "Space")
    page.key("ArrowLeft")
    page.settle()
    (xs, ys) = strokes_of(page)[0]
    assert np.diff(xs).tolist() == [25, 25, 0] and np.diff(ys).tolist() == [0, 0, 25]
    assert answer_of(page) is not None


def test_a_finger_draws(page):
    box = page.evaluate("(({ left, top }) => [left, top])(document.getElementById('pad').getBoundingClientRect())")
    page.command("Emulation.setTouchEmulationEnabled", enabled=True)
    for kind, points in (
        ("touchStart", [(100, 100)]),
        ("touchMove", [(150, 120)]),
        ("touchMove", [(200, 240)]),
        ("touchEnd", []),
    ):
        touches = [{"x": box[0] + x, "y": box[1] + y} for x, y in points]
        page.command("Input.dispatchTouchEvent", type=kind, touchPoints=touches)
    page.command("Emulation.setTouchEmulationEnabled", enabled=False)
    page.settle()
    assert len(strokes_of(page)) == 1 and len(strokes_of(page)[0][0]) >= 2


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_it_fits_screens_of_any_width(width, page):
    page.command("Emulation.setDeviceMetricsOverride", width=width, height=700, deviceScaleFactor=2, mobile=False)
    draw(page, [([0, 100], [0, 100])])
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pad = page.evaluate(
        "(({ width, height }) => [width, height])(document.getElementById('pad').getBoundingClientRect())"
    )
    assert pad[0] == pytest.approx(pad[1], abs=1) and pad[0] >= 240


def test_it_reaches_for_nothing_outside_itself(page):
    assert len(page.requests) == 1 and page.requests[0].startswith("file:")


def test_names_of_120_letters_fit(page, doodle_model, tmp_path):
    """The last test of the page: it opens another one."""
    names = tuple(letter * 120 for letter in "abcdefghijklmnopqrstuvwxyz"[: len(doodle_model.spec.classes)])
    model = replace(doodle_model, spec=replace(doodle_model.spec, classes=names))
    html.write(model, tmp_path / "page.html")
    page.command("Emulation.setDeviceMetricsOverride", width=320, height=700, deviceScaleFactor=1, mobile=False)
    page.open(tmp_path / "page.html")
    draw(page, [([0, 100], [0, 100])])
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert page.evaluate("document.querySelectorAll('#bars .name')[0].textContent.length") == 120
