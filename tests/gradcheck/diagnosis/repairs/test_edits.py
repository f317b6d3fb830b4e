"""Edits of one place in a function's source."""

import ast
from types import SimpleNamespace

import numpy as np

from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Scope

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
        dv[:, rows, 1:] += dy
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
        "np.add.at(dv, (slice(None, None), rows, slice(1, None)), dy)": "repeated indices written over",
    }.items():  # fmt: skip
        assert name in [n for text, n in seen.items() if mended in text.replace("(delta)", "delta")], mended
    assert not any("np.add.at(dx" in text for text in seen)  # a slice has no index twice


def test_what_is_no_expression_is_left_as_it_is():
    tree = ast.parse("def f(x, *more):\n    return g(*more) + x").body[0]
    assert any(edit.name == "sign flipped" for edit in edits(tree, Scope({"x": np.ones(2)})))


def test_arrays_of_other_shapes_crops_of_pictures_and_parts_of_a_penalty():
    source = """
def backward(q, g, w, m, pad, cache):
    dk = q @ g
    img = m[:, :h, :h]
    g += lam * w
    m[rows, y] = -1
    for i, j in cells:
        m[i + a, j + b] = dk[i, j]
    return np.dot(w, q - g), w.sum(axis=-2)
"""
    tree = ast.parse(source).body[0]
    values = {"q": np.ones((2, 3, 3)), "g": np.ones((2, 3, 3)), "w": np.ones((2, 3, 3)), "m": np.ones((4, 5)),
              "v": np.ones((2, 3, 3)), "cache": {"keep": 0.8}, "pad": 1, "i": 0, "j": 0, "s": 2}  # fmt: skip
    seen = {}
    for edit in edits(tree, Scope(values, numpy="np")):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", ""), edit.name)
        edit.undo()
    for mended, name in {
        "q.swapaxes(-1,-2)@g": "transposed", "m[:,pad:pad+h,pad:pad+h]": "border not cut off",
        "g[1:]+=lam*w[1:]": "wrong slice", "=-m.sum(axis=1)": "number instead of an array",
        "m[i*s+a,j*s+b]": "stride left out", "np.dot(w,v)": "wrong array", "axis=2)": "wrong axis",
        "dk=q@g*cache['keep']": "factor left out",
    }.items():  # fmt: skip
        assert name in [n for text, n in seen.items() if mended in text.replace("(i*s)", "i*s").replace("(j*s)", "j*s")
                        .replace("(q@g)", "q@g")], mended  # fmt: skip
    assert not any("(q@g)*m" in text for text in seen)  # an array of another shape


def test_what_the_forward_multiplies_by_and_what_is_not_read_is_added():
    source = """
def backward(dy, cache, k):
    sign = np.where(y > 0, 1, -1)
    da = dy
    out[rows, y] -= 1
    out[y[0], rows[0]] = 0
    for p in range(3):
        seg = slice(p, p + n)
        dz[:, p] = dy
    dg = dy * g * (1 - g)
    dx = m * (dy - s1 - s2)
    return x[:, :n] * (dy * x + dy), np.hstack([dz, dy * y])
"""
    tree = ast.parse(source).body[0]
    row, wide = np.full((4, 1), 0.5), np.full((4, 3), 0.5)
    values = {"dy": wide, "x": wide, "g": wide, "s1": row, "s2": row, "m": 4, "out": wide, "dz": wide, "n": 3,
              "y": np.array([0, 1, 2, 1]), "k": np.ones((4, 3), int), "stride": 2, "T": 0.7,
              "sign": wide[:, 0]}  # fmt: skip
    seen = {}
    scope = Scope(values, numpy="np", factors=("(D / keep)",), divisors=("m",), functions=("np.exp",))
    for edit in edits(tree, scope):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", ""), edit)
        edit.undo()
    for mended, name in {
        "da=dy*sign": "factor left out", "da=dy*(D/keep)": "factor left out", "da=dy/m": "missing 1/m",
        "out=out*(D/keep)": "factor left out", "out=out/m": "missing 1/m",
        "out=out/T": "divisor left out",        "out[rows[0],y[0]]=0": "indices swapped",
        "slice(p*stride,p*stride+n)": "stride left out", "dz[:,p]=dy*(k==p)": "mask left out",
        "dg=dy*(1-g**2)": "wrong activation derivative", "s1-s2*x": "factor left out",
        "x[:,-n:]": "slice of the other end", "s1-np.exp(s2)": "function left out",
    }.items():  # fmt: skip
        bare = {text.replace("(dy)", "dy").replace("(s2)*", "s2*").replace("(p*stride)", "p*stride"): edit.name
                for text, edit in seen.items()}  # fmt: skip
        assert name in {n for text, n in bare.items() if mended in text}, mended


