"""Gradients in another shape than the parameter's."""

from __future__ import annotations

import numpy as np

from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.report import UNNAMED, Finding

_BROADCASTS = "shape that only broadcasts to the right one"


def settle(
    got: dict[str, np.ndarray], want: dict[str, np.ndarray], tolerance: float
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """Gradients whose shape is right or can be made right, and findings about the others."""
    misfits = {n for n in got if got[n].shape != want[n].shape}
    if not misfits:
        return got, []
    floor = 1e-7 * float(np.sqrt(sum(np.vdot(w, w) for w in want.values())))

    def agrees(a, b):
        return a.shape == b.shape and close(a, b, floor, tolerance) and bool(b.any())

    source = {n: o for n in misfits for o in want if o != n and agrees(got[n], want[o])}
    findings: list[Finding] = []
    if source:
        more = {n: o for n in got if n not in source for o in want if o != n and agrees(got[n], want[o])}
        source |= {n: o for n, o in more.items() if not agrees(got[n], want[n])}
        names = [n for n in want if n in source]
        title, sentence = order_words({n: source[n] for n in names}, list(want))
        findings.append(Finding(title, sentence, tuple(names)))
    usable = {n: g for n, g in got.items() if n not in source}
    for name in [n for n in want if n in misfits and n not in source]:
        value, finding = _one(name, got[name], want[name], agrees)
        findings.append(finding)
        if value is None:
            del usable[name]
        else:
            usable[name] = value
    return usable, findings


def _one(name, got, want, agrees) -> tuple[np.ndarray | None, Finding]:
    shapes = f"the gradient of {name} has shape {got.shape} where {name} has {want.shape}"
    if got.ndim == 2 and got.T.shape == want.shape and agrees(got.T, want):
        return None, Finding("gradient transposed", f"{shapes}: it is right but transposed", (name,))
    if got.size == want.size:
        flat = got.reshape(want.shape)
        said = "; its values are right" if agrees(flat, want) else ""
        return flat, Finding(_BROADCASTS, f"{shapes}{said}: an update in place would broadcast or fail", (name,))
    if got.size == 1:
        value = np.full(want.shape, got.reshape(()))
        for words, right in (("the sum", want.sum()), ("the mean", want.mean())):
            if agrees(value, np.full(want.shape, right)):
                return None, Finding(
                    "bias summed over everything", f"{shapes}: it is {words} over the entries of the right one", (name,)
                )
        return None, Finding(_BROADCASTS, f"{shapes}: one number for all entries", (name,))
    for count in range(1, got.ndim + 1):
        for start in range(got.ndim - count + 1):
            total = got.sum(axis=tuple(range(start, start + count)))
            for words, value in (("summed", total), ("summed and divided by its size", total / got.size * total.size)):
                if value.size == want.size and agrees(value.reshape(want.shape), want):
                    return None, Finding(
                        "bias not summed over the batch",
                        f"{shapes}: it holds one for each example; {words} over axis {start} it would be right",
                        (name,),
                    )
    try:
        np.broadcast_shapes(got.shape, want.shape)
    except ValueError:
        return None, Finding(UNNAMED, f"{shapes}, and its values tell nothing more", (name,))
    return None, Finding(_BROADCASTS, f"{shapes}: the two broadcast, but are not one", (name,))


def order_words(source: dict[str, str], names: list[str]) -> tuple[str, str]:
    """Name and sentence for "leaf <- gradient of another leaf"."""
    told = ", ".join(f"d{n} holds the gradient of {o}" for n, o in source.items())
    mutual = all(source.get(o) == n for n, o in source.items())
    if mutual and len(source) == 2:
        return "gradients swapped", f"two gradients are exchanged: {told}"
    if mutual and _reversed(source, names):
        return "gradients in reverse layer order", f"the gradients come in reverse layer order: {told}"
    if mutual:
        return "gradients swapped", f"gradients are exchanged: {told}"
    return "gradient of another leaf", told


def _reversed(source: dict[str, str], names: list[str]) -> bool:
    """Do the exchanged positions mirror each other, in one list, in a list of (w, b), or in a list of each?"""
    position = {n: i for i, n in enumerate(names)}
    if len({position[n] // 2 + position[o] // 2 for n, o in source.items()}) == 1 or {
        position[n] + position[o] for n, o in source.items()
    } == {len(names) - 1}:
        return True
    lists: dict[str, set[int]] = {}
    for n, o in source.items():
        lists.setdefault(n.rpartition(".")[0], set()).add(position[n] + position[o])
    return len(lists) > 1 and all(len(sums) == 1 for sums in lists.values())
