"""Tensors of torch and lists of numbers are arguments as arrays are."""

import pytest


@pytest.mark.parametrize("given", ["", "tanh_args = torch.ones(4, 5), torch.ones(5, 3)"])
def test_pairs_of_tensors_are_checked(checked, given):
    pytest.importorskip("torch")
    text = f"""
        import torch

        def tanh_forward(x, w):
            y = torch.tanh(x @ w)
            return y, (x, w, y)

        def tanh_backward(dout, cache):
            x, w, y = cache
            d = dout * (1 - y**2)
            return d @ w.T, x.T @ d

        {given}
    """
    assert checked(text) == {"tanh": "right"}
    assert checked(text.replace("y**2", "y")) == {"tanh": "w, x"}


NETWORK_OF_LISTS = """
def net_forward(x, w):
    return [sum(a * b for a, b in zip(row, x)) for row in w], (x, w)

def net_backward(dout, cache):
    x, w = cache
    dx = [sum(d * row[i] for d, row in zip(dout, w)) for i in range(len(x))]
    return dx, [[d * v for v in x] for d in dout]

if __name__ == "__main__":
    net_forward([0, 1], [[0.5, -1.0], [2.0, 0.25], [1.0, 1.5]])
"""


def test_lists_of_numbers_are_arguments_as_arrays_are(checked):
    assert checked(NETWORK_OF_LISTS) == {"net": "right"}
    assert checked(NETWORK_OF_LISTS.replace("[d * v for v in x]", "[d for v in x]")) == {"net": "w"}


@pytest.mark.parametrize("given", ["{'dx': dx, 'dw': dw}", "[dx, dw]", "dx, dw"])
def test_lists_have_gradients_however_these_are_returned(checked, given):
    text = NETWORK_OF_LISTS.replace("return dx, [[d * v for v in x] for d in dout]",
                                    f"dw = [[d * v for v in x] for d in dout]\n    return {given}")  # fmt: skip
    text = text.replace("(x, w):", "(x, w, y):").replace("1.5]])", "1.5]], np.ones(3))")
    assert checked(text) == {"net": "right"}
    assert checked(text.replace("[d * v for v in x]", "[d for v in x]")) == {"net": "w"}


def test_lists_that_no_gradient_is_returned_of_and_uneven_ones_stay_as_they_are(checked):
    found = checked("""
        def scaled_forward(x, scales): return sum(s * x for s in scales), scales
        def scaled_backward(dout, cache): return dout * sum(cache)
        def neurons_forward(x, layer):
            return np.array([sum(a * b for a, b in zip(w, x)) + c for w, c in layer]), (x, layer)
        def neurons_backward(dout, cache):
            x, layer = cache
            return sum(d * np.array(w) for d, (w, _) in zip(dout, layer)), [[[d * v for v in x], d] for d in dout]
        if __name__ == "__main__":
            scaled_forward(np.ones((2, 3)), [1.0, 0.5])
            neurons_forward(np.array([0.3, -1.0]), [[[0.5, -1.0], 0.1], [[2.0, 0.25], 0.2], [[1.0, 1.5], 0.3]])
    """)
    assert found == {"scaled": "right", "neurons": "right"}


@pytest.mark.parametrize(("whole", "expected"), [("sum", "right"), ("mean", "b")])
def test_methods_of_tensors_are_for_tensors_where_the_file_imports_torch(checked, whole, expected):
    pytest.importorskip("torch")
    found = checked(f"""
        import torch

        class Linear:
            @staticmethod
            def forward(x, w, b):
                return x.mm(w) + b, (x, w)

            @staticmethod
            def backward(dout, cache):
                x, w = cache
                return dout.mm(w.t()), x.t().mm(dout), dout.{whole}(dim=0)

        def softmax_loss(x, y):
            log_probs = x - x.exp().sum(dim=1, keepdim=True).log()
            n = x.shape[0]
            loss = -log_probs[torch.arange(n), y].{whole}() / {1 if whole == "mean" else "n"}
            dx = log_probs.exp()
            dx[torch.arange(n), y] -= 1
            dx /= n
            return loss, dx
    """)
    assert found == {"Linear": expected, "softmax_loss": "right"}
