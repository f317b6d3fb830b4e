"""Wrong derivatives of convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from jaxdoodle.gradcheck.autograd.recognize import Part, correlate_back
from jaxdoodle.gradcheck.autograd.tape import Step
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence
from jaxdoodle.gradcheck.diagnosis.mistakes.mistake import Mistake


def conv_step(
    evidence: Evidence, part: Part, change_dx: Callable | None = None, change_dw: Callable | None = None, pads=None
) -> Step:
    """The reverse of a convolution, with dx or dw changed, or with other paddings."""
    about, nodes = part.about, evidence.tape.nodes
    x, w, layout, stride = part.x, about["w"], about["layout"], about["stride"]
    a, kernel = nodes[x].value, nodes[w].value
    axes = tuple(k for k in range(4) if k != about["channel"])

    def step(dy):
        dx, dw = correlate_back(dy, a, kernel, layout, pads or about["pads"], stride)
        parts = [(x, change_dx(dy, dx) if change_dx else dx), (w, change_dw(dy, dw) if change_dw else dw)]
        if "b" in about:
            parts.append((about["b"], dy.sum(axis=axes).reshape(nodes[about["b"]].value.shape)))
        return parts

    return step


def conv(evidence: Evidence, part: Part) -> Iterator[Mistake]:
    about, nodes = part.about, evidence.tape.nodes
    layout, pads, stride = about["layout"], about["pads"], about["stride"]
    a, kernel = nodes[part.x].value, nodes[about["w"]].value
    h, v, i, o = (layout.kernel.index(letter) for letter in "hwio")
    changed = partial(conv_step, evidence, part)

    def dx_with(other, its_pads=pads) -> Step:
        return changed(lambda dy, dx: correlate_back(dy, a, other, layout, its_pads, stride)[0])

    def dw_with(turn: Callable) -> Step:
        return changed(None, lambda dy, dw: turn(dw))

    not_flipped, transposed = "conv kernel not flipped in dx", "transposed conv kernel"
    same_channels = "conv channels not swapped in dx"
    flipped = np.flip(kernel, (h, v))
    yield not_flipped, "dx slides the kernel as forward does; it has to be turned by 180 degrees", dx_with(flipped)
    for by_kernel, word in ((True, "kernel"), (False, "image")):
        yield (
            "conv dx overwritten where windows overlap",
            f"in the loop over the {word}, dx is assigned (=) where contributions have to be added (+=)",
            changed(lambda dy, dx, b=by_kernel: overwritten(dy, a, kernel, layout, pads, stride, b)),
        )
    if kernel.shape[h] == kernel.shape[v]:
        swapped = np.swapaxes(kernel, h, v)
        turned = np.flip(swapped, (h, v))
        yield transposed, "dx uses the kernel with rows and columns exchanged", dx_with(swapped)
        yield transposed, "dx uses the kernel turned and with rows and columns exchanged", dx_with(turned)
        yield transposed, "dw has rows and columns exchanged", dw_with(lambda dw: np.swapaxes(dw, h, v))
    for axis, word in ((h, "columns"), (v, "rows")):
        yield not_flipped, f"dx uses the kernel flipped only along the {word}", dx_with(np.flip(kernel, axis))
    if kernel.shape[i] == kernel.shape[o]:
        channels = np.swapaxes(kernel, i, o)
        yield same_channels, "dx uses the kernel's input channels for its output channels", dx_with(channels)
        unflipped = "dx uses the kernel unflipped and its input channels for its output channels"
        yield same_channels, unflipped, dx_with(np.flip(channels, (h, v)))
        yield transposed, "dw has input and output channels exchanged", dw_with(lambda dw: np.swapaxes(dw, i, o))
    yield "conv dw flipped", "dw comes turned by 180 degrees", dw_with(lambda dw: np.flip(dw, (h, v)))
    side = "SAME padding on the wrong side" if pads != ((0, 0), (0, 0)) else "conv gradient shifted"
    for told, moved in _moved_pads(pads):
        yield side, f"dx is {told}", dx_with(kernel, moved)
        other_dw = changed(None, lambda dy, dw, moved=moved: correlate_back(dy, a, kernel, layout, moved, stride)[1])
        yield side, f"dw is {told}", other_dw
        yield side, f"dx and dw are {told}", changed(pads=moved)


def _moved_pads(pads) -> Iterator[tuple[str, tuple]]:
    """(what it does, paddings): padding moved by one from the end to the start, or back."""
    for by in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)):
        moved = tuple((before + shift, after - shift) for (before, after), shift in zip(pads, by, strict=True))
        if np.min(moved) >= 0:
            if all(by):
                yield f"off by a row and a column: backward pads {moved} where forward pads {pads}", moved
            else:
                k, word = (0, "row") if by[0] else (1, "column")
                yield f"one {word} off: backward pads {moved[k]} where forward pads {pads[k]}", moved


def overwritten(dy, x, w, layout, pads, stride, by_kernel: bool) -> np.ndarray:
    """dx with each contribution written over the one before: in a loop over kernel cells, or over image positions."""
    rows = layout.rows
    width = [(0, 0)] * 4
    width[rows], width[rows + 1] = pads
    dx = np.zeros(np.pad(x, width).shape)
    size = tuple(w.shape[layout.kernel.index(c)] for c in "hw")
    out = "nABo" if rows == 1 else "noAB"
    parts = np.einsum(f"{out},{layout.kernel}->ABhwni", dy, w, optimize=True)
    positions = list(product(range(dy.shape[rows]), range(dy.shape[rows + 1])))
    cells = list(product(range(size[0]), range(size[1])))
    order = ((p, c) for c in cells for p in positions) if by_kernel else ((p, c) for p in positions for c in cells)
    for (i, j), (a, b) in order:
        spot: list[Any] = [slice(None)] * 4
        spot[rows], spot[rows + 1] = i * stride[0] + a, j * stride[1] + b
        dx[tuple(spot)] = parts[i, j, a, b]
    cut: list[Any] = [slice(None)] * 4
    for k in (0, 1):
        cut[rows + k] = slice(pads[k][0], dx.shape[rows + k] - pads[k][1])
    return dx[tuple(cut)]
