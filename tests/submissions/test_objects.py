"""Objects of the classes of a file are made as the file makes them, or with guessed sizes."""


def test_a_class_that_cannot_be_made_is_said_in_one_line(checked):
    found = checked("class Odd:\n    def __init__(self, plan): plan.go()\n    def forward(self, x): return x\n"
                    "    def backward(self, d): return d\n")  # fmt: skip
    assert "no way found to make Odd(plan)" in found["Odd"] and "\n" not in found["Odd"]


def test_sizes_that_names_do_not_tell_are_tried(checked):
    text = """
        class Heads:
            def __init__(self, d, h):
                self.h, self.W = h, np.random.randn(d, d)

            def forward(self, x):
                self.x = x
                b, t, d = x.shape
                return (x @ self.W).reshape(b, t, self.h, d // self.h).transpose(0, 2, 1, 3)

            def backward(self, dout):
                d = dout.transpose(0, 2, 1, 3).reshape(self.x.shape)
                self.dW = np.einsum("bti,btj->ij", self.x, d)
                return d @ self.W.T
    """
    assert checked(text) == {"Heads": "right"}
