"""The ways to use two cores train one network: what is timed is equal work."""

import json
import subprocess
import sys

import numpy as np

SCRIPT = """
import json
from experiments.speed.scaling import ways
from jaxdoodle.nn import Dense, Flatten, ModelSpec, ReLU

ways.use_cpu_devices(2)
ways.use_cpu_devices = lambda count: None
ways.SPEC = ModelSpec((Flatten(), Dense(32), ReLU(), Dense(64), ReLU(), Dense(10)), (28, 28, 1))
ways.IMAGES = 4 * ways.BATCH_SIZE
print(json.dumps({name: ways.measure_way(name, 1) for name in ways.WAYS}))
"""


def test_every_way_takes_the_same_steps_and_tells_seconds_of_one_training():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == 6
    for one in found.values():
        assert one["seconds"] > 0 and len(one["losses"]) == 4
        np.testing.assert_allclose(one["losses"], found["one device"]["losses"], rtol=1e-5)
