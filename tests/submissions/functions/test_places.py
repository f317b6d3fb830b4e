"""Returned gradients are of the arguments, or of what these hold, that they fit."""

import pytest


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
