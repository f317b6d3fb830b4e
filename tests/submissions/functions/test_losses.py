"""Losses and the gradients beside them, as functions, are found as they lie."""

import pytest


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "x")])
def test_a_loss_that_returns_its_gradient_is_found(checked, factor, expected):
    text = f"""
        def softmax_loss(x, y):
            e = np.exp(x - x.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            n = len(x)
            loss = -np.log(p[np.arange(n), y]).mean()
            dx = p.copy()
            dx[np.arange(n), y] -= 1
            return loss, {factor}dx / n
    """
    assert checked(text) == {"softmax_loss": expected}


@pytest.mark.parametrize(("state", "expected"), [("hs[t - 1]", "right"), ("hs[t]", "Whh")])
def test_a_loss_returns_gradients_of_arrays_that_the_file_holds(checked, state, expected):
    text = f"""
        rng = np.random.default_rng(0)
        Wxh, Whh = rng.normal(size=(4, 3)), rng.normal(size=(4, 4))

        def lossFun(inputs, hprev):
            hs = {{-1: hprev}}
            for t in range(len(inputs)):
                hs[t] = np.tanh(Wxh[:, inputs[t]] + Whh @ hs[t - 1])
            loss = sum((hs[t] ** 2).sum() for t in range(len(inputs)))
            dWxh, dWhh, dh = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(hprev)
            for t in reversed(range(len(inputs))):
                d = (2 * hs[t] + dh) * (1 - hs[t] ** 2)
                dWxh[:, inputs[t]] += d
                dWhh += np.outer(d, {state})
                dh = Whh.T @ d
            return loss, dWxh, dWhh, hs[t]

        if __name__ == "__main__":
            lossFun([0, 2, 1], np.zeros(4))
    """
    assert checked(text) == {"lossFun": expected}


@pytest.mark.parametrize(("mean", "expected"), [(" / m", "right"), ("", "b")])
def test_a_number_whose_gradient_comes_by_name_is_checked_too(checked, mean, expected):
    text = f"""
        def propagate(w, b, X, Y):
            m = X.shape[1]
            A = 1 / (1 + np.exp(-(w.T @ X + b)))
            cost = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
            grads = {{"dw": X @ (A - Y).T / m, "db": np.sum(A - Y){mean}}}
            return grads, cost

        if __name__ == "__main__":
            propagate(np.ones((2, 1)), 0.5, np.random.randn(2, 6), np.ones((1, 6)))
    """
    assert checked(text) == {"propagate": expected}


@pytest.mark.parametrize(("term", "expected"), [("* 2", "right"), ("", "W")])
def test_gradients_of_what_an_argument_holds_are_checked(checked, term, expected):
    text = f"""
        class Model:
            def __init__(self): self.W, self.h0 = np.arange(6.0).reshape(3, 2), np.ones(2)
        def lossFun(model, x, h):
            y = x @ model.W + h
            loss, dW, db = np.sum(y ** 2), x.T @ y {term}, 2 * y.sum(axis=0)
            return loss, dW, db
        if __name__ == "__main__": lossFun(Model(), np.ones((4, 3)), np.ones(2))
    """
    assert checked(text) == {"lossFun": expected}


def test_a_word_in_part_is_no_name_of_a_loss(checked):
    found = checked("""
        def force_loss(p, y): return np.sum((p - y) ** 2)
        def ceLoss(p, y): return np.sum((p - y) ** 4)
        def ce_grad(p, y): return 3 * (p - y) ** 3
        if __name__ == "__main__":
            for loss in (force_loss, ceLoss): loss(np.arange(3.0), np.ones(3))
    """)
    assert found == {"ce_grad": "p"}


