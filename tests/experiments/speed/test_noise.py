"""The noise of training between seeds."""

import numpy as np
import pytest

from experiments.speed import noise, runtimes
from experiments.speed.workloads import WORKLOADS, Workload
from jaxdoodle.nn.architectures import mlp

TINY = Workload("", mlp(tuple("0123456789"), (4,)), 16, images=64, epochs=2)


def test_deviations_are_those_computed_by_hand():
    losses = np.exp([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    assert noise.deviations(losses) == pytest.approx([1.0, 0.0])


@pytest.mark.usefixtures("as_users_run")
def test_every_seed_trains_another_network_and_the_same_one_again(monkeypatch, capsys):
    rng = np.random.default_rng(0)
    sets = [(rng.integers(0, 256, (n, 28, 28, 1), np.uint8), rng.integers(0, 10, n).astype(np.int32)) for n in (80, 20)]
    monkeypatch.setattr(noise, "load_data", lambda root: ("noise", *sets))
    monkeypatch.setitem(WORKLOADS, "W1", TINY)

    def printed(*words):
        noise.main(["W1", *words])
        return capsys.readouterr().out.splitlines()

    three, again = printed("--seeds", "3", "--rounds", "4"), printed("--seeds", "3", "--rounds", "4")
    scatter = np.array(three[0].split(": deviation of ln(loss) over 3 seeds: ")[1].split(), float)
    later = np.sqrt(np.mean(np.square(scatter[1:])))
    assert three == again and len(three) == 2 and len(scatter) == 4 and min(scatter) > 0
    assert three[1].startswith(f"  first {scatter[0]:.3f}, later {later:.3f}; correct of 20: ")
    assert len(three[1].split(": ")[1].split()) == 3


@pytest.mark.parametrize("word", ["--seeds", "--rounds"])
def test_a_deviation_needs_two(word, capsys):
    with pytest.raises(SystemExit):
        noise.main([word, "1"])
    assert "two seeds and two rounds, or more" in capsys.readouterr().err


@pytest.mark.usefixtures("as_users_run")
def test_a_seed_draws_the_weights_as_well_as_the_order():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (64, 28, 28, 1), np.uint8), rng.integers(0, 10, 64).astype(np.int32)
    begin = [runtimes.jaxdoodle(TINY, images, labels, seed=seed).predict(images).tolist() for seed in (1, 1, 2)]
    assert begin[0] == begin[1] != begin[2]
