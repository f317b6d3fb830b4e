"""Parameters that a file declares constant need no gradient."""

import pytest


def test_a_layer_needs_no_gradient_of_what_is_declared_constant_and_words_are_no_proof(checked):
    text = """
        class LoRA:
            '''y = x W + x A B; {told}'''
            def __init__(self, n=4, r=2):
                rng = np.random.default_rng(0)
                self.W, self.A, self.B = rng.normal(size=(n, n)), rng.normal(size=(n, r)), rng.normal(size=(r, n))
            def forward(self, x):
                self.x = x
                return x @ self.W + x @ self.A @ self.B
            def backward(self, dy):
                self.dB = (self.x @ self.A).T @ dy
                self.dA = self.x.T @ dy @ self.B.T
                return dy @ self.W.T + dy @ self.B.T @ self.A.T
    """
    frozen = text.format(told="W is frozen, A and B are trained")
    unsure = 'which its text may call constant; if it is, define LoRA_constants = ("W",)'
    assert checked(frozen) == {"LoRA": f"LoRA has no gradient of W, {unsure}"}
    declared = frozen + '\n        LoRA_constants = ("W",)'
    assert checked(declared) == {"LoRA": "right"}
    assert checked(declared.replace('("W",)', '("A",)')) == {"LoRA": f"LoRA has no gradient of W, {unsure}"}
    misspelt = declared.replace('("W",)', '("Wz", "A")')
    assert checked(misspelt) == {"LoRA": "LoRA_constants names 'Wz', which is none of x, A, B, W"}
    for other in ("3.0", "[[1.0]]", "np.ones(2)"):  # a constant of the file's own
        assert checked(declared.replace('("W",)', other))["LoRA"].startswith("LoRA_constants names a ")
    assert checked(frozen.replace("return dy @ self.W.T +", "return dy @ self.W.T -")) == {"LoRA": "x"}
    assert checked(text.format(told="W and A are matrices")) == {"LoRA": "gradient missing"}
    for_pictures = text.replace("self.dB", "self.eB").replace("self.dA", "self.eA")
    assert checked(for_pictures.format(told="for 2-D inputs only")) == {"LoRA": "gradient missing, gradient missing"}


def test_gradients_that_a_docstring_calls_those_alone_that_are_given_are_enough_if_the_file_declares_it(checked):
    text = """
        def regress_forward(x, w, target_w):
            d = x @ w - x @ target_w
            return (d ** 2).sum(), (x, d)

        def regress_backward(dout, cache):
            '''{told}'''
            x, d = cache
            return {{"w": {factor} * dout * x.T @ d}}

        regress_args = (np.random.randn(5, 3), np.random.randn(3), np.random.randn(3))
    """
    told = "Gradient in w only; the target is a moving average."
    unsure = checked(text.format(told=told, factor=2))["regress"]
    assert unsure.endswith('if it is, define regress_constants = ("x", "target_w",)')
    assert checked(text.format(told=told, factor=1)) == {"regress": "w"}
    assert checked(text.format(told="The gradient.", factor=2)) == {"regress": "gradient missing, gradient missing"}
    text += '    regress_constants = ("x", "target_w")'
    assert checked(text.format(told="The gradient.", factor=2)) == {"regress": "right"}
    assert checked(text.format(told="The gradient.", factor=1)) == {"regress": "w"}


def test_a_declared_constant_is_one_off_the_default_of_a_number_too(checked):
    text = """
        def lora_forward(x, W, A, B, alpha=1.0):
            h = x @ A
            return x @ W + alpha * (h @ B), (x, W, A, B, h, alpha)

        def lora_backward(dy, cache):
            x, W, A, B, h, alpha = cache
            dh = alpha * dy @ B.T
            return {"x": dy @ W.T + dh @ A.T, "A": x.T @ dh, "B": alpha * h.T @ dy}

        lora_constants = ("W",)
    """
    assert checked(text) == {"lora": "right"}
    assert checked(text.replace("W", "Wq").replace('("Wq",)', '("Wq")')) == {"lora": "right"}
    assert checked(text.replace('"B": alpha *', '"B":')) == {"lora with alpha=0.3": "B"}


@pytest.mark.parametrize(
    ("text", "expected"), [("The scale r is treated as a constant.", "Renorm is not the whole"), ("A norm.", "x")]
)
def test_what_is_constant_in_the_backward_alone_is_not_checked_where_the_text_says_so(checked, text, expected):
    found = checked(f"""
        class Renorm:
            {text!r}

            def forward(self, x):
                self.r = np.sqrt(np.mean(x**2))
                return x / self.r

            def backward(self, dy):
                return dy / self.r
    """)
    assert found["Renorm"].startswith(expected)


HELD = 'softmax is not the whole derivative, and its text says "{}": it is not checked'


@pytest.mark.parametrize(("told", "expected"), [
    ("stop-gradient: the shift is held", HELD.format("stop-gradient")),
    ("norm of w is treated as a constant", HELD.format("norm of w is treated as a constant")),
    ("no stop-gradient needed: the shift cancels", "w, x"), ("We don't stop gradients here", "w, x"),
    ("p is not treated as a constant", "w, x"), ("The argument w is treated as a constant", "w, x"),
])  # fmt: skip
def test_what_a_text_denies_or_says_of_another_argument_excuses_no_gradient(checked, told, expected):
    text = f"""
        def softmax_forward(x, w):
            z = x @ w
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p = p / p.sum(axis=1, keepdims=True)
            return p, (x, w, p)

        def softmax_backward(dout, cache):
            x, w, p = cache
            # {told}
            dz = p * dout
            return dz @ w.T, x.T @ dz
    """
    assert checked(text) == {"softmax": expected}
    right = text.replace("p * dout", "p * (dout - (dout * p).sum(axis=1, keepdims=True))")
    assert checked(right) == {"softmax": "right"}