def test_a_parameter_is_no_attribute_and_of_two_objects_the_first_is_meant(checked):
    found = checked("""
        class Model:
            def __init__(self, k): self.W, self.h = np.random.RandomState(k).normal(size=(3, 2)), np.ones(2)
        def distill(student, teacher, x):
            y = x @ (student.W - teacher.W)
            loss, dW = np.sum(y ** 2), 2 * x.T @ y
            return loss, dW
        def lossFun(model, x, h):
            y = x @ model.W + h
            loss, dW, dh = np.sum(y ** 2), 2 * x.T @ y, 2 * y.sum(axis=0)
            return loss, dW, dh
        if __name__ == "__main__":
            distill(Model(0), Model(1), np.arange(12.0).reshape(4, 3))
            lossFun(Model(0), np.ones((4, 3)), np.ones(2))
    """)
    assert found == {"distill": "right", "lossFun": "right"}


def test_a_value_beside_another_is_no_loss_with_its_gradient(checked):
    found = checked("""
        def load_customers(x):
            labels, data = (x ** 2).sum(), x / 2
            return labels, data
        def scout_split(x):
            total_l, delta = x.sum(), x * 3
            return total_l, delta
        def peak(x):
            val = np.max(x)
            depth = x - val
            return val, depth
        class Lookup:
            def find(self, x):
                val, data = (x ** 2).sum(), x * 1.0
                return val, data
        def energy_of(x):
            value, dx = (x ** 2).sum(), x * 3
            return value, dx
        if __name__ == "__main__":
            Lookup().find(np.arange(3.0))
    """)
    assert found == {"energy_of": "x"}


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "x")])
def test_a_loss_is_known_by_its_name_and_its_gradient_by_what_is_returned(checked, factor, expected):
    text = f"""
        def smooth_loss(x, *, width=0.7):
            slopes = x / np.sqrt(x ** 2 + width ** 2)
            grad = {factor}slopes
            if width > 100: return 0.0, grad
            return np.sqrt(x ** 2 + width ** 2).mean(), grad / x.size
        def pull_loss(a, p):
            away = a - p
            g = {{"first": 1}}
            return (away ** 2).sum() / 2, ({factor}away, -away)[:1 + len(g)]
    """
    found = checked(text)
    assert found["smooth_loss"] == expected
    assert checked("def tied_loss(w, x):\n    g = {'k': 2 * w['k'] * x}\n    return np.sum(w['k'] ** 2 * x), g\n"
                   "tied_loss({'k': np.ones(3)}, np.arange(3.0))") == {"tied_loss": "right"}  # fmt: skip


@pytest.mark.parametrize(("take", "expected"), [("sum", "right"), ("mean", "b")])
def test_a_number_is_checked_beside_arrays_where_a_gradient_of_it_comes_back(checked, take, expected):
    text = f"""
        def line_loss(w, b, x, y): return 0.5 * np.sum((x @ w + b - y) ** 2)
        def line_grad(w, b, x, y):
            e = x @ w + b - y
            return x.T @ e, np.{take}(e)
        if __name__ == "__main__": line_grad(np.ones(2), 3.5, np.random.randn(6, 2), np.ones(6))
        if __name__ == "__main__": line_loss(np.ones(2), 3.5, np.random.randn(6, 2), np.ones(6))
    """
    assert checked(text) == {"line_grad": expected}


def test_gradients_in_a_tuple_of_the_files_arrays_are_theirs_and_a_state_is_none(checked):
    text = """
        rng = np.random.default_rng(0)
        Wx, Wh = rng.normal(size=(3, 4)), rng.normal(size=(3, 3))

        def lossFun(inputs, hprev, clip=None):
            h = np.tanh(Wx @ inputs + Wh @ hprev)
            loss = 0.5 * np.sum(h * h)
            d = h * (1 - h * h)
            dWx, dWh = np.outer(d, inputs), np.outer(d, hprev)
            grads = (dWx, dWh)
            if clip is not None:
                for g in grads: np.clip(g, -clip, clip, out=g)
            return loss, grads, None, h

        if __name__ == "__main__":
            lossFun(rng.normal(size=4), rng.normal(size=3), clip=0.01)
    """
    assert checked(text) == {"lossFun": "right"}
    assert checked(text.replace("np.outer(d, hprev)", "np.outer(d, h)")) == {"lossFun": "Wh"}


