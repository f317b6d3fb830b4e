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
from jaxdoodle.gradcheck.diagnosis.part_mistakes.mistake import Mistake


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
    h, v = layout.kernel.index("h"), layout.kernel.index("w")
    i, o = layout.kernel.index("i"), layout.kernel.index("o")
    changed = partial(conv_step, evidence, part)

    def dx_with(other, its_pads=pads):
        return lambda dy, dx: correlate_back(dy, a, other, layout, its_pads, stride)[0]

    flipped = np.flip(kernel, (h, v))
    yield (
        "conv kernel not flipped in dx",
        "dx slides the kernel as forward does; it has to be turned by 180 degrees",
        changed(dx_with(flipped)),
    )
    for by_kernel, word in ((True, "kernel"), (False, "image")):
        yield (
            "conv dx overwritten where windows overlap",
            f"in the loop over the {word}, dx is assigned (=) where contributions have to be added (+=)",
            changed(lambda dy, dx, b=by_kernel: overwritten(dy, a, kernel, layout, pads, stride, b)),
        )
    if kernel.shape[h] == kernel.shape[v]:
        swapped = np.swapaxes(kernel, h, v)
        yield "transposed conv kernel", "dx uses the kernel with rows and columns exchanged", changed(dx_with(swapped))
        yield (
            "transposed conv kernel",
            "dx uses the kernel turned and with rows and columns exchanged",
            changed(dx_with(np.flip(swapped, (h, v)))),
        )
        yield (
            "transposed conv kernel",
            "dw has rows and columns exchanged",
            changed(None, lambda dy, dw: np.swapaxes(dw, h, v)),
        )
    for axis, word in ((h, "rows"), (v, "columns")):
        yield (
            "conv kernel not flipped in dx",
            f"dx uses the kernel flipped only along the {'columns' if word == 'rows' else 'rows'}",
            changed(dx_with(np.flip(kernel, axis))),
        )
    if kernel.shape[i] == kernel.shape[o]:
        channels = np.swapaxes(kernel, i, o)
        yield (
            "conv channels not swapped in dx",
            "dx uses the kernel's input channels for its output channels",
            changed(dx_with(channels)),
        )
        yield (
            "conv channels not swapped in dx",
            "dx uses the kernel unflipped and its input channels for its output channels",
            changed(dx_with(np.flip(channels, (h, v)))),
        )
        yield (
            "transposed conv kernel",
            "dw has input and output channels exchanged",
            changed(None, lambda dy, dw: np.swapaxes(dw, i, o)),
        )
    yield "conv dw flipped", "dw comes turned by 180 degrees", changed(None, lambda dy, dw: np.flip(dw, (h, v)))
    for k, word in ((0, "row"), (1, "column")):
        for shift in (1, -1):
            moved = _shifted(pads, k, shift)
            if moved is None:
                continue
            side = "SAME padding on the wrong side" if pads != ((0, 0), (0, 0)) else "conv gradient shifted"
            yield (
                side,
                f"dx is one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                changed(dx_with(kernel, moved)),
            )
            yield (
                side,
                f"dw is one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                changed(None, lambda dy, dw, moved=moved: correlate_back(dy, a, kernel, layout, moved, stride)[1]),
            )
            yield (
                side,
                f"dx and dw are one {word} off: backward pads {moved[k]} where forward pads {pads[k]}",
                changed(pads=moved),
            )
    for shift in (1, -1):
        moved = _shifted(pads, 0, shift)
        moved = None if moved is None else _shifted(moved, 1, shift)
        if moved is None:
            continue
        side = "SAME padding on the wrong side" if pads != ((0, 0), (0, 0)) else "conv gradient shifted"
        text = f"backward pads {moved} where forward pads {pads}"
        yield side, f"dx is off by a row and a column: {text}", changed(dx_with(kernel, moved))
        yield (
            side,
            f"dw is off by a row and a column: {text}",
            changed(None, lambda dy, dw, moved=moved: correlate_back(dy, a, kernel, layout, moved, stride)[1]),
        )
        yield (side, f"dx and dw are off by a row and a column: {text}", changed(pads=moved))


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


def _shifted(pads, k: int, shift: int):
    """Padding moved by one from the end to the start, or back."""
    before, after = pads[k][0] + shift, pads[k][1] - shift
    if before < 0 or after < 0:
        return None
    return tuple((before, after) if j == k else pads[j] for j in (0, 1))
