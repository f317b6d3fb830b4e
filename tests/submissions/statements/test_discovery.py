"""Gradients that are computed beside their value, in no function that gives them, are found and judged."""

import json

import pytest

SCRIPT = """
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 2))
    w1, w2 = rng.normal(size=(4, 5)), rng.normal(size=(5, 2))
    for t in range(3):
        h = x.dot(w1)
        h_relu = np.maximum(h, 0)
        loss = np.square(h_relu.dot(w2) - y).sum()
        print(t, loss)
        grad_y = 2.0 * (h_relu.dot(w2) - y)
        grad_w2 = h_relu.T.dot(grad_y)
        grad_h = grad_y.dot(w2.T)
        grad_h[h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        w1 -= 1e-3 * grad_w1
        w2 -= 1e-3 * grad_w2
"""


def test_the_loop_of_a_script_is_checked(checked):
    assert checked(SCRIPT) == {"statements": "right"}
    assert checked(SCRIPT.replace("2.0 * (", "(")) == {"statements": "w1, w2"}
    assert checked(SCRIPT.replace("grad_h[h < 0]", "grad_h[h > 0]")) == {"statements": "w1"}


def test_a_parameter_that_is_updated_before_its_last_use_is_seen(checked):
    late = SCRIPT.replace("        w2 -= 1e-3 * grad_w2\n", "")
    right = late.replace("        grad_w1 =", "        w2 -= 1e-3 * grad_w2\n        grad_w1 =")
    assert checked(right) == {"statements": "right"}  # in place, and no argument is changed for that
    wrong = late.replace("        grad_h = grad_y", "        w2 -= 0.1 * grad_w2\n        grad_h = grad_y")
    assert checked(wrong) == {"statements": "w1"}


TRAINING = """
    def sigmoid(z): return 1 / (1 + np.exp(-z))

    def fit(data, labels, hidden=4, epochs=2):
        rng = np.random.default_rng(0)
        theta1, theta2, b = rng.normal(size=(data.shape[1], hidden)), rng.normal(size=hidden), 0.0
        costs = []
        for epoch in range(epochs):
            order = rng.permutation(len(data))
            for i in range(0, len(data), 5):
                xb, yb = data[order[i:i + 5]], labels[order[i:i + 5]]
                act = np.tanh(xb @ theta1)
                p = sigmoid(act @ theta2 + b)
                d = (p - yb) / len(yb)
                grad_theta2, grad_b = act.T @ d + 0.2 * theta2, d.sum()
                grad_theta1 = xb.T @ (np.outer(d, theta2) * (1 - act**2))
                theta1 -= 0.1 * grad_theta1
                theta2, b = theta2 - 0.1 * grad_theta2, b - 0.1 * grad_b
                if i % 10 == 0:
                    costs.append(-np.mean(yb * np.log(p) + (1 - yb) * np.log(1 - p)) + 0.1 * theta2 @ theta2)
        return theta1, theta2, b

    if __name__ == "__main__":
        X = np.random.default_rng(1).normal(size=(10, 3))
        fit(X, (X[:, 0] > 0).astype(float))
"""


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [("", "", "right"), ("+ 0.2 * theta2", "+ 0.1 * theta2", "theta2"), ("(1 - act**2)", "act", "theta1")],
)
def test_a_function_that_trains_is_checked_on_its_first_batch(checked, right, wrong, found):
    assert checked(TRAINING.replace(right, wrong)) == {"fit": found}


def test_a_loop_that_nothing_runs_and_whose_gradients_another_function_gives_is_none(checked):
    program = """
        def forward_prop(W, b, X):
            return W @ X + b

        def compute_cost(A, Y):
            return ((A - Y) ** 2).mean()

        def back_prop(A, X, Y):
            dA = 2 * (A - Y) / Y.size
            return dA @ X.T, dA.sum(axis=1, keepdims=True)

        prop_args = np.random.randn(2, 3), np.zeros((2, 1)), np.random.randn(3, 5), np.random.randn(2, 5)

        def gradient_descent(X, Y, rate, steps):
            W, b = np.random.randn(2, X.shape[0]), np.zeros((2, 1))
            for _ in range(steps):
                A = forward_prop(W, b, X)
                dW, db = back_prop(A, X, Y)
                W, b = W - rate * dW, b - rate * db
                print(compute_cost(A, Y))
            return W, b
    """
    assert checked(program) == {"back_prop": "right"}
    its_own = program.replace("db = back_prop(A, X, Y)", "db = (A - Y) @ X.T, (A - Y).sum(axis=1, keepdims=True)")
    assert "no call of it is known" in checked(its_own)["gradient_descent"]


