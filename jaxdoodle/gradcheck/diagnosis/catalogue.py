"""What a mistake is called, and what a student reads of it. Decisions hang on these ids alone, never on a sentence."""

from __future__ import annotations

from typing import Any

from jaxdoodle.gradcheck.report import UNNAMED

NOT_FINITE = "nan or infinity in the gradient"
SWAPPED, REVERSED, ANOTHER_LEAF = "gradients swapped", "gradients in reverse layer order", "gradient of another leaf"
TRANSPOSED = "gradient transposed"
EXTRA_FACTOR, MISSING_MEAN, DOUBLE_MEAN = "extra factor", "missing 1/m", "double 1/m"
EVERY_TIED_CELL, BROADCASTS = "max-pool gradient to every tied cell", "shape that only broadcasts to the right one"
OF_SCORES = "gradient of the scores for that of the probabilities"
NO_PENALTY, NO_TERM = "penalty gradient that the loss does not have", "penalty gradient missing"
OVERWRITTEN, REPEATED = "overwritten instead of added up", "repeated indices written over"
UPDATED = "updated before its last use"

GIVEN_Z = "derivative formula of the activation given the pre-activation"
TAKEN_AT_A = "derivative taken of the activation, not the pre-activation"
#: A derivative that is right where it is not asked for.
ELSEWHERE = frozenset({GIVEN_Z, TAKEN_AT_A})

#: Mistakes that the numbers prove, part by part; what is in braces differs from case to case, in some names too.
MISTAKES = {
    "activation derivative forgotten": "the derivative of {f} is left out: dz = da instead of dz = da * {f}'(z)",
    "average pool's rule for a max pool": "every cell gets an equal share; right is all of it for the largest",
    "bias mean instead of sum": "{which} is the mean over what the bias was added to; right is the sum, {n} times that",
    "bias not summed over the batch": "{shapes}: one for each example; {words} over axis {axis} it would be right",
    "bias summed over everything": "{shapes}: it is {words} over the entries of the right one",
    BROADCASTS: "{shapes}{words}",
    GIVEN_Z: "the formula of {f}' in terms of a = {f}(z) is given z itself",
    TAKEN_AT_A: "{f}' is evaluated at the activation a = {f}(z); it belongs at the pre-activation z",
    "derivative left out": "what flows back to {line} is passed on to {value} as it is: what lies between is left out",
    "dropout mask missing in backward": "dropout's mask is not applied in backward{but}",
    "dropout mask not rescaled in backward": "backward applies dropout's mask without its factor 1 / (1 - p) = {rate}",
    "gradient not written (zeros)": "the gradient of {names} is all zeros; it was never computed or never stored",
    "gradient path missing": "{why} is left out in backward: {line}",
    "incoming gradient left out": "what came back is the gradient of the sum of the output, whatever comes in",
    "L1 sign missing": "the gradient of |w| is written 1; right is sign(w)",
    "L2 gradient for an L1 penalty": "the gradient of |w| is written {used}; right is sign(w)",
    "labels left out of the loss gradient": "p is written for {label}",
    "max-pool gradient to every cell": "every cell of the window gets the whole gradient; right is the largest alone",
    EVERY_TIED_CELL: "every cell that equals the maximum gets all of it; on a tie only one may (or each a share)",
    "max-pool gradient to the neighbour": "the gradient lands {where} of the window",
    "probabilities left out of the loss gradient": "-y is written for {label}",
    "reshape undone in the wrong order": "the reshape or transpose at {line} is undone with the axes in another order",
    "share of the border cut off": "what falls on the border that {line} repeats is cut off; it belongs to what is "
    "repeated",
    "softmax Jacobian diagonal only": "only the entry itself gets a gradient: the terms between classes are missing",
    "softmax Jacobian without the sum": "dz = p * dp leaves out - p * sum(p * dp)",
    TRANSPOSED: "{what} is right but {how}",
    "wrong activation derivative": "{used} is used for the derivative of {f}",
    "{f} derivative applied twice": "the derivative of {f} is multiplied in twice{why}",
    "{f} derivative forgotten": "the gradient of the probabilities is passed on as that of the scores",
    "{norm} derivative forgotten": "the gradient of the normalized values is passed on as that of the input",
    "{norm} without the mean and variance terms": "mean and variance are taken for constants: dx = dxhat / std",
    "{norm} without the mean term": "what flows through the mean, - mean(dxhat), is missing",
    "{norm} without the variance term": "what flows through the variance, - xhat * mean(dxhat * xhat), is missing",
}


def tell(bug: str, **words: Any) -> tuple[str, str]:
    """The name of a mistake and what a student reads of it."""
    return bug.format(**words), MISTAKES[bug].format(**words)


#: Names that say what the numbers show and not what was done: a repair says more.
IMPRECISE = frozenset({
    UNNAMED, EXTRA_FACTOR, MISSING_MEAN, DOUBLE_MEAN, "factor of the forward forgotten",
    "factor of the forward applied twice", "derivative left out",
})  # fmt: skip
#: Repairs whose names say more than any other: what the numbers show follows from them.
PRECISE = frozenset({OVERWRITTEN, REPEATED, UPDATED})

