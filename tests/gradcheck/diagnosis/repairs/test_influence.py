import ast

from jaxdoodle.gradcheck.diagnosis.repairs.influence import ALL, NONE, SOME, influence

SOURCE = """
def backward(dy, x):
    dz = 3 * dy
    dw = [dz * v for v in x]
    rows = []
    rows.append(dz + 1)
    return dz, {"w": dw, "rows": rows}, dy
"""


def _known(wrong, right):
    tree = ast.parse(SOURCE).body[0]

    def run():
        names = {}
        try:
            exec(compile(ast.fix_missing_locations(ast.Module([tree], [])), "<test>", "exec"), names)
            dz, more, dy = names["backward"](2.0, [1.0, 5.0])
        except TypeError:
            return {}
        return {"z": dz, "w": more["w"], "rows": more["rows"], "y": dy, "bias": 1e-14 * dz}

    written = ast.unparse(tree)
    known = influence(tree, run, wrong, right)
    assert ast.unparse(tree) == written
    return {ast.unparse(n): known[id(n)] for n in ast.walk(tree) if id(n) in known}


def test_a_place_is_known_by_the_gradients_that_hang_on_it():
    known = _known(["z", "w", "rows"], ["y"])
    assert known["3 * dy"] == ALL and known["dz * v"] == SOME and known["rows.append(dz + 1)"] == SOME
    assert known["return (dz, {'w': dw, 'rows': rows}, dy)"] == SOME  # its entries apart


def test_nothing_hangs_on_a_place_that_a_right_gradient_hangs_on():
    known = _known(["w"], ["z", "rows", "y"])
    assert known["3 * dy"] == NONE and known["x"] == known["dz * v"] == ALL


def test_what_moves_by_rounding_alone_hangs_on_nothing():
    assert _known(["z", "w", "rows"], ["y", "bias"])["3 * dy"] == ALL
