"""Gradients in another shape than the parameter's."""

from __future__ import annotations

import numpy as np

from jaxdoodle.gradcheck.compare import close
from jaxdoodle.gradcheck.diagnosis.catalogue import BROADCASTS, TRANSPOSED, order_words, tell
from jaxdoodle.gradcheck.report import UNNAMED, Finding


def settle(
    got: dict[str, np.ndarray], want: dict[str, np.ndarray], tolerance: float
) -> tuple[dict[str, np.ndarray], list[Finding]]:
    """Gradients whose shape is right or can be made right, and findings about the others."""
    misfits = {n for n in got if got[n].shape != want[n].shape}
    if not misfits:
        return got, []
    floor = 1e-7 * float(np.sqrt(sum(np.nansum(np.abs(w) ** 2) for w in want.values())))

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
        return None, Finding(*tell(TRANSPOSED, what=f"{shapes}: it", how="transposed"), (name,))
    if got.size == want.size:
        flat = got.reshape(want.shape)
        said = "; its values are right" if agrees(flat, want) else ""
        told = tell(BROADCASTS, shapes=shapes, words=f"{said}: an update in place would broadcast or fail")
        return flat, Finding(*told, (name,))
    if got.size == 1:
        value = np.full(want.shape, got.reshape(()))
        for words, right in (("the sum", want.sum()), ("the mean", want.mean())):
            if agrees(value, np.full(want.shape, right)):
                return None, Finding(*tell("bias summed over everything", shapes=shapes, words=words), (name,))
        return None, Finding(*tell(BROADCASTS, shapes=shapes, words=": one number for all entries"), (name,))
    for count in range(1, got.ndim + 1):
        for start in range(got.ndim - count + 1):
            total = got.sum(axis=tuple(range(start, start + count)))
            for words, value in (("summed", total), ("summed and divided by its size", total / got.size * total.size)):
                if value.size == want.size and agrees(value.reshape(want.shape), want):
                    told = tell("bias not summed over the batch", shapes=shapes, words=words, axis=start)
                    return None, Finding(*told, (name,))
    try:
        np.broadcast_shapes(got.shape, want.shape)
    except ValueError:
        return None, Finding(UNNAMED, f"{shapes}, and its values tell nothing more", (name,))
    return None, Finding(*tell(BROADCASTS, shapes=shapes, words=": the two broadcast, but are not one"), (name,))
