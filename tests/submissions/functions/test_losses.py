"""Losses that return their gradients are found as they lie."""

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


def test_a_word_in_part_is_no_name_of_a_loss(checked):
    found = checked("""
        def force_loss(p, y): return np.sum((p - y) ** 2)
        def ceLoss(p, y): return np.sum((p - y) ** 4)
        def ce_grad(p, y): return 3 * (p - y) ** 3
        if __name__ == "__main__":
            for loss in (force_loss, ceLoss): loss(np.arange(3.0), np.ones(3))
    """)
    assert found == {"ce_grad": "p"}


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
