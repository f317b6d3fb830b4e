"""A wrong backward is mended in its own source: the line, and what belongs there."""

import ast
from functools import partial

import numpy as np
import pytest

from jaxdoodle.gradcheck import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.autograd.tape import Where
from jaxdoodle.gradcheck.diagnosis.repairs import repair
from jaxdoodle.gradcheck.diagnosis.repairs.edits import edits
from jaxdoodle.gradcheck.diagnosis.repairs.repair import ALL, NONE, SOME, _edit, influence, place
from jaxdoodle.gradcheck.diagnosis.repairs.runner import with_private_names
from jaxdoodle.gradcheck.diagnosis.repairs.scope import Edit
from jaxdoodle.gradcheck.report import Finding

RNG = np.random.default_rng(0)


def swish_forward(x, beta):
    s = 1 / (1 + np.exp(-beta * x))
    return x * s, (x, beta, s)


def swish_backward(dout, cache):
    x, beta, s = cache
    dx = dout * (s + x * s * (1 - s))
    return dx, (dout * x**2 * s * (1 - s)).sum(axis=0)


def embed_forward(table, ids):
    return table[ids], (table.shape, ids)


def embed_backward(dout, cache):
    shape, ids = cache
    d = np.zeros(shape)
    d[ids] += dout
    return d, None


def cost_forward(w, x):
    return ((x @ w) ** 2).sum() / (len(x) - 1), (x, x @ w)


def cost_backward(dout, cache):
    x, e = cache
    return dout * 2 * x.T @ e / len(x), None


def rnn_forward(xs, u):
    h, hs = np.zeros((xs.shape[1], len(u))), []
    for x in xs:
        h = np.tanh(x + h @ u)
        hs.append(h)
    return np.stack(hs), (xs, hs, u)


def rnn_backward(dhs, cache):
    xs, hs, u = cache
    dxs, du, dh = np.zeros_like(xs), np.zeros_like(u), 0
    for t in reversed(range(len(xs))):
        dz = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dxs[t] = dz
        du += hs[t].T @ dz
        dh = dz @ u.T
    return dxs, du


def half_forward(p, y):
    return ((p - y) ** 2).sum(axis=1).mean() / 2, (p, y)


def half_backward(dout, cache):
    p, y = cache
    return dout * 2 * (p - y) / p.size, None


def gate_forward(x, w, keep_prob):
    drop = np.random.default_rng(0).random(x.shape) < keep_prob
    return np.tanh(x @ w) * drop / keep_prob, (x, w, drop, keep_prob)


def gate_backward(dout, cache):
    x, w, drop, keep_prob = cache
    dz = dout * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T, x.T @ dz


def sum_forward(xs, b):
    return np.stack([np.tanh(x + b) for x in xs]), (xs, b)


def sum_backward(dout, cache):
    xs, b = cache
    dxs = dout * (1 - np.tanh(xs + b) ** 2)
    db = np.zeros_like(b)
    for dx in dxs:
        db = dx.sum(axis=0)
    return dxs, db


CASES = {
    "dropout mask missing in backward": (
        gate_forward, gate_backward, (RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4)), 0.7), "dz = dout"),
    "overwritten instead of added up": (
        sum_forward, sum_backward, (RNG.normal(size=(3, 5, 4)), RNG.normal(size=4)), "db = dx"),
    "factor left out": (swish_forward, swish_backward, (RNG.normal(size=(6, 4)), RNG.normal(size=4)), "dx = dout"),
    "repeated indices written over": (
        embed_forward, embed_backward, (RNG.normal(size=(6, 3)), np.array([1, 2, 2, 5])), "d[ids] += dout"),
    "n for n - 1": (
        cost_forward, cost_backward, (RNG.normal(size=(3, 2)), RNG.normal(size=(5, 3))), "return dout * 2"),
    "divided by the wrong count": (
        half_forward, half_backward, (RNG.normal(size=(4, 4)), RNG.normal(size=(4, 4))), "return dout * 2"),
    "wrong time step": (rnn_forward, rnn_backward, (RNG.normal(size=(4, 2, 3)), RNG.normal(size=(3, 3))), "du +="),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_repair_names_the_mistake_and_its_line(name):
    forward, backward, args, line = CASES[name]
    code = backward.__code__
    (finding,) = check(forward, backward, args).findings
    assert finding.name == name and finding.backward.text.startswith(line)
    assert "should be" in finding.sentence or name.startswith("dropout")
    assert "is right at" in finding.evidence[-1]
    assert backward.__code__ is code


