"""Arguments come from the calls of a file, or are guessed so that they fit each other."""

import pytest

from jaxdoodle.submissions.arguments.finder import names_in, run_by


def test_what_cannot_be_called_is_asked_for_in_one_line_and_hides_nothing(checked):
    found = checked("""
        def mix_forward(ticket, who): return ticket.of(who)
        def mix_backward(dout, cache): return None

        def square_forward(x): return x**2, x
        def square_backward(dout, x): return x * dout
    """)
    assert found == {"mix": "no arguments known for mix; define mix_args = (ticket, who)", "square": "x"}


def test_arguments_come_from_the_program_itself(checked):
    found = checked("""
        def pick_forward(table, word):
            return table[word] * 2.0, (table, word)

        def pick_backward(dout, cache):
            table, word = cache
            d = {w: np.zeros_like(v) for w, v in table.items()}
            d[word] = 2.0 * dout
            return d, None

        if __name__ == "__main__":
            pick_forward({"cat": np.ones(3), "dog": np.arange(3.0)}, "dog")
    """)
    assert found == {"pick": "right"}


def test_guessed_arguments_do_not_fit_by_broadcasting_alone(checked):
    found = checked("""
        def conv1d_forward(x, w, b):
            n, c, t = x.shape
            f, _, k = w.shape
            out = np.stack([np.tensordot(x[:, :, i:i + k], w, ([1, 2], [1, 2])) for i in range(t - k + 1)], 2)
            return out + b[:, None], (x, w)

        def conv1d_backward(dout, cache):
            x, w = cache
            dx, dw, k = np.zeros_like(x), np.zeros_like(w), w.shape[2]
            for i in range(dout.shape[2]):
                dx[:, :, i:i + k] += np.tensordot(dout[:, :, i], w, (1, 0))
                dw += np.tensordot(dout[:, :, i], x[:, :, i:i + k], (0, 0))
            return dx, dw, dout.sum(axis=(0, 2))

        def gate_forward(x, h, Wz, Uz):
            # x (D,), h (H,)
            z = np.tanh(Wz @ x + Uz @ h)
            return z * h, (x, h, Wz, Uz, z)

        def gate_backward(dy, cache):
            x, h, Wz, Uz, z = cache
            d = dy * h * (1 - z * z)
            return Wz.T @ d, dy * z + Uz.T @ d, np.outer(d, x), np.outer(d, h)
    """)
    assert found == {"conv1d": "right", "gate": "right"}


def test_whole_numbers_that_a_docstring_tells_of_may_be_an_array(checked):
    found = checked('''
        def pick_forward(x, positions):
            """x: floats (n, d); positions: int vector with an entry for each row"""
            return x[np.arange(len(positions)), positions], (x.shape, positions)
        def pick_backward(dy, cache):
            shape, positions = cache
            d = np.zeros(shape)
            d[np.arange(len(positions)), positions] = dy
            return d
    ''')
    assert found == {"pick": "right"}


def test_what_functions_run_is_what_they_call_and_so_on():
    space = {}
    exec("def a(): b()\ndef b(): a(), c()\ndef c(): return len\ndef d(): a()", space)
    functions = {name: space[name] for name in "abcd"}
    assert run_by(functions, {"a"}) == {"a", "b", "c"} and run_by(functions, {"c"}) == {"c"}
    assert run_by(functions, set()) == set()


def test_a_function_reads_the_names_of_those_within_it():
    assert {"total", "scale"} <= names_in(lambda xs: [x.scale for x in xs if (lambda: total)()])  # noqa: F821


def test_sizes_of_as_many_layers_as_there_are_arrays_are_no_text(checked):
    program = """
        sizes, rng = [4, 6, 5, 4, 3], np.random.default_rng(0)

        def net_forward(X, params, sizes):
            a = [X]
            for i in range(1, len(sizes)): a.append(np.tanh(a[-1] @ params[f"W{i}"]))
            return a[-1], a

        def net_backward(dout, a, params, sizes):
            grads = {}
            for i in range(len(sizes) - 1, 0, -1):
                dout = dout * (1 - a[i] ** 2)
                grads[f"W{i}"] = a[i - 1].T @ dout
                dout = dout @ params[f"W{i}"].T
            return dout, grads

        params = {f"W{i}": rng.normal(size=(sizes[i - 1], sizes[i])) for i in range(1, 5)}
        out, a = net_forward(rng.normal(size=(7, 4)), params, sizes)
        net_backward(np.ones_like(out), a, params, sizes)
    """
    found = checked(program)
    assert set(found.values()) == {"right"}
    wrong = checked(program.replace("a[i - 1].T @ dout", "a[i - 1].T @ dout * (1 + (i == 4))"))
    assert set(wrong.values()) == {"params.W4"}


