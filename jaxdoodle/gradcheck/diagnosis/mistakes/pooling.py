"""Wrong derivatives of pooling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, windows
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake, step_to

#: Class and sentence of the mistake that shows on a tie alone.
EVERY_TIED_CELL = (
    "max-pool gradient to every tied cell",
    "every cell that equals the maximum gets the whole gradient; on a tie only one may (or each a share)",
)


def spread(tiles: np.ndarray, x_shape: tuple, about: dict) -> np.ndarray:
    """Add what belongs to each window's cells (two last axes) back onto the picture."""
    rows, (sh, sw) = about["rows"], about["stride"]
    dx = np.zeros(x_shape)
    nh, nw = tiles.shape[rows], tiles.shape[rows + 1]
    for i, j in np.ndindex(*about["size"]):
        cells: list = [slice(None)] * dx.ndim
        cells[rows : rows + 2] = slice(i, i + sh * nh, sh), slice(j, j + sw * nw, sw)
        dx[tuple(cells)] += tiles[..., i, j]
    return dx


def pool_mask(tiles: np.ndarray, ties: str) -> np.ndarray:
    """Which cell of each window gets how much: ``first``, ``last``, ``even`` or ``all`` of the tied maxima."""
    flat = tiles.reshape(*tiles.shape[:-2], -1)
    hit = flat == flat.max(axis=-1, keepdims=True)
    if ties == "first":
        hit = hit & (np.cumsum(hit, axis=-1) == 1)
    elif ties == "last":
        hit = hit & (np.cumsum(hit[..., ::-1], axis=-1)[..., ::-1] == 1)
    share = hit / hit.sum(axis=-1, keepdims=True) if ties == "even" else hit * 1.0
    return share.reshape(tiles.shape)


def _same(gradient: np.ndarray) -> np.ndarray:
    return gradient


def share(part: Part, x: np.ndarray, mask: np.ndarray, before: Callable = _same, after: Callable = _same) -> Step:
    """The step that gives each cell of a window its share; dy is changed ``before`` it, dx ``after`` it."""
    return step_to(part.x, lambda dy: after(spread(before(dy)[..., None, None] * mask, x.shape, part.about)))


def pool_step(evidence: Evidence, part: Part) -> Step:
    x, about = evidence.tape.nodes[part.x].value, part.about
    tiles = windows(x, about["rows"], about["size"], about["stride"])
    mask = np.ones(tiles.shape) / np.prod(about["size"]) if part.name == "mean pool" else pool_mask(tiles, "first")
    return share(part, x, mask)


def pool(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    x, about = evidence.tape.nodes[part.x].value, part.about
    tiles = windows(x, about["rows"], about["size"], about["stride"])
    return (_mean_pool if part.name == "mean pool" else _max_pool)(part, x, tiles)


def _mean_pool(part: Part, x: np.ndarray, tiles: np.ndarray) -> Iterator[Mistake]:
    to = partial(share, part, x)
    ones, cells = np.ones(tiles.shape), int(np.prod(part.about["size"]))
    undivided = f"each cell gets the whole gradient; right is 1/{cells} of it"
    largest = "only the largest cell gets the gradient; right is an equal share"
    yield "average pool not divided by the window", undivided, to(ones)
    yield "max pool's rule for an average pool", largest, to(pool_mask(tiles, "first"))
    yield "average pool divided twice", f"the gradient is divided by {cells} twice", to(ones / cells**2)
    for cell in np.ndindex(*part.about["size"]):
        one = np.zeros(tiles.shape)
        one[..., *cell] = 1
        yield "pool gradient to one cell", f"all of it goes to cell {cell} of each window", to(one)


def _max_pool(part: Part, x: np.ndarray, tiles: np.ndarray) -> Iterator[Mistake]:
    to, rows = partial(share, part, x), part.about["rows"]
    ones, cells, first = np.ones(tiles.shape), int(np.prod(part.about["size"])), pool_mask(tiles, "first")
    undivided = "every cell of the window gets the whole gradient; right is the largest alone"
    equal = "every cell gets an equal share; right is all of it for the largest"
    yield *EVERY_TIED_CELL, to(pool_mask(tiles, "all"))
    yield "max-pool gradient to every cell", undivided, to(ones)
    yield "average pool's rule for a max pool", equal, to(ones / cells)
    flat, flat_first = (m.reshape(*m.shape[:-2], -1) for m in (tiles, first))
    smallest = (np.arange(cells) == flat.argmin(axis=-1)[..., None]).reshape(tiles.shape) * 1.0
    yield "max-pool gradient to the smallest cell", "the smallest cell gets the gradient", to(smallest)
    neighbour = "max-pool gradient to the neighbour"
    for shift in (1, -1):
        next_cell = np.roll(flat_first, shift, axis=-1).reshape(first.shape)
        yield neighbour, "the gradient lands on the next cell of the window", to(next_cell)
    for axis in (-1, -2):
        yield neighbour, "the gradient lands on the neighbouring cell of the window", to(np.roll(first, 1, axis=axis))
    yield neighbour, "rows and columns inside the window are exchanged", to(np.swapaxes(first, -1, -2))
    for axis, word, stride in zip((rows, rows + 1), ("row", "column"), part.about["stride"], strict=True):
        for shift in (1, -1, stride, -stride):
            away = f"{abs(shift)} {word}{'s' * (abs(shift) > 1)} away"
            yield neighbour, f"the gradient lands {away}", to(first, after=partial(np.roll, shift=shift, axis=axis))
        for shift in (1, -1):
            beside = f"each window's gradient goes to the window beside it along the {word}s"
            yield neighbour, beside, to(first, before=partial(np.roll, shift=shift, axis=axis))
    if x.shape[rows] == x.shape[rows + 1]:
        swapped = partial(np.swapaxes, axis1=rows, axis2=rows + 1)
        yield "transposed", "the incoming gradient has rows and columns exchanged", to(first, before=swapped)
