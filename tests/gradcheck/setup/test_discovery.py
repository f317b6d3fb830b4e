"""A backward may name its forward."""

from jaxdoodle.gradcheck import backward_of
from jaxdoodle.gradcheck.setup.discovery import MARK


def test_the_mark_holds_forward_arguments_and_conventions_and_leaves_the_function():
    def double(dy, x):
        return 2 * dy

    def forward(x):
        return 2 * x, x

    assert backward_of(forward, args=([1.0],), conventions=("ties",))(double) is double
    assert getattr(double, MARK) == (forward, ([1.0],), ("ties",))