def test_a_function_that_no_call_of_the_file_runs_is_said(checked):
    program = TRAINING[: TRAINING.index("    if __name__")]
    assert checked(program) == {"fit": "right"}  # of made-up data
    other = program.replace("def fit(", "def fit(teacher, ")
    assert checked(other) == {"fit": "fit computes gradients, and no call of it is known that comes to their value"}


REGRESSION = """
    class LogisticRegression:
        def __init__(self, steps=3):
            self.steps = steps

        def fit(self, X, y):
            self.weights, self.bias = np.zeros(X.shape[1]), 0
            for _ in range(self.steps):
                p = self._probabilities(X)
                loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
                dw = X.T @ (p - y) / len(X)
                db = np.sum(p - y) / len(X)
                self.weights -= 0.1 * dw
                self.bias -= 0.1 * db

        def _probabilities(self, X):
            self.scores = X @ self.weights + self.bias
            return 1 / (1 + np.exp(-self.scores))

    if __name__ == "__main__":
        X = np.random.default_rng(0).normal(size=(12, 3))
        LogisticRegression().fit(X, (X[:, 0] > 0).astype(float))
"""


def test_a_method_that_trains_what_its_object_holds_is_checked(checked):
    assert checked(REGRESSION) == {"LogisticRegression.fit": "right"}
    private = REGRESSION.replace("self.weights", "self.__weights").replace("self.bias", "self.__bias")
    assert checked(private) == {"LogisticRegression.fit": "right"}
    assert checked(REGRESSION.replace("np.sum(p - y) / len(X)", "np.sum(p - y)")) == {"LogisticRegression.fit": "bias"}


def test_what_gets_value_and_gradients_from_one_call_is_not_checked_again(checked):
    found = checked("""
        def square_loss(w, x):
            loss, dw = ((x @ w) ** 2).sum(), 2 * x.T @ (x @ w)
            return loss, dw

        def train(w, x):
            for _ in range(2):
                loss, dw = square_loss(w, x)
                w = w - 0.1 * dw
            return w

        if __name__ == "__main__":
            train(np.ones(3), np.eye(3))
    """)
    assert found == {"square_loss": "right"}


def test_cells_of_a_notebook_are_one_program_and_a_mistake_is_told_in_its_cell(tmp_path, monkeypatch):
    import sys

    from jaxdoodle.submissions.worker import check_file

    monkeypatch.setattr(sys, "path", list(sys.path))
    cells = [
        "import numpy as np\nx = np.random.default_rng(0).normal(size=(6, 3))\nw, b = np.ones((3, 2)), np.zeros(2)",
        "z = x @ w + b\nloss = (z**3).mean()",
        "dz = 3 * z**2 / z.size\ndb = dz.mean(0)\ndw = x.T @ dz",
    ]
    path = tmp_path / "lesson.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": c} for c in cells]}))
    (message,) = check_file(path)
    finding = message["check"]["findings"][0]
    assert [leaf["name"] for leaf in message["check"]["leaves"] if leaf["verdict"] == "wrong"] == ["b"]
    assert finding["backward"]["text"] == "db = dz.mean(0)" and finding["backward"]["file"].endswith("[cell 3]")


