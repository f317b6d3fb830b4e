"""The table of elementwise derivatives: against central differences."""

import numpy as np
import pytest
import scipy.special

from jaxdoodle.gradcheck.autograd.derivatives import ELEMENTWISE, unbroadcast

UFUNCS = {n: u for n in ELEMENTWISE if (u := getattr(np, n, None) or getattr(scipy.special, n, None)) is not None}


@pytest.mark.parametrize("name", UFUNCS)
def test_a_derivative_is_the_slope_of_its_function(name):
    ufunc, rng = UFUNCS[name], np.random.default_rng(0)
    inputs = [rng.uniform(0.3, 0.9, 5) for _ in range(ufunc.nin)]
    for k, slope in enumerate(ELEMENTWISE[name]):
        above, below = ([x + s * (i == k) for i, x in enumerate(inputs)] for s in (1e-6, -1e-6))
        expected = (ufunc(*above) - ufunc(*below)) / 2e-6
        np.testing.assert_allclose(slope(ufunc(*inputs), *inputs) * np.ones(5), expected, rtol=1e-6, atol=1e-8)


def test_a_repeated_value_gets_the_sum():
    d = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(unbroadcast(d, (3, 1)), d.sum(axis=(0, 2)).reshape(3, 1))
