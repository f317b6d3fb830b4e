"""NumPy code, as people write it, traced and differentiated: against central differences."""

from functools import partial

import numpy as np
import pytest
from scipy.special import erf, expit

from jaxdoodle.gradcheck.autograd.tape import Untraceable
from jaxdoodle.gradcheck.reference import confirm, scalar_forward, trace_forward
from jaxdoodle.gradcheck.setup.problem import Point, Problem

RNG = np.random.default_rng(0)
A, B, IMAGE = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 5)), RNG.normal(size=(2, 4, 4, 3))


def in_place(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] * 2
    y[x > 0] += 1.5
    y -= x.mean(axis=0)
    y /= 3
    return y * x


def through_a_view(x):
    y = np.zeros(x.shape)
    row = y[1]
    row[:] = x[0] ** 2
    y[2, 1:] += x[2, 1:]
    return np.sin(y)


def windows(x):
    out = np.empty((2, 2, 2, 3))
    for i in range(2):
        for j in range(2):
            out[:, i, j] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2], axis=(1, 2))
    return out


def scattered(x):
    out = np.zeros(3)
    np.add.at(out, [0, 1, 1, 2], x[:, 0])
    return out**2


def branches(x):
    return np.array([float(v) ** 2 if v > 0 else abs(v) for v in x.ravel()])


FORWARDS = {
    "dot": (lambda a, b: np.dot(a, b), (A, B)),
    "matmul of stacks": (lambda x, w: x @ w, (IMAGE, RNG.normal(size=(3, 2)))),
    "einsum": (lambda x, w: np.einsum("nhwc,cd->ndwh", x, w), (IMAGE, RNG.normal(size=(3, 2)))),
    "einsum of three": (
        lambda x, w: np.einsum("nhwc,cd,nh->dw", x, w, x[:, :, 0, 0]), (IMAGE, RNG.normal(size=(3, 2)))),
    "tensordot": (lambda a, b: np.tensordot(a, b, axes=([1], [0])), (A, B)),
    "outer": (lambda a, b: np.outer(a[:, 0], b[0]), (A, B)),
    "softmax": (lambda a: np.exp(a - a.max(1)[:, None]) / np.exp(a - a.max(1)[:, None]).sum(1)[:, None], (A,)),
    "statistics": (lambda a: (a - a.mean(0)) / np.sqrt(a.var(axis=0) + 1e-5) + a.std(), (A,)),
    "where and clip": (lambda a: np.where(a > 0.2, a**3, np.clip(a, -0.5, 0.1)), (A,)),
    "shapes": (lambda a: np.concatenate([a.T.ravel(), np.pad(a, 1).flatten(), np.roll(a, 1, 0).ravel()]) ** 2, (A,)),
    "stacking": (lambda a: np.stack([a[:, 0], a[:, 1]]) * np.vstack([a[:, 2], a[:, 0]]), (A,)),
    "norm": (lambda a: np.linalg.norm(a), (A,)),
    "nansum": (lambda a: np.nansum(a**2, axis=0), (A,)),
    "scipy": (lambda a: expit(a) * erf(a), (A,)),
    "fancy indices": (lambda a: np.log(a[[0, 1, 3], [2, 2, 0]] ** 2), (A,)),
    "in place": (in_place, (A,)),
    "through a view": (through_a_view, (A,)),
    "windows in loops": (windows, (IMAGE,)),
    "add.at": (scattered, (A,)),
    "branches": (branches, (A,)),
}  # fmt: skip


def problem_of(function, args) -> Problem:
    names = tuple("abcdef"[: len(args)])
    return Problem("", args, names, function, lambda a, d: None, tuple(range(len(args))), False, (function,))


@pytest.mark.parametrize("name", FORWARDS)
def test_the_reverse_pass_over_traced_arrays_agrees_with_central_differences(name):
    function, args = FORWARDS[name]
    problem = problem_of(function, args)
    point = Point(args, RNG.normal(size=np.shape(function(*args))))
    trace = trace_forward(problem, point, by_jax=False)
    found = trace.tape.leaf_values(trace.tape.reverse(trace.seeds))
    confirm(problem, [point], lambda _: found, partial(scalar_forward, problem))


def test_what_cannot_be_followed_is_said_so():
    problem = problem_of(lambda a: np.sinc(a), (A,))
    with pytest.raises(Untraceable, match="numpy.sinc"):
        trace_forward(problem, Point((A,), np.ones(A.shape)), by_jax=False)