#: What a repair undoes, with what a student reads beside the name; that of others says it.
REPAIRED = {
    "border not cut off": "the border that the forward added is still there",
    "constant other than the forward's": "the forward is written with another number",
    "divided by the wrong count": "the forward divides by another count",
    DOUBLE_MEAN: "the mean is taken once too often",
    EXTRA_FACTOR: "a factor is there that does not belong there",
    "extra term": "a term is there that does not belong there",
    REVERSED: "they are in reverse order",
    SWAPPED: "two gradients are in each other's place",
    "kernel not flipped": "where gradients flow back through a convolution, its kernel is turned by 180 degrees",
    "wrong argument": "another cache or table is handed on than the one that belongs there",
    "mask inverted": "what is kept and what is dropped are exchanged",
    OF_SCORES: "p - y belongs to the scores that softmax or sigmoid takes, not to the probabilities that it gives",
    "labels left out of the loss gradient": "the 1 of the right class is not subtracted",
    "mask left out": "the gradient belongs to the largest entry alone",
    MISSING_MEAN: "the forward takes a mean, and its 1/m is left out",
    "n for n - 1": "the forward divides by n - 1",
    "number instead of an array": "one number stands for an array",
    "operands swapped": "the operands of a matrix product are in each other's place",
    OVERWRITTEN: "each pass of the loop writes over what the one before gave; it is to be added",
    REPEATED: "an index that occurs twice gets the last value alone; all are to be added",
    "padding on the wrong side": "the border is wider on the other side",
    "slice of the other end": "the entries at one end are taken for those at the other",
    "stride left out": "the windows of the forward are a stride apart",
    "superfluous slice": "all entries count, not a part of them",
    UPDATED: "a parameter steps before the gradient that is passed on is computed with it",
    "wrong time step": "the value of another time step belongs there",
}


def sentence(name: str, text: str, mended: str) -> str:
    """What a student reads of a repair: what is wrong, and the statement as it should be."""
    told = REPAIRED.get(name)
    return f"{told}: `{text}` should be `{mended}`" if told else f"`{text}` should be `{mended}`"


# -- names that hang on a number, or on an order ---------------------------------------------------------------------


def factor_words(c: float, batch: int | None) -> tuple[str, str]:
    """(class, "c times too ...") of a factor."""
    m = batch or 0
    times = f"{number(c)} times the right one"
    known = [(-1.0, "sign flipped", "the negative of the right one")]
    if m > 1:
        square = f"{times}, the square of the batch size m = {m}"
        flipped = f"{times}: sign flipped, and 1/m misplaced (m = {m})"
        known += [
            (m, MISSING_MEAN, f"{m} times too large, the batch size: the mean's 1/m is missing"),
            (1 / m, DOUBLE_MEAN, f"{m} times too small, the batch size: 1/m is applied once too often"),
            *((k, "sign flipped", flipped) for k in (-m, -1 / m)),
            *((k, EXTRA_FACTOR, square) for k in (m * m, 1 / (m * m))),
        ]
    near = ((name, told) for value, name, told in known if abs(c - value) < 1e-6 * abs(value))
    return next(near, (EXTRA_FACTOR, times))


def number(c: float) -> str:
    return next((f"1/{k}" for k in range(2, 4097) if abs(c * k - 1) < 1e-9), f"{c:.6g}")


def penalty_words(batch: int | None, leaf: str, kind: str, c: float, right: float) -> tuple[str, str]:
    """Name and sentence of a penalty's gradient that is c times the right one."""
    norm = "L2" if kind == "w" else "L1"
    known = {0.0: (NO_TERM, ""), -1.0: ("penalty gradient with the wrong sign", "")}
    if norm == "L2":
        known |= {0.5: ("gradient lambda w for 2 lambda w", " (the square's 2 is missing)")}
        known |= {2.0: ("gradient 2 lambda w for lambda w", " (the loss has a 1/2 that cancels the square's 2)")}
    if batch is not None and batch > 2:
        known |= {float(batch): ("penalty gradient scaled", f" (it is not divided by the batch size {batch})")}
        known |= {1 / batch: ("penalty gradient scaled", f" (it is divided once too often by the batch size {batch})")}
    name, why = next((v for k, v in known.items() if abs(c - k) < 1e-6), ("penalty gradient scaled", ""))
    told = f"the penalty's gradient for {leaf} is {c * right:.6g} * {kind}; right is {right:.6g} * {kind}"
    return f"{norm} {name}", told + why


def order_words(source: dict[str, str], names: list[str]) -> tuple[str, str]:
    """Name and sentence for "leaf <- gradient of another leaf"."""
    told = ", ".join(f"d{n} holds the gradient of {o}" for n, o in source.items())
    if any(source.get(o) != n for n, o in source.items()):
        return ANOTHER_LEAF, told
    if len(source) > 2 and _reversed(source, names):
        return REVERSED, f"the gradients come in reverse layer order: {told}"
    return SWAPPED, f"{'two ' * (len(source) == 2)}gradients are exchanged: {told}"


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
