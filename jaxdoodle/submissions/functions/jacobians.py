"""Jacobians as functions beside what they are of: by their shapes, and as backwards."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.setup.binding import parameters
from jaxdoodle.submissions.arguments import guess as guessing


def with_a_vector(function: Callable, back: Callable, args: tuple, by_name: bool) -> tuple:
    """Arguments in one of which, a vector, it is a Jacobian; those that are given where its shape is the value's."""
    value = function(*args)
    with contextlib.suppress(Exception):  # any exception of the user's code
        if not by_name and (np.size(value) == 1 or np.shape(back(args)) == np.shape(value)):
            return args
    for tried in guessing.of_vectors(function):
        with contextlib.suppress(Exception):  # the same
            if jacobian_in(function, back, tried, by_name):
                return tried
    return args


def jacobian_in(function: Callable, back: Callable, args: tuple, by_name: bool) -> tuple[int, int] | None:
    """Which argument it is a Jacobian in by its shape, and along how many of its axes the value lies: the first ones,
    or, if negative, the last. Where no name says that it is one, in the first argument alone."""
    value, found = np.shape(function(*args)), np.shape(back(args))
    for i, own in enumerate(map(np.shape, args if by_name else args[:1])):
        if value and own and found == (*value, *own):
            return i, len(value)
        if value and own and by_name and found == (*own, *value):
            return i, -len(value)
    return None


def product_with(jacobian: Callable, place: int, axes: int) -> Callable:
    """A Jacobian in an argument as the backward that it is of; see ``jacobian_in``."""

    def backward(*given: Any) -> Any:
        *own, dy = given
        j = jacobian(*own)
        dx = np.tensordot(dy, j, axes) if axes > 0 else np.tensordot(j, dy, -axes)
        return *[None] * place, dx, *[None] * (len(own) - place - 1)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = (*(p.name for p in parameters(jacobian)), "dout")
    backward.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])  # type: ignore[attr-defined]
    return backward
