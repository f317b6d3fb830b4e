"""What a class of a user's file holds decides how it is checked."""


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
