"""At a kink, a gradient is right that inputs beside it allow."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdoodle.gradcheck import check

RNG = np.random.default_rng(0)


def test_any_slope_between_those_beside_a_kink_is_a_convention():
    target = np.random.default_rng(1).normal(size=6)

    def tilt(p):
        return np.maximum(3 * (p - target), target - p).sum(), p

    def tilted(at_kink):
        return lambda dout, p: dout * np.where(p == target, at_kink, np.where(p > target, 3.0, -1.0))

    for slope in (3.0, -1.0, 0.0):
        assert check(tilt, tilted(slope), (target,)).passed, slope
    assert not check(tilt, tilted(4.0), (target,)).passed


def test_the_slope_on_one_side_of_a_kink_is_a_convention_where_a_loop_runs_as_long_as_it_must():
    def root(a):
        a = jnp.abs(a) + 0.5
        y = jax.lax.while_loop(lambda y: jnp.any(jnp.abs(y * y - a) > 1e-12), lambda y: (y + a / y) / 2, a)
        return y, y

    report = check(root, lambda y, dy: dy / (2 * y), (RNG.random((3, 4)) + 1,))
    assert report.passed and any("kink" in c for c in report.conventions)


def test_a_value_that_holds_beside_a_tie_passes_with_a_remark():
    pairs = np.array([[1.0, 1.0, 0.0, 2.0], [3.0, 1.0, 2.0, 2.0]])

    def pool(x):
        y = np.maximum(x[:, ::2], x[:, 1::2])
        return y, (x, y)

    report = check(pool, lambda r, dy: (r[0] == np.repeat(r[1], 2, axis=1)) * np.repeat(dy, 2, axis=1), (pairs,))
    assert report.passed and any("declare" in told for told in report.conventions)


def test_a_value_whose_entries_alone_lie_between_those_beside_it_passes_as_one_to_declare():
    x = np.array([0.5, -0.5])

    def distance(x):
        return np.abs(x.sum()), x

    def told(value):
        report = check(
            distance,
            lambda x, dy: dy * (value if x.sum() == 0 else np.sign(x.sum()) * np.ones(x.shape)),
            (x,),
        )
        return report.passed, " ".join(report.conventions).split(" (")[0]

    assert told(np.array([0.5, 0.5])) == (True, "x: at a kink, a value between those beside it")
    assert told(np.array([1.0, -1.0])) == (True, "x: at a tie, every largest entry takes the whole gradient")
    assert told(np.array([3.0, 3.0]))[0] is False
