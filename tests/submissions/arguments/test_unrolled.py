"""A vector that holds all parameters of a function has the length that the function takes."""

import numpy as np
import pytest

from jaxdoodle.submissions.arguments.guess import guess
from jaxdoodle.submissions.arguments.unrolled import vector_of


def network(theta, n_in, n_hidden, n_out, X, y):
    cut = n_hidden * (n_in + 1)
    w1 = np.reshape(theta[:cut], (n_hidden, n_in + 1))
    w2 = theta[cut:].reshape(n_out, n_hidden + 1)
    ones = np.ones((len(X), 1))
    scores = np.hstack([ones, np.tanh(np.hstack([ones, X]) @ w1.T)]) @ w2.T
    return np.sum((scores - np.eye(n_out)[y]) ** 2), np.zeros_like(theta)


def factorization(params, Y, R, rank):
    users, items = Y.shape
    U, V = params[: users * rank].reshape(users, rank), params[users * rank :].reshape(items, rank)
    return 0.5 * np.sum(((U @ V.T - Y) * R) ** 2)


def columns(w, X):
    return np.sum(X @ w.reshape(X.shape[1], 2))


def layers(w, layer_sizes, X):
    for W in cut(w, layer_sizes):
        X = np.tanh(X @ W)
    return np.sum(X)


def cut(v, sizes):
    at = 0
    for m, n in zip(sizes, sizes[1:], strict=False):
        yield v[at : at + m * n].reshape(m, n)
        at += m * n


@pytest.mark.parametrize(("function", "length"), [(network, 35), (factorization, 32), (columns, 8), (layers, 18)])
def test_the_length_of_a_vector_is_the_one_that_the_function_takes_whole(function, length):
    args = guess(function)
    assert len(args[0]) == length
    value = function(*args)
    assert np.isfinite(value[0] if function is network else value)


def test_each_size_is_another_so_that_what_is_transposed_shows():
    theta, *sizes, X, y = guess(network)
    assert len({*sizes, len(X)}) == 4
    assert X.shape[1] == sizes[0] and y.max() == sizes[2] - 1


def test_data_and_what_is_cut_at_fixed_places_are_no_such_vectors():
    assert vector_of(network) == "theta" and vector_of(factorization) == "params"
    assert vector_of(lambda w, x: x @ w[:-1] + w[-1]) is None
    assert vector_of(lambda x, w: x.reshape(len(w), -1) @ w) is None


NETWORK = """
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def costFunction(nn_params, input_layer_size, hidden_layer_size, num_labels, X, y, lambda_):
        cut = hidden_layer_size * (input_layer_size + 1)
        Theta1 = nn_params[:cut].reshape(hidden_layer_size, input_layer_size + 1)
        Theta2 = nn_params[cut:].reshape(num_labels, hidden_layer_size + 1)
        m = y.size
        a1 = np.hstack([np.ones((m, 1)), X])
        a2 = np.hstack([np.ones((m, 1)), sigmoid(a1 @ Theta1.T)])
        a3 = sigmoid(a2 @ Theta2.T)
        Y = np.eye(num_labels)[y]
        J = -np.sum(Y * np.log(a3) + (1 - Y) * np.log(1 - a3)) / m
        J += lambda_ / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
        d3 = a3 - Y
        d2 = (d3 @ Theta2 * a2 * (1 - a2))[:, 1:]
        g1, g2 = d2.T @ a1 / m, d3.T @ a2 / m
        g1[:, 1:] += lambda_ / m * Theta1[:, 1:]
        g2[:, 1:] += lambda_ / m * Theta2[:, 1:]
        return J, np.concatenate([g1.ravel(), g2.ravel()])
"""


def test_a_network_of_one_vector_is_checked_with_the_gradient_as_such(checked):
    assert checked(NETWORK) == {"costFunction": "right"}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [("d2.T @ a1 / m", "d2.T @ a1"), ("lambda_ / m * Theta2", "lambda_ * Theta2"), ("* (1 - a2)", "* (1 - a2 ** 2)")],
)
def test_a_mistake_in_a_network_of_one_vector_is_found(checked, line, wrong):
    assert checked(NETWORK.replace(line, wrong)) == {"costFunction": "nn_params"}
