"""Findings in words, and the evidence where no known mistake fits."""

import numpy as np

from jaxdoodle.gradcheck import check, check_gradient, check_value_and_grad
from jaxdoodle.gradcheck.diagnosis import evidence, explain, search

RNG = np.random.default_rng(0)


def test_what_cannot_be_named_is_not_given_a_name_but_a_line():
    def forward(x, w):
        z = x @ w
        return np.tanh(z), (x, w, z)

    def backward(residuals, dy):
        x, w, z = residuals
        dz = dy * np.cos(3 * z) ** 5
        return dz @ w.T, x.T @ dz

    (finding,) = check(forward, backward, (RNG.normal(size=(5, 4)), RNG.normal(size=(4, 3)))).findings
    assert finding.name == "cannot name it"
    assert "`dz`" in finding.sentence
    assert any("cosine" in line for line in finding.evidence)


def test_a_search_through_an_iteration_ends_by_a_count_and_says_so(monkeypatch):
    def settled(w, x):
        z = np.zeros_like(x)
        for _ in range(500):
            new = np.tanh(0.3 * z @ w + x)
            if np.abs(new - z).max() < 1e-12:
                break
            z = new
        return new

    def backward(dz, cache):
        w, z = cache
        g = dz * (1 - z**2)
        for _ in range(500):
            g = (dz + 0.3 * g @ w.T) * (1 - z**2)
        return z.T @ np.cos(g), g

    spent = []
    monkeypatch.setattr(explain, "cannot_name", lambda case, r, left, log, known=explain.cannot_name: (
        spent.append((left.steps.left, case.lines.left)) or known(case, r, left, log)))  # fmt: skip
    monkeypatch.setattr(search, "MOST_STEPS", 2000)
    monkeypatch.setattr(evidence, "MOST_LINES", 20_000)
    (finding,) = check(lambda w, x: (settled(w, x), (w, settled(w, x))), lambda cache, dz: backward(dz, cache),
                       (0.1 * RNG.normal(size=(2, 2)), RNG.normal(size=(3, 2)))).findings  # fmt: skip
    ((steps, lines),) = spent
    assert -2000 < steps <= 0 and -40_000 < lines <= 0
    assert any(text.startswith("the search ran out") for text in finding.evidence)


def test_a_hard_coded_batch_size_shows_at_another_one():
    def loss(w, x):
        return np.mean((x @ w) ** 2)

    def gradient(w, x):
        return 2 * x.T @ (x @ w) / 6

    report = check_gradient(loss, gradient, (RNG.normal(size=4), RNG.normal(size=(6, 4))))
    assert [f.name for f in report.findings] == ["size written as a number"]


def test_what_falls_on_a_repeated_border_may_not_be_cut_off():
    def forward(x):
        p = np.pad(x, ((0, 0), (1, 1)), mode="reflect")
        return p[:, :-2] * p[:, 2:], p

    def backward(dout, p):
        dp = np.zeros_like(p)
        dp[:, :-2] += dout * p[:, 2:]
        dp[:, 2:] += dout * p[:, :-2]
        return dp[:, 1:-1]

    (finding,) = check(forward, backward, (RNG.normal(size=(3, 5)),)).findings
    assert finding.name == "share of the border cut off" and finding.backward.text == "return dp[:, 1:-1]"


def test_a_name_that_fits_some_points_by_coincidence_is_not_given():
    def huber(p, t):
        e = p - t
        small = np.abs(e) <= 1.0
        return np.where(small, 0.5 * e**2, np.abs(e) - 0.5).mean(), (e, small, 1.0)

    def backward(cache, dl):
        e, small, delta = cache
        g = np.where(small, e, delta) / e.size
        return dl * g, -dl * g

    given = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5))
    (finding,) = check(huber, backward, given).findings
    assert finding.name == "sign left out"


