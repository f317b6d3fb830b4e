"""The page that learns, looked over by axe-core."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.web.teach.conftest import CLASSES, drawing_of, opened

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")]


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("axe")
    if subprocess.run(["npm", "install", "--silent", "axe-core@4"], cwd=folder).returncode:
        pytest.skip("needs the package axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


#: A small phone, a phone, a laptop.
WIDTHS = (320, 390, 1280)
FOUND = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_any_width(scheme, axe, browser, teach_file, tmp_path):
    """Also leaves pictures of what it saw, in ``$JAXDOODLE_SCREENSHOTS`` or where pytest keeps its files."""
    pictures = Path(os.environ.get("JAXDOODLE_SCREENSHOTS") or tmp_path)
    pictures.mkdir(parents=True, exist_ok=True)
    page = opened(browser, teach_file, tmp_path)

    def look(state):
        for width in WIDTHS:
            size = {"width": width, "height": 900, "deviceScaleFactor": 1}
            browser.command("Emulation.setDeviceMetricsOverride", **size, mobile=width < 1000)
            browser.settle()
            browser.screenshot(pictures / f"teach-{state}-{width}-{scheme}.png")
            assert page(FOUND) == [], (state, width)

    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.command("Emulation.setEmulatedMedia", features=media)
    page(f"{axe}; 1")
    look("empty")
    for name in CLASSES[:2]:
        page.add_class(name)
        for seed in range(3):
            page.keep(drawing_of(name, seed), name)
    page.learned()
    page.guess(drawing_of(CLASSES[0], 5))
    look("taught")
    page.click(".thumbs button")
    look("sample")
    page("document.getElementById('close').click(); document.getElementById('pad').clear()")
    page.add_class(",".join(f"c{i}" for i in range(40)))
    page.learned()
    wrong = "({ id, label }) => ({ id, label, said: Teach.page.project.active.find((one) => one.id !== label).id })"
    page(f"Teach.page.results.show([...Teach.page.project.samples.values()].map({wrong}))")
    assert page("document.querySelectorAll('#confusion li').length") == 2
    browser.settle()
    look("many")
    browser.command("Emulation.setEmulatedMedia", features=[])
