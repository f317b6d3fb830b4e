"""Wrong derivatives of pooling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, windows
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Mistake


def spread(tiles: np.ndarray, x_shape: tuple, about: dict) -> np.ndarray:
    """Add what belongs to each window's cells (two last axes) back onto the picture."""
    rows, (kh, kw), (sh, sw) = about["rows"], about["size"], about["stride"]
    dx = np.zeros(x_shape)
    nh, nw = tiles.shape[rows], tiles.shape[rows + 1]
    for i in range(kh):
        for j in range(kw):
            cells: list = [slice(None)] * dx.ndim
            cells[rows] = slice(i, i + sh * nh, sh)
            cells[rows + 1] = slice(j, j + sw * nw, sw)
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


def pool_step(evidence: Evidence, part: Part) -> Step:
    value, about = evidence.tape.nodes[part.x].value, part.about
    tiles = windows(value, about["rows"], about["size"], about["stride"])
    mask = np.ones(tiles.shape) / np.prod(about["size"]) if part.name == "mean pool" else pool_mask(tiles, "first")
    return lambda dy: [(part.x, spread(dy[..., None, None] * mask, value.shape, about))]


def pool(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    about, x = part.about, part.x
    value = evidence.tape.nodes[x].value
    tiles = windows(value, about["rows"], about["size"], about["stride"])
    cells = int(np.prod(about["size"]))

    def share(mask):
        return lambda dy: [(x, spread(dy[..., None, None] * mask, value.shape, about))]

    def moved(shift, axis):
        mask = pool_mask(tiles, "first")
        return lambda dy: [(x, np.roll(spread(dy[..., None, None] * mask, value.shape, about), shift, axis))]

    def beside(shift: int, axis: int) -> Step:
        mask = pool_mask(tiles, "first")
        return lambda dy: [(x, spread(np.roll(dy, shift, axis)[..., None, None] * mask, value.shape, about))]

    ones = np.ones(tiles.shape)
    if part.name == "mean pool":
        yield (
            "average pool not divided by the window",
            f"each cell gets the whole gradient; right is 1/{cells} of it",
            share(ones),
        )
        yield (
            "max pool's rule for an average pool",
            "only the largest cell gets the gradient; right is an equal share",
            share(pool_mask(tiles, "first")),
        )
        yield ("average pool divided twice", f"the gradient is divided by {cells} twice", share(ones / cells**2))
        for i in range(about["size"][0]):
            for j in range(about["size"][1]):
                one = np.zeros(tiles.shape)
                one[..., i, j] = 1
                yield "pool gradient to one cell", f"all of it goes to cell ({i}, {j}) of each window", share(one)
        return
    yield (
        "max-pool gradient to every tied cell",
        "every cell that equals the maximum gets the whole gradient; on a tie only one may (or each a share)",
        share(pool_mask(tiles, "all")),
    )
    yield (
        "max-pool gradient to every cell",
        "every cell of the window gets the whole gradient; right is the largest alone",
        share(ones),
    )
    yield (
        "average pool's rule for a max pool",
        "every cell gets an equal share; right is all of it for the largest",
        share(ones / cells),
    )
    flat = tiles.reshape(*tiles.shape[:-2], -1)
    smallest = (np.arange(flat.shape[-1]) == flat.argmin(axis=-1)[..., None]).reshape(tiles.shape) * 1.0
    yield "max-pool gradient to the smallest cell", "the smallest cell gets the gradient", share(smallest)
    first = pool_mask(tiles, "first")
    for shift in (1, -1):
        rolled = np.roll(first.reshape(*first.shape[:-2], -1), shift, axis=-1).reshape(first.shape)
        yield "max-pool gradient to the neighbour", "the gradient lands on the next cell of the window", share(rolled)
    for axis in (-1, -2):
        turned = np.roll(first, 1, axis=axis)
        yield (
            "max-pool gradient to the neighbour",
            "the gradient lands on the neighbouring cell of the window",
            share(turned),
        )
    yield (
        "max-pool gradient to the neighbour",
        "rows and columns inside the window are exchanged",
        share(np.swapaxes(first, -1, -2)),
    )
    for k in (0, 1):
        for shift in (1, -1, about["stride"][k], -about["stride"][k]):
            yield (
                "max-pool gradient to the neighbour",
                f"the gradient lands {abs(shift)} {'row' if k == 0 else 'column'}{'s' * (abs(shift) > 1)} away",
                moved(shift, about["rows"] + k),
            )
        for shift in (1, -1):
            yield (
                "max-pool gradient to the neighbour",
                f"each window's gradient goes to the window beside it along the {'rows' if k == 0 else 'columns'}",
                beside(shift, about["rows"] + k),
            )
    if value.shape[about["rows"]] == value.shape[about["rows"] + 1]:
        yield (
            "transposed",
            "the incoming gradient has rows and columns exchanged",
            lambda dy: [
                (
                    x,
                    spread(
                        np.swapaxes(dy, about["rows"], about["rows"] + 1)[..., None, None] * first, value.shape, about
                    ),
                )
            ],
        )
