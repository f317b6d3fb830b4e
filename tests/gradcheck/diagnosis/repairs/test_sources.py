"""Which functions and lines of a program are edited."""

import ast

from jaxdoodle.gradcheck.diagnosis.repairs.sources import _factors, _node


def test_a_lambda_is_found_by_its_line_and_its_arguments():
    text = "pair = lambda x: x, lambda x, g: 2 * x * g\nsame = lambda z: z, lambda z: -z\n"
    tree = ast.parse(text)
    names = {}
    exec(compile(text, "two_lambdas.py", "exec"), names)
    node = _node(tree, names["pair"][1].__code__)
    assert ast.unparse(node.body[0]) == "return 2 * x * g" and _node(tree, names["same"][0].__code__) is None


def test_of_what_the_forward_multiplies_by_names_alone_come_first():
    text = "def f(a, b, c, d):\n    return (a + b) * (c - d) + (d * (a - 1)) @ (b * c)"
    factors = _factors([ast.parse(text).body[0]], {"a", "b", "c", "d"}, ast.Mult)
    assert factors[:3] == ("(d)", "(b)", "(c)") and "(a + b)" in factors