def test_a_cut_that_changes_with_the_batch_is_no_clipping():
    def hinge(x, y):
        n = len(x)
        margins = np.maximum(0, x - x[np.arange(n), y][:, None] + 1.0)
        margins[np.arange(n), y] = 0
        loss = margins.sum() / n
        _count = (margins > 0).sum(axis=1)
        dx = (margins > 0).astype(float)
        dx[np.arange(n), y] -= 1
        return loss, dx / n

    given = RNG.normal(size=(4, 5)), np.array([0, 4, 2, 1])
    report = check_gradient(lambda *a: hinge(*a)[0], lambda *a: hinge(*a)[1], given)
    assert [f.name for f in report.findings] == ["number instead of an array"]
    assert "-= _count" in report.findings[0].sentence


def test_a_factor_that_is_another_one_for_other_values_is_a_coincidence():
    def forward(x, w):
        s = x @ w
        return s**3 + s, (x, w, s)

    def backward(residuals, dy):
        x, w, s = residuals
        return dy * np.cosh(s) * w, dy * np.cosh(s) * x

    report = check(forward, backward, (np.array([0.3, -1.0, 0.5]), np.array([1.0, 0.4, -0.7])))
    assert [f.name for f in report.findings] == ["cannot name it"]


def test_what_only_other_sizes_show_is_named_by_its_repair():
    table, rows = RNG.normal(size=(6, 3)), np.array([4, 1, 2])

    def loss(table, rows):
        return np.sum(np.tanh(table[rows]))

    def gradient(table, rows):
        d = np.zeros_like(table)
        d[rows] = 1 - np.tanh(table[rows]) ** 2
        return d

    (finding,) = check_gradient(loss, gradient, (table, rows)).findings
    assert finding.name in ("overwritten instead of added up", "repeated indices written over")


def test_the_line_of_a_gradient_in_the_loss_itself_is_told():
    def both(w, x):
        h = np.tanh(x @ w)
        loss = np.sum(h**2) + 0.5 * np.sum(w**2)
        d = 2 * h * (1 - h**2)
        grad = x.T @ d
        return loss, grad

    (finding,) = check_value_and_grad(
        lambda *a: both(*a)[0], both, (RNG.normal(size=(3, 2)), RNG.normal(size=(4, 3)))
    ).findings
    assert finding.backward.text in ("grad = x.T @ d", "d = 2 * h * (1 - h**2)")


def test_what_shows_at_large_values_alone_is_mended_there():
    def forward(a, p, n):
        gap = ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 20
        active = (gap > 0).astype(float)
        return np.maximum(gap, 0).mean(), (a - p, a - n, active)

    def backward(kept, dy):
        ap, an, active = kept
        w = 2 * dy * active[:, None] / active.sum()
        return w * (ap - an), -w * ap, w * an

    rng = np.random.default_rng(0)
    (finding,) = check(forward, backward, tuple(rng.normal(size=(6, 4)) for _ in range(3))).findings
    assert finding.name == "divided by the wrong count" and "active.sum()" in finding.backward.text
    assert "right elsewhere and wrong at 'saturated'" in finding.evidence[-1]


def test_what_has_another_strength_for_other_values_is_no_penalty():
    def forward(x, gamma):
        r = (np.mean(x**2) + 1e-6) ** -0.5
        return x * r * gamma, (x, r, gamma)

    def backward(dy, cache):
        x, r, gamma = cache
        g = dy * gamma
        return g * r - x * r**2 * np.sum(g * x) / len(x), dy * x * r  # r ** 3 is right

    (finding,) = check(forward, backward, (RNG.normal(size=5), RNG.normal(size=5))).findings
    assert finding.name == "wrong power" and "r ** 3" in finding.mended


def test_a_part_of_a_derivative_that_is_scaled_is_told_where_it_is_computed(monkeypatch):
    monkeypatch.setattr(evidence, "MOST_LINES", 1e6)  # whatever calls within libraries take

    def slope(x):
        inner = 1 + 0.04 * x**2  # 3 times it is right
        return inner * np.cos(x + 0.04 * x**3)

    def forward(x, w):
        return np.sin(x @ w + 0.04 * (x @ w) ** 3), (x, w)

    def backward(dy, cache):
        x, w = cache
        dz = dy * slope(x @ w)
        return dz @ w.T, x.T @ dz

    args = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 3))
    (finding,) = check(forward, backward, args).findings
    assert finding.backward.text.startswith("inner = ") and "* 3" in finding.mended