def test_what_is_assigned_and_not_read_may_be_the_term_and_sums_are_added_in_place():
    source = """
def backward(dy, h, mask, w, err, lam):
    later = w.T @ dy
    d = dy * h
    g = g + lam * w
    return (dy - h).T @ h, d.reshape(3, 2), g
"""
    tree = ast.parse(source).body[0]
    square = {n: np.ones((3, 2)) for n in ("dy", "h", "d", "w", "g", "err", "later")}
    seen = set()
    for edit in edits(tree, Scope({**square, "mask": np.ones(3)})):
        edit.apply()
        seen.add((edit.name, ast.unparse(tree)))
        edit.undo()
    for name, mended in (
        ("term left out", "d = dy * h + later"), ("wrong slice", "g[1:] += lam * w[1:]"), ("wrong array", "err.T @ h"),
        ("factor left out", "(d * mask[:, None]).reshape"), ("factor left out", "((dy - h) * err).T"),
    ):  # fmt: skip
        assert any(n == name and mended in text.replace("(dy * h)", "dy * h") for n, text in seen), mended


def test_kernels_borders_masks_and_orders_are_turned():
    source = """
def backward(dy, k, a, z, m, eps):
    dx = conv(dy, k, ((1, 0), (2, 0)))
    dz = dy * a * (1 - a) * a * (1 - a)
    dm = np.roll(dy, 1, axis=0) * ~m + z.swapaxes(0, 1)[::-1]
    return [dx, dz, dm]
"""
    tree = ast.parse(source).body[0]
    half = np.full((4, 4), 0.5)
    values = {"dy": half, "k": np.ones((3, 3, 2, 2)), "a": half, "z": half, "m": half > 0, "eps": 1e-5}
    scope = Scope(values, numpy="np", modules=frozenset({"np"}), functions=("np.tanh",))
    seen = {}
    for edit in edits(tree, scope):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", ""), edit)
        edit.undo()
    for mended, name in {
        "conv(dy,k[::-1,::-1],": "kernel not flipped", "((0,1),(0,2))": "padding on the wrong side",
        "dz=dy*a*(1-a)\n": "derivative applied twice", "dm=dy*~m": "values moved", "axis=0)*m": "mask inverted",
        "z[::-1]": "transposed", "swapaxes(0,1)\n": "values flipped", "[dm,dz,dx]": "gradients in reverse layer order",
        "(a+eps)": "term left out", "dy*(1-a**2)*(1-a)": "wrong activation derivative",
    }.items():  # fmt: skip
        assert name in {edit.name for text, edit in seen.items() if mended in text}, mended


def test_what_an_argument_brings_is_used_and_masks_have_other_entries():
    source = "def backward(dy, x, kept):\n    mask = x > 0\n    return kept * x * mask"
    tree = ast.parse(source).body[0]
    seen = []
    given = {"dy": np.ones(3), "x": np.ones(3), "kept": np.array([0.0, 1, 1]), "mask": np.ones(3, bool)}
    for edit in edits(tree, Scope(given)):
        edit.apply()
        seen.append(ast.unparse(tree).rpartition("return ")[2])
        edit.undo()
    assert {"kept * x * ~mask", "(1 - kept) * x * mask"} <= {*seen}
    assert seen.index("kept * x * mask * dy") < seen.index("kept * x * mask * x")


