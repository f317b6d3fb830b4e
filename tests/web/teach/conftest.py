"""The page that learns, in a real browser."""

import base64

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.formats.web import teach

#: What keeps the content of the file that is saved next, in place of asking where to put it.
CATCH = """saved = null;
document.createElement = ((make) => (tag) => {
  const made = make.call(document, tag);
  if (tag === "a") made.click = () => {
    saved = new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done([made.download, reader.result.split(",")[1]]);
      reader.readAsDataURL(blobs.get(made.href));
    });
  };
  return made;
})(document.createElement);
blobs = new Map();
URL.createObjectURL = ((make) => (blob) => {
  const address = make.call(URL, blob);
  blobs.set(address, blob);
  return address;
})(URL.createObjectURL);
"""


class TeachPage:
    """What a person does with the page."""

    def __init__(self, browser):
        self.browser = browser

    def __call__(self, expression):
        return self.browser.evaluate(expression)

    def text(self, selector):
        return self(f"document.querySelector({selector!r}).textContent")

    def wait(self, condition):
        """Until a JavaScript expression holds."""
        looked = f"(done) => {{ const look = () => ({condition}) ? done() : setTimeout(look, 20); look(); }}"
        self(f"new Promise({looked})")

    def click(self, selector):
        self(f"document.querySelector({selector!r}).click()")

    def put(self, drawing):
        """A drawing on the pad, as if it had been drawn."""
        strokes = [[list(map(float, xs)), list(map(float, ys))] for xs, ys in drawing]
        self(f"document.getElementById('pad').strokes = {strokes}")
        self.browser.settle()

    def add_class(self, *names):
        for name in names:
            self(f"document.getElementById('name').value = {name!r}")
            self("document.getElementById('new').requestSubmit()")

    def keep(self, drawing, name):
        """Draw it, and say what it is."""
        self.put(drawing)
        self(f"[...document.querySelectorAll('#answers button')].find((one) => one.title === {name!r}).click()")

    def learned(self):
        """Until it has learned from all there is, and judged it."""
        self.wait("Teach.page.settled")
        self.browser.settle()

    def guess(self, drawing):
        self("document.getElementById('pad').clear()")
        assert self("Teach.page.answer") is None
        self.put(drawing)
        self.wait("Teach.page.answer && (Teach.page.answer.probabilities || Teach.page.answer.reason)")
        return self.text("#guess")

    def saved(self, button):
        """Name and bytes of the file that a button saves."""
        self.click(f"#{button}")
        name, data = self("saved")
        return name, base64.b64decode(data)


def drawing_of(name, seed):
    return synthetic.generate_drawing(name, np.random.default_rng(seed))


@pytest.fixture(scope="session")
def teach_file(doodle_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("teach") / "teach.html"
    teach.write(path, doodle_model)
    return path


@pytest.fixture(scope="session")
def taught_folder(browser, teach_file, tmp_path_factory):
    """Where the page lies after three classes have been taught with four drawings each."""
    folder = tmp_path_factory.mktemp("taught")
    page = opened(browser, teach_file, folder)
    for name in CLASSES:
        page.add_class(name)
        for seed in range(4):
            page.keep(drawing_of(name, seed), name)
    page.learned()
    return folder


@pytest.fixture
def taught(browser, teach_file, taught_folder):
    """The page as it was left."""
    page = TeachPage(browser)
    if browser.evaluate("location.href") != (taught_folder / "teach.html").as_uri():
        page = opened(browser, teach_file, taught_folder)
        page.learned()
    return page


CLASSES = synthetic.CLASSES[5:8]


def opened(browser, file, folder):
    """The page at a place of its own, where nothing is kept yet."""
    path = folder / "teach.html"
    path.write_bytes(file.read_bytes())
    browser.command("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
    browser.open(path)
    page = TeachPage(browser)
    page.wait("document.getElementById('about').textContent")
    page(CATCH)
    return page