def test_gradients_of_a_tree_are_those_of_the_argument_that_is_one(checked):
    text = """
        def loss_and_grad(params, x):
            w, b = params
            e = x @ w + b
            loss = (e**2).sum()
            dw, db = 2 * x.T @ e, 2 * e.sum(0)
            return loss, (dw, db), 2 * e @ w.T

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            loss_and_grad([rng.normal(size=(3, 2)), rng.normal(size=2)], rng.normal(size=(4, 3)))
    """
    assert checked(text) == {"loss_and_grad": "right"}
    assert checked(text.replace("2 * e.sum(0)", "e.sum(0)")) == {"loss_and_grad": "params.1"}


def test_a_list_of_gradients_is_of_what_the_object_holds_in_its_order(checked):
    text = """
        class Chain:
            def __init__(self):
                self.score, self.start = np.arange(6.0).reshape(3, 2) / 5, np.ones(2)
            def forward(self, x): return x
            def backward(self, x): return x  # of messages
            def loss_and_gradients(self, seqs):
                loss, dS, dI = 0.0, np.zeros((3, 2)), np.zeros(2)
                for x in seqs:
                    e = x @ self.score + self.start
                    loss += (e**2).sum()
                    dS += 2 * x.T @ e
                    dI += 2 * e.sum(0)
                return loss, [dS, dI]

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            Chain().loss_and_gradients([rng.normal(size=(n, 3)) for n in (2, 4)])
    """
    assert checked(text)["loss_and_gradients"] == "right"
    assert checked(text.replace("dI += 2 *", "dI +="))["loss_and_gradients"] == "start"


def test_a_gradient_of_another_shape_is_that_of_the_argument_whose_name_it_has(checked):
    text = """
        def bias_loss(w, b, x, y):
            d = x @ w + b - y
            dw, db = x.T @ d, d
            return 0.5 * np.sum(d ** 2), dw, db

        def one_loss(w, x, y):
            r = w.T @ x - y
            dw = x @ r.T
            return r @ r.T / 2, dw

        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            bias_loss(*(rng.normal(size=s) for s in [(3, 2), (2,), (5, 3), (5, 2)]))
            one_loss(*(rng.normal(size=s) for s in [(3, 1), (3, 5), (1, 5)]))  # its value is an array of one number
    """
    assert checked(text) == {"bias_loss": "b", "one_loss": "right"}


def test_gradients_of_a_loss_of_steps_are_of_sizes_that_fit_them(checked):
    text = """
        def loss(W, b, x0, target, steps=3):
            for _ in range(steps):
                x0 = x0 + 0.1 * np.tanh(x0 @ W.T + b)
            return 0.5 * np.sum((x0 - target) ** 2)
        def loss_gradient(W, b, x0, target, steps=3):
            xs = [x0]
            for _ in range(steps):
                xs.append(xs[-1] + 0.1 * np.tanh(xs[-1] @ W.T + b))
            lam, dW, db = xs[-1] - target, np.zeros_like(W), np.zeros_like(b)
            for x in reversed(xs[:-1]):
                u = lam * 0.1 * (1 - np.tanh(x @ W.T + b) ** 2)
                dW += u.T @ x
                db += u.sum(0)
                lam = lam + u @ W
            return dW, db, lam
    """
    assert checked(text) == {"loss_gradient": "right"}
    assert checked(text.replace("lam = lam + u @ W", "lam = u @ W")) == {"loss_gradient": "W, b, x0"}  # not of vectors