def test_slopes_of_entries_and_words_that_calls_are_given_are_exchanged():
    source = """
def backward(dy, hidden, j):
    d = back(dy, "relu") + back(dy, "sigmoid")
    return d * (1 - hidden[j] ** 2)
"""
    tree = ast.parse(source).body[0]
    seen = set()
    for edit in edits(tree, Scope({"dy": np.ones(3), "hidden": np.ones(3), "j": 1})):
        edit.apply()
        seen.add(ast.unparse(tree))
        edit.undo()
    for mended in ("d * (hidden[j] * (1 - hidden[j]))", "back(dy, 'sigmoid') + back(dy, 'sigmoid')"):
        assert any(mended in text for text in seen), mended


def test_a_name_that_says_what_something_is_for_needs_evidence_that_it_is():
    source = """
def backward(dy, a, train, grads):
    dz = dy * a * (1 - a)
    dw = dz + a if not train else (dy + a) * (1 - a)
    taps = [1, 2, 4]
    grads["w"], grads["a"] = dw, dz
    parts = dz, dw
    return look(dz, ((0, 1), (1, 0))), parts
"""
    tree = ast.parse(source).body[0]
    seen = {}
    for edit in edits(tree, Scope({"dy": np.ones((4, 4)), "a": np.full((4, 4), 0.5)})):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", "").replace("(dy)", "dy"), edit.name)
        edit.undo()
    for mended, name in {
        "dz=dy\n": "extra factor", "iftrainelse": "wrong case", "+a)*(1-a**2)": "wrong power",
        "taps=[4,2,1]": "values flipped", "taps=[2,1,4]": "values swapped",
        "['w'],grads['a']=(dz,dw)": "gradients swapped",
        "parts=(dw,dz)": "gradients swapped", "((1,0),(0,1))": "wrong axis",
    }.items():  # fmt: skip
        assert name in {n for text, n in seen.items() if mended in text}, mended
    assert not {"derivative applied twice", "padding on the wrong side"} & {*seen.values()}


def test_a_function_in_another_is_edited_by_itself():
    tree = ast.parse("def f(dy):\n    def g(w):\n        return 2 * w\n    return g(dy)").body[0]
    inner = set(ast.walk(tree.body[0]))
    assert not [edit for edit in edits(tree, Scope({"dy": np.ones(3)})) if edit.old in inner]
    assert [edit for edit in edits(tree.body[0], Scope({"w": np.ones(3)})) if edit.old in inner]


def test_values_of_a_loop_axes_of_the_forward_and_squares_are_exchanged():
    source = """
def backward(dy, a, b, slope):
    dx = join([f(t) for t in (b, a, dy)])
    return dx * (1 - a * a) * dy.mean(axis=(0, 3)), dy * pick(a > 0, 1, b), b.sum(), c.sum()
"""
    tree, forward = ast.parse(source).body[0], ast.parse("y = x.mean(axis=(1, 3, 4))")
    arrays = {n: np.ones((2, 3, 2, 2)) for n in ("dy", "a", "b")}
    seen = {}
    for edit in edits(tree, Scope({**arrays, "slope": 0.3}, forwards=(forward,))):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", ""), edit.name)
        edit.undo()
    for mended, name in {
        "tin(a,b,dy)": "values swapped", "axis=(1,3,4)": "wrong axis", "(1-b*b)": "wrong array",
        "pick(a>0,1,b+slope)": "term left out", "b.sum((1,3,4),keepdims=True)": "wrong axis", "c.sum(0)": "wrong axis",
    }.items():  # fmt: skip
        assert name in {n for text, n in seen.items() if mended in text}, mended