def test_a_value_that_is_printed_is_the_value_and_a_row_may_be_a_vector(checked):
    text = """
        rng = np.random.default_rng(0)
        X, y, reg = rng.normal(size=(9, 2)), rng.integers(0, 2, 9), 0.1

        def calculate_loss(model):
            scores = np.tanh(X @ model["W1"] + model["b1"]) @ model["W2"]
            return np.sum(np.log(np.exp(scores).sum(1)) - scores[range(9), y]) + reg / 2 * np.sum(model["W1"] ** 2)

        def build_model(n_hidden, passes=2):
            W1, b1, W2 = rng.normal(size=(2, n_hidden)), np.zeros((1, n_hidden)), rng.normal(size=(n_hidden, 2))
            for i in range(passes):
                a1 = np.tanh(X @ W1 + b1)
                p = np.exp(a1 @ W2)
                delta = p / p.sum(1, keepdims=True)
                delta[range(9), y] -= 1
                dW2 = a1.T @ delta
                delta = delta @ W2.T * (1 - a1**2)
                dW1, db1 = X.T @ delta, np.sum(delta, axis=0)
                dW1 += reg * W1
                W1 += -0.1 * dW1
                b1 += -0.1 * db1
                W2 += -0.1 * dW2
                model = {"W1": W1, "b1": b1, "W2": W2}
                if i % 100 == 0:
                    print("loss", calculate_loss(model))
            return model

        build_model(3)
    """
    assert checked(text) == {"build_model": "right"}
    assert checked(text.replace("dW1 += reg * W1", "dW1 += W1")) == {"build_model": "W1"}


def test_gradients_without_a_loss_beside_them_are_said(checked):
    told = "LogisticRegression.fit computes db and dw, and no loss beside them to compare them with"
    assert checked(REGRESSION.replace("loss = -np.mean", "-np.mean")) == {"LogisticRegression.fit": told}


def test_the_value_is_the_whole_loss_and_no_term_or_sum_of_it(checked):
    text = """
        rng = np.random.default_rng(0)
        x, w, running_loss = rng.normal(size=(6, 3)), rng.normal(size=3), 0.0
        for i in range(3):
            data_loss = ((x @ w - 1) ** 2).mean()
            reg_loss = 0.5 * np.sum(w * w)
            loss = data_loss + reg_loss
            running_loss += 6 * loss
            dw = 2 * x.T @ (x @ w - 1) / 6
            dw += w
            w -= 0.1 * dw
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("dw += w", "pass")) == {"statements": "w"}


def test_of_two_values_each_has_parameters_of_its_own(checked):
    text = """
        rng = np.random.default_rng(0)
        x, z, u, v = rng.normal(size=(8, 2)), rng.normal(size=(8, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
        for i in range(3):
            made = z @ u
            d_loss = np.mean((x @ v - 1) ** 2 + (made @ v) ** 2)
            g_loss = np.mean((made @ v - 1) ** 2)
            dv = (x.T @ (x @ v - 1) + made.T @ (made @ v)) * 2 / 8
            du = z.T @ np.outer(made @ v - 1, v) * 2 / 8
            v -= 0.1 * dv
            u -= 0.1 * du
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("* 2 / 8\n            du", "/ 8\n            du")) == {"statements": "v"}


def test_gradients_are_judged_before_they_are_clipped(checked):
    text = """
        rng = np.random.default_rng(0)
        x, y, w, b = 30 * rng.normal(size=(9, 3)), rng.normal(size=9), rng.normal(size=3), 0.5
        for i in range(3):
            err = x @ w + b - y
            train_loss = (err**2).mean()
            dw, db = 2 * x.T @ err / 9, 2 * err.mean()
            np.clip(dw, -1, 1, out=dw)
            if abs(np.linalg.norm(db)) > 1:
                db = db / np.linalg.norm(db)
            w, b = w - 1e-3 * dw, b - 1e-3 * db
            eval_loss = ((x @ w + b) ** 2).mean()
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("2 * err.mean()", "err.mean()")) == {"statements": "b"}


def test_gradients_that_are_added_up_over_examples_begin_anew_and_a_loop_that_ends_is_no_obstacle(checked):
    text = """
        xs, ys = np.arange(1.0, 6.0), np.array([2.0, 3.9, 6.1, 8.0, 9.9])
        w, b = 0.5, 0.1
        for i in range(3):
            loss, dw, db = 0.0, 0.0, 0.0
            for x, y in zip(xs, ys):
                p = w * x + b
                loss += (p - y) ** 2
                if not np.isfinite(loss):
                    loss = np.inf
                    break
                dw += 2 * (p - y) * x
                db += 2 * (p - y)
            w, b = w - 0.001 * dw, b - 0.001 * db
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("dw += 2 *", "dw +=")) == {"statements": "w"}


