"""Which strides, paddings and pools are tried for the kernels of a file."""

import pytest

from jaxdoodle.formats.weights.structures import Choice, _by_rule, _choices


@pytest.mark.parametrize("strided", [(1, 2, 1, 2), (2, 2, 2, 2), (1, 1, 2, 1), (1, 2, 1, 1)], ids=str)
@pytest.mark.parametrize("padded", [0, 1])
def test_convolutions_before_a_mean_are_looked_for_with_strides_by_rule(strided, padded):
    kernels, filters, pads = [(3, 3)] * 4, [16, 16, 32, 32], ((padded, padded),) * 2
    found = [choices for _, choices in _by_rule(kernels, filters, (64, 64))]
    assert [Choice(pads, stride, None) for stride in strided] in found
    assert [Choice(pads, 1, (2, 2) if stride == 2 else None) for stride in strided] in found
    assert len(found) <= 20


def test_images_that_a_rule_would_shrink_to_nothing_are_left_out():
    found = [choices for _, choices in _by_rule([(3, 3)] * 2, [4, 4], (2, 2))]
    assert found and all(any(map(any, choices[0].pads)) for choices in found)


def test_a_convolution_as_large_as_its_input_is_the_last_of_lenet_5():
    _, choices = next(_choices([(5, 5)] * 3, (28, 28), None))
    none, two = ((0, 0), (0, 0)), ((2, 2), (2, 2))
    assert choices == [Choice(two, 1, (2, 2)), Choice(none, 1, (2, 2)), Choice(none, 1, None)]


def test_twenty_plain_convolutions_are_one_choice_each():
    kernels = [(3, 3)] * 20
    _, choices = next(_choices(kernels, (28, 28), 784))
    assert choices == [Choice(((1, 1), (1, 1)), 1, None)] * 20