def test_sums_in_comprehensions_operands_of_dot_and_conjugates_are_tried():
    source = """
def backward(np, dy, a, pairs):
    grads = [g for s, g in pairs]
    return grads, np.dot(a.T, a), dy * a
"""
    tree, seen = ast.parse(source).body[0], {}
    arrays = {"dy": np.ones((3, 3)), "a": np.ones((3, 3), complex)}
    for edit in edits(tree, Scope(arrays, numpy="np", modules=frozenset({"np"}))):
        edit.apply()
        seen.setdefault(ast.unparse(tree).replace(" ", ""), edit.name)
        edit.undo()
    for mended, name in {
        "[s+gfors,ginpairs]": "overwritten instead of added up", "np.dot(a,a.T)": "operands swapped",
        "dy*np.conj(a)": "conjugate left out",
    }.items():  # fmt: skip
        assert name in {n for text, n in seen.items() if mended in text}, mended


def test_entries_of_lists_that_an_object_holds_are_exchanged_and_conjugated():
    source = """
def backward(self, dy):
    for l in range(3):
        dy = dy * self.masks[l]
    return dy * (1.0 - np.tanh(self.z))
"""
    tree, seen = ast.parse(source).body[0], {}
    waves = [np.ones((3, 3), complex)] * 3
    layer = SimpleNamespace(masks=waves, fields=waves[:], sizes=(1, 2, 3), z=np.ones((3, 3)))
    scope = Scope({"self": layer, "dy": np.ones((3, 3)), "l": 0}, numpy="np", functions=("np.tanh",))
    for edit in edits(tree, scope):
        edit.apply()
        seen.setdefault(ast.unparse(tree), (edit.name, edit.cost))
        edit.undo()
    for mended, name in {
        "dy * self.fields[l]": "wrong array", "dy * np.conj(self.masks[l])": "conjugate left out",
        "dy * (1.0 - np.tanh(self.z) ** 2)": "wrong activation derivative",
    }.items():  # fmt: skip
        assert name in {n for text, (n, _) in seen.items() if mended in text}, mended
    assert not any("self.sizes[l]" in text for text in seen)


def test_the_gradient_of_scores_is_no_gradient_of_probabilities():
    tree = ast.parse("def backward(p, y):\n    return p - y").body[0]

    def found(**forward):
        for edit in edits(tree, Scope({"p": np.full((2, 3), 0.2), "y": np.zeros((2, 3))}, **forward)):
            edit.apply()
            if edit.name == "gradient of the scores for that of the probabilities":
                yield ast.unparse(tree.body[0])
            edit.undo()

    assert [*found(functions=("np.log",))] == ["return -y / p", "return (p - y) / (p * (1 - p))"]
    assert not [*found(functions=("np.exp",))]


def test_a_parameter_steps_after_what_reads_it():
    source = """
def backward(self, dout, lr):
    self.W -= lr * self.x.T @ dout
    dout = dout * 2
    dz = dout * 3
    dz -= dz.mean()
    self.params["b"] = self.params["b"] - lr * dout.sum(0)
    self.calls = 1
    return dz @ self.W.T + self.params["b"]
"""
    tree = ast.parse(source).body[0]
    found = {}
    for edit in edits(tree, Scope({"lr": 0.1, "dout": np.ones((4, 2))})):
        if edit.name == "updated before its last use":
            edit.apply()
            found[edit.old.lineno] = ast.unparse(edit.new.body[-3:])
            edit.undo()
    last = "dx = dz @ self.W.T + self.params['b']\n{}\nreturn dx"
    assert found == {
        3: last.format("self.W -= lr * self.x.T @ dout"),
        7: last.format("self.params['b'] = self.params['b'] - lr * dout.sum(0)"),
    }