def test_gradients_with_a_number_last_are_no_loss_and_a_loss_without_a_name_is_none(checked):
    text = """
        def spring_energy_loss(x, k):
            return 0.5 * k * np.sum((x[1:] - x[:-1]) ** 2)

        def spring_energy_loss_grad(x, k):
            s = x[1:] - x[:-1]
            force = np.zeros_like(x)
            force[1:] += k * s
            force[:-1] -= k * s
            dk = 0.5 * np.sum(s ** 2)
            return force, dk

        def logistic_loss(w, X, y):
            return np.mean(np.logaddexp(0, -y * (X @ w)))

        def logistic_loss_grad(w, X, y):
            m = y * (X @ w)
            L = np.mean(np.logaddexp(0, -m))
            return L, -X.T @ (y / (1 + np.exp(m))) / len(y)

        spring_energy_loss(np.random.randn(6), 2.0)
        logistic_loss(np.random.randn(3), np.random.randn(5, 3), np.sign(np.random.randn(5)))
    """
    assert checked(text) == {"spring_energy_loss_grad": "right", "logistic_loss_grad": "right"}
    wrong = text.replace("0.5 * np.sum(s", "np.sum(s").replace("np.exp(m)", "np.exp(-m)")
    assert checked(wrong) == {"spring_energy_loss_grad": "k", "logistic_loss_grad": "w"}


@pytest.mark.parametrize(("factor", "expected"), [("C * ", "right"), ("", "nll with C=0.3")])
def test_a_factor_that_is_one_by_default_counts_in_the_gradient_too(checked, factor, expected):
    found = checked(f"""
        def nll(w, X, y, C=1.0):
            p = 1 / (1 + np.exp(-(X @ w)))
            loss = -C * np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * w @ w
            grad = {factor}X.T @ (p - y) + w
            return loss, grad
    """)
    assert expected in (found.get("nll"), *found), found


@pytest.mark.parametrize(("total", "expected"), [("total", "right"), ("y.size", "square with reduction=sum")])
def test_the_sum_is_tried_of_a_loss_that_is_a_mean_by_default_and_a_mode_without_a_loss_is_not(
    checked, total, expected
):
    found = checked(f"""
        def square(w, X, y, reduction="mean", mode="train"):
            r = X @ w - y
            if mode == "predict":
                return X @ w, None
            total = y.size if reduction == "mean" else 1
            loss = np.sum(r ** 2) / total
            return loss, 2 * X.T @ r / {total}
    """)
    assert expected in (found.get("square"), *found), found


def test_a_scale_of_the_gradient_alone_is_left_as_it_is(checked):
    found = checked("""
        def mse(w, X, y, loss_scale=1.0):
            r = X @ w - y
            loss = np.mean(r ** 2)
            return loss, loss_scale * 2 * X.T @ r / len(y)
    """)
    assert found == {"mse": "right"}


@pytest.mark.parametrize(("delta", "expected"), [("p", "right"), ("0 * p + 0.5", "outside_vectors")])
def test_the_loss_of_one_vector_among_several_is_given_such(checked, delta, expected):
    found = checked(f"""
        def loss_and_gradient(center_vec, outside_idx, outside_vectors, corpus):
            p = np.exp(outside_vectors @ center_vec) / np.sum(np.exp(outside_vectors @ center_vec))
            loss, delta = -np.log(p[outside_idx]), p.copy()
            delta[outside_idx] -= 1
            wrong = {delta}
            wrong[outside_idx] -= 1
            grad_center, grad_outside = outside_vectors.T @ delta, np.outer(wrong, center_vec)
            return loss, grad_center, grad_outside
    """)
    assert expected in (found.get("loss_and_gradient"), *found.values()), found


@pytest.mark.parametrize(("factor", "expected"), [("", "right"), ("2 * ", "w")])
def test_a_share_that_is_dropped_at_random_is_left_at_its_default(checked, factor, expected):
    text = f"""
        def net_loss(w, x, drop=0.0):
            mask = (np.random.rand(*x.shape) >= drop) / (1 - drop)
            z = x * mask @ w
            return 0.5 * (z ** 2).sum(), {factor}(x * mask).T @ z

        if __name__ == "__main__":
            net_loss(np.ones((3, 2)), np.ones((4, 3)))
    """
    assert checked(text) == {"net_loss": expected}


