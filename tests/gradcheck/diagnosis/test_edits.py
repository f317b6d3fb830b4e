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


def test_windows_strides_and_signs_are_mended():
    source = """
def backward(dy, x, w, k, s, e, delta):
    for t in range(k):
        dx[:, t:t + 3] += dy @ w[k - 1 - t, :]
        dw[t, 1:] += x[:, :3].T @ dy[:, i + t, j]
    return np.where(x > 0, e, delta)
"""
    tree = ast.parse(source).body[0]
    scope = Scope({"k": 2, "s": 2, "t": 0, "e": np.ones(3), "dy": np.ones((2, 3))}, numpy="np")
    seen = {}
    for edit in edits(tree, scope):
        edit.apply()
        seen.setdefault(ast.unparse(tree), edit.name)
        edit.undo()
    for mended, name in {
        "w[t, :]": "values flipped", "x[:, t:t + 3]": "wrong slice", "x[:, k:k + 3]": "border not cut off",
        "delta * np.sign(e)": "sign left out",
    }.items():  # fmt: skip
        assert name in [n for text, n in seen.items() if mended in text.replace("(delta)", "delta")], mended
    assert not any("np.add.at(dx" in text for text in seen)  # a slice has no index twice


def test_what_is_no_expression_is_left_as_it_is():
    tree = ast.parse("def f(x, *more):\n    return g(*more) + x").body[0]
    assert any(edit.name == "sign flipped" for edit in edits(tree, Scope({"x": np.ones(2)})))
