"""Methods of an object that give a value and its gradient, in their arguments or in what it holds."""

import pytest

from jaxdoodle.submissions.classes.methods import loss_alike, methods_of_arguments
from jaxdoodle.submissions.worker import check_file


@pytest.fixture
def notes(tmp_path):
    """The notes of the only check of a program."""

    def run(text):
        (path := tmp_path / "program.py").write_text("import numpy as np\n" + text)
        (report,) = (message["check"] for message in check_file(path, explain=False) if "check" in message)
        return report["notes"]

    return run


PROCESS = """
class Process:
    def __init__(self, X, y):
        self.y, self.squares = y, ((X[:, None, :] - X[None, :, :]) ** 2).sum(-1)

    def _kernel(self, theta):
        variance, length, noise = np.exp(theta)
        return variance * np.exp(-0.5 * self.squares / length), noise * np.eye(len(self.y))

    def nll(self, theta):
        K = sum(self._kernel(theta))
        return 0.5 * self.y @ np.linalg.solve(K, self.y) + 0.5 * np.linalg.slogdet(K)[1]

    def nll_grad(self, theta):
        kernel, noise = self._kernel(theta)
        inverse = np.linalg.inv(kernel + noise)
        A = inverse - np.outer(inverse @ self.y, inverse @ self.y)
        parts = kernel, kernel * {factor} * self.squares / np.exp(theta[1]), noise
        return np.array([0.5 * np.sum(A * part) for part in parts])


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    process = Process(rng.normal(size=(6, 2)), rng.normal(size=6))
    process.nll(np.zeros(3)), process.nll_grad(np.zeros(3))
"""


@pytest.mark.parametrize(("factor", "expected"), [("0.5", "right"), ("1.0", "theta")])
def test_a_gradient_in_what_its_method_takes_is_checked_with_the_data_that_the_object_holds(checked, factor, expected):
    assert checked(PROCESS.format(factor=factor)) == {"Process.nll_grad": expected}


LOGIT = """
class Logit:
    def __init__(self, endog, exog):
        self.endog, self.exog = endog, exog

    def loglike(self, params):
        q = 2 * self.endog - 1
        return -np.sum(np.log1p(np.exp(-q * np.dot(self.exog, params))))

    def score(self, params):
        return np.dot(self.endog - 1 / (1 + np.exp(-np.dot(self.exog, params))), self.exog){more}

    def predict(self, params):
        return 1 / (1 + np.exp(-np.dot(self.exog, params)))
"""


@pytest.mark.parametrize(("more", "expected"), [("", "right"), (" / len(self.endog)", "params")])
def test_the_score_is_the_gradient_of_a_likelihood_at_labels_that_fit(checked, more, expected):
    assert checked(LOGIT.format(more=more)) == {"Logit.score": expected}


@pytest.mark.parametrize(("rate", "expected"), [("rate", "right"), ("2 * rate", "beta")])
def test_the_hessian_of_a_likelihood_is_the_jacobian_of_its_score(checked, rate, expected):
    found = checked(f"""
        class Poisson:
            def __init__(self, endog, exog):
                self.endog, self.exog = endog, exog

            def loglike(self, beta):
                return np.sum(self.endog * (self.exog @ beta) - np.exp(self.exog @ beta))

            def score(self, beta):
                return self.exog.T @ (self.endog - np.exp(self.exog @ beta))

            def hessian(self, beta):
                rate = np.exp(self.exog @ beta)
                return -(self.exog.T * {rate}) @ self.exog
    """)
    assert found == {"Poisson.score": "right", "Poisson.hessian": expected}


def test_coefficients_that_a_method_reads_one_by_one_are_as_many(checked):
    found = checked("""
        class Fit:
            def __init__(self, t, y):
                self.t, self.y = t, y

            def cost(self, p):
                return 0.5 * np.sum((p[0] * np.exp(p[1] * self.t) - self.y) ** 2)

            def grad(self, p):
                e = np.exp(p[1] * self.t)
                return np.array([e, p[0] * self.t * e]) @ (p[0] * e - self.y)
    """)
    assert found == {"Fit.grad": "right"}


def test_the_score_of_a_classifier_is_none():
    class Classifier:
        def score(self, X, y):
            raise NotImplementedError

        def log_loss(self, X, y):
            raise NotImplementedError

    assert methods_of_arguments(Classifier, data=False) == []