TRIPLET = """
def triplet_margin(a, p, n, margin=1.0):
    dp, dn = a - p, a - n
    gap = np.sum(dp**2, axis=1) - np.sum(dn**2, axis=1) + margin
    active = (gap > 0)[:, None] / len(a)
    ga, gp, gn = 2 * (dp - dn) * active, -2 * dp * active, {} * dn * active
    return np.maximum(gap, 0).mean(), ({})
"""


@pytest.mark.parametrize(
    ("factor", "order", "expected"),
    [("2", "ga, gp, gn", "right"), ("-2", "ga, gp, gn", "n"), ("2", "gn, ga, gp", "right")],
)
def test_several_gradients_beside_a_value_tell_by_their_names_of_which_arguments(checked, factor, order, expected):
    assert checked(TRIPLET.format(factor, order)) == {"triplet_margin": expected}


@pytest.mark.parametrize(("w", "gradient", "expected"), [
    ("w", "2 * x.T @ d / len(y)", "right"), ("w", "x.T @ d / len(y)", "wrong"), ("W", "2 * x.T @ d / len(y)", "wrong"),
])  # fmt: skip
def test_a_loss_that_is_right_of_vectors_is_right_unless_a_name_is_a_matrix(checked, w, gradient, expected):
    found = checked(f"""
        def mean_squared_loss({w}, x, y):
            d = x @ {w} - y
            loss = np.mean(d ** 2)
            d{w} = {gradient}
            return loss, d{w}
    """)
    assert found == {"mean_squared_loss": "right" if expected == "right" else w}


PLAYERS = """
class Critic:
    def __init__(self):
        self.params = {{"W": np.linspace(-1, 1, 6).reshape(2, 3), "v": np.linspace(1, 2, 3)}}

    def score(self, x):
        h = np.tanh(x @ self.params["W"])
        return h @ self.params["v"], h

    def grad_in(self, x):
        _, h = self.score(x)
        return (self.params["v"] * (1 - h**2)) @ self.params["W"].T

    def loss_and_grads(self, real, fake):
        (sr, hr), (sf, hf) = self.score(real), self.score(fake)
        dr, df = self.params["v"] * (1 - hr**2), self.params["v"] * (1 - hf**2)
        dW = fake.T @ df / len(fake) {sign} real.T @ dr / len(real)
        return sf.mean() - sr.mean(), {{"W": dW, "v": hf.mean(axis=0) - hr.mean(axis=0)}}


class Generator:
    def __init__(self):
        self.params = {{"A": np.linspace(-1, 1, 8).reshape(4, 2)}}

    def forward(self, z):
        return np.tanh(z @ self.params["A"])

    def loss_and_grads(self, z, critic):
        x = self.forward(z)
        dx = -critic.grad_in(x) / len(x)
        return -critic.score(x)[0].mean(), {{"A": z.T @ (dx * {slope})}}


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    critic, generator = Critic(), Generator()
    z = rng.normal(size=(5, 4))
    critic.loss_and_grads(rng.normal(size=(5, 2)), generator.forward(z))
    generator.loss_and_grads(z, critic)
"""


@pytest.mark.parametrize(("sign", "slope", "wrong"), [
    ("-", "(1 - x**2)", {}), ("+", "(1 - x**2)", {"Critic": "W"}), ("-", "(1 - x)", {"Generator": "A"}),
])  # fmt: skip
def test_a_loss_with_a_table_of_gradients_of_the_table_that_its_object_holds(checked, sign, slope, wrong):
    found = checked(PLAYERS.format(sign=sign, slope=slope))
    assert {name.partition(".")[0]: told for name, told in found.items() if told != "right"} == wrong
    assert len(found) >= 2
