"""A network that knows a few doodles, and a browser without a window, spoken to over pipes in the DevTools protocol."""

import base64
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from jaxdoodle.data import synthetic
from jaxdoodle.inference.model_file import ModelFile
from jaxdoodle.inference.network import Network
from jaxdoodle.nn.architectures import digit_cnn
from jaxdoodle.nn.spec import ModelSpec
from jaxdoodle.preprocessing.config import QUICKDRAW

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One tab of Chromium."""

    def __init__(self, folder):
        to_browser, to_us = os.pipe(), os.pipe()
        # It reads from its file 3 and writes to its file 4.
        script = f'exec "$@" 3<&{to_browser[0]} 4>&{to_us[1]}'
        command = ["bash", "-c", script, "bash", CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        given = (to_browser[0], to_us[1])
        self._process = subprocess.Popen(command, pass_fds=given, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for end in given:
            os.close(end)
        self._out, self._in = open(to_browser[1], "wb", buffering=0), open(to_us[0], "rb")
        self._number, self._session = 0, None
        self.requests = []
        targets = self.command("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.command("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            reply = self._next()
            if reply.get("id") == self._number:
                assert "error" not in reply, (method, reply)
                return reply["result"]

    def _next(self):
        data = bytearray()
        while (byte := self._in.read(1)) != b"\0":
            assert byte, "the browser is gone"
            data += byte
        message = json.loads(data)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
            raise AssertionError(message["params"])
        return message

    def evaluate(self, expression):
        """The value of a JavaScript expression, or what its promise comes to."""
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def open(self, path):
        self.requests.clear()
        self.command("Page.navigate", url=path.as_uri())
        self.evaluate("new Promise((done) => document.readyState === 'complete' ? done() : (onload = done))")
        self.settle()

    def settle(self):
        """After the next frame has been shown."""
        self.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
        )

    def mouse(self, kind, x, y, **more):
        self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", **more)

    def key(self, key, code=""):
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key=key, code=code or key)

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def close(self):
        self._session = None
        self.command("Browser.close")
        self._out.close()
        self._in.close()
        self._process.wait(timeout=20)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if not CHROMIUM:
        pytest.skip("needs Chromium")
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def doodle_model():
    """The digit network on five doodles: weights at random but for the last layer's, which are fitted."""
    classes, rng = synthetic.CLASSES[:5], np.random.default_rng(0)
    images = np.concatenate([synthetic.generate(name, 120, rng) for name in classes])[..., None]
    spec = digit_cnn(classes)
    params = [
        {name: rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32) for name, shape in p.items()}
        for p in spec.param_shapes
    ]
    features = Network(ModelSpec(spec.layers[:-1], spec.input_shape), params[:-1], 255.0).logits(images)
    ones = np.ones((len(features), 1))
    design = np.concatenate([features, ones], axis=1).astype(np.float64)
    goal = 10 * np.repeat(np.eye(5), 120, axis=0)
    solution = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ goal).astype(np.float32)
    params[-1] = {"w": solution[:-1], "b": solution[-1]}
    logits = Network(spec, params, 255.0).logits(images)
    assert (logits.argmax(axis=1) == goal.argmax(axis=1)).mean() > 0.8
    energies = np.log(np.exp(logits).sum(axis=1))
    goldens = images[::40], logits[::40]
    return ModelFile(spec, params, QUICKDRAW, *goldens, 1.3, float(np.quantile(energies, 0.1)), {"dataset": "doodles"})
