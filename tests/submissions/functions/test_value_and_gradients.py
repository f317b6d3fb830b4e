"""Losses that return their gradients are checked, with the arguments and numbers that they take."""

import pytest


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
