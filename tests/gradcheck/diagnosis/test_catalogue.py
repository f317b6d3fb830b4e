"""Every repair has a sentence that a student reads."""

import ast
import inspect
import re

from jaxdoodle.gradcheck.diagnosis import catalogue
from jaxdoodle.gradcheck.diagnosis.repairs.edits import RULES

#: What a repair undoes, where its name says it.
SAID = frozenset({
    "1 - p for p", "activation derivative forgotten", "arguments swapped", "conjugate left out",
    "derivative applied twice", "divided instead of multiplied", "divisor left out", "factor left out",
    "function left out", "index off by one", "indices swapped", "multiplied instead of divided", "p for 1 - p",
    "sign flipped", "sign left out", "slice off by one", "term left out", "transposed",
    "values flipped", "values moved", "wrong activation derivative", "wrong array", "wrong axis", "wrong case",
    "wrong comparison", "wrong constant", "wrong index", "wrong number", "wrong power", "wrong slice",
})  # fmt: skip


def test_every_mistake_that_a_rule_undoes_is_in_the_catalogue():
    trees = [ast.parse(inspect.getsource(module)) for module in {inspect.getmodule(rule) for rule in RULES}]
    puts = [
        n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "put"
    ]
    parts = [c for put in puts for c in ast.walk(put.args[0])]
    names = {c.value for c in parts if isinstance(c, ast.Constant)}
    names |= {getattr(catalogue, c.id) for c in parts if isinstance(c, ast.Name) and c.id.isupper()}
    assert len(names) > 30
    told = {n for n in names if isinstance(n, str) and len(n) > 3 and not re.match("superfluous |wrong ca", n)}
    assert told - {"n for n"} <= catalogue.REPAIRED.keys() | SAID | {"size", "shape"}


def test_what_a_mistake_is_called_may_say_of_what_it_is():
    assert catalogue.tell("{f} derivative applied twice", f="tanh", why="") == (
        "tanh derivative applied twice", "the derivative of tanh is multiplied in twice",
    )  # fmt: skip
    assert catalogue.ELSEWHERE <= catalogue.MISTAKES.keys()


def test_a_repair_reads_as_what_is_wrong_and_what_belongs_there():
    assert catalogue.sentence("n for n - 1", "a", "b") == "the forward divides by n - 1: `a` should be `b`"
    assert catalogue.sentence("sign flipped", "a", "-a") == "`a` should be `-a`"
    assert catalogue.PRECISE <= catalogue.REPAIRED.keys() and not catalogue.PRECISE & catalogue.IMPRECISE
