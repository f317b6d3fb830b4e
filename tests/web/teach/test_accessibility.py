"""The page that learns, looked over by axe-core."""

import shutil
import subprocess

import pytest

from tests.web.teach.conftest import CLASSES, drawing_of, opened

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")]


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("axe")
    if subprocess.run(["npm", "install", "--silent", "axe-core@4"], cwd=folder).returncode:
        pytest.skip("needs the package axe-core")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme, axe, browser, teach_file, tmp_path):
    page = opened(browser, teach_file, tmp_path)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.command("Emulation.setEmulatedMedia", features=media)
    page(f"{axe}; 1")
    found = "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))"
    assert page(found) == []
    for name in CLASSES[:2]:
        page.add_class(name)
        for seed in range(3):
            page.keep(drawing_of(name, seed), name)
    page.learned()
    page.guess(drawing_of(CLASSES[0], 5))
    assert page(found) == []
    page.click(".thumbs button")
    assert page(found) == []
    browser.command("Emulation.setEmulatedMedia", features=[])