def test_of_edits_that_cost_the_same_the_one_in_the_earlier_line_is_tried_first():
    tree = ast.parse("def f(dy, w):\n    turned = w\n    if dy:\n        v = turned\n    return conv(dy, v)").body[0]
    scope = Scope({name: np.zeros((3, 3, 2, 2)) for name in ("w", "turned", "v")})
    lines = [e.old.lineno for e in edits(tree, scope) if e.name == "kernel not flipped"]
    assert lines == sorted(lines) and len({*lines}) == 3


def test_one_minus_a_probability_is_tried_for_the_probability_and_the_reverse():
    tree = ast.parse("def f(dh, z, n):\n    dn = dh * z\n    return dn * (1 - n), np.exp(n) - 1").body[0]
    scope = Scope({"z": np.full(3, 0.2), "n": np.full(3, 0.4), "dh": np.full(3, 2.0)})
    found = [e for e in edits(tree, scope) if isinstance(e.new, str | ast.expr)]
    seen = {(e.name, ast.unparse(e.old), e.new if isinstance(e.new, str) else ast.unparse(e.new)) for e in found}
    assert {("p for 1 - p", "z", "(1 - z)"), ("1 - p for p", "1 - n", "n")} <= seen
    assert not any(old == "dh" and name == "p for 1 - p" for name, old, _ in seen)
    assert not any(old == "1" and new == "0" for _, old, new in seen)  # x - 0: the term is left out


def test_an_array_of_the_same_shape_comes_before_one_whose_shape_a_loop_may_change():
    tree = ast.parse("def f(a):\n    for x in a:\n        v = x\n    return v").body[0]
    scope = Scope({"v": np.zeros((2, 3)), "x": np.zeros((2, 3)), "w": np.zeros((5, 4))})
    cost = {e.new: e.cost for e in edits(tree, scope) if e.name == "wrong array" and ast.unparse(e.parent) == "v = x"}
    assert cost["v"] < cost["w"]


def test_a_call_that_is_made_of_another_value_is_tried_with_names_exchanged():
    source = "def f(dy, a, b):\n    da = unbroadcast(dy * b, a.shape)\n    db = dy * a\n    return da, db"
    tree, scope = ast.parse(source).body[0], Scope({n: np.zeros(3) for n in ("dy", "a", "b", "da", "db")})
    news = {e.new for e in edits(tree, scope) if e.name == "function left out" and ast.unparse(e.old) == "dy * a"}
    assert news == {"unbroadcast(dy * a, b.shape)"}


def test_a_gate_that_is_taken_for_another_is_exchanged_wherever_it_stands_in_a_product():
    source = "def backward(df, i, f, os, gs, t):\n    return df * i * (1 - i), df * os[t] * (1 - os[t])"
    tree = ast.parse(source).body[0]
    gates = {n: np.full((2, 3), 0.5) for n in ("df", "i", "f")}
    tables = {"os": [gates["i"]] * 2, "gs": [gates["f"]] * 3}
    seen = set()
    for edit in edits(tree, Scope({**gates, **tables, "t": 0})):
        edit.apply()
        seen.add(ast.unparse(tree.body[-1]))
        edit.undo()
    assert "return (df * f * (1 - f), df * os[t] * (1 - os[t]))" in seen
    assert "return (df * i * (1 - i), df * gs[t] * (1 - gs[t]))" in seen


def test_a_function_that_is_called_is_no_number_to_put_in_the_place_of_another():
    """Arrays of functions, which such an edit makes, have ended the process."""
    tree = ast.parse("def f(x, y):\n    return np.array([x * y, np.pi * x]) @ np.ones(2)").body[0]
    scope = Scope({"x": 1.0, "y": 2.0}, numpy="np", forwards=(tree,))
    assert list(edits(tree, scope))
    assert {"x * y", "np.pi"} <= (parts := {ast.unparse(part) for part in scope.parts})
    assert not {"np.array", "np.ones"} & parts
