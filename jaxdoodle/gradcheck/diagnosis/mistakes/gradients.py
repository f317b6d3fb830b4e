"""Mistakes that the returned gradients alone show: scaled, swapped, transposed, zero, a penalty too many."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from jaxdoodle.gradcheck.compare import multiple
from jaxdoodle.gradcheck.diagnosis.catalogue import (
    EXTRA_FACTOR,
    NO_PENALTY,
    TRANSPOSED,
    factor_words,
    number,
    order_words,
    penalty_words,
    tell,
)
from jaxdoodle.gradcheck.diagnosis.evidence import Evidence, Hypothesis, Rank


def hypotheses(evidence: Evidence) -> Iterator[Hypothesis]:
    if not evidence.wrong:
        return
    for mistakes in (zeros, without_dout, swapped, transposed, scaled, penalties):
        yield from mistakes(evidence)


def zeros(evidence: Evidence) -> Iterator[Hypothesis]:
    empty = [n for n in evidence.wrong if not evidence.got[n].any()]
    if empty:
        leaves = {n: np.zeros(evidence.got[n].shape) for n in empty}
        yield Hypothesis(*tell("gradient not written (zeros)", names=_list(empty)), Rank.PLACE, leaves=leaves)


def without_dout(evidence: Evidence) -> Iterator[Hypothesis]:
    """The gradients are those of ones for the incoming gradient."""
    ones = {node: np.ones_like(dy) for node, dy in evidence.seeds.items()}
    if evidence.given is None and any(not np.array_equal(ones[n], evidence.seeds[n]) for n in ones):
        sums = evidence.tape.leaf_values(evidence.tape.reverse(ones))
        yield Hypothesis(*tell("incoming gradient left out"), Rank.PLACE, leaves={n: sums[n] for n in evidence.wrong})


def swapped(evidence: Evidence) -> Iterator[Hypothesis]:
    """Every wrong leaf holds the gradient of another one."""
    source: dict[str, str] = {}
    for name, (other, want) in product(evidence.wrong, evidence.want.items()):
        if other != name and want.any() and evidence.agrees(name, want):
            source.setdefault(name, other)
    if source:
        leaves = {n: evidence.want[o] for n, o in source.items()}
        yield Hypothesis(*order_words(source, list(evidence.got)), Rank.PLACE, leaves=leaves)


def transposed(evidence: Evidence) -> Iterator[Hypothesis]:
    """The right numbers with two axes, or all of an image's or a kernel's, in another order."""
    for name in evidence.wrong:
        want = evidence.want[name]
        for axes in list(permutations(range(want.ndim)))[1:] if want.ndim in (2, 4) else ():
            turned = want.transpose(axes)
            how = "transposed" if turned.shape == want.shape else "transposed and reshaped"
            value = turned.reshape(want.shape)
            if evidence.agrees(name, value):
                told = tell(TRANSPOSED, what=f"the gradient of {name}", how=how)
                yield Hypothesis(*told, Rank.PLACE, leaves={name: value})
                break


# -- one factor ------------------------------------------------------------------------------------------------------


def scaled(evidence: Evidence) -> Iterator[Hypothesis]:
    """Wrong leaves that are a multiple of the right ones."""
    factors = {n: multiple(evidence.got[n], evidence.want[n]) for n in evidence.wrong}
    known = {n: c for n, c in factors.items() if c is not None and c != 0}
    groups: dict[float, list[str]] = {}
    for n, c in known.items():
        near = next((g for g in groups if abs(g - c) < 1e-6 * abs(c)), c)
        groups.setdefault(near, []).append(n)
    for c, names in groups.items():
        names += [n for n in evidence.wrong if evidence.got[n].size < 2 and evidence.agrees(n, c * evidence.want[n])]
        name, sentence = words(evidence, c, names)
        rank = Rank.NUMBER if name == EXTRA_FACTOR else Rank.COUNT
        yield Hypothesis(name, sentence, rank, leaves={n: c * evidence.want[n] for n in names}, factor=c)


def words(evidence: Evidence, c: float, names: list[str]) -> tuple[str, str]:
    """What a common factor on these leaves is called."""
    biases = [n for n in evidence.got if evidence.is_bias(n)]
    everything = set(names) == set(evidence.got) - evidence.solved
    which = "every gradient" if everything and len(names) > 1 else f"the gradient of {_list(names)}"
    if all(n in biases for n in names) and not everything:
        counts = {_summed(evidence, n) for n in names}
        if all(k and abs(c * k - 1) < 1e-6 for k in counts):
            return tell("bias mean instead of sum", which=which, n=number(counts.pop()))
    told = factor_words(c, evidence.batch)
    above = [n for n in evidence.right if all(evidence.first_use(n) > evidence.first_use(o) for o in names)]
    tail = f"; {_list(above)} nearer the output {'is' if len(above) == 1 else 'are'} exact" if above else ""
    if set(names) == {n for n in evidence.got if n not in biases} and biases:
        which = f"the gradient of every weight ({_list(names)})"
    return told[0], f"{which} is exactly {told[1]}{tail}"


def _summed(evidence: Evidence, name: str) -> int:
    """How many values the bias was added to."""
    return sum(evidence.tape.nodes[k].value.size for k in evidence.bias_uses(name)) // max(evidence.value(name).size, 1)


# -- penalties that the loss does not have ---------------------------------------------------------------------------


def penalties(evidence: Evidence) -> Iterator[Hypothesis]:
    """The difference is a multiple of the parameter itself, or of its sign."""
    found: dict[str, list[tuple[str, float]]] = {}
    added: dict[str, np.ndarray] = {}
    for name in evidence.wrong:
        p, want = evidence.value(name), evidence.want[name]
        for kind, direction in _directions(p).items() if np.count_nonzero(p) > 1 else ():
            c = multiple(evidence.got[name] - want, direction, 1e-6)
            if c and not multiple(want, direction):  # of a square alone, all is a factor
                found.setdefault(kind, []).append((name, c))
                added[name] = want + c * direction
                break
    for kind, pairs in found.items():
        names = [n for n, _ in pairs]
        listed = {n: own_penalty(evidence, n, kind) for n in names}
        ratios = {round((listed[n] + c) / listed[n], 7) for n, c in pairs if listed[n]}
        if all(listed.values()) and len(ratios) == 1:
            title, sentence = penalty_words(evidence.batch, _list(names), kind, ratios.pop(), listed[names[0]])
        elif all(c > 0 for _, c in pairs):  # less than the right one may be a part of a penalty of the loss
            told = "the difference is exactly " + ", ".join(f"{c:.6g} * {kind.replace('w', n)}" for n, c in pairs)
            title = "penalty gradient on biases" if all(map(evidence.is_bias, names)) else NO_PENALTY
            sentence = f"{told}: the gradient of a penalty on {_list(names)} that is not in the loss"
        else:
            continue
        leaves, strength = {n: added[n] for n in names}, float(f"{pairs[0][1]:.4g}")
        yield Hypothesis(title, sentence, Rank.PENALTY, leaves=leaves, constant=strength)


def _directions(w: np.ndarray) -> dict[str, np.ndarray]:
    return {"w": w, "sign(w)": np.sign(w)}


def own_penalty(evidence: Evidence, name: str, kind: str) -> float:
    """The coefficient of ``w`` or ``sign(w)`` that a penalty in the loss gives the right gradient; 0 if none."""
    leaf, direction = evidence.tape.leaves[name], _directions(evidence.value(name))[kind]
    children, by_factor = evidence.children.get(leaf, []), dict[float, np.ndarray]()
    moved = [(child, evidence.cotangents[child]) for child in (children if len(children) > 1 else ())]
    parts = [step for child, dy in moved if dy is not None for step in evidence.tape.step(child, dy)]
    for d in (d for parent, d in parts if parent == leaf and np.any(d * direction)):
        factors = d[d * direction != 0] / direction[d * direction != 0]
        if np.allclose(factors, factors[0], 1e-9, 0):  # of all entries, or of one: ``for j in range(n): w[j] ** 2``
            factor = round(float(factors[0]), 9)
            by_factor[factor] = by_factor.get(factor, np.zeros(d.shape)) + d
    return sum(multiple(d, direction, 1e-9) or 0.0 for d in by_factor.values())


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else "nothing"