def test_a_factor_that_happens_to_be_the_batch_size_is_not_called_so():
    def forward(w, x):
        return 0.5 * ((x @ w) ** 2).mean(), (x, x @ w)

    def backward(dout, cache):
        x, e = cache
        return dout * 4 * x.T @ e / len(e), None

    (finding,) = check(forward, backward, (RNG.normal(size=3), RNG.normal(size=(4, 3)))).findings
    assert finding.name == "extra factor"


def test_the_side_of_a_square_window_is_told_from_a_size_that_happens_to_be_its_square():
    def backward(dout, cache):
        shape, k = cache
        return np.repeat(np.repeat(dout, k, axis=2), k, axis=3) / k

    def pool(x):
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).mean(axis=(3, 5)), (x.shape, 2)

    (finding,) = check(pool, backward, (RNG.normal(size=(2, 3, 6, 4)),)).findings
    assert "/ k ** 2`" in finding.sentence


def test_an_edit_after_which_a_loop_never_ends_is_given_up():
    def backward(dout, cache):
        def after(i):
            return i + 1

        i, dx = 0, np.zeros_like(cache)
        while i < len(cache):
            dx[i] = dout[i] * cache[i]
            i = after(i)
        return dx

    (finding,) = check(lambda x: (x**2, x), backward, (RNG.normal(size=4),)).findings
    assert "should be `dx[i] = dout[i] * cache[i] * 2`" in finding.sentence


def test_a_constant_factor_that_was_lost_is_no_lost_term():
    def backward(dout, x):
        w = 1 + x**2
        return dout * (np.exp(x) * w + np.exp(x) * x)

    (finding,) = check(lambda x: (np.exp(x) * (1 + x**2), x), backward, (RNG.normal(size=(4, 3)),)).findings
    assert finding.name == "factor left out"


def test_a_lost_power_of_a_divisor_is_one():
    def backward(dout, cache):
        x, w = cache
        return dout / w, -dout * x / w

    args = RNG.normal(size=(4, 3)), 1 + RNG.random((4, 3))
    (finding,) = check(lambda x, w: (x / w, (x, w)), backward, args).findings
    assert finding.name == "wrong power" and "/ w ** 2" in finding.sentence


def test_what_a_loop_carries_and_does_not_read_is_what_was_left_out():
    def backward(dhs, cache):
        xs, hs, u = cache
        dxs, du, dh = np.zeros_like(xs), np.zeros_like(u), np.zeros_like(hs[0])
        for t in reversed(range(len(xs))):
            dz = dhs[t] * (1 - hs[t] ** 2)
            dxs[t] = dz
            if t > 0:
                du += hs[t - 1].T @ dz
            dh = dz @ u.T  # noqa: F841
        return dxs, du

    (finding,) = check(rnn_forward, backward, (RNG.normal(size=(3, 2, 4)), RNG.normal(size=(4, 4)))).findings
    assert finding.name == "gradient path missing"
    assert finding.backward.text.startswith("dz = ")


def test_a_line_that_gives_a_right_cotangent_is_not_mended():
    def forward(x, v):
        beta = np.exp(-v)
        return np.exp(-beta * x**2), (x, beta)

    def backward(dout, cache):
        x, beta = cache
        dbeta = (-dout * np.exp(-beta * x**2) * x**2).sum(axis=0)
        return -2 * dout * np.exp(-beta * x**2) * beta * x, -dbeta

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 3)), RNG.normal(size=3) / 2)).findings
    assert "-dbeta * beta" in finding.sentence


def test_a_line_that_stops_short_of_a_step_may_be_mended():
    def forward(x, s):
        z = np.exp(0.5 * s)
        return x * z, (x, z)

    def backward(dout, cache):
        x, z = cache
        ds = dout * x * z
        ds = ds + 0.0
        return dout * z, ds

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3)))).findings
    assert finding.backward.text == "ds = dout * x * z"


def test_a_variable_that_is_not_read_is_what_was_meant():
    def backward(dout, cache):
        z, a = cache
        slope = a * (1 - a)  # noqa: F841
        return dout * a

    (finding,) = check(
        lambda z: (1 / (1 + np.exp(-z)), (z, 1 / (1 + np.exp(-z)))), backward, (RNG.normal(size=(4, 3)),)
    ).findings
    assert finding.backward.text == "return dout * a"


