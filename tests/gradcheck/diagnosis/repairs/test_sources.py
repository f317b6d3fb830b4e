"""Which functions and lines of a program are edited."""

import ast

from jaxdoodle.gradcheck.diagnosis.repairs.sources import _lines_of_value, _node

LOSS = """def loss(w, xs):
    total, grad = 0.0, np.zeros_like(w)
    for x in xs:
        score = x @ w
        if score > 0:
            total += score
        for j in range(3):
            grad[j] = x[j]
    if total is None:
        return score
    total /= len(xs)
    return total, grad"""


def test_lines_that_the_value_needs_are_not_edited_wherever_they_stand():
    tree = ast.parse(LOSS).body[0]
    assert _lines_of_value(tree) == {2, 3, 4, 5, 6, 11}
    assert _lines_of_value(ast.parse("def f(x):\n    return x").body[0]) is None


def test_a_lambda_is_found_by_its_line_and_its_arguments():
    text = "pair = lambda x: x, lambda x, g: 2 * x * g\nsame = lambda z: z, lambda z: -z\n"
    tree = ast.parse(text)
    names = {}
    exec(compile(text, "two_lambdas.py", "exec"), names)
    node = _node(tree, names["pair"][1].__code__)
    assert ast.unparse(node.body[0]) == "return 2 * x * g" and _node(tree, names["same"][0].__code__) is None
