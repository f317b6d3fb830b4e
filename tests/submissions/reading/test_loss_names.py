"""What a gradient is of, by names."""

import pytest

from jaxdoodle.submissions.reading.loss_names import GRADIENT, LOSS, of_the_gradient


@pytest.mark.parametrize("name", ["mse", "bce_loss", "cost", "J", "neg_log_likelihood", "perda"])
def test_losses_are_known_by_their_names(name):
    assert LOSS.search(name) and not GRADIENT.search(name)


@pytest.mark.parametrize("name", ["compute", "sort", "reject", "forward"])
def test_a_short_word_in_part_is_no_name_of_a_loss(name):
    assert not LOSS.search(name)


def test_a_gradient_is_of_the_function_whose_name_it_has_or_of_a_loss_of_the_same_parameters():
    def mse(y, p): ...
    def mse_prime(y, p): ...
    def compute_gradient(y, p): ...
    def sigmoid(z): ...
    def sigmoid_prime(s): ...

    free = {f.__name__: f for f in (mse, mse_prime, compute_gradient, sigmoid, sigmoid_prime)}
    expected = {"mse_prime": [mse], "compute_gradient": [mse], "sigmoid_prime": [sigmoid], "sigmoid": []}
    for name, of in expected.items():
        assert list(dict.fromkeys(of_the_gradient(name, free[name], free))) == of
