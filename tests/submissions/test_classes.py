"""What a class of a user's file holds decides how it is checked."""

import pytest


def test_static_methods_are_a_pair_and_a_forward_that_only_raises_is_none(checked):
    text = """
        class Tanh:
            @staticmethod
            def forward(x):
                y = np.tanh(x)
                return y, y

            @staticmethod
            def backward(dout, cache):
                return dout * (1 - cache)

        class Base:
            def forward(self, x):
                raise NotImplementedError

            def backward(self, dout):
                raise NotImplementedError
    """
    assert checked(text) == {"Tanh": "x"}


def test_a_loss_whose_backward_takes_nothing_is_checked(checked):
    text = """
        class Loss:
            def forward(self, pred, target):
                self.d = pred - target
                return (self.d**2).mean()

            def backward(self):
                return 2 * self.d / self.d.size
    """
    assert checked(text) == {"Loss": "right"}
    assert checked(text.replace("2 * ", "")) == {"Loss": "pred"}


def test_a_loss_of_three_arrays_gives_their_gradients_at_once(checked):
    text = """
        class Triplet:
            def __init__(self, margin=1.0):
                self.margin = margin

            def forward(self, anchor, near, far):
                self.a, self.p, self.n = anchor, near, far
                return np.sum((anchor - near) ** 2 - anchor * far) + self.margin

            def backward(self):
                return 2 * (self.a - self.p) - self.n, 2 * (self.p - self.a), -self.a
    """
    assert checked(text) == {"Triplet": "right"}
    assert checked(text.replace("- self.n,", ",")) == {"Triplet": "anchor"}


def test_methods_with_their_derivatives_are_checked_where_the_class_holds_no_arrays(checked):
    text = """
        class Sigmoid:
            def __call__(self, z): return 1 / (1 + np.exp(-z))
            def gradient(self, z): return self(z) * (1 - self(z))
        class Square:
            def loss(self, y, p): return np.sum((y - p) ** 2)
            def grad(self, y, p): return 2 * (p - y)
    """
    assert checked(text) == {"Sigmoid": "right", "Square": "right"}
    wrong = checked(text.replace("2 * (p", "(p").replace("(1 - self(z))", "(1 - z)"))
    assert wrong == {"Sigmoid": "z", "Square": "p"}


@pytest.mark.parametrize("given", ["training=True", "state"])
def test_a_backward_of_no_arguments_belongs_to_one_number(checked, given):
    text = f"""
        class Net:
            def __init__(self): self.W = np.linspace(-1, 1, 6).reshape(3, 2)
            def forward(self, X, {given}):
                self.X, self.out = X, X @ self.W
                return self.out
            def compute_loss(self, Y):
                self.Y = Y
                return np.sum((self.out - Y) ** 2)
            def backward(self): self.dW = 2 * self.X.T @ (self.out - self.Y)
        if __name__ == "__main__":
            net = Net()
            net.forward(np.ones((4, 3)), 1)
            net.compute_loss(np.zeros((4, 2)))
            net.backward()
    """
    assert "no way found" in checked(text)["Net"]