FACTORS = """
class Factors:
    def __init__(self, users, items, k=3):
        rng = np.random.default_rng(0)
        self.P, self.Q, self.bias = rng.normal(size=(users, k)), rng.normal(size=(items, k)), np.zeros(users)

    def loss(self, u, i, r):
        return 0.5 * np.sum((self.bias[u] + np.sum(self.P[u] * self.Q[i], axis=-1) - r) ** 2)

    def grad(self, u, i, r):
        e = self.bias[u] + np.sum(self.P[u] * self.Q[i], axis=-1) - r
        dP, dQ, dbias = np.zeros_like(self.P), np.zeros_like(self.Q), np.zeros_like(self.bias)
        np.add.at(dP, u, e[:, None] * self.Q[i])
        np.add.at(dQ, i, e[:, None] * self.{of}[u])
        np.add.at(dbias, u, e)
        return dP, dQ, dbias


if __name__ == "__main__":
    Factors(4, 4).grad(np.array([0, 2, 2, 3, 1]), np.array([1, 3, 0, 0, 2]), np.array([3.0, 1.0, 4.0, 5.0, 2.0]))
"""


@pytest.mark.parametrize(("of", "expected"), [("P", "right"), ("Q", "Q")])
def test_a_loss_of_what_its_gradients_take_tells_those_of_what_the_object_holds(checked, of, expected):
    assert checked(FACTORS.format(of=of)) == {"Factors": expected}


POLICY = """
class Policy:
    def __init__(self, states=4, actions=2):
        rng = np.random.default_rng(1)
        self.w, self.b = rng.normal(size=(states, actions)), np.zeros(actions)

    def forward(self, states):
        self.states = states
        e = np.exp(states @ self.w + self.b)
        self.probs = e / e.sum(axis=1, keepdims=True)
        return self.probs

    def loss(self, actions, returns):
        return -np.mean(np.log(self.probs[np.arange(len(actions)), actions]) * returns)

    def backward(self, actions, returns):
        d = self.probs.copy()
        d[np.arange(len(actions)), actions] -= 1
        d *= returns[:, None]{mean}
        return {{"w": self.states.T @ d, "b": d.sum(axis=0)}}
"""


@pytest.mark.parametrize(("mean", "expected"), [(" / len(actions)", "right"), ("", "b, w")])
def test_a_loss_goes_on_from_what_forward_keeps(checked, mean, expected):
    assert checked(POLICY.format(mean=mean)) == {"Policy": expected}


def test_gradients_in_one_array_without_a_name_are_not_taken_for_the_inputs(checked):
    found = checked("""
        class Fit:
            def __init__(self):
                self.mu, self.log_sigma = 0.0, 0.0

            def nll(self, x):
                return np.mean(0.5 * (x - self.mu) ** 2 / np.exp(2 * self.log_sigma) + self.log_sigma)

            def grad(self, x):
                return np.array([np.mean(self.mu - x), 1 - np.mean((x - self.mu) ** 2)])
    """)
    assert found == {"Fit": "no way found to make Fit() and call its grad(x, y)"}


def test_a_loss_is_alike_that_takes_the_same():
    class Network:
        def loss(self, x, y):
            raise NotImplementedError

        def gradients(self, x, y):
            raise NotImplementedError

        def backward(self):
            raise NotImplementedError

    assert loss_alike(Network, "gradients") == "loss" and loss_alike(Network, "backward") is None
    assert methods_of_arguments(Network, data=True) == []  # of what the network holds


def test_how_else_a_class_is_checked_comes_where_no_arguments_fit(checked):
    text = """
        class Model:
            def __init__(self, a):
                self.a = a

            def energy(self, v):
                raise ValueError

            def energy_grad(self, v):
                raise ValueError
    """
    told = "no way found to make Model(a) and call its energy and energy_grad; call both below if __name__"
    assert checked(text)["Model.energy_grad"].startswith(told)


RIDGE = """
class Ridge:
    def __init__(self, X, y, {given}={default}):
        self.X, self.y, self.{held} = X, y, {given}

    def loss(self, theta):
        r = self.X @ theta - self.y
        return 0.5 * r @ r + {of_loss} * theta @ theta

    def grad(self, theta):
        return self.X.T @ (self.X @ theta - self.y) + {of_gradient} * theta
"""


@pytest.mark.parametrize(
    ("default", "of_loss", "of_gradient", "expected"),
    [
        ("0.0", "0.5 * self.lam", "self.lam", {"Ridge.grad": "right"}),
        ("0.0", "self.lam", "self.lam", {"Ridge.grad with lam=0.3": "theta"}),
        ("0", "0.5 * self.lam", "0", {"Ridge.grad with lam=0.3": "theta"}),
    ],
)
def test_the_factor_of_a_penalty_that_is_zero_is_set_off_zero(checked, default, of_loss, of_gradient, expected):
    lines = {"given": "lam", "held": "lam", "of_loss": of_loss, "of_gradient": of_gradient}
    assert checked(RIDGE.format(default=default, **lines)) == expected


