"""Edits of one place in a function's source."""

import ast

import numpy as np

from jaxdoodle.gradcheck.diagnosis.edits import Scope, edits

SOURCE = "def f(x, w, dy, t):\n    d = dy * (1 - x ** 2)\n    return d @ w.T, x.T @ dy[t]"
SCOPE = Scope({"x": np.zeros((4, 3)), "w": np.zeros((3, 3)), "dy": np.zeros((4, 3)), "d": np.zeros((4, 3)), "t": 1})


def test_an_edit_changes_one_place_and_is_undone():
    tree = ast.parse(SOURCE).body[0]
    written, seen = ast.unparse(tree), {}
    for edit in edits(tree, SCOPE):
        edit.apply()
        seen.setdefault(ast.unparse(tree), edit)
        edit.undo()
        assert ast.unparse(tree) == written
    for mended, name in {
        "d = dy": "extra factor", "d @ w, x.T": "transposed", "1 + x ** 2": "sign flipped", "(dy, d, x": None,
        "x.T @ d,": None, "dy[t - 1] if t - 1 >= 0": "wrong time step", "d += dy": "overwritten instead of added up",
        "x.T @ x[t]": "wrong array",
    }.items():  # fmt: skip
        found = [edit.name for text, edit in seen.items() if mended in text]
        assert found if name is not None else not found, mended
        assert name is None or name in found
    assert [e.cost for e in edits(tree, SCOPE)] == sorted(e.cost for e in edits(tree, SCOPE))
    assert len(list(edits(tree, SCOPE, additions=False))) < len(seen)