def test_a_lambda_is_mended_as_one():
    forward = [lambda x: (np.tanh(x), x)]
    backward = [lambda dout, x: dout * (1 - np.tanh(x))]
    (finding,) = check(forward[0], backward[0], (RNG.normal(size=(3, 4)),)).findings
    assert "should be `lambda dout, x: dout * (1 - np.tanh(x) ** 2)`" in finding.sentence


def test_an_edit_that_changes_the_value_is_no_repair():
    def loss(w):
        e = np.zeros_like(w)
        np.multiply(w, 1, out=e)
        total = (e**2).sum()
        return total, e

    (finding,) = check_value_and_grad(lambda w: loss(w)[0], loss, (RNG.normal(size=(3, 4)),)).findings
    assert finding.backward.text == "return total, e"


def soften(t, k=0.2):
    return (1 - k) * t + k / t.shape[1]


def test_a_function_of_the_users_that_the_forward_applies_is_tried():
    def forward(z, t):
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return -np.sum(soften(t) * np.log(p)), (p, t)

    def backward(residuals, dy):
        p, t = residuals
        return dy * (p - t), None

    report = check(forward, backward, (np.random.default_rng(0).normal(size=(4, 3)), np.eye(3)[[0, 1, 2, 1]]))
    assert report.findings[0].name == "function left out"
    assert report.findings[0].mended == "return (dy * (p - soften(t)), None)"


def test_what_a_forward_keeps_is_not_scaled_for_a_factor_that_the_backward_leaves_out():
    def forward(q, k, v):
        size = q.shape[1]
        p = np.exp(q @ k.T / np.sqrt(size))
        return p @ v, (q, k, v, p)

    def backward(kept, dy):
        q, k, v, p = kept
        ds = p * (dy @ v.T)
        return ds @ k, ds.T @ q, p.T @ dy

    (finding,) = check(forward, backward, tuple(RNG.normal(size=(n, 5)) for n in (4, 3, 3))).findings
    assert finding.backward.text.startswith("ds = ")


def test_a_term_left_out_is_added_where_its_sum_is_assigned_not_where_it_is_returned():
    def backward(dout, cache):
        x, xc = cache
        dxc = 3 * xc**2 * dout
        dmu = dxc.sum(axis=0) / len(x)  # noqa: F841
        dx = dxc
        return dx, np.zeros(3)

    def forward(x, b):
        xc = x - x.mean(axis=0)
        return xc**3 + 0 * b, (x, xc)

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 3)), RNG.normal(size=3))).findings
    assert finding.backward.text == "dx = dxc"


def test_a_mended_line_has_attributes_as_they_are_written(tmp_path):
    path = tmp_path / "net.py"
    path.write_text("class Net:\n    def back(self, x):\n        self.dw = self._layer__w + self.__b * x\n")
    (method,) = with_private_names(ast.parse(path.read_text())).body[0].body
    line = method.body[0]
    edit = Edit("wrong sign", 0, line.value, "op", None, line.value.op, ast.Sub())
    _, text = place(method, str(path), edit)
    assert text == "self.dw = self._layer__w - self.__b * x"


def test_heads_that_are_put_together_without_their_transpose_are_told_with_it():
    def forward(x):
        y = np.tanh(x.reshape(len(x), -1, 2, 2).transpose(0, 2, 1, 3))
        return y, y

    def backward(y, dy):
        d = dy * (1 - y**2)
        return d.reshape(len(d), -1, 4)

    (finding,) = check(forward, backward, (RNG.normal(size=(2, 3, 4)),)).findings
    assert finding.name == "reshape undone in the wrong order"
    assert finding.mended == "return d.swapaxes(1, 2).reshape(len(d), -1, 4)"


def test_another_array_is_told_where_it_is_used_rather_than_where_it_is_unpacked():
    """With the activation under the name of ``z`` everything is right, too: it is positive where ``z`` is."""

    def forward(x, w):
        z = 2 * x
        a = np.maximum(0, z)
        return a @ w, (w, z, a)

    def backward(cache, dy):
        z, a = cache[1], cache[2]  # noqa: F841 (the mistake)
        w = cache[0]
        dw = z.T @ dy
        return 2 * (dy @ w.T) * (z > 0), dw

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2)))).findings
    assert (finding.name, finding.mended) == ("wrong array", "dw = a.T @ dy")


