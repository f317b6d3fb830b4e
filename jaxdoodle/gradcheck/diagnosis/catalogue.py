"""What a mistake is called, and what a student reads of it. Decisions hang on these ids alone, never on a sentence."""

from __future__ import annotations

from jaxdoodle.gradcheck.report import UNNAMED

NOT_FINITE = "nan or infinity in the gradient"
SWAPPED = "gradients swapped"
TRANSPOSED, REARRANGED = "gradient transposed", "gradient rearranged"
EXTRA_FACTOR, MISSING_MEAN, DOUBLE_MEAN = "extra factor", "missing 1/m", "double 1/m"
OVERWRITTEN, REPEATED = "overwritten instead of added up", "repeated indices written over"

#: Names that say what the numbers show and not what was done: a repair says more.
IMPRECISE = frozenset({
    UNNAMED, EXTRA_FACTOR, MISSING_MEAN, DOUBLE_MEAN, "gradient clipped", "wrong array in a product", "factor left out",
    "absolute value used", "factor of the forward forgotten", "factor of the forward applied twice",
})  # fmt: skip
#: Repairs whose names say more than any other: what the numbers show follows from them.
PRECISE = frozenset({OVERWRITTEN, REPEATED})

#: What a repair undoes.
REPAIRED = {
    "activation derivative forgotten": "the derivative of the activation is left out",
    "added instead of assigned": "each pass of the loop has a value of its own, which is added to the one before",
    "arguments swapped": "two arguments are in each other's place",
    "border not cut off": "the border that the forward added is still there",
    "constant other than the forward's": "the forward is written with another number",
    "divided by the wrong count": "the forward divides by another count",
    "divided instead of multiplied": "a quotient stands for a product",
    "divisor left out": "what the forward divides by is left out",
    DOUBLE_MEAN: "the mean is taken once too often",
    EXTRA_FACTOR: "a factor is there that does not belong there",
    "extra term": "a term is there that does not belong there",
    "factor left out": "a factor is left out",
    "function left out": "a function that the forward applies is left out",
    SWAPPED: "two gradients are in each other's place",
    "index off by one": "the index is off by one",
    "indices swapped": "two indices are in each other's place",
    "mask left out": "the gradient belongs to the largest entry alone",
    MISSING_MEAN: "the forward takes a mean, and its 1/m is left out",
    "multiplied instead of divided": "a product stands for a quotient",
    "n - 1 for n": "the forward divides by n",
    "n for n - 1": "the forward divides by n - 1",
    "number instead of an array": "one number stands for an array",
    "operands swapped": "the operands of a matrix product are in each other's place",
    OVERWRITTEN: "each pass of the loop writes over what the one before gave; it is to be added",
    REPEATED: "an index that occurs twice gets the last value alone; all are to be added",
    "sign flipped": "the sign is wrong",
    "sign left out": "the sign of the value is left out",
    "slice of the other end": "the entries at one end are taken for those at the other",
    "slice off by one": "the slice is off by one",
    "stride left out": "the windows of the forward are a stride apart",
    "superfluous line": "this line does not belong there",
    "superfluous slice": "all entries count, not a part of them",
    "term left out": "a term is left out",
    "transposed": "a matrix is transposed, or should be",
    "values flipped": "the entries are in reverse order, or should be",
    "wrong activation derivative": "this is the derivative of another activation",
    "wrong array": "another array belongs there",
    "wrong axis": "the sum or mean runs over another axis",
    "wrong case": "the other case belongs there",
    "wrong comparison": "the comparison is another one",
    "wrong constant": "another number belongs there",
    "wrong number": "another number belongs there",
    "wrong power": "the exponent is wrong",
    "wrong slice": "another part of the array belongs there",
    "wrong time step": "the value of another time step belongs there",
}


def sentence(name: str, text: str, mended: str) -> str:
    """What a student reads of a repair: what is wrong, and the statement as it should be."""
    told = REPAIRED.get(name)
    return f"{told}: `{text}` should be `{mended}`" if told else f"`{text}` should be `{mended}`"
