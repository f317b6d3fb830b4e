"""Jacobians and Hessians are checked as the backwards that they are of."""

import pytest


@pytest.mark.parametrize(("jacobian", "expected"), [
    ("np.diag(s) - np.outer(s, s)", "right"), ("np.diag(s * (1 - s))", "z"),
])  # fmt: skip
def test_a_jacobian_is_checked_as_the_backward_that_it_is_of(checked, jacobian, expected):
    found = checked(f"""
        def softmax(z):
            e = np.exp(z - z.max())
            return e / e.sum()

        def softmax_jac(z):
            s = softmax(z)
            return {jacobian}
    """)
    assert found == {"softmax_jac": expected}


@pytest.mark.parametrize(("column", "expected"), [("-a * t * e", "right"), ("-a * e", "p")])
def test_a_jacobian_in_the_first_of_several_arguments_is_checked(checked, column, expected):
    found = checked(f"""
        def decay(p, t):
            a, k = p
            return a * np.exp(-k * t)

        def decay_jac(p, t):
            a, k = p
            e = np.exp(-k * t)
            return np.column_stack([e, {column}])

        decay_jac(np.array([2.0, 0.4]), np.linspace(0, 5, 7))
    """)
    assert found == {"decay_jac": expected}


@pytest.mark.parametrize(("forward", "jacobian", "expected"), [
    ("affine(x, W): return x @ W", "W.T", "right"),
    ("affine(x, W): return x @ W", "W", "right"),  # the value along the last axis
    ("affine(x, W): return x @ W", "2 * W.T", "x"),
    ("affine(W, x): return W @ x", "W", "right"),
    ("affine(W, x): return W @ x", "-W", "x"),
    ("affine(x, W): return x @ W", "np.ones(7)", "affine_jac has no shape of a Jacobian"),
    ("affine(x): return x**2", "np.diag(2 * x)", "right"),
    ("affine(x): return x**2", "np.diag(x)", "x"),
    ("affine(x): return x**2", "2 * x", "right"),
    ("affine(x): return np.array([x[0] * x[1], x[0] - x[1]])", "np.array([[x[1], x[0]], [1.0, -1.0]])", "right"),
])  # fmt: skip
def test_a_jacobian_is_one_in_a_vector_that_its_shape_fits(checked, forward, jacobian, expected):
    takes = forward[forward.index("(") : forward.index(")") + 1]
    assert checked(f"""
        def {forward}
        def affine_jac{takes}: return {jacobian}
    """)["affine_jac"].startswith(expected)


def test_a_diagonal_of_a_derivative_is_a_jacobian(checked):
    assert checked("""
        def relu(z): return np.maximum(z, 0)
        def d_relu(z): return np.diag((z > 0).astype(float))
    """) == {"d_relu": "right"}


LOGISTIC = """
def objective(theta, X, y, lam):
    return np.mean(np.log1p(np.exp(-y * (X @ theta)))) + 0.5 * lam * theta @ theta

def gradient(theta, X, y, lam):
    s = 1 / (1 + np.exp(y * (X @ theta)))
    return -X.T @ (s * y) / len(y) + lam * theta

def hessian(theta, X, y, lam):
    s = 1 / (1 + np.exp(y * (X @ theta)))
    {}
"""


@pytest.mark.parametrize(("hessian", "expected"), [
    ("return (X.T * (s * (1 - s))) @ X / len(y) + lam * np.eye(len(theta))", "right"),  # of labels -1 and 1
    ("return (X.T * (s * (1 - s))) @ X / len(y)", "theta"),
    ("return s * (1 - s)", "hessian has no shape of a Jacobian"),
])  # fmt: skip
def test_a_hessian_is_the_jacobian_of_the_gradient_beside_it(checked, hessian, expected):
    found = checked(LOGISTIC.format(hessian))
    assert found["gradient"] == "right" and found["hessian"].startswith(expected)


@pytest.mark.parametrize(("hessian", "expected"), [
    ("return (X.T * (s * (1 - s) * y**2)) @ X / len(y) + lam * np.eye(len(theta))", "right"),
    ("return (X.T * s) @ X / len(y) + lam * np.eye(len(theta))", "theta"),
    ("'for Newton steps'; return (X.T * s) @ X / len(y) + lam * np.eye(len(theta))", "theta"),
    ("return X.T @ X / len(y) + lam * np.eye(len(theta))", "hessian is not the derivative of gradient, and may be"),
    ("'Gauss-Newton'; return X.T @ (X / len(y))", "hessian is not the derivative of gradient, and may be"),
])  # fmt: skip
def test_a_hessian_is_wrong_unless_it_may_be_approximate_on_purpose(checked, hessian, expected):
    data = (
        "hessian_args = np.linspace(-1, 1, 3), np.linspace(-2, 1, 12).reshape(4, 3) ** 2, np.array([1., -1, 1, 1]), 0.3"
    )
    found = checked(f"{LOGISTIC.format(hessian)}\nhessian_args = gradient_args = {data}\n")
    assert found["gradient"] == "right" and found["hessian"].startswith(expected)


@pytest.mark.parametrize(("names", "entry", "expected"), [
    ("residuals jacobian", "p[0] * x", "right"), ("residuals jacobian", "p[0]", "p"), ("model model_jac", "x", "p"),
])  # fmt: skip
def test_a_jacobian_in_coefficients_that_are_read_one_by_one_needs_no_data(checked, names, entry, expected):
    of, jacobian = names.split()
    assert checked(f"""
        def {of}(x, p):
            return p[0] * np.exp(p[1] * x)

        def {jacobian}(x, p):
            e = np.exp(p[1] * x)
            return np.column_stack([e, {entry} * e])
    """) == {jacobian: expected}