def test_an_edit_that_is_nothing_is_no_mend(monkeypatch):
    def added(*terms):
        return sum(terms)

    def gradient(w, x):
        c, d = np.cos(w), x.T @ np.ones((len(x), w.shape[1]))
        return added(c, d)

    tried = partial(filter, lambda edit: edit.name == "extra term" and ast.unparse(edit.old) == "c")
    monkeypatch.setattr(repair, "edits", lambda *given: tried(edits(*given)))
    (finding,) = check_gradient(
        lambda w, x: np.sum(x @ w), gradient, (RNG.normal(size=(3, 2)), RNG.normal(size=(5, 3)))
    ).findings
    assert not finding.mended  # c - c


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


RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))


def block_forward(x, w):
    return x + np.tanh(x @ w), (x, w)


def block_backward(dy, cache):
    x, w = cache
    dz = dy * (1 - np.tanh(x @ w) ** 2)
    return dz @ w.T, x.T @ dz


def net_forward(x, w):
    caches = []
    for _ in range(2):
        x, cache = block_forward(x, w)
        caches.append(cache)
    return x, caches


def net_backward(dy, caches):
    dw = 0
    for cache in reversed(caches):
        dy, d = block_backward(dy, cache)
        dw = dw + d
    return dy, dw


@pytest.fixture(scope="module")
def of_block():
    (finding,) = check(block_forward, block_backward, (X, W)).findings
    return finding


def test_the_mistake_of_a_part_is_that_of_what_runs_it_if_mending_it_makes_all_right(of_block):
    (alone,) = check(net_forward, net_backward, (X, W)).findings
    (finding,) = check(net_forward, net_backward, (X, W), known=[of_block]).findings
    assert "recomputed with this mistake" in alone.evidence[0]
    assert (finding.name, finding.backward) == (of_block.name, of_block.backward)
    assert of_block.mended == finding.mended == "return (dz @ w.T + dy, x.T @ dz)"
    assert finding.leaves == ("x", "w") and "the gradient of x, w is right at" in finding.evidence[0]


def test_a_mistake_that_does_not_explain_all_is_not_the_reason(of_block):
    def backward(dy, caches):
        dx, dw = net_backward(dy, caches)
        return dx, 3 * dw

    findings = check(net_forward, backward, (X, W), known=[of_block]).findings
    assert all(finding.backward != of_block.backward or finding.leaves != ("x", "w") for finding in findings)


@pytest.mark.parametrize(
    ("file", "line", "mended", "found"),
    [
        ("here.py", 3, "b = 2", "b = 2"),
        ("here.py", 4, "b = 2", "b = 2"),  # a statement of two lines
        ("here.py", 2, "b = 2", None),
        ("there.py", 3, "b = 2", None),
        ("here.py", 3, "b = 2; c = 3", None),
    ],
)
def test_the_statement_in_the_line_is_exchanged(file, line, mended, found):
    tree = ast.parse("def f(a):\n    if a:\n        b = (1 +\n             a)\n    return b").body[0]
    edit = _edit(tree, "here.py", Finding("wrong", "", (), backward=Where(file, line, ""), mended=mended))
    assert (edit and ast.unparse(edit.new)) == found
    if edit:
        edit.apply()
        assert found in ast.unparse(tree)


def test_a_mistake_without_a_mended_line_is_passed_over():
    assert _edit(ast.parse("def f(): pass").body[0], "here.py", Finding("wrong", "")) is None


@pytest.mark.parametrize("right", [True, False])
def test_what_is_right_to_within_what_an_edit_is_held_to_is_mended_by_none(monkeypatch, right):
    searched = []
    monkeypatch.setattr(repair, "is_right", lambda got, r, name: right)
    monkeypatch.setattr(repair, "_best", lambda case, r, wrong, *given: searched.append(wrong))
    check(swish_forward, swish_backward, (RNG.normal(size=(4, 3)), RNG.normal(size=3)))
    assert bool(searched) is not right


def test_a_penalty_that_is_summed_in_a_loop_is_one_of_the_loss():
    def loss(w, x):
        penalty = 0.0
        for j in range(len(w)):
            penalty += w[j] ** 2
        return np.sum(np.tanh(x @ w)) + 0.05 * penalty

    def gradient(w, x):
        return x.T @ (1 - np.tanh(x @ w) ** 2) + 0.3 * w

    (finding,) = check_gradient(loss, gradient, (RNG.normal(size=3), RNG.normal(size=(4, 3)))).findings
    assert finding.name == "L2 penalty gradient scaled" and "is 0.3 * w; right is 0.1 * w" in finding.sentence