@pytest.mark.parametrize(("divided", "right"), [("X.shape[0]", True), ("2 * X.shape[0]", False)])
def test_a_list_of_labels_gets_longer_with_the_rows_that_it_labels(checked, divided, right):
    (found,) = checked(f"""
        rng, y = np.random.default_rng(0), [0, 1, 2, 1, 0, 2]
        X, W = rng.normal(size=(6, 4)), rng.normal(size=(4, 3))

        def loss_and_grads(W, X, y):
            e = np.exp(X @ W)
            p = e / e.sum(axis=1, keepdims=True)
            loss = -np.mean(np.log(p[np.arange(len(y)), y]))
            p[np.arange(len(y)), y] -= 1
            return loss, X.T @ p / ({divided})

        loss_and_grads(W, X, y)
    """).values()
    assert (found == "right") == right


@pytest.mark.parametrize(("factor", "expected"), [("2 * ", "right"), ("", "theta")])
def test_arguments_that_are_declared_are_those_of_losses_and_of_gradients_too(checked, factor, expected):
    text = f"""
        def only(theta, y):
            if theta.shape != (2,) or y.shape != (11,):
                raise ValueError
            return theta[0] * y + theta[1]

        def cost(theta, y):
            return np.sum(only(theta, y) ** 2)

        def cost_grad(theta, y):
            r = {factor}only(theta, y)
            return np.array([r @ y, r.sum()])

        def line_loss(theta, y):
            dtheta = cost_grad(theta, y)
            return cost(theta, y), dtheta
    """
    declared = """
        cost_grad_args = line_loss_args = (np.array([0.3, -0.2]), np.linspace(0, 1, 11))
    """
    assert checked(text + declared) == {"cost_grad": expected, "line_loss": expected}
    told = "no arguments known for {0}; define {0}_args = (theta, y)"
    assert checked(text) == {name: told.format(name) for name in ("cost_grad", "line_loss")}


@pytest.mark.parametrize(
    "declared",
    [
        "(np.ones((7, 2)))",
        "[np.ones((7, 2))]",
        "(np.ones((7, 2)),)",
        "lambda: np.ones((7, 2))",
        "lambda: [np.ones((7, 2))]",
    ],
)
def test_an_argument_that_is_declared_alone_needs_no_comma(checked, declared):
    found = checked(f"""
        def only(z):
            if z.shape != (7, 2):
                raise ValueError
            return z

        def energy(z):
            return np.sum(only(z) ** 2)

        def energy_grad(z):
            return 2 * only(z)

        energy_grad_args = {declared}
    """)
    assert found == {"energy_grad": "right"}


def test_a_number_that_is_declared_alone_is_an_argument(checked):
    found = checked("""
        def sigmoid(z): return 1 / (1 + np.exp(-z))
        def sigmoid_prime(z): return sigmoid(z) * (1 - sigmoid(z))
        sigmoid_prime_args = 0.5
    """)
    assert found == {"sigmoid_prime": "right"}


@pytest.mark.parametrize(
    "args", ["{'lr': 0.1, 'epochs': 3}", "'-v'", "__import__('argparse').Namespace(lr=1)", "{1, 2}"]
)
def test_what_a_file_calls_arguments_and_is_no_tuple_is_another_thing(checked, args):
    found = checked(f"""
        train_grad_args = dense_args = {args}
        def train(w, X, y): return np.sum((X @ w - y) ** 2)
        def train_grad(w, X, y): return 2 * X.T @ (X @ w - y)
        def dense_forward(x, w): return x @ w, (x, w)
        def dense_backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout
    """)
    assert found == {"train_grad": "right", "dense": "right"}


@pytest.mark.parametrize("declared", ['("batch mean")', '["batch mean"]'])
def test_a_convention_that_is_declared_alone_needs_no_comma(checked, declared):
    found = checked(f"""
        dense_conventions = {declared}
        def dense_forward(x, w): return x @ w, (x, w)
        def dense_backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout / len(dout)
    """)
    assert found == {"dense": "right"}


def test_declared_arguments_are_as_many_as_a_function_takes(checked):
    found = checked("""
        train_grad_args = dense_args = mse_args = (np.ones(3),)
        def train(w, X, y): return np.sum((X @ w - y) ** 2)
        def train_grad(w, X, y): return 2 * X.T @ (X @ w - y)
        def dense_forward(x, w): return x @ w, (x, w)
        def dense_backward(dout, cache): return dout @ cache[1].T, cache[0].T @ dout
        def mse(p, y):
            dp = p - y
            return 0.5 * np.sum(dp**2), dp
    """)
    told = "{0}_args holds 1 argument, and {0} takes ({1})"
    takes = {"train_grad": "w, X, y", "dense": "x, w", "mse": "p, y"}
    assert found == {name: told.format(name, own) for name, own in takes.items()}