def test_what_is_computed_is_no_parameter_and_a_gradient_of_a_wrong_shape_is_wrong(checked):
    text = """
        rng = np.random.default_rng(0)
        x, params, b = rng.normal(size=(6, 3)), {"w": rng.normal(size=(3, 2))}, np.zeros((1, 2))
        out = x @ params["w"]
        loss = ((out + b) ** 2).sum()
        dout = 2 * (out + b)
        db = dout.sum(0, keepdims=True)
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("db = dout.sum(0, keepdims=True)", "db = dout.sum()")) == {"statements": "b"}
    told = str(checked(text.replace("        db = dout.sum(0, keepdims=True)\n", "")))
    assert "no loss with gradients dw beside it" in told  # that of out alone


def test_gradients_that_are_added_may_lead_uphill_where_the_printed_value_goes_down(checked):
    text = """
        rng = np.random.default_rng(0)
        x, mu = rng.normal(size=(9, 2)), np.zeros(2)
        for i in range(3):
            nll = 0.5 * ((x - mu) ** 2).sum()
            d_mu = (x - mu).sum(0)
            mu += 0.01 * d_mu
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("mu += ", "mu -= ")) == {"statements": "mu"}
    assert checked(text.replace("(x - mu).sum(0)", "(x + mu).sum(0)")) == {"statements": "mu"}


def test_what_stands_below_main_or_in_a_with_is_checked_and_what_functions_read_there_are_parameters(checked):
    text = """
        def predict(x):
            return np.tanh(x @ w) @ v + b

        if __name__ == "__main__":
            with np.errstate(all="ignore"):
                rng = np.random.default_rng(0)
                x, t, w, v, b = rng.normal(size=(9, 2)), rng.normal(size=9), rng.normal(size=(2, 4)), np.ones(4), 0.0
                for i in range(4):
                    e, h = predict(x) - t, np.tanh(x @ w)
                    loss = (e**2).mean()
                    dv, db = 2 * h.T @ e / 9, 2 * e.mean()
                    dw = x.T @ (2 / 9 * np.outer(e, v) * (1 - h**2))
                    w, v, b = w - 0.1 * dw, v - 0.1 * dv, b - 0.1 * db
    """
    assert checked(text) == {"statements": "right"}
    assert checked(text.replace("2 * e.mean()", "e.mean()")) == {"statements": "b"}
    assert checked(text.replace("(1 - h**2)", "(1 - h)")) == {"statements": "w"}
    above = text.replace('if __name__ == "__main__":', "if True:")
    assert checked(above.replace("2 * e.mean()", "e.mean()")) == {"statements": "b"}


def test_gradients_of_the_last_batch_are_not_those_of_a_value_after_the_loop(checked):
    text = """
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(12, 3)), np.zeros(3)
        def cost(w): return np.mean((x @ w - 1) ** 2)
        for epoch in range(3):
            for i in range(0, 12, 4):
                dw = 2 * x[i:i + 4].T @ (x[i:i + 4] @ w - 1) / 4
                w -= 0.1 * dw
            print(epoch, cost(w))
    """
    assert "no loss with gradients dw beside it" in str(checked(text))


def test_variables_of_a_function_are_none_that_other_functions_read(checked):
    text = """
        h = 2
        def spread(x): return np.repeat(x, h)

        def train(x, w):
            for i in range(3):
                h = spread(x) * w
                loss = (h**2).sum()
                dw = 2 * (h * spread(x)).sum()
                w -= 0.01 * dw

        train(np.ones(3), 0.5)
    """
    assert checked(text) == {"train": "right"}
    assert checked(text.replace("dw = 2 *", "dw =")) == {"train": "w"}


BELOW_MAIN = """
    def predict(inputs):
        return inputs @ theta

    if __name__ == "__main__":
        class Settings:
            rate: float = 0.1
        theta: np.ndarray
        gen = np.random.default_rng(3)
        inputs, targets = gen.normal(size=(5, 2)), gen.normal(size=5)
        theta = gen.normal(size=2)
        for step in range(3):
            error: np.ndarray = predict(inputs) - targets
            cost = np.sum(error**2) / 2
            grad_theta = inputs.T @ error
            theta -= Settings.rate * grad_theta
"""


