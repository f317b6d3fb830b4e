import io
import os
import subprocess
import sys
import time

import numpy as np

from jaxdoodle.cli import main
from jaxdoodle.data.download.http import OVERLAP
from jaxdoodle.data.readers.quickdraw import open_bitmaps
from tests.fixtures.mirror import BITMAPS, npy, rows


def test_of_two_processes_one_downloads_a_file(server, target):
    path = f"{BITMAPS}/clock.npy"
    server.manners[path] = "throttles"
    words = ["data", "get", "quickdraw", "--classes", "clock", "--per-class", "60", "--data-dir", str(target)]
    code = "import sys; from jaxdoodle.cli import main; sys.exit(main(sys.argv[1:]))"
    environment = os.environ | {"JAXDOODLE_MIRROR": server.url}
    both = [
        subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("there already" in text.splitlines()[-1] for text in printed) == 1
    np.testing.assert_array_equal(open_bitmaps(target / path), rows(server.content[path]))


def test_a_process_that_is_killed_leaves_nothing_broken_and_the_next_goes_on(server, target):
    path = f"{BITMAPS}/clock.npy"
    server.content[path] = npy(np.random.default_rng(2).integers(0, 256, (900, 784), dtype=np.uint8))
    server.manners[path] = "throttles"
    words = ["data", "get", "quickdraw", "--classes", "clock", "--per-class", "900", "--data-dir", str(target)]
    words += ["--base-url", server.url]
    process = subprocess.Popen([sys.executable, "-m", "jaxdoodle", *words], stdout=subprocess.DEVNULL)
    part = target / f"{path}.part"
    while process.poll() is None and not (part.exists() and part.stat().st_size > 50_000):
        time.sleep(0.01)
    process.kill()
    assert process.wait() != 0
    assert not (target / path).exists() and (got := part.stat().st_size) > 50_000
    server.manners[path], before = "honest", len(server.requests)
    assert main(words) == 0
    sent = sum(count for _, _, count in server.requests[before:])
    assert sent <= len(server.content[path]) - got + 2 * OVERLAP
    np.testing.assert_array_equal(open_bitmaps(target / path), np.load(io.BytesIO(server.content[path])))
    assert [p.name for p in (target / BITMAPS).iterdir()] == ["clock.npy"]