@pytest.mark.parametrize(
    ("factor", "expected"), [("0.5", {"Ridge.grad": "right"}), ("1", {"Ridge.grad with strength=0.3": "theta"})]
)
def test_a_number_of_any_name_is_set_off_zero_where_one_is_zero_by_default(checked, factor, expected):
    lines = {"of_loss": f"{factor} * self.strength", "of_gradient": "self.strength"}
    assert checked(RIDGE.format(given="mu", held="strength", default="0.0", **lines)) == expected


def test_a_number_that_only_the_gradient_reads_is_told_to_be_zero(notes):
    text = RIDGE.format(given="lam", held="lam", default="0.0", of_loss="0", of_gradient="self.lam")
    assert notes(text) == ["checked with lam = 0: loss does not depend on it"]


COUNTS = """
class {name}:
    def __init__(self, X, y):
        self.X, self.y = X, y

    def nll(self, theta):
        z = self.X @ theta
        return np.sum(np.exp(z) - {of_loss} * z)

    def nll_grad(self, theta):
        return self.X.T @ (np.exp(self.X @ theta) - {of_gradient})
"""


@pytest.mark.parametrize(
    ("name", "of_gradient", "expected"),
    [
        ("Poisson", "self.y**2", "right"),
        (
            "Poisson",
            "self.y",
            "nll_grad is right with labels that were made up for Poisson(X, y), and wrong with counts",
        ),
        ("Logit", "self.y", "right"),
    ],
)
def test_a_gradient_that_is_right_at_labels_is_compared_at_counts(checked, name, of_gradient, expected):
    found = checked(COUNTS.format(name=name, of_loss="self.y**2", of_gradient=of_gradient))
    assert found[f"{name}.nll_grad"].startswith(expected)


@pytest.mark.parametrize(
    ("of_labels", "labels"), [("np.arccos(self.y - 0.5)", "0 and 1"), ("(np.arccos(self.y) + 1 / self.y)", "-1 and 1")]
)
def test_labels_alone_are_told_where_counts_do_not_fit(notes, of_labels, labels):
    text = COUNTS.format(name="Counts", of_loss=of_labels, of_gradient=of_labels)
    assert notes(text) == [f"checked with y of {labels} alone"]


def test_a_gradient_that_is_right_with_none_of_the_data_made_up_is_not_called_wrong(checked):
    told = "nll_grad is wrong with the data that were made up for Model(X, y); call it with those that it is for"
    text = COUNTS.format(name="Model", of_loss="self.y", of_gradient="np.sin(17 * self.y + 2)")
    assert checked(text)["Model.nll_grad"].startswith(told)


def test_an_object_that_holds_an_empty_array_gives_its_methods_none(checked):
    found = checked("""
        class Network:
            def __init__(self): self.kept, self.w = np.zeros((0, 3)), np.ones(3)
            def sigmoid(self, z): return 1 / (1 + np.exp(-z))
            def sigmoid_prime(self, z): return self.sigmoid(z) * (1 - self.sigmoid(z))
    """)
    assert found == {"Network.sigmoid_prime": "right"}


def test_static_methods_are_pairs_that_need_no_object(checked):
    text = """
        class Activations:
            def __init__(self, X): raise ValueError
            @staticmethod
            def sigmoid(z): return 1 / (1 + np.exp(-z))
            @staticmethod
            def sigmoid_prime(z): return 1 / (1 + np.exp(-z)) * (1 - 1 / (1 + np.exp(-z)))
            @staticmethod
            def relu(z): return np.maximum(0, z)
            @staticmethod
            def relu_grad(z): return 1.0 * (z > 0)
    """
    assert checked(text) == {"Activations.sigmoid_prime": "right", "Activations.relu_grad": "right"}
    wrong = checked(text.replace("z > 0", "z > -9").replace("* (1 - 1 /", "* (1 - 2 /"))
    assert wrong == {"Activations.sigmoid_prime": "z", "Activations.relu_grad": "z"}


@pytest.mark.parametrize(("gradient", "expected"), [
    ("-self.b - h @ self.W.T", "right"), ("(-self.b - h @ self.W.T) / len(v)", "right"),
    ("-self.b + h @ self.W.T", "v"),
])  # fmt: skip
def test_values_of_examples_have_the_gradient_of_their_sum_or_mean(checked, gradient, expected):
    found = checked(f"""
        class Machine:
            def __init__(self):
                self.W, self.b = np.linspace(-1, 1, 6).reshape(3, 2), np.linspace(0, 1, 3)

            def free_energy(self, v):
                return -v @ self.b - np.log1p(np.exp(v @ self.W)).sum(axis=1)

            def free_energy_grad(self, v):
                h = 1 / (1 + np.exp(-v @ self.W))
                return {gradient}
    """)
    assert found == {"Machine.free_energy_grad": expected}