def test_variables_below_main_may_have_types(checked):
    assert checked(BELOW_MAIN) == {"statements": "right"}
    assert checked(BELOW_MAIN.replace("= inputs.T", "= 2 * inputs.T")) == {"statements": "theta"}


@pytest.mark.parametrize("begins", ['if __name__ == "__main__":', "def main():"])
def test_statements_straight_below_main_are_checked_where_the_parameter_begins_among_them(checked, begins):
    text = f"""
        {begins}
            gen = np.random.default_rng(3)
            inputs, targets, w = gen.normal(size=(5, 2)), gen.normal(size=5), gen.normal(size=2)
            p = 1 / (1 + np.exp(-inputs @ w))
            loss = -np.mean(targets * np.log(p) + (1 - targets) * np.log(1 - p))
            dw = inputs.T @ (p - targets) / len(targets)
            w = w - 0.1 * dw
    """
    assert set(checked(text).values()) == {"right"}
    assert set(checked(text.replace("(p - targets)", "(p + targets)")).values()) == {"w"}


FITTED = """
class Regression:
    def __init__(self, lr=0.1): self.lr = lr
    def fit(self, X, y):
        self.W, self.c = np.full(X.shape[1], 0.3), 0.1
        for _ in range(3):
            p = 1 / (1 + np.exp(-(X @ self.W + self.c)))
            loss = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
            d = (p - y) / len(y)
            g = {"W": X.T @ d, "c": d.sum()}
            for k in g:
                setattr(self, k, getattr(self, k) - self.lr * g[k])
"""


@pytest.mark.parametrize(("change", "expected"), [("d.sum()", "right"), ("d.mean()", "c")])
def test_a_fit_without_a_call_gets_made_up_data_and_entries_of_a_table_are_gradients(checked, change, expected):
    assert checked(FITTED.replace("d.sum()", change)) == {"Regression.fit": expected}


def test_a_gradient_that_is_wrong_at_all_made_up_data_is_told_if_another_is_right(checked):
    told = checked(FITTED.replace("d.sum()", "d.mean()").replace("X.T @ d", "X.T @ d**2"))["Regression.fit"]
    assert told.startswith("Regression.fit is wrong with data that were made up")


FIT = """
def train(X, y, steps=3):
    w, b = np.full({shape}, 0.3), 0.1
    for _ in range(steps):
        error = {output} + b - y
        loss = np.mean(error ** 2)
        dw = 2 / len(X) * {gradient}
        db = 2 * np.mean(error)
        w, b = w - 0.1 * dw, b - 0.1 * db
"""
COLUMN = FIT.format(shape="(X.shape[1], 1)", output="X @ w", gradient="(X.T @ error)")


def test_made_up_labels_have_the_shape_in_which_gradients_fit_their_parameters(checked):
    assert checked(COLUMN) == {"train": "right"}  # labels in one axis would be broadcast against the column
    assert checked(COLUMN.replace("2 * np.mean(error)", "np.mean(error)")) == {"train": "b"}
    one_feature = FIT.format(shape="()", output="X * w", gradient="np.sum(X * error)")
    assert "which were made up" in checked(one_feature)["train"]  # inputs in two axes would be, too


@pytest.mark.parametrize("labels", ["np.abs(y)", "y ** 2"])
@pytest.mark.parametrize("shape", ["X.shape[1]", "(X.shape[1], 1)", "(X.shape[1], 3)"])
def test_what_is_right_with_some_made_up_labels_alone_is_not_checked(checked, labels, shape):
    right = FIT.format(shape=shape, output="X @ w", gradient="(X.T @ error)").replace("len(X)", "error.size")
    assert checked(right) == {"train": "right"}
    wrong = right.replace("        dw =", f"        error = error + y - {labels}\n        dw =")
    told = checked(wrong)["train"]
    assert "right with" in told and "which were made up" in told


def test_with_made_up_data_a_factor_of_all_gradients_is_not_told_as_wrong(checked):
    by_size = COLUMN.replace("steps=3", "steps=3, batch_size=32").replace("len(X)", "batch_size")
    by_size = by_size.replace("2 * np.mean(error)", "2 / batch_size * np.sum(error)")
    assert checked(by_size, explain=True)["train"].startswith("train is wrong with data that were made up")
