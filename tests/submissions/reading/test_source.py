"""What the text of a function says of its arguments."""

import pytest

from jaxdoodle.submissions.reading.source import entries_read, index_of, may_be_constant, shapes_of


def score(vector, word, table):
    return table[word] @ vector


def test_a_parameter_is_an_index_where_it_is_used_as_one_or_handed_to_a_function_that_does():
    def total(vector, word, words, rows, table):
        return score(vector, word, table) + sum(table[w] for w in words) @ vector + table[rows, 0].sum()

    found = {name: index_of(total, name) for name in ("vector", "word", "words", "rows", "table")}
    assert found == {"vector": None, "word": "one", "words": "several", "rows": "one", "table": None}


def test_a_convention_is_told_by_what_says_it_and_by_no_other_comment():
    from jaxdoodle.submissions.reading.source import conventions_of

    def of_sum(x):
        """Gradient of the summed loss."""

    def everyday(x):
        return x.sum(axis=0)  # sum over the batch

    def gradient_reversal(dy):
        return -dy

    def grl_backward(dy):
        return -dy

    def reversed_order(dy):
        return dy[::-1]  # the gradient of a reversed sequence

    assert conventions_of(of_sum) == ("batch sum",) and conventions_of(everyday) == ()
    assert conventions_of(grl_backward) == ("reversed",)
    assert conventions_of(gradient_reversal) == ("reversed",) and conventions_of(reversed_order) == ()


def test_two_symbols_are_two_sizes():
    def nll(mu, logits, x):
        """mu, logits: (k,); x: (n,)."""

    sizes = shapes_of(nll)
    assert sizes["mu"] == sizes["logits"] != sizes["x"]


def test_a_shape_without_a_name_is_that_of_the_only_argument():
    def softmax(x):
        """(N, C, H, W): over the channels."""

    assert len(shapes_of(softmax)["x"]) == 4


@pytest.mark.parametrize(
    "told, constant",
    [
        ("W is frozen, A and B are trained.", ["W"]),
        ("Gradients in A and B only; the target is fixed.", ["W"]),
        ("A and B, no gradient for W, which is as wide as A.", ["W"]),
        ("`W` (n, n) and `C` are held constant while A and B are trained", ["W"]),
        ("W is a fixed random matrix; no gradient flows to it.", ["W"]),
        ("W: frozen weights. A: trained", ["W"]),
        ("The frozen base W. No gradient flows to B", ["W", "B"]),
        ("Only A and B are trained.", ["W"]),
        ("Returns only the gradients of A and B.", ["W"]),
        ("W gets no gradient.", ["W"]),
        ("Does not train W, and no gradient w.r.t. A. B is a buffer.", ["W", "A", "B"]),
        ("W is not a trainable parameter, A is pretrained", ["W", "A"]),
        ("A layer for 2-D inputs only; the gradients are those of A and B.", []),
        ("Gradients of A and B. For batches only.", []),
        ("W isn't trained, A is not to be updated and B does not need any gradient", ["W", "A", "B"]),
        (
            "W: the gradient is not needed; the gradient doesn't flow to A; B: gradients are never returned",
            ["W", "A", "B"],
        ),
        ("The gradient with respect to W without any loop, and not as a loop the gradient to A", []),
        ("TODO: no gradient for W yet", []),
        ("W is frozen if freeze is set, A until step 100", []),
        ("FIXME no gradient for W; gradients in A and B only for now.", []),
        ("The fixed w. A is trained, but b is frozen.", []),
        ("The shape of W is fixed. The learning rate for A is constant.", []),
        ("W needs no gradient clipping, A has no gradient checkpointing.", []),
        ("W is frozen when freeze=True. Optionally A is frozen.", []),
        ("W, frozen or trained. A is fixed at initialization and then learned.", []),
    ],
)
def test_a_text_may_tell_which_parameters_get_no_gradient(told, constant):
    def backward(dy):
        return dy

    backward.__doc__ = told
    assert [n for n in "WAB" if may_be_constant(n, backward, ["A", "B"])] == constant


def test_a_text_that_says_only_tells_of_no_constant_where_no_parameter_has_a_gradient():
    def backward(dy):
        """Gradients for 2-D inputs only."""

    assert not may_be_constant("W", backward, [])


def curve(t, p):
    a, k, c = p
    return a * k**t + c


def residuals(q, t, y):
    return curve(t, q) - y * t[0]


def test_entries_are_counted_that_are_read_one_by_one_also_by_what_is_called():
    assert [entries_read(curve, n) for n in ("t", "p")] == [0, 3]
    assert [entries_read(residuals, n) for n in ("q", "t", "y")] == [3, 1, 0]
    assert entries_read(lambda rows, k: rows[k] - rows[-1], "rows") == 0


def there(p, k):
    return p[2] if k else back_again(p, k - 1)


def back_again(p, k):
    return there(p, k) + p[0]


def test_functions_that_hand_a_parameter_to_each_other_are_read_once():
    assert entries_read(back_again, "p") == 3 and index_of(back_again, "p") is None
